"""The node's script, run as systemd runs it, with the files of user_data."""

import base64
import os
import re
import unittest

import yaml

from bootstrap_helpers import PRIVATE_LOAD_BALANCER, Keys
from bootstrap_node import NodeCase


class NodeTest(NodeCase):
    def test_the_first_control_plane_begins_the_cluster(self):
        node = self.node(*self.FIRST)
        node.boot()
        config = node.config()
        self.assertIs(config["cluster-init"], True)
        self.assertNotIn("server", config)
        self.assertEqual(config["token"], self.keys.read("join_token"))
        self.assertEqual(config["node-ip"], "10.0.0.3")
        self.assertNotIn("flannel-iface", config)  # another type, another name
        self.assertEqual(sorted(os.listdir(node.root + "/objects")), [
            "administrators.yaml", "cloud-controller.yaml",
            "hcloud-secret.yaml", "volume-driver.yaml"])
        self.assertTrue(node.is_in_cluster())

    def test_the_guard_is_up_before_k3s_and_k3s_starts_last(self):
        node = self.node(*self.FIRST)
        node.boot()
        log = node.log()
        self.assertRegex(log[0], r"^download https://.*/v1\.[0-9.]*%2Bk3s1/install.sh$")
        self.assertRegex(log[1], r"^download https://.*/v1\.[0-9.]*%2Bk3s1/k3s$")
        charts = ["download https://charts.hetzner.cloud/" + name for name in (
            "hcloud-cloud-controller-manager-", "hcloud-csi-")]
        self.assertEqual([re.sub(r"[0-9.]+tgz$", "", line)
                          for line in log[3:5]], charts)
        self.assertEqual(log[2:3] + log[5:], [
            "install server download=true enable=true start=true",
            "daemon-reload",
            "enable --now mengi-metadata-guard.service",
            "enable --now k3s.service",
        ])

    def test_a_first_control_plane_made_again_joins_the_others(self):
        node = self.node(*self.FIRST)
        node.serve_api(self.keys)
        node.boot()
        config = node.config()
        self.assertNotIn("cluster-init", config)
        self.assertEqual(config["server"], f"https://{PRIVATE_LOAD_BALANCER}:6443")
        self.assertRegex(config["token"], r"^K10[0-9a-f]{64}::server:")
        # Nor does it bring back an API token that was replaced meanwhile.
        self.assertEqual(node.manifests(), [])

    def test_an_api_in_trouble_is_a_cluster_that_lives(self):
        node = self.node(*self.FIRST)
        node.serve_api(self.keys, status=503)
        node.boot()
        self.assertIn("server", node.config())

    def test_nothing_begins_where_another_cluster_answers(self):
        other = Keys()
        self.addCleanup(other.remove)
        node = self.node(*self.FIRST)
        node.serve_api(other)
        result = node.boot(check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("another cluster answers", result.stdout)
        self.assertNotIn("cluster-init", node.config())
        self.assertFalse(node.is_in_cluster())
        self.assertNotIn("enable --now k3s.service", node.log())

    def test_the_choice_is_made_once(self):
        """The API that answers after a failed start may be its own."""
        node = self.node(*self.FIRST)
        node.put("/refuse", "enable --now k3s.service\n")
        self.assertEqual(node.boot(check=False).returncode, 1)
        self.assertFalse(node.is_in_cluster())
        os.remove(node.root + "/refuse")
        node.serve_api(self.keys)
        node.boot()
        self.assertIs(node.config()["cluster-init"], True)
        self.assertNotIn("server", node.config())
        self.assertTrue(node.is_in_cluster())
        self.assertEqual(len([line for line in node.log()
                              if line.startswith("install")]), 1)

    def test_nothing_is_chosen_before_the_way_out_works(self):
        node = self.node(*self.FIRST)
        node.put("/offline", "")
        self.assertNotEqual(node.boot(check=False).returncode, 0)
        self.assertNotIn("cluster-init", node.config())
        self.assertEqual(node.log(), [])

    def test_a_guard_that_fails_keeps_k3s_from_starting(self):
        node = self.node(*self.FIRST)
        node.put("/refuse", "enable --now mengi-metadata-guard.service\n")
        self.assertEqual(node.boot(check=False).returncode, 1)
        self.assertNotIn("enable --now k3s.service", node.log())
        self.assertFalse(node.is_in_cluster())

    def check_joins(self, server, role, service):
        node = self.node(*server)
        node.boot()  # and nobody answers yet: k3s waits itself
        config = node.config()
        self.assertNotIn("cluster-init", config)
        self.assertEqual(config["server"], f"https://{PRIVATE_LOAD_BALANCER}:6443")
        self.assertEqual(config["node-ip"], "10.0.0.3")
        self.assertTrue(node.log()[2].startswith(f"install {role} "))
        self.assertIn(f"enable --now {service}.service", node.log())
        self.assertEqual(node.manifests(), [])

    def test_further_control_planes_join(self):
        self.check_joins(("ha", "control_plane", 1), "server", "k3s")

    def test_workers_join(self):
        self.check_joins(("ha", "worker", 9), "agent", "k3s-agent")

    def test_a_link_that_is_not_up_yet_is_waited_for(self):
        node = self.node(*self.FIRST)
        node.namespace("ip", "address", "flush", "dev", "enp7s0")
        node.namespace("ip", "route", "flush", "default")
        self.assertNotEqual(node.boot(check=False).returncode, 0)
        # Another way to the router's address is not the private link.
        node.namespace("ip", "address", "add", "192.0.2.9/24", "dev", "enp7s0")
        node.namespace("ip", "route", "add", "default", "via", "192.0.2.1")
        result = node.boot(check=False)
        self.assertIn("the private link is not up yet", result.stdout)
        self.assertEqual(node.log(), [])

    def test_settings_are_the_owners_only(self):
        node = self.node(*self.FIRST)
        node.boot()
        folder = node.root + "/etc/rancher/k3s/config.yaml.d"
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        self.assertEqual(
            os.stat(f"{folder}/50-cluster.yaml").st_mode & 0o777, 0o600)

    def test_k3s_reads_manifests_that_are_the_owners_only(self):
        node = self.node(*self.FIRST)
        node.put("/no-api", "")
        node.boot(check=False)
        secret = "/var/lib/rancher/k3s/server/manifests/hcloud-secret.yaml"
        self.assertEqual(os.stat(node.root + secret).st_mode & 0o777, 0o600)

    def test_a_token_that_was_replaced_stays_replaced(self):
        node = self.node(*self.FIRST)
        node.boot()
        self.assertIn("0123456789abcdef", node.read("/objects/hcloud-secret.yaml"))
        node.put("/objects/hcloud-secret.yaml", "token: new\n")
        node.restart()
        self.assertEqual(node.read("/objects/hcloud-secret.yaml"), "token: new\n")

    def test_manifests_stay_until_their_objects_are_there(self):
        node = self.node(*self.FIRST)
        node.put("/no-api", "")
        self.assertNotEqual(node.boot(check=False).returncode, 0)
        self.assertFalse(node.is_in_cluster())
        self.assertIn("hcloud-secret.yaml", node.manifests())
        os.remove(node.root + "/no-api")
        node.boot()
        self.assertTrue(node.is_in_cluster())
        self.assertEqual(node.manifests(), [])

    def test_no_copy_of_a_secret_is_left_in_our_own_folder(self):
        for server in (self.FIRST, ("ha", "control_plane", 1), ("ha", "worker", 9)):
            node = self.node(*server)
            node.boot()
            self.assertEqual(node.visible("/etc/mengi"),
                             ["metadata-guard.nft", "node.env"], server)

    def test_a_first_control_plane_that_joins_forgets_the_api_token(self):
        node = self.node(*self.FIRST)
        node.serve_api(self.keys)
        node.boot()
        self.assertEqual(node.visible("/etc/mengi"),
                         ["metadata-guard.nft", "node.env"])
        self.assertEqual(os.listdir(node.root + "/objects"), [])

    def test_a_cluster_that_was_ready_is_not_begun_again(self):
        node = self.node(*self.FIRST, "running")
        node.boot()  # and nobody answers
        self.assertNotIn("cluster-init", node.config())
        self.assertEqual(node.config()["server"],
                         f"https://{PRIVATE_LOAD_BALANCER}:6443")

    def test_nothing_runs_that_was_not_chosen(self):
        for name, setting in (("k3s", "BINARY_SHA256"),
                              ("install.sh", "INSTALLER_SHA256")):
            node = self.node("ha", "worker", 9)
            result = node.boot(check=False, **{setting: "0" * 64})
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"/{name} is not what this cluster was made for",
                          result.stdout)
            self.assertFalse([line for line in node.log()
                              if line.startswith(("install", "enable"))])
            # The next attempt is a new download, not the same file.
            node.boot()
            self.assertTrue(node.is_in_cluster())

    def test_the_cluster_gets_the_charts_that_were_chosen(self):
        node = self.node(*self.FIRST)
        chart = node.read("/chart")
        node.put("/chart", "another")
        result = node.boot(check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stdout,
                         r"-[0-9.]+\.tgz is not what this cluster was made for")
        self.assertNotIn("enable --now k3s.service", node.log())
        node.put("/chart", chart)
        node.boot()
        for name in ("cloud-controller.yaml", "volume-driver.yaml"):
            spec = yaml.safe_load(node.read(f"/objects/{name}"))["spec"]
            self.assertEqual(base64.b64decode(spec["chartContent"]).decode(),
                             chart)
            self.assertIn("valuesContent", spec)

    def test_what_was_downloaded_is_not_downloaded_again(self):
        node = self.node("ha", "worker", 9)
        node.boot(check=False, INSTALLER_SHA256="0" * 64)
        node.put("/refuse", "enable --now k3s-agent.service\n")
        node.boot(check=False)
        node.boot(check=False)
        self.assertEqual(len([line for line in node.log()
                              if line.endswith("/k3s")]), 1)

    def test_the_tools_for_volumes_are_there_but_k3s_need_not_wait(self):
        node = self.node("ha", "worker", 9)
        node.put("/no-mirror", "")
        self.assertNotEqual(node.boot(check=False).returncode, 0)
        self.assertIn("enable --now k3s-agent.service", node.log())
        self.assertFalse(node.is_in_cluster())
        os.remove(node.root + "/no-mirror")
        node.boot()
        packages = node.read("/packages").split()
        self.assertLessEqual({"open-iscsi", "nfs-common"}, set(packages))

    def test_a_node_that_never_joins_tries_for_ever_and_says_so(self):
        node = self.node("ha", "worker", 9)
        node.put("/refuse", "enable --now k3s-agent.service\n")
        for attempt in range(1, 4):
            self.assertEqual(node.boot(check=False).returncode, 1)
            self.assertFalse(node.is_in_cluster())
            self.assertTrue(node.exists("/etc/mengi/join.yaml"))
            self.assertEqual(node.log().count("enable --now k3s-agent.service"),
                             attempt)
        os.remove(node.root + "/refuse")
        node.boot()
        self.assertTrue(node.is_in_cluster())


if __name__ == "__main__":
    unittest.main()
