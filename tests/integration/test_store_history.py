"""Events: only ever added to, in partitions of a month, and how long they are
kept."""

import re
import subprocess
import unittest

import psycopg2

from store_case import StoreCase

INSERT = ("INSERT INTO byoc.events (cluster_id, sequence, name, data,"
          " created_at) VALUES (gen_random_uuid(), 1, 'running', '{}',"
          " now() - %s * interval '1 month')")


class History(StoreCase):
    def setUp(self):
        super().setUp()
        self.db("UPDATE byoc.settings SET keep_events = 13")
        self.tend()

    def tend(self):
        self.db("SELECT byoc.tend_history()")

    def partitions(self):
        return {name for name, in self.db(
            "SELECT c.relname FROM pg_inherits"
            " JOIN pg_class c ON c.oid = inhrelid"
            " WHERE inhparent = 'byoc.events'::regclass")}

    def month(self, ahead):
        return self.one("SELECT to_char(now() AT TIME ZONE 'UTC'"
                        " + %s * interval '1 month', '\"events_\"YYYY_MM')",
                        ahead)

    def make_month(self, ahead):
        self.db("SELECT byoc.make_partition(date_trunc('month',"
                " now() AT TIME ZONE 'UTC') + %s * interval '1 month')", ahead)

    def test_there_is_a_partition_for_what_comes(self):
        wanted = {self.month(ahead) for ahead in range(3)}
        self.assertLessEqual(wanted, self.partitions())
        self.assertEqual(
            self.one(INSERT + " RETURNING tableoid::regclass::text", 0),
            "byoc." + self.month(0))

    def test_an_event_of_any_time_finds_a_place(self):
        for age in (-600, 600):
            self.db(INSERT, age)
        self.assertEqual(
            self.one("SELECT count(*) FROM byoc.events_default"), 2)
        self.tend()  # which is not hindered by them

    def test_what_is_old_goes_with_its_month(self):
        for age in (13, 14):
            self.make_month(-age)
            self.db(INSERT, age)
        kept, old = self.month(-13), self.month(-14)
        self.tend()
        self.assertIn(kept, self.partitions())
        self.assertNotIn(old, self.partitions())

    def test_nothing_else_changes_it(self):
        self.db(INSERT, 0)
        month = self.month(0)
        for statement in ("UPDATE byoc.events SET name = 'deleted'",
                          "DELETE FROM byoc.events",
                          "TRUNCATE byoc.events",
                          f"UPDATE byoc.{month} SET name = 'deleted'",
                          f"DELETE FROM byoc.{month}"):
            with self.subTest(statement), \
                    self.assertRaisesRegex(psycopg2.Error, "append-only"):
                self.db(statement)

    def test_a_reader_is_not_waited_for_long(self):
        self.make_month(-20)
        self.holding("SELECT count(*) FROM byoc.events")
        self.db("SET statement_timeout = '5s'")
        self.tend()
        self.assertIn(self.month(-20), self.partitions())

    def test_answers_are_remembered_for_a_month(self):
        cluster = self.add_cluster(self.add_credential())
        self.db("INSERT INTO byoc.answered_jobs"
                " SELECT %s, gen_random_uuid(), now() - d * interval '1 day'"
                " FROM unnest('{1,29,31}'::integer[]) d", cluster)
        self.tend()
        self.assertEqual(self.one("SELECT count(*) FROM byoc.answered_jobs"), 2)

    def test_migrate_sets_how_long(self):
        self.make_month(-5)
        self.assertIn("13 months", self.byoc("migrate"))
        said = self.byoc("migrate", "--keep-events", "4")
        self.assertRegex(said, re.compile("^events are kept for 4 months$",
                                          re.MULTILINE))
        self.assertNotIn(self.month(-5), self.partitions())
        self.assertIn("4 months", self.byoc("migrate"))
        for value in ("0", "1201", "x", ""):
            with self.subTest(value), \
                    self.assertRaises(subprocess.CalledProcessError) as wrong:
                self.byoc("migrate", "--keep-events", value)
            self.assertEqual(wrong.exception.returncode, 2)
            self.assertIn("want a number from 1 to 1200",
                          wrong.exception.stderr)

    def test_migrate_tells_whom_it_waits_for(self):
        other = self.connect()
        (login, process), = self.db(
            "SELECT session_user::text, pg_backend_pid()"
            " FROM pg_advisory_lock(1652125539)", on=other)
        with subprocess.Popen(**self.call("migrate"),
                              stdout=subprocess.PIPE) as migration:
            self.assertEqual(
                migration.stdout.readline(),
                f"another migration is under way (login {login}, process"
                f" {process}): waiting for its end\n")
            other.close()
            self.assertIn("already", migration.stdout.read())
        self.assertEqual(migration.returncode, 0)


if __name__ == "__main__":
    unittest.main()
