"""A run as a trace: from the job that asked for it to the events that tell."""

import json
import re
import secrets
import unittest
import uuid

from collector import Collector
from sim import wait_for
from system_case import SystemCase

CLIENT, PRODUCER, CONSUMER = 3, 4, 5


class Traces(SystemCase):
    workers = 1

    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.stop)
        cls.environment = {"BYOC_TRACES_ENDPOINT": cls.collector.endpoint}
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.collector.status = 200

    def ask(self, flags="01"):
        """A cluster that is asked for within a trace; both ids."""
        trace, parent = secrets.token_hex(16), secrets.token_hex(8)
        cluster = str(uuid.uuid4())
        self.world.db(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type, workers) VALUES (%s, %s, %s, 'fsn1', 'dedicated', 1)",
            cluster, f"traced-{cluster[:8]}", self.world.credential())
        self.world.db("SELECT byoc.enqueue('cluster.provision', %s, %s)",
                      cluster, f"00-{trace}-{parent}-{flags}")
        return cluster, trace, parent

    def test_a_run_is_one_trace(self):
        cluster, trace, parent = self.ask()
        self.world.wait_status(cluster, "running")
        wait_for(lambda: "publish cluster.running" in self.names(trace),
                 "the event's span")
        spans = self.collector.of_trace(trace)
        jobs = [s for s in spans if s["kind"] == CONSUMER]
        self.assertLessEqual(
            {"cluster.provision", "network", "control_plane", "ready"},
            {span["name"] for span in jobs})
        self.assertEqual({span["parentSpanId"] for span in jobs}, {parent})
        ready = [s for s in jobs if s["name"] == "ready"][-1]
        self.assertEqual(ready["attributes"] | {
            "byoc.cluster": cluster, "byoc.result": "done", "byoc.run": 1,
            "byoc.index": 0, "byoc.job.type": "cluster.phase"},
            ready["attributes"])
        events = {row[0] for row in self.world.db(
            "SELECT name FROM byoc.events WHERE cluster_id = %s", cluster)}
        self.assertEqual(
            {s["name"] for s in spans if s["kind"] == PRODUCER},
            {f"publish {self.type_of(cluster, name)}" for name in events})

    def type_of(self, cluster, name):
        return "cloud.mengi.byoc.cluster." + name

    def names(self, trace):
        return {re.sub(r"cloud\.mengi\.byoc\.", "", span["name"])
                for span in self.collector.of_trace(trace)}

    def test_calls_are_children_of_their_jobs(self):
        self.sim.fault(method="POST", path="/networks", status=502)
        cluster, trace, _ = self.ask()
        self.world.wait_status(cluster, "running")
        wait_for(lambda: "publish cluster.running" in self.names(trace),
                 "the event's span")
        spans = self.collector.of_trace(trace)
        made = [s for s in spans if s["name"] == "POST networks"]
        self.assertEqual(
            [(s["kind"], s["attributes"]["http.response.status_code"],
              s["status"]["code"]) for s in made],
            [(CLIENT, 502, 2), (CLIENT, 201, 0)])
        jobs = {s["spanId"]: s for s in spans if s["kind"] == CONSUMER}
        tried, done = (jobs[s["parentSpanId"]] for s in made)
        self.assertEqual(tried["attributes"]["byoc.result"], "retry")
        self.assertEqual(tried["status"]["code"], 2)
        self.assertEqual(done["attributes"]["byoc.result"], "done")
        for call in (s for s in spans if s["kind"] == CLIENT):
            job = jobs[call["parentSpanId"]]
            for time in ("startTimeUnixNano", "endTimeUnixNano"):
                self.assertLessEqual(int(job["startTimeUnixNano"]),
                                     int(call[time]) + 10_000_000)
                self.assertLessEqual(int(call[time]) - 10_000_000,
                                     int(job["endTimeUnixNano"]))

    def test_a_trace_that_is_not_recorded_is_left_alone(self):
        cluster, trace, _ = self.ask(flags="00")
        self.world.wait_status(cluster, "running")
        other, recorded, _ = self.ask()
        wait_for(lambda: self.collector.of_trace(recorded), "another's spans")
        # Or it would meet the faults of the next test.
        self.world.wait_status(other, "running")
        self.assertEqual(self.collector.of_trace(trace), [])

    def test_a_run_without_a_trace_is_a_trace_of_its_own(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")

        def phases():
            return [s for s in self.collector.spans
                    if s["attributes"].get("byoc.cluster") == cluster
                    and s["attributes"]["byoc.job.type"] == "cluster.phase"]
        wait_for(lambda: any(s["name"] == "ready" for s in phases()),
                 "the last phase")
        self.assertEqual(len({s["traceId"] for s in phases()}), 1)

    def test_no_secret_and_no_name_is_told(self):
        cluster, trace, _ = self.ask()
        self.world.wait_status(cluster, "running")
        wait_for(lambda: self.collector.of_trace(trace), "its spans")
        told = json.dumps(self.collector.spans)
        for secret in (self.sim.state()["servers"][0]["name"],
                       f"traced-{cluster[:8]}"):
            self.assertNotIn(secret, told)
        self.assertEqual(self.collector.resources[0]["service.name"],
                         "byoc-worker")

    def test_a_collector_that_refuses_costs_only_spans(self):
        self.collector.status = 503
        cluster, trace, _ = self.ask()
        self.world.wait_status(cluster, "running")
        worker = self.world.workers[0]
        wait_for(lambda: 'byoc_spans_total{result="refused"}'
                 in worker.get("/metrics")[1], "spans that are refused")
        self.assertEqual(len(worker.events("traces.refused")), 1)
        self.collector.status = 200
        other, later, _ = self.ask()
        wait_for(lambda: self.collector.of_trace(later), "spans again")
        self.world.wait_status(other, "running")
        self.assertNotIn("network", self.names(trace))


if __name__ == "__main__":
    unittest.main()
