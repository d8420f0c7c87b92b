"""Relay and watchdog: what was not published, and what was lost."""

import json
import threading
import unittest

from store_case import OTHER, WORKER, StoreCase

BEGIN = "(0,,,,)"
LONG_AGO = "2000-01-01 00:00:00Z"
TAKE = "SELECT id, tries FROM byoc.take_outbox(%s, 100)"


class Relay(StoreCase):
    def write(self, count=1, on=None):
        return [id for id, in self.db(
            "INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,"
            " body, due_at) SELECT '', 'x', gen_random_uuid(), 'x', '{}',"
            " clock_timestamp() FROM generate_series(1, %s) RETURNING id",
            count, on=on)]

    def test_each_try_waits_longer(self):
        (id,) = self.write()
        for seconds in (5, 10, 20, 40, 80, 160, 300, 300):
            self.assertEqual([row for row, _ in self.db(TAKE, 0)], [id])
            self.assertEqual(self.db(TAKE, 0), [])
            self.assertAlmostEqual(float(self.one(
                "SELECT extract(epoch FROM due_at - clock_timestamp())"
                " FROM byoc.outbox")), seconds, delta=3)
            self.db("UPDATE byoc.outbox SET due_at = clock_timestamp()")

    def test_no_look_begins_before_the_floor(self):
        first, second, third = self.write(3)
        self.assertEqual([id for id, _ in self.db(TAKE, second)],
                         [second, third])
        self.assertEqual([id for id, _ in self.db(TAKE, 0)], [first])

    def next_place(self, place, full_look=False):
        """The place after a look, and its floor."""
        return self.db("SELECT p::text, p.floor FROM"
                       " byoc.next_outbox_place(%s, %s) p", place,
                       full_look)[0]

    def test_the_floor_is_the_lowest_that_is_left(self):
        first, second = self.write(2)
        place, _ = self.next_place(BEGIN, full_look=True)
        place, floor = self.next_place(place)
        self.assertEqual(floor, first)
        self.db("DELETE FROM byoc.outbox WHERE id = %s", first)
        place, floor = self.next_place(place)
        self.assertEqual(floor, second)
        self.db("DELETE FROM byoc.outbox")
        self.assertEqual(self.next_place(place)[1], second)
        self.assertEqual(self.one("SELECT byoc.newest_outbox_row()"), second)

    def test_a_full_look_finds_what_is_below_the_floor(self):
        (id,) = self.write()
        place = f"({id + 5},{id + 5},1,now,)"
        self.assertEqual(self.next_place(place)[1], id + 5)
        self.assertEqual(self.next_place(place, full_look=True)[1], id)

    def test_the_floor_waits_for_who_still_writes(self):
        writer = self.connect(autocommit=False)
        (id,) = self.write(on=writer)
        self.write()
        self.db("DELETE FROM byoc.outbox")
        place, _ = self.next_place(BEGIN, full_look=True)
        for _ in range(3):
            place, floor = self.next_place(place)
            self.assertLess(floor, id)
        writer.commit()
        self.assertEqual(self.next_place(place)[1], id)

    def test_the_floor_waits_for_nobody_who_writes_elsewhere(self):
        self.holding("SELECT pg_current_xact_id()")
        self.holding("SELECT pg_current_xact_id(), count(*) FROM byoc.outbox")
        (id,) = self.write()
        self.db("DELETE FROM byoc.outbox")
        place, _ = self.next_place(BEGIN, full_look=True)
        self.assertEqual(self.next_place(place)[1], id)

    def test_the_floor_waits_ten_seconds_at_most_and_once(self):
        self.write(on=self.connect(autocommit=False))
        (id,) = self.write()
        self.db("DELETE FROM byoc.outbox")
        _, floor = self.next_place(f"(0,{id},1000000,now,)")
        self.assertEqual(floor, 0)
        place, floor = self.next_place(f"(0,{id},1000000,\"{LONG_AGO}\",)")
        self.assertEqual(floor, id)
        (id,) = self.write()
        self.db("DELETE FROM byoc.outbox")
        for _ in range(2):
            place, floor = self.next_place(place)
        self.assertEqual(floor, id)

    def test_dead_rows_are_not_looked_at(self):
        self.holding("SELECT pg_current_xact_id()")  # keeps them
        (*_, newest) = self.write(20000)
        self.db("DELETE FROM byoc.outbox")
        _, floor = self.next_place(f"(0,{newest},1000000,\"{LONG_AGO}\",)")
        self.write(1)
        touched = []
        for begin in (0, floor):
            self.db("UPDATE byoc.outbox SET due_at = clock_timestamp()")
            (plan,), = self.db("EXPLAIN (ANALYZE, BUFFERS, FORMAT json)"
                               " SELECT * FROM byoc.take_outbox(%s, 1)", begin)
            touched.append(plan[0]["Plan"]["Shared Hit Blocks"])
        self.assertGreater(touched[0], 100)
        self.assertLess(touched[1], 60)

    def test_a_clock_that_was_put_back_holds_nothing_up(self):
        (id,) = self.write()
        self.db("UPDATE byoc.outbox SET due_at = due_at + interval '3 hours'")
        self.assertEqual([row for row, _ in self.db(TAKE, 0)], [id])

    def test_the_newest_id_has_been_given_out(self):
        """PostgreSQL shows a sequence ahead of itself for a moment, each time
        it notes that in its log."""
        look = """DO $$ DECLARE newest bigint; BEGIN
            FOR i IN 1..100000 LOOP
                newest := byoc.newest_outbox_row();
                ASSERT nextval('byoc.outbox_id_seq') > newest;
            END LOOP; END $$"""
        busy = threading.Thread(
            target=self.connect().cursor().execute, args=(
                "SELECT nextval('byoc.outbox_id_seq')"
                " FROM generate_series(1, 1000000)",))
        busy.start()
        try:
            self.db(look)
        finally:
            busy.join()


