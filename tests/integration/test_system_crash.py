"""Workers that die, sleep or are told to stop in the middle: another one
finishes, and nothing exists twice."""

import signal
import unittest

from sim import wait_for
from system_case import SystemCase

# A dead worker's lease has to run out first.
PATIENCE = 120
HISTORY = ("provisioning", "running", "deleting", "deleted")


class Crash(SystemCase):
    workers = 2
    time_scale = 60
    sim_options = ("--boot-seconds", "60", "--latency-ms", "20")

    def setUp(self):
        super().setUp()
        for _ in range(self.workers - len(self.alive())):
            self.world.start_worker()

    def alive(self):
        return [i for i, worker in enumerate(self.world.workers)
                if worker.process.poll() is None]

    def begin(self, count=3):
        """Clusters, of which some servers are there already."""
        clusters = [self.world.create_cluster(type="dedicated_ha", workers=1)
                    for _ in range(count)]
        wait_for(lambda: self.sim.calls("POST /servers") >= 4,
                 "the first servers")
        return clusters

    def finish(self, clusters):
        for cluster in clusters:
            self.world.wait_status(cluster, "running", timeout=PATIENCE)
            self.assertComplete(cluster, "dedicated_ha", 1)
        for cluster in clusters:
            self.world.delete_cluster(cluster, wait=False)
        for cluster in clusters:
            self.world.wait_status(cluster, "deleted", timeout=PATIENCE)
        for cluster in clusters:
            self.assertGone(cluster)
            self.assertHistory(cluster, *HISTORY)
        self.assertEqual(self.world.dead_letters(), [])

    def missed(self):
        """How often the watchdog has missed jobs."""
        return sum(len(worker.events("watchdog.requeued"))
                   for worker in self.world.workers)

    def test_another_worker_takes_over(self):
        """As soon as the lease has run out: nobody has to miss the jobs."""
        clusters = self.begin()
        before = self.missed()
        self.world.kill_worker(self.alive()[0])
        for cluster in clusters:
            self.world.wait_status(cluster, "running", timeout=PATIENCE)
        self.assertEqual(self.missed(), before)
        self.finish(clusters)

    def test_a_new_worker_takes_over_from_the_only_one(self):
        for index in self.alive()[1:]:
            self.world.workers[index].stop()
        clusters = self.begin()
        self.world.kill_worker(self.alive()[0])
        self.world.start_worker()
        self.finish(clusters)

    def test_a_worker_dies_again_and_again(self):
        clusters = self.begin(2)
        for calls in (6, 8, 10):
            wait_for(lambda: self.sim.calls("POST /servers") >= calls,
                     f"{calls} servers", PATIENCE)
            self.world.kill_worker(self.alive()[0])
            self.world.start_worker()
        self.finish(clusters)

    def test_a_worker_that_slept_longer_than_its_lease_does_no_harm(self):
        clusters = self.begin()
        sleeper = self.alive()[0]
        self.world.kill_worker(sleeper, signal.SIGSTOP)
        for cluster in clusters:
            self.world.wait_status(cluster, "running", timeout=PATIENCE)
        self.world.kill_worker(sleeper, signal.SIGCONT)
        self.finish(clusters)

    def test_teardown_survives_as_well(self):
        clusters = self.begin()
        for cluster in clusters:
            self.world.wait_status(cluster, "running", timeout=PATIENCE)
        for cluster in clusters:
            self.world.delete_cluster(cluster, wait=False)
        wait_for(lambda: self.sim.calls("DELETE /servers/{id}") >= 3,
                 "the first servers to be deleted")
        self.world.kill_worker(self.alive()[0])
        for cluster in clusters:
            self.world.wait_status(cluster, "deleted", timeout=PATIENCE)
            self.assertGone(cluster, self.existing_of_others(clusters))
            self.assertHistory(cluster, *HISTORY)

    def existing_of_others(self, clusters):
        """Nothing, once all are gone."""
        for cluster in clusters:
            self.world.wait_status(cluster, "deleted", timeout=PATIENCE)
        return frozenset()

    def test_a_worker_told_to_stop_finishes_what_it_has_begun(self):
        clusters = self.begin()
        worker = self.world.workers[self.alive()[0]]
        worker.send(signal.SIGTERM)
        self.assertEqual(worker.process.wait(PATIENCE), 0)
        self.assertEqual(worker.events("worker.stopped")[0]["unfinished"], 0)
        self.finish(clusters)


if __name__ == "__main__":
    unittest.main()
