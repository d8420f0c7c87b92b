"""The watchdog takes for lost what is lost and nothing that merely waits, and
one worker at a time looks."""

import signal
import unittest

from belt_case import BeltCase
from sim import wait_for


class Backlog(BeltCase):
    workers = 2
    sim_options = ("--boot-seconds", "5", "--latency-ms", "3000")
    environment = {"BYOC_MAX_IN_FLIGHT": "8"}

    def nothing_is_requeued(self):
        return self.count("jobs_requeued") == 0 and not any(
            worker.events("watchdog.requeued")
            for worker in self.world.workers)

    def test_what_merely_waits_is_not_lost(self):
        for name in ("a", "b", "c", "d"):
            self.crowd(self.tenant(name), 15)
        # Longer than the watchdog waits for a message, and than it sleeps.
        self.assertHolds(self.nothing_is_requeued, 17, "nothing is requeued")
        # Who goes and who comes has little to do, which proves nothing.
        self.world.workers[0].send(signal.SIGTERM)
        self.world.start_worker()
        self.assertHolds(self.nothing_is_requeued, 12, "nothing is requeued")
        self.assertLessEqual(self.count("jobs", result="void"),
                             0.05 * self.count("deliveries"))


class OneAtATime(BeltCase):
    workers = 3

    def watchdogs(self):
        return self.world.db(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
            " AND usename = %s AND query LIKE '%%requeue_lost%%'",
            self.world.services.roles.login("worker"))[0][0]

    def test_only_one_looks(self):
        with self.transaction() as somebody:
            somebody.execute("LOCK byoc.credentials IN ACCESS EXCLUSIVE MODE")
            wait_for(self.watchdogs, "the first to look")
            # All of them look every five seconds.
            self.assertHolds(lambda: self.watchdogs() <= 1, 6, "one looks")


if __name__ == "__main__":
    unittest.main()
