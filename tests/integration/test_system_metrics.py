"""What a scrape of a worker says, after a cluster's life."""

import re
import shutil
import subprocess
import unittest

from roles import DEPLOY
from sim import wait_for
from system_case import SystemCase

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """[(name, {label: value}, number)]"""
    found = [SAMPLE.match(line) for line in text.splitlines()
             if not line.startswith("#")]
    return [(match[1], dict(LABEL.findall(match[2] or "")), float(match[3]))
            for match in found]


class Metrics(SystemCase):
    workers = 1

    def scrape(self):
        status, text = self.world.workers[0].get("/metrics")
        self.assertEqual(status, 200)
        return text

    def total(self, name, **labels):
        """The sum of all samples of that name with those labels."""
        return sum(number for found, has, number in samples(self.scrape())
                   if found == name and labels.items() <= has.items())

    def live(self):
        """A cluster's whole life, with a call that fails."""
        self.sim.fault(method="POST", path="/networks", status=502)
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)
        return cluster

    def test_a_life_is_counted(self):
        cluster = self.live()
        wait_for(lambda: self.total("byoc_jobs_total", phase="sweep",
                                    result="done"), "the last phase")
        for phase in ("network", "ready", "networks"):
            with self.subTest(phase):
                self.assertEqual(self.total(
                    "byoc_jobs_total", phase=phase, result="done",
                    type="cluster.phase"), 1)
                self.assertEqual(self.total(
                    "byoc_phase_seconds_count", phase=phase), 1)
        self.assertEqual(self.total("byoc_jobs_total", phase="network",
                                    result="retry"), 1)
        self.assertEqual(self.total(
            "byoc_api_requests_total", api="hetzner", method="POST",
            kind="networks", status="502"), 1)
        self.assertEqual(self.total("byoc_api_requests_total", api="hetzner"),
                         self.total("byoc_api_request_seconds_count",
                                    api="hetzner"))
        for statement in ("lease_phases", "commit_phases", "start_runs"):
            with self.subTest(statement):
                self.assertGreater(self.total(
                    "byoc_database_seconds_count", statement=statement), 0)
        events = self.world.db("SELECT count(*) FROM byoc.events"
                               " WHERE cluster_id = %s", cluster)[0][0]
        self.assertGreaterEqual(
            self.total("byoc_messages_published_total"), events)
        self.assertEqual(self.total("byoc_belt_jobs"), 0)

    def test_what_belongs_to_all_is_told(self):
        self.world.wait_status(self.world.create_cluster(), "running")
        # It is looked up when a worker starts, and then once a minute.
        worker = self.world.start_worker()
        wait_for(lambda: re.search(r'byoc_clusters\{status="running"\} [1-9]',
                                   worker.get("/metrics")[1]),
                 "the number of clusters")
        self.assertIn("byoc_api_rate_limit_remaining{credential=",
                      self.scrape())
        self.assertEqual(self.total("byoc_build_info"), 1)
        self.assertEqual(self.total("byoc_belt_places"), 256)

    def test_dashboard_and_alerts_name_what_there_is(self):
        self.live()
        there = {name for name, _, _ in samples(self.scrape())}
        # Only after a failure of that kind.
        there.add("byoc_reconnects_total")
        for file in ("prometheus/rules.yml", "grafana/byoc.json"):
            with self.subTest(file):
                wanted = set(re.findall(r"\bbyoc_\w+",
                                        (DEPLOY / file).read_text()))
                self.assertTrue(wanted)
                self.assertEqual(wanted - there, set())

    def test_every_alert_has_its_chapter(self):
        chapters = (DEPLOY.parent / "docs" / "operations.md").read_text()
        alerts = re.findall(r"alert: (\w+)",
                            (DEPLOY / "prometheus/rules.yml").read_text())
        for alert in alerts:
            with self.subTest(alert):
                self.assertIn(f"### {alert}\n", chapters)

    @unittest.skipUnless(shutil.which("promtool"),
                         "Debian's package prometheus has promtool")
    def test_prometheus_has_nothing_to_say_against_it(self):
        self.live()
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=self.scrape(), text=True,
            capture_output=True, timeout=60)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr),
                         (0, ""))
        subprocess.run(
            ["promtool", "check", "rules", DEPLOY / "prometheus/rules.yml"],
            check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
