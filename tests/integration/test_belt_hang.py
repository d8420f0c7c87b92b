"""A database whose processes hang: connections are open, and nobody answers.
Workers notice, throw them away and go on; they themselves answer at once."""

import os
import signal
import unittest

from belt_case import BeltCase
from probe import Probe
from sim import wait_for


class Hanging(BeltCase):
    workers = 2
    own_services = True

    def backends(self):
        """{process id: does it wait for its client?} of the workers."""
        return dict(self.administrator(
            "SELECT pid, state = 'idle' FROM pg_stat_activity"
            " WHERE usename = %s",
            self.world.services.roles.login("worker")))

    def freeze(self, process):
        """Stops it between two transactions: it holds no lock."""
        self.addCleanup(self.thaw, process)
        def stopped_while_idle():
            os.kill(process, signal.SIGSTOP)
            if self.backends().get(process):
                return True
            self.thaw(process)
            return False
        wait_for(stopped_while_idle, "a process that is idle")

    @staticmethod
    def thaw(process):
        try:
            os.kill(process, signal.SIGCONT)
        except ProcessLookupError:
            pass  # it found its client gone, and went

    def check(self, choose):
        clusters = self.crowd(self.world.credential(), 3)
        self.wait_called("POST /networks")
        frozen = choose(list(self.backends()))
        for process in frozen:
            self.freeze(process)
        with Probe(self.world.workers, self.sim, paths=("/healthz",)) as probe:
            wait_for(lambda: self.all_live(clusters), "running clusters", 40)
        probe.check()
        for process in frozen:
            self.thaw(process)
        self.enqueue("cluster.teardown", clusters)
        self.wait_all(clusters, "deleted")
        for cluster in clusters:
            self.assertGone(cluster)
            self.assertHistory(cluster, "provisioning", "running", "deleting",
                               "deleted")
        self.assertNothingDead()

    def all_live(self, clusters):
        return self.world.db(
            "SELECT bool_and(status = 'running') FROM byoc.clusters"
            " WHERE id = ANY (%s::uuid[])", clusters)[0][0]

    def test_one_process(self):
        self.check(lambda processes: processes[:1])

    def test_all_processes(self):
        self.check(lambda processes: processes)


if __name__ == "__main__":
    unittest.main()
