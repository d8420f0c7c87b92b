"""What protects tenants from each other and from mistakes: bounds on what may
be written, limits of credentials, deletion protection, and the record of who
asked for what."""

import json
import unittest
import uuid

import psycopg2

from store_case import PLAN, REMOVAL, TRACE, StoreCase, plan

WAITING = "SELECT byoc.jobs_waiting(%s)"


class GuardCase(StoreCase):
    def assertRefused(self, sqlstate, word, sql, *values):
        with self.assertRaises(psycopg2.Error) as refused:
            self.db(sql, *values)
        diagnosis = refused.exception.diag
        self.assertEqual(diagnosis.sqlstate, sqlstate,
                         diagnosis.message_primary)
        self.assertEqual(diagnosis.constraint_name, word)
        return refused.exception

    def enqueue(self, job_type, subject, trace=None):
        return str(self.one("SELECT byoc.enqueue(%s, %s, %s)", job_type,
                            subject, trace))

    def take(self, job, cluster, goal):
        """As a worker that got the job's message."""
        self.assertEqual(self.db("SELECT byoc.start_runs(%s)", json.dumps([{
            "n": 0, "cluster_id": cluster, "job_id": job, "goal": goal,
            "traceparent": TRACE,
            "phases": plan(PLAN if goal == "provision" else REMOVAL)}])), [])

    def running(self, credential=None):
        cluster = self.begun(credential)
        self.finish(cluster)
        self.assertEqual(self.status(cluster)[0], "running")
        return cluster

    def requests(self, subject):
        return self.db(
            "SELECT type, asked_by, run, taken_at IS NOT NULL"
            " FROM byoc.requests WHERE %s IN (cluster_id, credential_id)"
            " ORDER BY asked_at", subject)


class Bounds(GuardCase):
    def insert_credential(self, token, name="acme"):
        self.db("INSERT INTO byoc.credentials (name, sealed_token)"
                " VALUES (%s, %s)", name, token)

    def test_a_plain_token_is_refused_and_not_shown(self):
        credential = self.add_credential()
        for token in ("s3cret" * 11, "byoc1." + "x" * 1019, "byoc1.ü", ""):
            for sql, values in (
                    ("INSERT INTO byoc.credentials (name, sealed_token)"
                     " VALUES ('acme', %s)", [token]),
                    ("UPDATE byoc.credentials SET sealed_token = %s"
                     " WHERE id = %s", [token, credential]),
                    ("UPDATE byoc.credentials SET active_sealed_token = %s"
                     " WHERE id = %s", [token, credential]),
                    ("SELECT byoc.rotate_credential(%s, %s)",
                     [credential, token])):
                with self.subTest(token=token[:10], sql=sql[:30]):
                    told = self.assertRefused(
                        "23514", "credentials_sealed_token", sql, *values)
                    self.assertIn("not a sealed token", str(told))
                    self.assertIn("Seal it", told.diag.message_hint)
                    self.assertIsNone(told.diag.message_detail)
                    self.assertNotIn(token or "byoc1.token", str(told))
        self.assertRefused("23514", "credentials_sealed_token",
                           "SELECT byoc.rotate_credential(%s, NULL)",
                           credential)
        self.insert_credential("byoc1." + "x" * 1018)

    def test_names_are_readable(self):
        for name in ("", "x" * 64, "a\nb", "a\x1b[31m", "a\u009b31m"):
            with self.subTest(name=name), self.assertRaises(
                    psycopg2.errors.CheckViolation):
                self.insert_credential("byoc1.token", name)
        self.insert_credential("byoc1.token", "ü" * 63)

    def test_types_are_short_words(self):
        credential = self.add_credential()
        for column in ("server_type", "gateway_type"):
            for value in ("ä" * 31, "x" * 32, "CX22", "cx 22", "", "cx\n"):
                with self.subTest(column=column, value=value), \
                        self.assertRaises(psycopg2.errors.CheckViolation):
                    self.db("INSERT INTO byoc.clusters (name, credential_id,"
                            f" location, type, {column})"
                            " VALUES ('shop', %s, 'fsn1', 'dedicated', %s)",
                            credential, value)

    def test_what_is_no_trace_goes_no_further(self):
        cluster = self.add_cluster(self.add_credential())
        for trace in ("x" * 1000000, "00-" + "0" * 52, TRACE + "\n",
                      TRACE.upper()):
            self.enqueue("cluster.provision", cluster, trace)
        self.assertEqual(self.db(
            "SELECT DISTINCT traceparent FROM byoc.outbox"
            " WHERE exchange = 'byoc.jobs'"), [(None,)])
        self.enqueue("cluster.provision", cluster, TRACE)
        self.assertEqual(self.one("SELECT max(traceparent) FROM byoc.outbox"),
                         TRACE)

    def test_the_relay_takes_no_more_than_fits(self):
        self.db("INSERT INTO byoc.outbox (exchange, routing_key, message_id,"
                " type, body, due_at) SELECT '', 'x', gen_random_uuid(), 'x',"
                " to_json(repeat('x', 3 * 1024 * 1024)), clock_timestamp()"
                " FROM generate_series(1, 5)")
        take = "SELECT count(*) FROM byoc.take_outbox(0, 500)"
        self.assertEqual([self.one(take) for _ in range(4)], [2, 2, 1, 0])


