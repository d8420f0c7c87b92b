"""Many clusters in one project: each costs as many calls as one of few, and as
much time."""

import time
import unittest

from belt_case import BeltCase

PATIENCE = 200
MANY_CALLS = 1_000_000


class Growth(BeltCase):
    workers = 2
    time_scale = 600

    def live(self, count):
        """(calls a cluster, seconds) of so many lives at once."""
        self.sim.reset_calls()
        begin = time.monotonic()
        clusters = self.crowd(self.world.credential(), count)
        self.wait_all(clusters, "running", PATIENCE)
        self.enqueue("cluster.teardown", clusters)
        self.wait_all(clusters, "deleted", PATIENCE)
        self.assertEqual(self.existing(), set())
        return (sum(self.sim.calls().values()) / count,
                time.monotonic() - begin)

    def test_four_times_as_many(self):
        self.sim.rate_limit(limit=MANY_CALLS, remaining=MANY_CALLS)
        few_calls, few_seconds = self.live(25)
        many_calls, many_seconds = self.live(100)
        self.assertLessEqual(many_calls, 1.1 * few_calls)
        self.assertLessEqual(many_seconds, 5 * few_seconds)


if __name__ == "__main__":
    unittest.main()
