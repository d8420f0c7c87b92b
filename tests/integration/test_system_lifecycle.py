"""Clusters of every type in every location, from nothing to nothing, beside
what somebody else has in the same project."""

import unittest

from system_case import CLUSTER, SystemCase

LOCATIONS = ("fsn1", "nbg1", "hel1", "ash", "hil", "sin")
TYPES = (("dedicated", 0), ("dedicated_ha", 2))


class OneWorker(SystemCase):
    workers = 1

    def test_every_type_in_every_location(self):
        foreign = self.make_foreign_things()
        clusters = {
            self.world.create_cluster(location=location, type=type,
                                      workers=workers): (type, workers)
            for location in LOCATIONS for type, workers in TYPES}
        for cluster, (type, workers) in clusters.items():
            self.world.wait_status(cluster, "running")
            self.assertComplete(cluster, type, workers)
        self.assertLessEqual(foreign, self.existing())
        for cluster in clusters:
            self.world.delete_cluster(cluster, wait=False)
        for cluster in clusters:
            self.world.wait_status(cluster, "deleted")
        for cluster in clusters:
            self.assertGone(cluster, foreign)
            self.assertHistory(cluster, "provisioning", "running",
                               "deleting", "deleted")

    def test_what_the_cluster_made_itself_goes_with_it(self):
        foreign = self.make_foreign_things()
        cluster = self.world.create_cluster(workers=1)
        self.world.wait_status(cluster, "running")
        self.add_balancer_of_the_controller(cluster)
        self.add_volume_of_the_driver(cluster)
        self.world.delete_cluster(cluster)
        self.assertGone(cluster, foreign)

    def thing(self, cluster, kind, name=""):
        return next(
            thing for thing in self.sim.state()[kind]
            if thing["labels"].get(CLUSTER) == cluster and name in thing["name"])

    def add_balancer_of_the_controller(self, cluster):
        """The cloud-controller-manager knows nothing of our labels."""
        network = self.thing(cluster, "networks")
        self.sim.settle(self.sim.post("/load_balancers", {
            "name": "a0b1c2d3e4f5", "load_balancer_type": "lb11",
            "location": "fsn1", "network": network["id"],
            "labels": {"hcloud-ccm/service-uid": "0815"}}))

    def add_volume_of_the_driver(self, cluster):
        worker = self.thing(cluster, "servers", "worker")
        self.sim.settle(self.sim.post("/volumes", {
            "name": "pvc-0815", "size": 10, "server": worker["id"],
            "format": "ext4", "automount": False,
            "labels": {CLUSTER: cluster}}))


class FourWorkers(OneWorker):
    workers = 4


if __name__ == "__main__":
    unittest.main()