class Limits(GuardCase):
    def limit(self, credential, clusters=None, jobs=None):
        self.db("SELECT byoc.set_limits(%s, %s, %s)", credential, clusters,
                jobs)

    def test_of_clusters(self):
        credential = self.add_credential()
        self.limit(credential, clusters=2)
        first, _ = self.add_cluster(credential), self.add_cluster(credential)
        many = ("INSERT INTO byoc.clusters (name, credential_id, location,"
                " type) SELECT 'c' || n, %s, 'fsn1', 'dedicated'"
                " FROM generate_series(1, %s) n")
        told = self.assertRefused("BY001", "limit_clusters", many, credential,
                                  1)
        self.assertIn("byoc credential limits", told.diag.message_hint)
        self.db(many, self.add_credential(), 3)  # another's are not counted
        self.assertEqual(self.start(first, "teardown"), [])
        self.finish(first)
        self.assertRefused("BY001", "limit_clusters", many, credential, 2)
        self.db(many, credential, 1)  # a deleted one is not counted

    def test_of_clusters_holds_for_those_who_come_at_once(self):
        credential = self.add_credential()
        self.limit(credential, clusters=1)
        insert = ("INSERT INTO byoc.clusters (name, credential_id, location,"
                  " type) VALUES ('shop', %s, 'fsn1', 'dedicated')")
        other = self.holding(insert, credential)
        with self.assertRaises(psycopg2.errors.LockNotAvailable):
            self.db("SET lock_timeout = '100ms';" + insert, credential)
        other.commit()
        self.assertRefused("BY001", "limit_clusters", insert, credential)

    def test_of_jobs(self):
        credential = self.add_credential()
        self.limit(credential, jobs=2)
        cluster = self.add_cluster(credential)
        first = self.enqueue("cluster.provision", cluster)
        validation = self.enqueue("credential.validate", credential)
        self.assertEqual(self.one(WAITING, credential), 2)
        for job_type, subject in (("cluster.provision", cluster),
                                  ("credential.validate", credential)):
            told = self.assertRefused(
                "BY002", "limit_jobs", "SELECT byoc.enqueue(%s, %s)",
                job_type, subject)
            self.assertIn("--jobs", told.diag.message_hint)
        other = self.add_credential()
        self.enqueue("credential.validate", other)
        self.take(first, cluster, "provision")
        self.assertEqual(self.one(WAITING, credential), 1)
        self.assertEqual(self.validate(credential, "ready"), "stored")
        self.assertEqual(self.one(WAITING, credential), 0)
        self.enqueue("cluster.teardown", cluster)
        self.assertNotEqual(first, validation)

    def test_what_follows_by_itself_is_not_limited(self):
        credential = self.add_credential()
        cluster = self.running(credential)
        self.limit(credential, jobs=1)
        self.enqueue("credential.validate", credential)
        self.db("UPDATE byoc.credentials SET sealed_token = 'byoc1.new'"
                " WHERE id = %s", credential)
        self.enqueue_is_full(cluster)
        self.assertEqual(self.validate(credential, "ready"), "stored")
        self.assertEqual(len(self.messages("cluster.refresh")), 1)
        self.db("UPDATE byoc.clusters SET requested_at = now() - interval"
                " '1 hour'")
        waiting = self.one(WAITING, credential)
        self.assertEqual(
            self.one("SELECT byoc.requeue_lost('15 s', true)"), 1)
        self.assertEqual(
            self.one("SELECT byoc.requeue_lost('15 s', true)"), 0)
        first, second = self.messages("cluster.refresh")
        self.assertEqual(first, second)
        self.assertEqual(self.one(WAITING, credential), waiting)

    def enqueue_is_full(self, cluster):
        self.assertRefused("BY002", "limit_jobs",
                           "SELECT byoc.enqueue('cluster.teardown', %s)",
                           cluster)

    def test_of_all_come_from_the_settings(self):
        credential = self.add_credential()
        self.assertEqual(self.one("SELECT byoc.limits_of(%s)", credential),
                         "(100,200)")
        self.limit(credential, 0, 7)
        self.assertEqual(self.one("SELECT byoc.limits_of(%s)", credential),
                         "(0,7)")

    def test_what_was_lost_is_not_counted_for_ever(self):
        credential = self.add_credential()
        self.enqueue("credential.validate", credential)
        self.db("UPDATE byoc.requests SET asked_at = now() - interval '61 min'")
        self.assertEqual(self.one(WAITING, credential), 0)


