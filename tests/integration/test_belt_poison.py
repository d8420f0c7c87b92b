"""A job that ends every worker that takes it does not take along those that
were delivered with it."""

import json
import unittest

from belt_case import BeltCase
from sim import wait_for

QUEUES = ("byoc.jobs", "byoc.jobs.suspects")
DEAD = "byoc.jobs.dead"
TRUSTED = 3  # after so many deliveries jobs are suspects
ROUNDS = 23  # more deliveries than the broker lets a message have


class Poison(BeltCase):
    workers = 0
    NEIGHBOURS = 3

    def waiting(self):
        return sum(map(self.messages, QUEUES))

    def publish_jobs(self, clusters):
        """The first is the one that ends workers. None was written down by the
        database: what the broker loses is lost."""
        for cluster in clusters:
            self.world.publish_job("cluster.teardown", cluster)
        wait_for(lambda: self.waiting() == len(clusters), "all jobs")

    def has_the_poison(self, jobs, round):
        """The first times all are taken together. Once they are suspects, they
        are handled one by one, and it is the one at their head."""
        if self.messages(QUEUES[0]):
            return False
        suspects = self.messages(QUEUES[1])
        return suspects == jobs - 1 if round >= TRUSTED else suspects < jobs

    def poison(self, jobs, round):
        """A worker takes what is there, and ends before it is done."""
        worker = self.world.start_worker(wait=False)
        wait_for(lambda: self.has_the_poison(jobs, round),
                 "the jobs to be delivered")
        worker.kill()
        self.administrator(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = %s", self.world.services.roles.login("worker"))
        wait_for(lambda: self.waiting() + self.messages(DEAD) == jobs,
                 "the jobs to be back")

    def test_the_others_survive(self):
        worker = self.world.start_worker()
        clusters = self.crowd(self.world.credential(), 1 + self.NEIGHBOURS)
        self.wait_all(clusters, "running")
        self.world.wait_idle()
        worker.stop()
        with self.transaction() as upgrade:
            upgrade.execute("LOCK byoc.clusters IN ACCESS EXCLUSIVE MODE")
            self.publish_jobs(clusters)
            for round in range(ROUNDS):
                if self.messages(DEAD):
                    break
                self.poison(len(clusters), round)
        dead = [json.loads(body)["cluster_id"]
                for _, body in self.world.dead_letters()]
        self.assertLessEqual(set(dead), {clusters[0]})
        self.world.start_worker()
        self.wait_all(clusters[1:], "deleted")


if __name__ == "__main__":
    unittest.main()
