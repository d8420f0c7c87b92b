"""A TestCase with a World of its own, and what is true of every cluster."""

import collections
import os
import subprocess
import tempfile
import unittest
import uuid

import openapi
from world import World, program

CLUSTER = "mengi.cloud/cluster"
# What a project can hold, but for what only tells of the past.
KINDS = ("servers", "load_balancers", "volumes", "networks", "firewalls",
         "placement_groups", "ssh_keys", "primary_ips", "floating_ips",
         "certificates")


def expected_kinds(type, workers):
    """How many of each kind a running cluster has at Hetzner."""
    control_planes = 3 if type == "dedicated_ha" else 1
    return {"servers": 1 + control_planes + workers, "load_balancers": 1,
            "networks": 1, "firewalls": 1, "ssh_keys": 1, "primary_ips": 1,
            "placement_groups": int(control_planes > 1)}


class SystemCase(unittest.TestCase):
    workers = 2
    time_scale = 600
    own_services = False
    sim_options = ("--boot-seconds", "5")
    environment = {}
    records = True  # and checks all exchanges against the description
    worker_command = None

    @classmethod
    def setUpClass(cls):
        handle, cls.recording = tempfile.mkstemp(suffix=".jsonl")
        os.close(handle)
        cls.world = World(
            workers=cls.workers, time_scale=cls.time_scale,
            own_services=cls.own_services, sim_options=cls.sim_options,
            environment=cls.environment, worker_command=cls.worker_command,
            record=cls.recording if cls.records else None).start()
        cls.sim = cls.world.sim

    @classmethod
    def tearDownClass(cls):
        try:
            cls.world.stop()
            if cls.records and openapi.DESCRIPTION.exists():
                openapi.check_recording(cls.recording)
        finally:
            os.unlink(cls.recording)

    def setUp(self):
        self.sim.start_over()
        self.world.dead_letters()

    # What exists at Hetzner

    def existing(self, project="default"):
        """{(kind, id, name)} of all that exists."""
        state = self.sim.state(project)
        return {(kind, thing["id"], thing["name"])
                for kind in KINDS for thing in state.get(kind, [])}

    def of_cluster(self, cluster):
        """{kind: how many carry the cluster's label}"""
        state = self.sim.state()
        return collections.Counter(
            kind for kind in KINDS for thing in state.get(kind, [])
            if thing["labels"].get(CLUSTER) == cluster)

    def make_foreign_things(self):
        """What somebody else has in the same project."""
        network = self.sim.make_network("theirs", "10.0.0.0/16")
        server = self.sim.make_server(
            "their-server", networks=[network["id"]], labels={"app": "shop"})
        for path, body in (
                ("/volumes", {"name": "their-volume", "size": 10,
                              "location": "fsn1"}),
                ("/firewalls", {"name": "their-firewall"}),
                ("/placement_groups", {"name": "their-group",
                                       "type": "spread"}),
                ("/floating_ips", {"name": "their-address", "type": "ipv4",
                                   "server": server["id"]}),
                ("/certificates", {
                    "name": "their-certificate", "type": "managed",
                    "domain_names": ["their.example"],
                    "labels": {"hcloud-ccm/service-uid": "theirs"}}),
                ("/load_balancers", {"name": "their-balancer",
                                     "load_balancer_type": "lb11",
                                     "location": "fsn1",
                                     "labels": {CLUSTER: "another"}})):
            self.sim.settle(self.sim.post(path, body))
        return self.existing()

    # What must be true

    def assertComplete(self, cluster, type="dedicated", workers=0):
        """All there is once, and as it is recorded."""
        found = self.of_cluster(cluster)
        for kind, count in expected_kinds(type, workers).items():
            self.assertEqual(found[kind], count, f"{kind}: {found}")
        state = self.sim.state()
        exists = {thing["id"] for kind in KINDS
                  for thing in state.get(kind, [])}
        recorded = {row[2] for row in self.world.resources(cluster)}
        self.assertLessEqual(recorded, exists)
        labelled = {
            thing["id"] for kind in expected_kinds(type, workers)
            for thing in state.get(kind, [])
            if thing["labels"].get(CLUSTER) == cluster}
        self.assertEqual(recorded & labelled, labelled)

    def assertHistory(self, subject, *statuses):
        """Events came complete, each after what leads to it."""
        self.world.wait_idle()
        events = self.world.events.of(subject)
        self.assertEqual([int(event["sequence"]) for event in events],
                         list(range(1, len(events) + 1)))
        self.assertEqual(self.world.events.statuses(subject), list(statuses))
        begun = set()
        for event in events:
            name = event["type"].split(".", 4)[-1]
            data = event["data"]
            phase = (data.get("run"), data.get("phase"), data.get("index"))
            if name == "phase.started":
                self.assertNotIn(phase, begun)
                begun.add(phase)
            elif name.startswith("phase."):
                self.assertIn(phase, begun)
        for key, event, properties in self.world.events.all:
            if event["subject"] == subject:
                word = event["type"].removeprefix("cloud.mengi.byoc.")
                subject_kind, name = word.split(".", 1)
                self.assertEqual(key, f"{subject_kind}.{subject}.{name}")
                self.assertEqual(properties.message_id, event["id"])
                self.assertEqual(properties.delivery_mode, 2)

    def assertGone(self, cluster, before=frozenset()):
        self.assertEqual(self.existing(), set(before))
        self.assertEqual(self.world.resources(cluster), set())
        sealed = self.world.db(
            "SELECT sealed_authorities, sealed_ssh_private_key,"
            " sealed_join_token FROM byoc.clusters WHERE id = %s", cluster)
        self.assertEqual(sealed, [(None, None, None)])

    # Lives

    @classmethod
    def insert_cluster(cls, credential, name="shop", location="fsn1",
                       trace=None):
        """Asks as a dashboard does, which does not look at the credential."""
        cluster = str(uuid.uuid4())
        cls.world.db(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type) VALUES (%s, %s, %s, %s, 'dedicated');"
            " SELECT byoc.enqueue('cluster.provision', %s, %s)",
            cluster, name, credential, location, cluster, trace)
        return cluster

    def start_watching(self, cluster):
        """`byoc cluster watch`, whose lines can be read; ends with the test."""
        watch = subprocess.Popen(
            [program("byoc"), "cluster", "watch", cluster], text=True,
            stdout=subprocess.PIPE, env=self.world.environment)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        self.addCleanup(watch.stdout.close)
        return watch

    def run_through(self, type="dedicated", workers=0, **options):
        """A cluster from nothing to nothing, undisturbed."""
        cluster = self.world.create_cluster(
            type=type, workers=workers, **options)
        self.world.wait_status(cluster, "running")
        self.assertComplete(cluster, type, workers)
        self.world.delete_cluster(cluster)
        return cluster

    def end_well(self, cluster, begun=("provisioning",), ran=()):
        """One that runs goes without a trace; `begun` is how it came to run,
        `ran` what happened then."""
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertHistory(cluster, *begun, "running", *ran, "deleting",
                           "deleted")

    def retry_to_the_end(self, cluster, type="dedicated",
                         failed=("provisioning", "failed")):
        """One that failed comes to run after all, and goes."""
        self.world.byoc("cluster", "retry", cluster)
        self.world.wait_status(cluster, "running")
        self.assertComplete(cluster, type)
        self.end_well(cluster, (*failed, "provisioning"))