class Protection(GuardCase):
    def protect(self, cluster, protect=True):
        self.db("SELECT byoc.protect_cluster(%s, %s)", cluster, protect)

    def test_who_asks_is_refused(self):
        cluster = self.running()
        self.protect(cluster)
        told = self.assertRefused(
            "BY003", "cluster_protected",
            "SELECT byoc.enqueue('cluster.teardown', %s)", cluster)
        self.assertIn("byoc cluster unprotect", told.diag.message_hint)
        self.enqueue("cluster.refresh", cluster)
        self.protect(cluster, False)
        self.enqueue("cluster.teardown", cluster)

    def test_a_job_from_elsewhere_does_nothing_and_is_told_once(self):
        cluster = self.running()
        self.protect(cluster)
        for _ in range(3):
            self.take(str(uuid.uuid4()), cluster, "teardown")
        self.assertEqual(self.status(cluster), ("running", "provision", False))
        self.assertEqual([name for _, name in self.events(cluster)][-2:],
                         ["running", "refused"])
        data, trace = self.one(
            "SELECT data, traceparent FROM byoc.events"
            " WHERE name = 'refused' AND cluster_id = %s", cluster)
        self.assertEqual(data["code"], "cluster_protected")
        self.assertEqual(trace, TRACE)
        self.assertComplete(cluster)
        self.db("UPDATE byoc.clusters SET refused_at = now() - interval '61 s'")
        self.take(str(uuid.uuid4()), cluster, "teardown")
        self.assertEqual([name for _, name in self.events(cluster)][-2:],
                         ["refused", "refused"])

    def test_a_wish_from_before_is_refused_as_well(self):
        cluster = self.running()
        job = self.enqueue("cluster.teardown", cluster)
        self.protect(cluster)
        self.take(job, cluster, "teardown")
        self.assertEqual(self.status(cluster)[0], "running")
        self.assertIsNone(self.one("SELECT requested_goal FROM byoc.clusters"
                                   " WHERE id = %s", cluster))

    def test_a_failed_one_is_protected_from_another_attempt_to_delete_it(self):
        cluster = self.running()
        self.start(cluster, "teardown")
        self.work(cluster, "fail")
        self.protect(cluster)
        self.assertRefused("BY003", "cluster_protected",
                           "SELECT byoc.retry_cluster(%s)", cluster)

    def test_what_is_on_its_way_out_cannot_be_protected(self):
        cluster = self.running()
        self.start(cluster, "teardown")
        with self.assertRaisesRegex(psycopg2.Error, "is deleting already"):
            self.protect(cluster)


