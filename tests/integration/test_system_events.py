"""byoc events and cluster watch: what happens, told as it is published, and from
the database while there is no broker."""

import json
import re
import signal
import subprocess
import termios
import time
import unittest
from urllib.parse import urlsplit

import contract
from sim import wait_for
from system_case import SystemCase
from terminal import Screen, Terminal
from wires import Wire
from world import program

INSTEAD = "reading the database instead"


class Events(SystemCase):
    def broker(self):
        url = urlsplit(self.world.environment["BYOC_AMQP_URL"])
        return url.hostname, url.port

    def wired(self, port=0):
        """A wire to the broker, and settings that go through it."""
        wire = Wire(self.broker(), port)
        self.addCleanup(wire.stop)
        url = self.world.environment["BYOC_AMQP_URL"]
        return wire, {**self.world.environment, "BYOC_AMQP_URL": url.replace(
            ":%d/" % self.broker()[1], f":{wire.port}/")}

    def lines(self, *arguments):
        return [json.loads(line) for line in self.world.byoc(
            "events", *arguments, "--output", "json").stdout.splitlines()]

    def stored(self, cluster):
        return [id for id, in self.world.db(
            "SELECT id::text FROM byoc.events WHERE cluster_id = %s"
            " ORDER BY sequence", cluster)]

    def follow(self, *arguments, environment=None):
        follower = subprocess.Popen(
            [program("byoc"), "events", "--follow", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment or self.world.environment)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.stderr.close)
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

    def read_until(self, follower, name):
        """Events of a follower until one of that name has been told."""
        told = []
        for line in follower.stdout:
            told.append(json.loads(line))
            if told[-1]["type"].endswith(name):
                break
        return told

    def assertToldOnce(self, told, cluster):
        """All, each once, and in their order."""
        self.assertEqual([event["id"] for event in told],
                         self.stored(cluster)[:len(told)])

    def test_followed_each_is_told_once(self):
        cluster = self.world.create_cluster()
        follower = self.follow("--cluster", cluster, "--output", "json")
        everything = self.follow("--output", "json")
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)
        self.assertToldOnce(self.read_until(follower, "cluster.deleted"),
                            cluster)
        self.assertToldOnce(
            [event for event in self.read_until(everything, "cluster.deleted")
             if event["subject"] == cluster], cluster)

    def test_followed_while_the_broker_goes_and_comes_back(self):
        wire, environment = self.wired()
        cluster = self.world.create_cluster()
        follower = self.follow("--cluster", cluster, "--output", "json",
                               environment=environment)
        told = self.read_until(follower, "phase.started")
        wire.stop()
        told += self.read_until(follower, "cluster.running")
        again, _ = self.wired(wire.port)
        wait_for(lambda: again.sockets, "another try for the broker")
        self.world.delete_cluster(cluster)
        told += self.read_until(follower, "cluster.deleted")
        self.assertToldOnce(told, cluster)
        follower.kill()
        self.assertEqual(follower.stderr.read().count(INSTEAD), 1)

    def test_followed_without_a_broker(self):
        environment = {**self.world.environment, "BYOC_AMQP_URL": ""}
        cluster = self.world.create_cluster()
        follower = self.follow("--cluster", cluster, "--output", "json",
                               environment=environment)
        self.world.wait_status(cluster, "running")
        self.assertToldOnce(self.read_until(follower, "cluster.running"),
                            cluster)
        self.world.delete_cluster(cluster)
        follower.kill()
        self.assertEqual(follower.stderr.read(),
                         f"BYOC_AMQP_URL is not set; {INSTEAD}\n")

    def asked(self):
        """When followers last asked the database anything."""
        return self.world.db(
            "SELECT query_start FROM pg_stat_activity WHERE application_name"
            " = 'byoc' AND datname = current_database()")

    def test_nobody_asks_the_database_while_nothing_happens(self):
        self.world.wait_idle()
        self.follow("--output", "json")
        wait_for(self.asked, "a follower")
        before = self.asked()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            after = self.asked()
            time.sleep(0.1)
        # Its own beginning may have been under way.
        self.assertLess((after[0][0] - before[0][0]).total_seconds(), 0.4)

    def test_watching_what_waits_asks_the_database_nothing(self):
        self.sim.disturb(server="*-worker-0", fate="absent")
        cluster = self.world.create_cluster("shop", workers=1)
        watch = self.start_watching(cluster)
        lacks = f"1 of 2 nodes are ready; waiting for shop-{cluster[:8]}"
        line = next(line for line in watch.stdout if lacks in line)
        self.assertRegex(line, "phase +ready +waiting +1 of 2")
        shown = self.world.byoc("events", "--cluster", cluster).stdout
        self.assertRegex(shown, rf"cluster\.phase\.waiting +ready  {lacks}")
        # It looks on being told, not by itself.
        [(before,)] = self.asked()
        until = time.monotonic() + 6
        while time.monotonic() < until:
            self.assertEqual(self.asked(), [(before,)])
            time.sleep(0.1)
        self.sim.clear_faults()
        rest, _ = watch.communicate(timeout=60)
        self.assertIn("cluster shop is running", rest)
        # Once, however often it was looked at.
        self.assertNotIn(lacks, rest)
        self.world.delete_cluster(cluster)

    # On a terminal

    def watch(self, cluster, columns=100, environment=None):
        terminal = Terminal(
            program("byoc"), "cluster", "watch", cluster, columns=columns,
            environment={**(environment or self.world.environment),
                         "LC_ALL": "C.UTF-8", "TERM": "xterm"})
        self.addCleanup(terminal.stop)
        return terminal

    def test_a_tree_on_a_terminal(self):
        cluster = self.world.create_cluster("shop")
        self.check_it_fills_in(cluster)
        self.world.delete_cluster(cluster)
        # The second time, it is known how long it takes.
        self.sim.disturb(server="*-worker-0", fate="absent")
        cluster = self.world.create_cluster("shop", workers=1)
        wire, environment = self.wired()
        terminal = self.watch(cluster, environment=environment)
        self.check_it_is_left_well(cluster)
        terminal.until(lambda said: "waiting for shop-" in said)
        wire.stop()
        terminal.until(lambda said: INSTEAD in said)
        self.sim.clear_faults()
        said, status = terminal.wait()
        self.assertEqual(status, 0)
        shown = Screen(100).feed(said).text
        self.assertEqual(shown.count(INSTEAD), 1)
        self.assertEqual(len(re.findall(r"(?m)^shop ", shown)), 1)
        self.assertIn("cluster shop is running", shown)
        self.world.delete_cluster(cluster)

    def check_it_fills_in(self, cluster):
        said, status = self.watch(cluster).wait()
        self.assertEqual(status, 0)
        self.assertIn("○ waiting", said)
        self.assertIn("\033[32m✓ done", said)
        shown = Screen(100).feed(said).text
        self.assertRegex(shown, r"(?m)\Ashop +running +\d+ s$")
        self.assertRegex(shown, r"(?m)^├─network +✓ done +[\d.]+ m?s$")
        self.assertRegex(shown, r"(?m)^└─ready +✓ done +[\d.]+ m?s$")
        self.assertRegex(shown, r"\n\[█+\] 9 of 9 phases\ncluster shop is "
                         r"running at https://\S+; get into it with\n")

    def check_it_is_left_well(self, cluster):
        """Without colours, in a narrow terminal, and by Ctrl-C."""
        terminal = self.watch(cluster, columns=60, environment={
            **self.world.environment, "NO_COLOR": "1"})
        before = termios.tcgetattr(terminal.file)
        terminal.until(lambda said: "1 of 2 nod" in said)
        terminal.until(lambda said: "longer than the usual" in said)
        terminal.type("\x03")
        said, status = terminal.wait()
        self.assertEqual(status, -signal.SIGINT)
        self.assertEqual(termios.tcgetattr(terminal.file), before)
        # Nothing but ways to write in place: no mode, no colour.
        self.assertEqual(set(re.findall(r"\033\[[?\d;]*(\w)", said)),
                         {"A", "J", "K"})
        self.assertRegex(said, r"\r\n\033\[J(\^C)?\Z")
        lines = re.sub(r"\033\[\d*\w", "", said).splitlines()
        self.assertLessEqual(max(map(len, lines)), 60)


if __name__ == "__main__":
    unittest.main()