class Watchdog(StoreCase):
    def requeue(self, waiting=True, on=None):
        return self.db("SELECT byoc.requeue_lost('15 seconds', %s)", waiting,
                       on=on)[0][0]

    def age(self, seconds=60):
        self.db("UPDATE byoc.phases SET due_at = due_at - %s * interval '1 s',"
                " lease_until = lease_until - %s * interval '1 s';"
                " DELETE FROM byoc.outbox", seconds, seconds)

    def put_clock_back(self):
        """As seen from the rows: they are three hours ahead."""
        self.age(-3 * 3600)
        self.db("UPDATE byoc.credentials SET"
                " due_at = due_at + interval '3 hours',"
                " lease_until = lease_until + interval '3 hours'")

    def test_a_clock_that_was_put_back_holds_no_phase_up(self):
        cluster = self.begun()
        self.put_clock_back()
        jobs = [job for job, _ in self.leased(cluster)]  # not `busy`
        self.put_clock_back()
        self.assertEqual(self.requeue(), 1)
        self.lease(jobs)
        self.put_clock_back()
        self.assertEqual(self.lease(jobs, worker=OTHER)[0][0], "leased")
        self.assertEqual(self.lease(jobs)[0][0], "busy")

    def test_a_wait_of_an_hour_is_no_clock_that_was_put_back(self):
        cluster = self.begun()
        self.work(cluster, "retry", delay_ms=3600 * 1000)
        self.assertEqual(self.requeue(), 0)
        verdict, wait_ms, _ = self.lease(self.jobs(cluster))[0]
        self.assertEqual(verdict, "busy")
        self.assertAlmostEqual(wait_ms, 3600 * 1000, delta=60 * 1000)

    def test_a_clock_that_was_put_back_holds_no_teardown_up(self):
        cluster = self.begun()
        self.leased(cluster)
        self.start(cluster, "teardown")
        self.put_clock_back()
        (_, lease), = self.leased(cluster)
        self.assertEqual(lease["older_leases"], 0)

    def test_a_clock_that_was_put_back_holds_no_validation_up(self):
        credential = self.add_credential()
        self.db("SELECT byoc.enqueue('credential.validate', %s)", credential)
        ask = "SELECT verdict FROM byoc.lease_credentials(%s, %s, 20000)"
        job = json.dumps([{
            "n": 0, "credential_id": credential, "job_id": str(self.one(
                "SELECT job_id FROM byoc.credentials"))}])
        self.assertEqual(self.one(ask, job, WORKER), "leased")
        self.put_clock_back()
        self.assertEqual(self.one(ask, job, OTHER), "leased")
        self.put_clock_back()
        self.assertEqual(self.requeue(), 1)

    def test_a_lost_message_is_published_anew_with_its_id(self):
        cluster = self.begun()
        job = self.jobs(cluster)[0]
        self.age(5)
        self.assertEqual(self.requeue(), 0)
        self.age()
        self.assertEqual(self.requeue(), 1)
        self.assertEqual([body["id"] for body in
                          self.messages("cluster.phase")], [job["job_id"]])
        self.assertEqual(self.requeue(), 0)

    def test_in_a_backlog_only_leases_are_lost(self):
        queued, leased = self.begun(), self.begun()
        self.leased(leased)
        self.age()
        self.assertEqual(self.requeue(waiting=False), 1)
        self.assertEqual(self.one(
            "SELECT status, unanswered_at IS NOT NULL FROM byoc.phases"
            " WHERE cluster_id = %s AND needs = '{}'", leased),
            ("queued", True))
        self.assertEqual(self.requeue(), 1)
        self.assertEqual([body["cluster_id"] for body in
                          self.messages("cluster.phase")], [leased, queued])

    def test_one_worker_at_a_time(self):
        self.begun()
        self.age()
        other = self.connect(autocommit=False)
        self.assertEqual(self.requeue(on=other), 1)
        self.assertEqual(self.requeue(), -1)
        other.rollback()
        self.assertEqual(self.requeue(), 1)

    def test_a_locked_cluster_is_left_alone(self):
        held, free = self.begun(), self.begun()
        self.age()
        self.hold_cluster(held)
        self.db("SET lock_timeout = '500ms'")
        self.assertEqual(self.requeue(), 1)
        self.assertEqual([body["cluster_id"] for body in
                          self.messages("cluster.phase")], [free])

    def test_what_is_over_is_not_looked_at_again(self):
        queued, leased = self.begun(), self.begun()
        self.leased(leased)
        self.age()
        self.start(queued, "teardown")
        self.start(leased, "teardown")
        self.db("DELETE FROM byoc.outbox")
        self.assertEqual(self.requeue(), 0)
        self.assertEqual(self.messages("cluster.phase"), [])
        (_, lease), = self.leased(leased)
        self.assertEqual(lease["older_leases"], 1)  # nor forgotten

    def test_validations_and_requests(self):
        credential = self.add_credential()
        cluster = self.add_cluster(credential)
        self.db("SELECT byoc.enqueue('credential.validate', %s),"
                " byoc.enqueue('cluster.provision', %s)", credential, cluster)
        self.db("UPDATE byoc.credentials SET due_at = now() - interval '1 min';"
                " UPDATE byoc.clusters"
                " SET requested_at = now() - interval '1 min';"
                " DELETE FROM byoc.outbox")
        self.assertEqual(self.requeue(waiting=False), 0)
        self.assertEqual(self.requeue(), 2)
        self.assertEqual(self.requeue(), 0)
        self.assertEqual(len(self.messages("credential.validate")), 1)
        self.assertEqual(len(self.messages("cluster.provision")), 1)


