"""Rows that somebody else holds, and the order in which workers take theirs:
who cannot have one goes on with the others."""

import concurrent.futures
import json
import unittest

from belt_case import BeltCase
from probe import Probe
from sim import wait_for
from store_case import OUTCOMES


class LockedCluster(BeltCase):
    workers = 2

    def test_it_holds_up_nobody_else(self):
        tenant = self.tenant("locked")
        undisturbed = self.time_to_run()
        running = self.world.create_cluster(credential=tenant)
        self.world.wait_status(running, "running")
        growing = self.world.create_cluster(credential=tenant)
        self.wait_called("POST /networks", 3)
        with self.transaction("dashboard") as dashboard:
            for cluster in (running, growing):
                dashboard.execute(
                    "SELECT byoc.enqueue('cluster.teardown', %s)", (cluster,))
            self.world.publish_job("cluster.teardown", running)
            with Probe(self.world.workers, self.sim) as probe:
                took = self.time_to_run(timeout=30)
            probe.check()
            self.assertNear(took, undisturbed)
            self.assertEqual(self.world.status(running)[0], "running")
        self.world.wait_status(running, "deleted")
        self.world.wait_status(growing, "running")
        self.assertNothingDead()


class LockOrder(BeltCase):
    """The two statements themselves, held up where they could collide."""
    workers = 1

    def make_teardowns(self):
        """Two clusters whose servers somebody is about to delete, while
        somebody else validates their credential."""
        credential = self.world.credential()
        clusters = sorted(self.crowd(credential, 2))
        self.wait_all(clusters, "running")
        self.world.workers[0].stop()
        plan = [{"phase": "servers", "index": 0, "needs": []}]
        self.world.db("SELECT byoc.start_runs(%s)", json.dumps(
            [{"n": n, "cluster_id": cluster, "goal": "teardown",
              "phases": plan} for n, cluster in enumerate(clusters)]))
        self.world.db(
            "UPDATE byoc.phases SET status = 'leased', lease_token = 1,"
            " lease_until = now() + interval '1 minute'"
            " WHERE phase = 'servers'")
        self.world.db(
            "UPDATE byoc.credentials SET job_id = gen_random_uuid(),"
            " lease_token = 7, lease_until = now() + interval '1 minute'"
            " WHERE id = %s", credential)
        return credential, clusters

    def refusals(self, credential, clusters):
        (token,), = self.world.db(
            "SELECT sealed_token FROM byoc.credentials WHERE id = %s",
            credential)
        return [{"n": n, "cluster_id": cluster, "run": 2, "phase": "servers",
                 "index": 0, "lease_token": 1, "result": "wait",
                 "delay_ms": 1000, "code": "unknown_token", "reason": "No.",
                 "credential": {"sealed_token": token,
                                "code": "unknown_token", "reason": "No."}}
                for n, cluster in enumerate(clusters)]

    def commit(self, call, outcomes):
        return self.world.db(f"SELECT byoc.{call}", json.dumps(outcomes),
                             role="worker")

    def waiting(self):
        return self.world.db(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
            " AND wait_event_type = 'Lock'",
            self.world.services.roles.login("worker"))[0][0]

    def await_or_end(self, commits):
        """Until all of them have ended or wait for a lock."""
        wait_for(lambda: self.waiting() + sum(
            commit.done() for commit in commits) == len(commits),
            "each statement to end or to wait")

    def test_a_token_refused_and_found_good_at_once(self):
        credential, clusters = self.make_teardowns()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            with self.transaction() as holder:
                holder.execute("SELECT 1 FROM byoc.clusters WHERE id = %s"
                               " FOR UPDATE", (clusters[1],))
                commits = [pool.submit(self.commit,
                                       f"commit_phases({OUTCOMES})",
                                       self.refusals(credential, clusters))]
                self.await_or_end(commits)
                commits.append(pool.submit(
                    self.commit, "commit_credentials(%s)",
                    [{"n": 0, "credential_id": credential, "lease_token": 7,
                      "result": "ready"}]))
                self.await_or_end(commits)
            for commit in commits:
                self.assertTrue(commit.result())  # and no deadlock


if __name__ == "__main__":
    unittest.main()