class Record(GuardCase):
    def test_of_a_clusters_life(self):
        credential = self.add_credential()
        cluster = self.add_cluster(credential)
        asked = self.enqueue("cluster.provision", cluster, TRACE)
        self.take(asked, cluster, "provision")
        self.take(asked, cluster, "provision")  # it comes twice
        self.take(str(uuid.uuid4()), cluster, "teardown")
        self.take(str(uuid.uuid4()), cluster, "teardown")  # does nothing
        me = self.one("SELECT session_user::text")
        self.assertEqual(self.requests(cluster), [
            ("cluster.create", me, None, True),
            ("cluster.provision", me, 1, True),
            ("cluster.teardown", None, 2, True)])
        self.assertEqual(self.one("SELECT job_id::text, traceparent"
                                  " FROM byoc.requests WHERE run = 1"
                                  " AND cluster_id = %s", cluster),
                         (asked, TRACE))

    def test_of_a_credentials_life(self):
        credential = self.add_credential()
        self.db("SELECT byoc.rotate_credential(%s, 'byoc1.new')", credential)
        self.db("SELECT byoc.set_limits(%s, 1, 1)", credential)
        self.db("SELECT byoc.delete_credential(%s)", credential)
        self.db("SELECT byoc.delete_credential(%s)", credential)
        self.assertEqual([kind for kind, *_ in self.requests(credential)], [
            "credential.create", "credential.rotate", "credential.validate",
            "credential.limits", "credential.delete"])

    def test_is_kept_as_long_as_events(self):
        self.add_credential()
        self.db("UPDATE byoc.requests SET asked_at = now() - interval"
                " '15 months'")
        kept = self.add_credential()
        self.db("SELECT byoc.tend_history()")
        self.assertEqual(self.db("SELECT credential_id::text"
                                 " FROM byoc.requests"), [(kept,)])


