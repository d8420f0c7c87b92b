"""byoc events: what happened, also while somebody follows it."""

import json
import subprocess
import unittest

import contract
from sim import wait_for
from system_case import SystemCase
from world import program


class Events(SystemCase):
    def lines(self, *arguments):
        return [json.loads(line) for line in self.world.byoc(
            "events", *arguments, "--output", "json").stdout.splitlines()]

    def stored(self, cluster):
        return [id for id, in self.world.db(
            "SELECT id::text FROM byoc.events WHERE cluster_id = %s"
            " ORDER BY sequence", cluster)]

    def follow(self, *arguments):
        follower = subprocess.Popen(
            [program("byoc"), "events", "--follow", *arguments],
            stdout=subprocess.PIPE, text=True, env=self.world.environment)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        return follower

    def test_of_one_cluster_and_of_all(self):
        cluster, other = (self.world.create_cluster() for _ in range(2))
        for one in (cluster, other):
            self.world.wait_status(one, "running")
        mine = self.lines("--cluster", cluster)
        self.assertEqual([event["id"] for event in mine],
                         self.stored(cluster))
        for event in mine:
            self.assertIsNone(contract.problem(contract.EVENTS, event))
        everything = self.lines()
        self.assertLessEqual({event["id"] for event in mine[-3:]},
                             {event["id"] for event in everything})
        self.assertEqual([event["time"] for event in everything],
                         sorted(event["time"] for event in everything))
        shown = self.world.byoc("events", "--cluster", cluster).stdout
        self.assertRegex(shown, rf"(?m)^\S+  {cluster[:8]}  cluster\.running ")
        self.assertRegex(shown, r"(?m)cluster\.phase\.done +control_plane/0")
        for one in (cluster, other):
            self.world.delete_cluster(one)

    def test_followed_each_is_told_once(self):
        cluster = self.world.create_cluster()
        follower = self.follow("--cluster", cluster, "--output", "json")
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)
        told = []
        for line in follower.stdout:
            told.append(json.loads(line))
            if told[-1]["type"].endswith("cluster.deleted"):
                break
        wait_for(lambda: follower.poll() is None, "still there")
        self.assertEqual([event["id"] for event in
                          sorted(told, key=lambda e: e["sequence"])],
                         self.stored(cluster)[:len(told)])
        self.assertEqual(len({event["id"] for event in told}), len(told))


if __name__ == "__main__":
    unittest.main()
