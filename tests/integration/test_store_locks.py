"""A lock that somebody keeps is busy for those who need it, and for nobody
else: no function waits."""

import json
import threading
import unittest

from store_case import JOBS, OTHER, PLAN, WORKER, StoreCase


class Locks(StoreCase):
    def setUp(self):
        super().setUp()
        # Whoever waits after all fails here.
        self.db("SET lock_timeout = '500ms'")

    def test_a_batch_goes_on_without_a_locked_cluster(self):
        held, free = self.begun(), self.begun()
        jobs = self.jobs(held, free)
        self.hold_cluster(held)
        answers = self.lease(jobs)
        self.assertEqual(answers[0][:2], ["busy", 0])
        self.assertEqual(answers[1][0], "leased")
        self.assertEqual(self.events(held), [(1, "provisioning")])

    def test_outcomes_of_a_locked_cluster_are_kept_for_later(self):
        held, free = self.begun(), self.begun()
        outcomes = [self.outcome(job, lease)
                    for job, lease in self.leased(held, free)]
        lock = self.hold_cluster(held)
        self.assertEqual(self.commit(*outcomes), ["busy", "stored"])
        lock.rollback()
        self.assertEqual(self.commit(*outcomes), ["stored", "lost"])

    def test_a_run_of_a_locked_cluster_begins_later(self):
        cluster = self.add_cluster(self.add_credential())
        lock = self.hold_cluster(cluster)
        self.assertEqual(self.start(cluster), [0])
        lock.rollback()
        self.assertEqual(self.start(cluster), [])
        self.assertEqual(self.status(cluster),
                         ("provisioning", "provision", True))

    def test_a_kubeconfig_of_a_locked_cluster_is_answered_later(self):
        cluster = self.begun()
        answer = json.dumps([{
            "n": 7, "cluster_id": cluster,
            "job_id": "4a1f2b1e-0f63-4f05-9f2e-0d2c5a1c9a11"}])
        lock = self.hold_cluster(cluster)
        self.assertEqual(
            self.db("SELECT byoc.emit_kubeconfigs(%s)", answer), [(7,)])
        lock.rollback()
        for _ in range(2):  # the second is the same job once more
            self.assertEqual(
                self.db("SELECT byoc.emit_kubeconfigs(%s)", answer), [])
        self.assertEqual([name for _, name in self.events(cluster)],
                         ["provisioning", "kubeconfig"])
        self.assertComplete(cluster)

    def test_a_locked_credential_is_busy(self):
        credential = self.add_credential()
        job = json.dumps([{"n": 0, "credential_id": credential,
                           "job_id": WORKER}])
        lease = "SELECT * FROM byoc.lease_credentials(%s, %s, 20000)"
        lock = self.hold_credential(credential)
        self.assertEqual(self.db(lease, job, WORKER), [(0, "busy", 250, None)])
        lock.rollback()
        (_, verdict, _, details), = self.db(lease, job, WORKER)
        self.assertEqual(verdict, "leased")
        lock = self.hold_credential(credential)
        self.assertEqual(self.judge(credential, details, "ready"), "busy")
        lock.rollback()
        self.assertEqual(self.judge(credential, details, "ready"), "stored")

    def test_a_good_token_waits_for_the_clusters_it_concerns(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        self.finish(cluster)
        self.db("UPDATE byoc.credentials SET sealed_token = 'byoc1.new'")
        lock = self.hold_cluster(cluster)
        self.assertEqual(self.validate(credential, "ready"), "busy")
        lock.rollback()
        self.db("UPDATE byoc.credentials SET lease_until = now()")
        self.assertEqual(self.validate(credential, "ready"), "stored")
        self.assertEqual(len(self.messages("cluster.refresh")), 1)

    def test_a_token_that_comes_while_a_run_ends_is_not_missed(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        while "ready" not in [job["phase"] for job in self.jobs(cluster)]:
            self.work(cluster)
        self.holding("UPDATE byoc.credentials"
                     " SET token_version = token_version + 1")
        self.work(cluster)
        self.assertEqual(self.status(cluster)[0], "running")
        self.assertEqual(len(self.messages("cluster.refresh")), 1)

    def test_a_dashboard_that_forgets_its_transaction_stops_one_cluster(self):
        asked, free = self.begun(), self.begun()
        self.holding("SELECT byoc.enqueue('cluster.teardown', %s)", asked)
        self.finish(free)
        self.assertEqual(self.status(free)[0], "running")
        jobs = self.jobs(asked)
        self.assertEqual(self.lease(jobs)[0][0], "busy")

    def test_workers_in_opposite_orders(self):
        clusters = [self.begun() for _ in range(8)]
        failures = []

        def worker(order):
            connection = self.connect()
            try:
                for _ in range(30):
                    self.db("SELECT byoc.requeue_lost('-1 hour', true)",
                            on=connection)
                    self.db("SELECT * FROM byoc.lease_phases("
                            f"{JOBS}, %s, 0, 100, '{{}}')",
                            json.dumps(order), WORKER, on=connection)
            except Exception as failure:
                failures.append(failure)
        jobs = self.jobs(*clusters)
        threads = [threading.Thread(target=worker, args=(order,))
                   for order in (jobs, jobs[::-1], jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for cluster in clusters:
            self.assertComplete(cluster)


class Leases(StoreCase):
    def test_a_crowded_credential_leaves_places_to_others(self):
        crowd, other = self.add_credential(), self.add_credential()
        clusters = [self.begun(crowd) for _ in range(4)]
        clusters.append(self.begun(other))
        lock = self.hold_cluster(clusters[3])  # of one that is crowded out
        answers = self.lease(self.jobs(*clusters), share=1, places={crowd: 2})
        lock.rollback()
        self.assertEqual([answers[n][0] for n in range(5)],
                         ["leased", "leased", "crowded", "crowded", "leased"])
        self.assertEqual(answers[2][2]["credential_id"], crowd)
        self.assertEqual(self.events(clusters[2]), [(1, "provisioning")])
        verdict, wait_ms, lease = self.lease(
            self.jobs(clusters[2]), places={crowd: 0})[0]
        self.assertEqual((verdict, wait_ms, lease["credential_id"]),
                         ("crowded", 0, crowd))

    def test_what_is_void_takes_no_place(self):
        credential = self.add_credential()
        clusters = [self.begun(credential) for _ in range(2)]
        jobs = self.jobs(*clusters)
        jobs[0]["job_id"] = OTHER
        answers = self.lease(jobs, share=1)
        self.assertEqual([answers[n][0] for n in range(2)], ["void", "leased"])

    def test_of_two_workers_one_has_the_phase(self):
        cluster = self.begun()
        jobs = self.jobs(cluster)
        self.assertEqual(self.lease(jobs)[0][0], "leased")
        verdict, wait_ms, _ = self.lease(jobs, worker=OTHER)[0]
        self.assertEqual(verdict, "busy")
        self.assertTrue(15000 < wait_ms <= 20000, wait_ms)

    def test_a_lease_whose_answer_was_lost_is_taken_over(self):
        cluster = self.begun()
        jobs = [{**job, "mine": True} for job in self.jobs(cluster)]
        first = self.lease(jobs)[0][2]
        self.assertEqual(self.lease(jobs, worker=OTHER)[0][0], "busy")
        verdict, _, second = self.lease(jobs)[0]
        self.assertEqual(verdict, "leased")
        self.assertEqual(second["lease_token"], first["lease_token"] + 1)
        self.assertIsNone(self.one("SELECT max(unanswered_at)"
                                   " FROM byoc.phases"))
        self.assertEqual(self.commit(self.outcome(jobs[0], first)), ["lost"])
        self.assertEqual(self.commit(self.outcome(jobs[0], second)),
                         ["stored"])

    def test_what_is_due_later_is_busy_until_then(self):
        cluster = self.begun()
        self.work(cluster, "wait", delay_ms=5000)
        verdict, wait_ms, _ = self.lease(self.jobs(cluster))[0]
        self.assertEqual(verdict, "busy")
        self.assertTrue(4000 < wait_ms <= 5000, wait_ms)

    def test_leases_are_renewed_by_those_who_have_them(self):
        credential = self.add_credential()
        cluster = self.begun(credential)
        (job, lease), = self.leased(cluster, lease_ms=1000)
        mine = {**job, "n": 5, "lease_token": lease["lease_token"]}
        stale = {**mine, "n": 6, "lease_token": lease["lease_token"] - 1}
        self.db("SET lock_timeout = '500ms'")
        renew = "SELECT byoc.renew_leases(%s, 60000)"
        lock = self.hold_cluster(cluster)  # which does not matter
        self.assertEqual(self.db(renew, json.dumps([mine, stale])), [(5,)])
        lock.rollback()
        self.assertTrue(self.one("SELECT lease_until > now() + interval '50 s'"
                                 " FROM byoc.phases WHERE status = 'leased'"))
        self.holding("SELECT 1 FROM byoc.phases FOR UPDATE")
        self.assertEqual(self.db(renew, json.dumps([mine])), [])

    def test_validations_are_renewed(self):
        credential = self.add_credential()
        job = [{"n": 0, "credential_id": credential, "job_id": WORKER}]
        lease = "SELECT lease FROM byoc.lease_credentials(%s, %s, 1000)"
        token = self.one(lease, json.dumps(job), WORKER)["lease_token"]
        asked = [{"n": 3, "credential_id": credential, "lease_token": token}]
        self.assertEqual(self.db("SELECT byoc.renew_leases(%s, 60000)",
                                 json.dumps(asked)), [(3,)])
        job[0]["mine"] = True
        self.assertEqual(self.one(lease, json.dumps(job), OTHER), None)
        self.assertEqual(self.one(lease, json.dumps(job), WORKER)[
            "lease_token"], token + 1)

    def test_numbers_of_events_have_no_gaps(self):
        clusters = [self.begun(phases=PLAN) for _ in range(3)]
        for cluster in clusters:
            self.work(cluster, "retry")
        while self.jobs(*clusters):
            self.assertNotIn("lost", self.commit(*[
                self.outcome(job, lease)
                for job, lease in self.leased(*clusters)]))
        for cluster in clusters:
            self.assertEqual(self.status(cluster)[0], "running")
            self.assertComplete(cluster)
            self.assertEqual(len(self.events(cluster)), 2 + 2 * len(PLAN))


if __name__ == "__main__":
    unittest.main()
