"""A cluster is running when its own API says so: the one that lives in the
simulation, which kubectl understands as well."""

import base64
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import requests
import yaml

from bootstrap_helpers import require
from sim import wait_for
from system_case import SystemCase


# One of the only pod has to stay.
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
          "metadata": {"name": "names", "namespace": "kube-system"},
          "spec": {"minAvailable": 1,
                   "selector": {"matchLabels": {"k8s-app": "coredns"}}}}


class Ready(SystemCase):
    workers = 1
    environment = {"BYOC_WORKER_SOURCES": "127.0.0.0/8"}

    def waits_for(self, cluster):
        """The reason of the phase, as long as there is one."""
        rows = self.world.db(
            "SELECT reason FROM byoc.phases WHERE cluster_id = %s"
            " AND phase = 'ready' AND code IS NULL", cluster)
        return (rows[0][0] or "") if rows else ""

    def assertWaitsFor(self, cluster, sentence):
        wait_for(lambda: sentence in self.waits_for(cluster),
                 f"'{sentence}' of\n{self.world.phases(cluster)}")
        self.assertEqual(self.world.status(cluster)[0], "provisioning")

    def run_after_all(self, cluster, **options):
        self.sim.clear_faults()
        self.world.wait_status(cluster, "running")
        self.assertEqual(self.waits_for(cluster), "")
        self.assertComplete(cluster, **options)

    def kubeconfig(self, cluster):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "kubeconfig")
        path.write_text(self.world.byoc("cluster", "kubeconfig",
                                        cluster).stdout)
        return path

    def kubectl(self, kubeconfig, *arguments):
        return subprocess.run(
            ["kubectl", "--kubeconfig", str(kubeconfig), "--request-timeout",
             "10s", *arguments], text=True, capture_output=True,
            env={"PATH": os.environ["PATH"],
                 "HOME": str(kubeconfig.parent)})

    # What lacks

    def test_a_node_that_never_joins_is_waited_for_by_its_name(self):
        self.sim.disturb(server="*-worker-1", fate="absent")
        cluster = self.world.create_cluster("shop", workers=2)
        watch = self.start_watching(cluster)
        lacks = ("2 of 3 nodes are ready; waiting for "
                 f"shop-{cluster[:8]}-worker-1")
        self.assertWaitsFor(cluster, lacks)
        self.assertIn(lacks, self.world.byoc("cluster", "show",
                                             cluster).stdout)
        shown = next(line for line in watch.stdout if "waiting" in line)
        self.assertRegex(shown, rf"phase +ready +waiting +{lacks}")
        self.run_after_all(cluster, workers=2)
        watch.communicate(timeout=20)
        self.assertEqual(watch.returncode, 0)
        self.end_well(cluster)

    def test_every_node_is_ready_and_initialised(self):
        self.sim.disturb(api="slow", ms=50)
        self.sim.disturb(server="*-control-plane-1", fate="uninitialised")
        self.sim.disturb(server="*-control-plane-2", fate="not_ready")
        cluster = self.world.create_cluster(type="dedicated_ha")
        self.assertWaitsFor(cluster, "1 of 3 nodes are ready")
        self.run_after_all(cluster, type="dedicated_ha")
        self.end_well(cluster)

    def test_an_api_that_is_silent_is_asked_again(self):
        self.sim.disturb(api="silent")
        cluster = self.world.create_cluster()
        wait_for(lambda: [phase for phase, status in self.world.db(
            "SELECT phase, status FROM byoc.phases WHERE cluster_id = %s",
            cluster) if (phase, status) == ("ready", "leased")], "ready", 30)
        self.assertEqual(self.sim.clusters()[0]["calls"], 0)
        self.run_after_all(cluster)
        self.end_well(cluster)

    # Who may come

    def test_an_api_that_is_not_for_everybody_is_behind_the_gateway(self):
        require("kubectl")
        cluster = self.world.create_cluster(
            "shut", options=("--api-from", "192.0.2.0/24"))
        self.world.wait_status(cluster, "running")
        shown = self.world.byoc_json("cluster", "show", cluster)
        state = self.sim.state()
        (balancer,) = state["load_balancers"]
        (address,) = [ip["ip"] for ip in state["primary_ips"]
                      if ip["name"].endswith("-gateway-address")]
        self.assertFalse(balancer["public_net"]["enabled"])
        self.assertEqual(shown["endpoint"], f"https://{address}:6443")
        self.assertEqual(shown["egress_address"], address)
        (firewall,) = state["firewalls"]
        self.assertEqual(
            [rule["source_ips"] for rule in firewall["rules"]
             if rule["port"] == "6443"], [["127.0.0.0/8", "192.0.2.0/24"]])
        nodes = self.kubectl(self.kubeconfig(cluster), "get", "nodes")
        self.assertIn(" Ready ", nodes.stdout, nodes.stderr)
        self.end_well(cluster)

    # The API that lives in the simulation

    def test_kubectl_understands_it(self):
        require("kubectl")
        cluster = self.world.create_cluster("shop", workers=1)
        other = self.world.create_cluster("other")
        for each in (cluster, other):
            self.world.wait_status(each, "running")
        kubeconfig = self.kubeconfig(cluster)
        nodes = self.kubectl(kubeconfig, "get", "nodes")
        self.assertEqual(nodes.returncode, 0, nodes.stderr)
        self.assertRegex(nodes.stdout, r"(?m)^shop-\w+-control-plane-0 +Ready")
        self.assertRegex(nodes.stdout, r"(?m)^shop-\w+-worker-0 +Ready")
        self.assertEqual(len(nodes.stdout.splitlines()), 3)
        self.check_strangers(kubeconfig)
        self.check_drain(cluster, kubeconfig)
        self.check_deletion(cluster, kubeconfig)
        self.world.delete_cluster(other)
        self.end_well(cluster)

    def check_strangers(self, kubeconfig):
        """Neither nobody nor another cluster's administrator gets in."""
        own = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
        other = self.kubeconfig("other")
        user = yaml.safe_load(other.read_text())["users"][0]["user"]
        files = []
        for key in ("client-certificate-data", "client-key-data"):
            files.append(other.with_name(key))
            files[-1].write_bytes(base64.b64decode(user[key]))
        authority = other.with_name("authority")
        authority.write_bytes(
            base64.b64decode(own["certificate-authority-data"]))
        for certificate in (None, tuple(map(str, files))):
            answer = requests.get(f"{own['server']}/version", timeout=10,
                                  verify=str(authority), cert=certificate)
            self.assertEqual(answer.status_code, 401)

    def check_drain(self, cluster, kubeconfig):
        """A node is emptied, but for what a budget keeps."""
        def kubectl(*arguments, fine=True):
            done = self.kubectl(kubeconfig, *arguments)
            self.assertEqual(done.returncode == 0, fine, done)
            return done.stdout + done.stderr

        def home():
            return kubectl(
                "get", "pods", "-n", "kube-system", "-o",
                "jsonpath={range .items[*]}{.metadata.labels.k8s-app} "
                "{.spec.nodeName}{'\\n'}{end}").splitlines()
        node = next(line.split()[1] for line in home()
                    if line.startswith("coredns"))
        drain = ("drain", node, "--ignore-daemonsets", "--timeout")
        budget = kubeconfig.with_name("budget.json")
        budget.write_text(json.dumps(BUDGET))
        kubectl("create", "--validate=false", "-f", str(budget))
        self.assertIn("violate the pod's disruption budget",
                      kubectl(*drain, "1s", fine=False))
        self.assertIn(f"coredns {node}", home())
        self.assertIn("SchedulingDisabled", kubectl("get", "nodes"))
        kubectl("delete", "pdb", "names", "-n", "kube-system")
        kubectl(*drain, "20s")
        left = [line for line in home() if line.endswith(f" {node}")]
        self.assertEqual(left, [f"hcloud-csi-node {node}"])
        kubectl("uncordon", node)
        self.assertNotIn("SchedulingDisabled", kubectl("get", "nodes"))
        self.assertIn(node, kubectl("get", "leases", "-n", "kube-node-lease",
                                    "-o", "name"))

    def check_deletion(self, cluster, kubeconfig):
        """A node that is deleted comes back as its server runs on."""
        (name,), = self.world.db(
            "SELECT name FROM byoc.resources WHERE cluster_id = %s"
            " AND phase = 'worker'", cluster)
        gone = self.kubectl(kubeconfig, "delete", "node", name,
                            "--wait=false")
        self.assertEqual(gone.returncode, 0, gone.stderr)
        wait_for(lambda: name in self.kubectl(
            kubeconfig, "get", "nodes", "-o", "name").stdout, "the node")


if __name__ == "__main__":
    unittest.main()