class Verdicts(GuardCase):
    def lease_credential(self, credential):
        return self.one(
            "SELECT lease FROM byoc.lease_credentials(%s, %s, 20000)",
            json.dumps([{"n": 0, "credential_id": credential, "job_id": str(
                self.one("SELECT coalesce(job_id, gen_random_uuid())"
                         " FROM byoc.credentials WHERE id = %s",
                         credential))}]), str(uuid.uuid4()))

    def record(self, cluster, **kinds):
        for index, (kind, hetzner_id) in enumerate(kinds.items()):
            self.db("INSERT INTO byoc.resources (cluster_id, kind, hetzner_id,"
                    " name, phase, index) VALUES (%s, %s, %s, 'n', 'p', %s)",
                    cluster, kind, hetzner_id, index)

    def known(self, credential):
        """Their ids, as a validation of a new token gets them."""
        lease = self.lease_credential(credential)
        self.db("UPDATE byoc.credentials SET lease_until = NULL")
        return [r["id"] for r in lease["resources"] or []]

    def test_a_new_token_comes_with_what_has_to_be_there(self):
        credential = self.add_credential(sealed="byoc1.new", active="byoc1.old")
        older, newer = (self.running(credential) for _ in range(2))
        gone = self.begun(credential, "teardown")
        self.finish(gone)
        self.record(older, server=1, network=2)
        self.record(newer, server=3, load_balancer=4)
        self.record(gone, network=5)
        self.assertEqual(self.known(credential), [4, 2, 3, 1])
        self.db("UPDATE byoc.credentials SET any_project = true")
        self.assertEqual(self.known(credential), [])

    def test_one_that_is_in_use_needs_no_proof(self):
        credential = self.add_credential()
        self.record(self.running(credential), network=2)
        self.assertEqual(self.known(credential), [])

    def test_an_audit_asked_for_meanwhile_is_looked_for_afterwards(self):
        credential = self.add_credential()
        lease = self.lease_credential(credential)
        self.assertFalse(lease["audit_due"])
        self.assertEqual(self.one(
            "SELECT verdict FROM byoc.lease_credentials(%s, %s, 20000)",
            json.dumps([{"n": 0, "credential_id": credential, "audit": True,
                         "job_id": str(uuid.uuid4())}]), str(uuid.uuid4())),
            "void")
        self.assertEqual(self.judge(credential, lease, "ready"), "stored")
        self.assertEqual(self.one(
            "SELECT count(*) FROM byoc.outbox o JOIN byoc.credentials k"
            " ON k.job_id = o.message_id"
            " WHERE k.id = %s AND k.due_at IS NOT NULL", credential), 1)
        self.assertTrue(self.lease_credential(credential)["audit_due"])

    def retry(self, credential, code):
        lease = self.lease_credential(credential)
        self.assertEqual(self.one(
            "SELECT verdict FROM byoc.commit_credentials(%s)", json.dumps([{
                "n": 0, "credential_id": credential, "result": "retry",
                "lease_token": lease["lease_token"], "code": code,
                "reason": "Why.", "queue": "byoc.jobs.wait.500",
                "delay_ms": 500}])), "stored")

    def let_a_minute_pass(self):
        self.db("UPDATE byoc.credentials SET unknown_key_since ="
                " unknown_key_since - interval '61 s'")

    def verdict(self, credential):
        return self.one("SELECT status, code, active_sealed_token,"
                        " job_id IS NULL FROM byoc.credentials WHERE id = %s",
                        credential)

    def test_a_key_that_nobody_has_is_told(self):
        credential = self.add_credential(
            sealed="byoc1.0123456789abcdef.AA==", active=None)
        for _ in range(2):
            self.retry(credential, "sealed_unknown_key")
        self.assertEqual(self.verdict(credential)[0], "pending_validation")
        self.let_a_minute_pass()
        self.retry(credential, "sealed_unknown_key")
        self.assertEqual(self.verdict(credential),
                         ("invalid", "sealed_unknown_key", None, True))
        self.assertIn("key 0123456789abcdef,", self.one(
            "SELECT reason FROM byoc.credentials"))
        self.assertEqual([name for _, name in self.events(credential)],
                         ["invalid"])

    def test_a_token_that_cannot_be_checked_says_why_until_it_is(self):
        credential = self.add_credential(sealed="byoc1.new", active="byoc1.old")
        self.retry(credential, "api_unreachable")
        said = "SELECT status, code, reason FROM byoc.credentials"
        self.assertEqual(self.one(said), ("pending_validation",
                                          "api_unreachable", "Why."))
        self.assertEqual(self.validate(credential, "ready"), "stored")
        # One that was found good stays so, whatever a later check meets with.
        self.retry(credential, "api_unreachable")
        self.assertEqual(self.one(said), ("ready", None, None))

    def test_a_worker_that_lacked_the_key_for_a_while_does_no_harm(self):
        credential = self.add_credential(sealed="byoc1.new", active="byoc1.old")
        self.retry(credential, "sealed_unknown_key")
        self.let_a_minute_pass()
        self.retry(credential, "api_unreachable")  # another had the key
        self.retry(credential, "sealed_unknown_key")
        self.assertEqual(self.verdict(credential)[0], "pending_validation")
        self.assertEqual(self.validate(credential, "ready"), "stored")
        self.assertIsNone(self.one("SELECT unknown_key_since"
                                   " FROM byoc.credentials"))

    def test_a_token_in_use_stays_although_nobody_can_open_it_now(self):
        credential = self.add_credential()
        self.retry(credential, "sealed_unknown_key")
        self.let_a_minute_pass()
        self.retry(credential, "sealed_unknown_key")
        self.assertEqual(self.verdict(credential)[:3], (
            "invalid", "sealed_unknown_key", "byoc1.token"))


if __name__ == "__main__":
    unittest.main()
