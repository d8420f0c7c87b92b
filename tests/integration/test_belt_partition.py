"""A network that passes nothing on without closing anything, and names that
nobody resolves: workers say so at once, and catch up when it is over."""

import pathlib
import re
import subprocess
import unittest

from belt_case import BeltCase, place
from probe import Probe
from sim import wait_for
from wires import Nameserver, Wire
from world import PATIENCE

HEARTBEATS_S = 90  # what a worker may take to find its broker dead
UNCONFIRMED_MOST = 2000  # as in src/worker/worker.h
HISTORY = ("provisioning", "running", "deleting", "deleted")


class WireCase(BeltCase):
    workers = 0

    def start_behind(self, service, url, **environment):
        """A worker, and the wire to the service."""
        wire = Wire(place(url))
        self.addCleanup(wire.stop)
        before = dict(self.world.worker_environment)
        self.redirect(service, "127.0.0.1", wire.port)
        self.world.worker_environment.update(environment)
        worker = self.world.start_worker()
        self.world.worker_environment = before
        return worker, wire


class Partition(WireCase):
    def cut_off(self, service, url):
        """Cuts a worker off until it knows, while clusters are made."""
        worker, wire = self.start_behind(service, url)
        clusters = self.crowd(self.world.credential(), 3)
        self.wait_called("POST /networks", 3)
        with Probe([worker], self.sim, paths=("/healthz",)) as probe:
            wire.cut()
            wait_for(lambda: worker.get("/readyz")[0] == 503,
                     f"the {service} to be missed", HEARTBEATS_S)
            wire.mend()
            self.wait_all(clusters, "running")
        probe.check()
        self.enqueue("cluster.teardown", clusters)
        self.wait_all(clusters, "deleted")
        for cluster in clusters:
            self.assertGone(cluster)
            self.assertHistory(cluster, *HISTORY)
        self.assertNothingDead()
        worker.stop()

    def test_from_the_database(self):
        self.cut_off("database", self.world.services.database_url)

    def test_from_the_broker(self):
        self.cut_off("broker", self.world.services.amqp_url)


def unconfirmed(worker):
    text = worker.get("/metrics")[1]
    return int(re.search(r"^byoc_messages_unconfirmed (\d+)$", text,
                         re.M).group(1))


class NoConfirms(WireCase):
    def test_what_is_kept_until_they_come_has_an_end(self):
        worker, wire = self.start_behind(
            "broker", self.world.services.amqp_url, BYOC_MAX_IN_FLIGHT="64")
        wire.mute()  # the connection that publishes was the first
        clusters = self.crowd(self.world.credential(), 80)
        wait_for(lambda: unconfirmed(worker) >= UNCONFIRMED_MOST,
                 "the belt to have gone on", 4 * PATIENCE)
        self.assertHolds(
            lambda: unconfirmed(worker) < UNCONFIRMED_MOST + 64 * 8, 3,
            "few messages are kept")
        wire.mend()
        self.wait_all(clusters, "running", 4 * PATIENCE)
        self.assertNothingDead()
        wait_for(lambda: unconfirmed(worker) == 0, "all to be confirmed")
        worker.stop()


def may_mount():
    return subprocess.run(["unshare", "--mount", "true"],
                          capture_output=True).returncode == 0


@unittest.skipUnless(may_mount(), "needs a mount namespace of its own")
class NamesWithoutAnswer(BeltCase):
    workers = 0
    ADDRESS = "127.77.53.1"
    # A name that is asked of the nameserver, whatever the machine's files say.
    SCRIPT = """
        mount --bind "$1/resolv.conf" /etc/resolv.conf &&
        mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf && exec "$2" """

    def start_worker(self):
        """A worker whose only nameserver is the test's."""
        folder = pathlib.Path(self.world.folder)
        (folder / "resolv.conf").write_text(f"nameserver {self.ADDRESS}\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")
        self.world.worker_command = [
            "unshare", "--mount", "sh", "-c", self.SCRIPT, "sh", str(folder),
            *self.plain_command]
        return self.world.start_worker(wait=False)

    def check(self, service, url):
        self.plain_command = self.world.worker_command
        nameserver = Nameserver(self.ADDRESS)
        self.addCleanup(nameserver.stop)
        before = dict(self.world.worker_environment)
        self.redirect(service, f"{service}.mengi.test", place(url)[1])
        self.world.worker_environment["BYOC_INSECURE_TRANSPORT"] = "yes"
        worker = self.start_worker()
        self.world.worker_environment = before
        self.world.worker_command = self.plain_command
        wait_for(lambda: worker.events("worker.started"), "its first line")
        with Probe([worker], self.sim) as probe:
            self.assertHolds(
                lambda: worker.get("/readyz")[0] == 503, 6, "no answer yet")
            nameserver.awake.set()
            worker.wait_ready()
        probe.check()
        cluster = self.run_through()
        self.assertHistory(cluster, *HISTORY)
        worker.stop()

    def test_of_the_database(self):
        self.check("database", self.world.services.database_url)

    def test_of_the_broker(self):
        self.check("broker", self.world.services.amqp_url)


if __name__ == "__main__":
    unittest.main()
