"""What outcomes lead to: requests without an answer, tokens that were refused,
and runs that end."""

import unittest

import psycopg2

from store_case import OTHER, PLAN, REMOVAL, TOKEN, StoreCase

REFUSAL = {"sealed_token": TOKEN, "code": "unknown_token",
           "reason": "Hetzner says no."}


class Unanswered(StoreCase):
    def older_leases(self, cluster):
        (_, lease), = self.leased(cluster)
        return lease["older_leases"]

    def test_a_teardown_sees_what_ended_without_an_answer(self):
        cluster = self.begun()
        self.work(cluster, "retry", unanswered=True)
        self.start(cluster, "teardown")
        self.assertEqual(self.older_leases(cluster), 1)

    def test_but_for_a_minute_only(self):
        cluster = self.begun()
        self.work(cluster, "retry", unanswered=True)
        self.db("UPDATE byoc.phases"
                " SET unanswered_at = now() - interval '61 seconds'")
        self.start(cluster, "teardown")
        self.assertEqual(self.older_leases(cluster), 0)

    def test_what_had_its_answer_is_not_waited_for(self):
        cluster = self.begun()
        self.work(cluster, "retry")
        self.start(cluster, "teardown")
        self.assertEqual(self.older_leases(cluster), 0)

    def test_a_lease_that_ran_out_had_no_answer(self):
        cluster = self.begun()
        self.leased(cluster, lease_ms=0)
        self.start(cluster, "teardown")
        self.assertEqual(self.older_leases(cluster), 1)

    def test_neither_had_one_that_was_taken_over(self):
        cluster = self.begun()
        self.leased(cluster, lease_ms=0)
        self.leased(cluster, worker=OTHER)
        self.assertEqual(self.one("SELECT count(unanswered_at)"
                                  " FROM byoc.phases"), 1)

    def test_a_deleted_cluster_is_swept_once_more(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.work(cluster, "retry", unanswered=True)
        self.start(cluster, "teardown")
        self.db("DELETE FROM byoc.outbox")
        self.finish_teardown(cluster)
        self.assertEqual(self.status(cluster), ("deleted", "sweep", True))
        (routing_key, body), = self.db(
            "SELECT routing_key, body::json FROM byoc.outbox"
            " WHERE body::json ->> 'phase' = 'sweep'")
        self.assertEqual(routing_key, "byoc.jobs.wait.60000")
        job = self.jobs(cluster)[0]
        self.assertEqual(body["id"], job["job_id"])
        verdict, wait_ms, _ = self.lease([job])[0]
        self.assertEqual(verdict, "busy")
        self.assertTrue(290000 < wait_ms <= 300000, wait_ms)
        delete = "SELECT byoc.delete_credential(%s)"
        with self.assertRaises(psycopg2.Error) as refused:
            self.db(delete, credential)
        self.assertEqual(refused.exception.pgcode, "BY004")
        self.assertIn("(deleted)", str(refused.exception))
        self.db("UPDATE byoc.phases SET due_at = now() WHERE phase = 'sweep'")
        (_, lease), = self.leased(cluster)
        self.assertEqual((lease["goal"], lease["status"]),
                         ("sweep", "deleted"))
        self.assertEqual(self.commit(self.outcome(job, lease)), ["stored"])
        self.assertEqual(self.status(cluster), ("deleted", "teardown", False))
        self.assertEqual([name for _, name in self.events(cluster)
                          if "." not in name],
                         ["provisioning", "deleting", "deleted"])
        self.db(delete, credential)
        self.assertTrue(self.deleted(credential))

    def deleted(self, credential):
        return self.one("SELECT deleted_at IS NOT NULL AND sealed_token IS NULL"
                        " FROM byoc.credentials WHERE id = %s", credential)

    def finish_teardown(self, cluster):
        while self.status(cluster)[0] == "deleting":
            self.work(cluster)

    def test_what_was_answered_is_not_swept_again(self):
        cluster = self.begun()
        self.work(cluster)
        self.start(cluster, "teardown")
        self.finish_teardown(cluster)
        self.assertEqual(self.status(cluster), ("deleted", "teardown", False))

    def test_a_sweep_without_a_token_does_not_keep_the_credential(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.leased(cluster, lease_ms=0)
        self.start(cluster, "teardown")
        self.finish_teardown(cluster)
        self.assertEqual(self.status(cluster)[1], "sweep")
        self.validate(credential, "invalid")
        self.db("SELECT byoc.delete_credential(%s)", credential)
        self.assertTrue(self.deleted(credential))
        self.assertEqual(self.status(cluster), ("deleted", "teardown", False))


class Rows(StoreCase):
    def test_a_job_makes_no_new_entries_for_rows_that_it_changes(self):
        """What a job changes is in no index, so that its new version stays in
        the page of the old one."""
        cluster = self.begun()
        while self.status(cluster)[0] == "provisioning":
            self.work(cluster)
        self.db("SELECT pg_stat_force_next_flush()")
        for table in "phases", "progress":
            updates, within_the_page = self.db(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
                " WHERE schemaname = 'byoc' AND relname = %s", table)[0]
            self.assertGreaterEqual(updates, 2 * len(PLAN), table)
            self.assertEqual(within_the_page, updates, table)


class RefusedTokens(StoreCase):
    def refuse(self, cluster, result="fail"):
        self.work(cluster, result, credential=REFUSAL)

    def phase(self, cluster):
        return self.one("SELECT status, wait_queue, code FROM byoc.phases"
                        " WHERE cluster_id = %s AND needs = '{}'"
                        " ORDER BY run DESC LIMIT 1", cluster)

    def pass_second(self):
        self.db("UPDATE byoc.phases SET due_at = now()"
                " WHERE status = 'queued'")

    def test_it_is_validated_before_anything_fails(self):
        credential = self.add_credential()
        clusters = [self.begun(credential) for _ in range(2)]
        outcomes = [self.outcome(job, lease, "fail", credential=REFUSAL)
                    for job, lease in self.leased(*clusters)]
        self.assertEqual(self.commit(*outcomes), ["stored", "stored"])
        for cluster in clusters:
            self.assertEqual(self.status(cluster)[0], "provisioning")
            self.assertEqual(self.phase(cluster),
                             ("queued", "byoc.jobs.wait.1000", None))
        self.assertEqual([job["credential_id"] for job in
                          self.messages("credential.validate")], [credential])
        self.assertEqual(self.one("SELECT status FROM byoc.credentials"),
                         "ready")

    def test_a_good_one_lets_all_go_on(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.refuse(cluster)
        self.assertEqual(self.validate(credential, "ready"), "stored")
        self.pass_second()
        self.finish(cluster)
        self.assertEqual(self.status(cluster)[0], "running")

    def test_a_bad_one_fails_what_is_provisioned(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.refuse(cluster)
        self.assertEqual(self.validate(credential, "invalid"), "stored")
        self.pass_second()
        self.assertEqual(self.lease(self.jobs(cluster))[0][0], "void")
        self.assertEqual(
            self.one("SELECT status, code FROM byoc.clusters WHERE id = %s",
                     cluster), ("failed", "credential_invalid"))
        self.assertComplete(cluster)
        self.assertComplete(credential)

    def test_a_bad_one_parks_what_is_deleted_until_there_is_a_good_one(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.start(cluster, "teardown", REMOVAL)
        self.refuse(cluster, "park")
        self.validate(credential, "invalid")
        self.pass_second()
        self.assertEqual(self.lease(self.jobs(cluster))[0][0], "void")
        self.assertEqual(self.phase(cluster)[0], "parked")
        self.assertEqual(self.one("SELECT code FROM byoc.clusters"
                                  " WHERE id = %s", cluster),
                         "credential_invalid")
        self.db("SELECT byoc.rotate_credential(%s, 'byoc1.new')", credential)
        self.assertEqual(self.validate(credential, "ready"), "stored")
        self.finish(cluster)
        self.assertEqual(self.status(cluster), ("deleted", "teardown", False))

    def test_one_that_was_replaced_says_nothing(self):
        credential = self.add_credential("byoc1.new", "byoc1.new")
        cluster = self.begun(credential)
        self.refuse(cluster)
        self.assertEqual(self.phase(cluster), ("queued", None, None))
        self.assertEqual(self.messages("credential.validate"), [])

    def test_one_that_no_validation_can_judge_is_dropped(self):
        credential = self.add_credential("byoc1.new", TOKEN)
        cluster = self.begun(credential)
        self.refuse(cluster)
        self.assertEqual(self.one("SELECT active_sealed_token, status"
                                  " FROM byoc.credentials"),
                         (None, "pending_validation"))
        self.assertEqual(
            self.one("SELECT status, code FROM byoc.clusters WHERE id = %s",
                     cluster), ("failed", "credential_invalid"))

    def test_while_somebody_has_the_credential_it_is_busy(self):
        credential = self.add_credential()
        cluster, other = self.begun(credential), self.begun()
        outcomes = [self.outcome(job, lease)
                    for job, lease in self.leased(cluster, other)]
        outcomes[0] |= {"result": "fail", "credential": REFUSAL}
        lock = self.hold_credential(credential)
        self.db("SET lock_timeout = '500ms'")
        self.assertEqual(self.commit(*outcomes), ["busy", "stored"])
        lock.rollback()
        self.assertEqual(self.commit(outcomes[0]), ["stored"])


class Waits(StoreCase):
    """What a phase waits for is told when it is something else."""

    def told(self, cluster):
        return [(data.get("code"), data.get("reason")) for data, in self.db(
            "SELECT data FROM byoc.events WHERE cluster_id = %s"
            " AND name = 'phase.waiting' ORDER BY sequence", cluster)]

    def wait_for(self, cluster, reason, result="wait", code=None):
        self.work(cluster, result, code=code, reason=reason)

    def test_it_is_told_once_however_often_it_is_looked_at(self):
        cluster = self.begun()
        for reason in ("1 of 3", "1 of 3", "2 of 3", "2 of 3"):
            self.wait_for(cluster, reason)
        self.assertEqual(self.told(cluster),
                         [(None, "1 of 3"), (None, "2 of 3")])
        self.assertComplete(cluster)

    def test_it_is_told_with_how_far_the_run_is(self):
        cluster = self.begun()
        self.work(cluster)
        job, other = self.leased(cluster)
        self.commit(self.outcome(*job),
                    self.outcome(*other, "wait", reason="for Hetzner"))
        self.assertEqual(self.one(
            "SELECT data FROM byoc.events WHERE name = 'phase.waiting'"
            " AND cluster_id = %s", cluster),
            {"cluster_id": cluster, "run": 1, "phase": "network", "index": 0,
             "reason": "for Hetzner", "phases_done": 2, "phases_total": 4})
        self.assertComplete(cluster)

    def test_a_failure_that_may_pass_is_told_and_that_it_passed(self):
        cluster = self.begun()
        for reason in ("No answer.", "No answer.", None, None):
            self.wait_for(cluster, reason, "retry" if reason else "wait",
                          reason and "api_unreachable")
        self.assertEqual(self.told(cluster),
                         [("api_unreachable", "No answer."), (None, None)])

    def test_what_merely_waits_or_ends_tells_nothing(self):
        cluster = self.begun()
        self.work(cluster, "wait")
        self.wait_for(cluster, "1 of 3")
        self.work(cluster)
        self.assertEqual(self.told(cluster), [(None, "1 of 3")])

    def look_in_vain(self, cluster, code, meanwhile=lambda: None):
        """One look; whether the next comes at once."""
        (job, lease), *_ = self.leased(cluster)
        meanwhile()
        self.commit(self.outcome(job, lease, "retry", code=code,
                                 reason="why", delay_ms=60000))
        return self.one(
            "SELECT due_at < clock_timestamp() AND wait_queue IS NULL"
            " FROM byoc.phases WHERE cluster_id = %s AND run = %s"
            " AND phase = %s", cluster, job["run"], job["phase"])

    def test_who_asks_for_a_deletion_again_is_heard_after_a_look(self):
        cluster = self.begun()
        self.start(cluster, "teardown")

        def ask():
            self.start(cluster, "teardown")

        self.assertTrue(self.look_in_vain(cluster, "neighbours", ask))
        self.assertFalse(self.look_in_vain(cluster, "neighbours"))
        # Hetzner only needs a while.
        cluster = self.begun()
        self.start(cluster, "teardown")
        self.assertFalse(self.look_in_vain(cluster, None, ask))


class Ends(StoreCase):
    def test_a_cluster_fails_with_its_first_phase(self):
        cluster = self.begun()
        self.work(cluster, "fail")
        self.assertEqual(self.one("SELECT status, code, reason"
                                  " FROM byoc.clusters WHERE id = %s", cluster),
                         ("failed", "broken", "It broke."))
        self.assertEqual([name for _, name in self.events(cluster)],
                         ["provisioning", "phase.started", "phase.failed",
                          "failed"])
        self.assertComplete(cluster)

    def test_a_refresh_that_fails_is_over(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.finish(cluster)
        self.db("UPDATE byoc.credentials SET token_version = 2")
        self.start(cluster, "refresh", {"hcloud_secret": []})
        self.assertEqual(self.status(cluster), ("running", "refresh", True))
        self.work(cluster, "fail")
        self.assertEqual(self.status(cluster), ("running", "provision", False))

    def test_an_outcome_is_stored_once(self):
        cluster = self.begun()
        (job, lease), = self.leased(cluster)
        outcome = self.outcome(job, lease)
        self.assertEqual(self.commit(outcome), ["stored"])
        self.assertEqual(self.commit(outcome), ["lost"])
        nowhere = {**outcome, "cluster_id": OTHER}
        self.assertEqual(self.commit(nowhere), ["lost"])

    def test_what_is_noted_is_recorded_and_the_lease_lasts(self):
        cluster = self.begun()
        (job, lease), = self.leased(cluster)[:1]
        found = {"kind": "volume", "id": 9, "name": "pvc", "phase": "volumes",
                 "index": 0, "actions": []}
        note = self.outcome(job, lease, "note", resources=[found])
        stale = {**note, "lease_token": lease["lease_token"] - 1}
        before = self.events(cluster)
        self.assertEqual(self.commit(stale), ["lost"])
        self.assertEqual(self.db("SELECT 1 FROM byoc.resources"
                                 " WHERE cluster_id = %s", cluster), [])
        self.assertEqual(self.commit(note), ["stored"])
        self.assertEqual(self.commit(note), ["stored"])  # its answer got lost
        self.assertEqual(self.db(
            "SELECT kind, hetzner_id FROM byoc.resources"
            " WHERE cluster_id = %s", cluster), [("volume", 9)])
        self.assertEqual(self.commit({**note, "resources": [
            {**found, "phase": "at_server"}]}), ["stored"])  # known by then
        self.assertEqual(self.commit({**self.outcome(job, lease, "note"), **{
            "resources": [found], "removed": [{"kind": "volume", "id": 9}]}}),
            ["stored"])
        self.assertEqual(self.db("SELECT hetzner_id FROM byoc.resources"
                                 " WHERE cluster_id = %s", cluster), [(9,)])
        self.assertEqual(self.events(cluster), before)
        self.assertEqual(self.commit(self.outcome(job, lease)), ["stored"])


if __name__ == "__main__":
    unittest.main()
