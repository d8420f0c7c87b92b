"""Broker and database go away in the middle, politely or not, and the job queue
loses its messages: nothing else is lost."""

import unittest

from sim import wait_for
from system_case import SystemCase

# The watchdog looks for lost messages after a while.
PATIENCE = 120


class Outages(SystemCase):
    workers = 2
    own_services = True
    time_scale = 60
    sim_options = ("--boot-seconds", "60", "--latency-ms", "20")

    def check(self, trouble):
        """Trouble while clusters are made, and while they are removed."""
        foreign = self.make_foreign_things()
        self.sim.reset_calls()
        clusters = [self.world.create_cluster(type="dedicated_ha", workers=1)
                    for _ in range(3)]
        wait_for(lambda: self.sim.calls("POST /servers") >= 4,
                 "the first servers")
        trouble()
        for cluster in clusters:
            self.world.wait_status(cluster, "running", timeout=PATIENCE)
            self.assertComplete(cluster, "dedicated_ha", 1)
        for cluster in clusters:
            self.world.delete_cluster(cluster, wait=False)
        wait_for(lambda: self.sim.calls("DELETE /servers/{id}") >= 3,
                 "the first deletions")
        trouble()
        for cluster in clusters:
            self.world.wait_status(cluster, "deleted", timeout=PATIENCE)
        for cluster in clusters:
            self.assertGone(cluster, foreign)
            self.assertHistory(cluster, "provisioning", "running", "deleting",
                               "deleted")
        self.assertEqual(self.world.dead_letters(), [])

    def test_the_broker_is_restarted(self):
        self.check(lambda: self.world.services.rabbitmq("restart"))

    def test_the_broker_is_killed(self):
        def kill():
            self.world.services.rabbitmq("kill")
            self.world.services.rabbitmq("start")
        self.check(kill)

    def test_the_database_is_restarted(self):
        self.check(lambda: self.world.services.postgres("restart"))

    def test_the_database_is_killed(self):
        def kill():
            self.world.services.postgres("kill")
            self.world.services.postgres("start")
        self.check(kill)

    def test_the_job_queue_is_purged(self):
        self.check(self.purge)

    def purge(self):
        """Nothing is left in any queue of jobs, and none comes back."""
        for worker in self.world.workers:
            worker.stop()
        channel = self.world.channel()
        for queue in ("byoc.jobs", *(f"byoc.jobs.wait.{ms}" for ms in (
                250, 500, 1000, 2000, 5000, 15000, 60000))):
            channel.queue_purge(queue)
        channel.connection.close()
        for _ in range(self.workers):
            self.world.start_worker()


if __name__ == "__main__":
    unittest.main()
