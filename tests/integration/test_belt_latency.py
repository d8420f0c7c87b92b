"""An API that is slow, and one where a call takes effect after everybody has
given it up: clusters come and go all the same, and nothing is left behind."""

import unittest

from belt_case import FOREVER, BeltCase
from sim import wait_for

# What the last sweep asks for, beside the phases of each kind.
SMALL_KINDS = ("volumes", "firewalls", "placement_groups", "ssh_keys",
               "primary_ips")
PATIENCE = 120


class SlowApi(BeltCase):
    workers = 2
    time_scale = 600

    def slow(self, milliseconds, **calls):
        self.sim.fault(latency_ms=milliseconds, times=FOREVER, **calls)

    def live(self, clusters, before_deletion=lambda: None):
        """A life of each; the number of calls that it took altogether."""
        self.sim.reset_calls()
        self.wait_all(clusters, "running", PATIENCE)
        before_deletion()
        self.enqueue("cluster.teardown", clusters)
        self.wait_all(clusters, "deleted", PATIENCE)
        return sum(self.sim.calls().values())

    def test_clusters_come_and_go(self):
        slow, slower = self.tenant("slow"), self.tenant("slower")
        undisturbed = self.live(self.crowd(self.world.credential(), 2))
        self.slow(1500, project="slow")
        self.slow(5000, project="slower", method="POST")

        def slow_sweep():
            for kind in SMALL_KINDS:
                self.slow(5000, project="slower", method="GET",
                          path=f"/{kind}")

        clusters = self.crowd(slow, 1) + self.crowd(slower, 1)
        calls = self.live(clusters, slow_sweep)
        self.assertLessEqual(calls, undisturbed + 6)
        self.assertEqual(self.count("jobs", result="lost"), 0)
        self.assertEqual(self.world.db(
            "SELECT phase, failures FROM byoc.phases WHERE failures > 0"), [])


class LateCreate(BeltCase):
    workers = 2

    def begin(self, hold_ms):
        """A cluster that is to be deleted again while POST /networks, which
        everybody takes for failed, is still to come."""
        self.world.credential()
        self.sim.fault(method="POST", path="/networks", hold_ms=hold_ms)
        cluster = self.world.create_cluster()
        self.wait_called("POST /networks")
        self.world.byoc("cluster", "delete", cluster)
        wait_for(lambda: self.world.db(
            "SELECT 1 FROM byoc.phases WHERE cluster_id = %s AND run = 1"
            " AND phase = 'network' AND unanswered_at IS NOT NULL", cluster),
            "the request to be given up")
        return cluster

    def networks(self):
        return len(self.sim.state()["networks"])

    def forget(self, cluster):
        """As if a minute had gone by since the request."""
        self.world.db(
            "UPDATE byoc.phases SET"
            " unanswered_at = unanswered_at - interval '1 minute'"
            " WHERE cluster_id = %s AND unanswered_at IS NOT NULL", cluster)

    def sweep_again(self, cluster):
        """As if five minutes had gone by since the deletion."""
        self.world.db("UPDATE byoc.phases SET due_at = now() - interval '1 h'"
                      " WHERE cluster_id = %s AND phase = 'sweep'"
                      " AND status = 'queued'", cluster)
        self.world.db("SELECT byoc.requeue_lost(interval '0', true)")

    def state(self, cluster):
        return self.world.db("SELECT status, goal, active FROM byoc.clusters"
                             " WHERE id = %s", cluster)[0]

    def test_while_the_teardown_waits(self):
        cluster = self.begin(hold_ms=13000)
        def waits():
            return self.world.status(cluster)[0] == "deleting"
        wait_for(lambda: self.assertTrue(waits()) or self.networks(),
                 "the late network")
        self.assertHolds(waits, 1, "the teardown waits")
        self.forget(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)

    def test_after_the_deletion(self):
        cluster = self.begin(hold_ms=20000)
        self.assertHolds(lambda: self.world.status(cluster)[0] == "deleting",
                         5, "the teardown waits")
        self.forget(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.existing(), set())
        wait_for(self.networks, "the late network")
        self.assertEqual(self.state(cluster), ("deleted", "sweep", True))
        self.sweep_again(cluster)
        wait_for(lambda: not self.state(cluster)[2], "the sweep", 30)
        self.assertEqual(self.state(cluster)[0], "deleted")
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "deleting", "deleted",
                           "swept")


if __name__ == "__main__":
    unittest.main()