class Turns(StoreCase):
    def test_one_worker_at_a_time_watches(self):
        watch = "SELECT byoc.requeue_lost('15 s', true)"
        other = self.holding(watch)
        self.assertEqual(self.one(watch), -1)
        other.commit()
        self.assertEqual(self.one(watch), 0)

    def test_many_workers_watch_no_more_often_than_one(self):
        watch = "SELECT byoc.requeue_lost('15 s', true, '5 min')"
        self.assertEqual(self.one(watch), 0)
        self.assertEqual(self.one(watch), -1)
        for later in "5 min", "-1 min":  # or the clock was put back
            self.db("UPDATE byoc.turns SET taken_at = now() - %s::interval",
                    later)
            self.assertEqual(self.one(watch), 0, later)

    def test_nobody_keeps_workers_from_it_by_locks_that_all_may_take(self):
        self.holding("SELECT pg_advisory_xact_lock(c::regclass::integer, n)"
                     " FROM unnest(ARRAY['byoc.outbox', 'byoc.events']) c,"
                     " generate_series(0, 9) n")
        self.assertEqual(
            self.one("SELECT byoc.requeue_lost('15 s', true)"), 0)
        month = self.one("SELECT to_char(now() AT TIME ZONE 'UTC' + interval"
                         " '2 months', '\"byoc.events_\"YYYY_MM')")
        self.db(f"DROP TABLE {month}; SELECT byoc.tend_history()")
        self.assertIsNotNone(self.one("SELECT to_regclass(%s)", month))


if __name__ == "__main__":
    unittest.main()
