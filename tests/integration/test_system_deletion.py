"""Deleting a cluster while it is being made ends with nothing left."""

import unittest

from sim import wait_for
from system_case import SystemCase


class Deletion(SystemCase):
    workers = 2
    time_scale = 60
    sim_options = ("--boot-seconds", "300", "--latency-ms", "20")

    def check(self, *moment):
        """Deletes at the moment when that much was asked for."""
        foreign = self.make_foreign_things()
        self.sim.reset_calls()
        cluster = self.world.create_cluster(type="dedicated_ha", workers=2)
        if moment:
            call, count = moment
            wait_for(lambda: self.sim.calls(call) >= count, f"{call} {count}")
        self.world.delete_cluster(cluster)
        self.assertGone(cluster, foreign)
        self.world.wait_idle()
        statuses = self.world.events.statuses(cluster)
        self.assertEqual(statuses[-2:], ["deleting", "deleted"])
        self.assertHistory(cluster, *statuses)
        self.assertNotIn("running", statuses)

    def test_before_anything_is_made(self):
        self.check()

    def test_while_the_network_is_made(self):
        self.check("POST /networks", 1)

    def test_while_the_load_balancer_is_made(self):
        self.check("POST /load_balancers", 1)

    def test_while_the_first_server_is_made(self):
        self.check("POST /servers", 1)

    def test_while_the_servers_are_made(self):
        self.check("POST /servers", 4)

    def test_while_the_nodes_boot(self):
        self.check("POST /servers", 6)

    def test_a_cluster_that_failed(self):
        self.sim.quota(servers=2)
        self.addCleanup(self.sim.quota, servers=None)
        cluster = self.world.create_cluster(type="dedicated_ha")
        self.world.wait_status(cluster, "failed")
        self.assertNotEqual(self.existing(), set())
        self.world.delete_cluster(cluster, wait=False)
        wait_for(lambda: self.world.status(cluster)[0] != "failed",
                 "the deletion to begin")
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "failed", "deleting",
                           "deleted")


if __name__ == "__main__":
    unittest.main()
