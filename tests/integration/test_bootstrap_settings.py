"""What nodes are told in user_data: k3s' settings, tokens, authorities, manifests
and what keeps a node up; read by apt, perl, systemd and kubectl."""

import hashlib
import os
import re
import unittest

import yaml

from bootstrap_helpers import (LOAD_BALANCER, PRIVATE_LOAD_BALANCER, SERVERS,
                               UserDataTest, require, run)

TLS = "/var/lib/rancher/k3s/server/tls/"
CLUSTER_ID = "7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11"


class NodeTest(UserDataTest):
    NODES = [server for server in SERVERS if server[1] != "gateway"]
    PLANES = [server for server in SERVERS if server[1] == "control_plane"]
    WORKERS = [server for server in SERVERS if server[1] == "worker"]

    def yaml(self, server, path):
        return yaml.safe_load(self.content(server, path))

    def agent_token(self):
        """Nobody gets from it to the token that it is derived from."""
        text = "agent-token:" + self.keys.read("join_token")
        return hashlib.sha256(text.encode()).hexdigest()

    def test_the_authorities_come_through_byte_by_byte(self):
        for server in self.PLANES:
            files = {path[len(TLS):]: entry["content"] for path, entry in
                     self.files(*server).items() if path.startswith(TLS)}
            self.assertEqual(files, self.keys.authorities())

    def test_a_worker_has_no_authority_and_no_api_token(self):
        for server in self.WORKERS:
            self.assertFalse([path for path in self.files(*server)
                              if path.startswith(TLS)])
            self.assertNotIn("hcloud", self.texts[server])
            self.assertNotIn(self.keys.read("join_token"), self.texts[server])

    def test_control_planes_have_the_settings_of_k3s(self):
        for server in self.PLANES:
            config = self.yaml(server, "/etc/rancher/k3s/config.yaml")
            config.pop("node-taint", None)
            self.assertEqual(config, {
                "agent-token": self.agent_token(),
                "tls-san": [PRIVATE_LOAD_BALANCER, LOAD_BALANCER],
                "cluster-cidr": "10.42.0.0/16",
                "service-cidr": "10.43.0.0/16",
                "disable-cloud-controller": True,
                "disable": ["servicelb", "local-storage", "traefik"],
                "kubelet-arg": [
                    "cloud-provider=external",
                    "kube-reserved=cpu=250m,memory=1200Mi",
                    "system-reserved=cpu=100m,memory=300Mi",
                ],
                "kube-apiserver-arg": [
                    "admission-control-config-file="
                    "/etc/rancher/k3s/pod-security.yaml"],
                "embedded-registry": True,
                "secrets-encryption": True,
            })

    def test_control_planes_are_tainted_where_there_are_workers(self):
        for server in self.PLANES:
            config = self.yaml(server, "/etc/rancher/k3s/config.yaml")
            self.assertEqual(
                config.get("node-taint"),
                ["CriticalAddonsOnly=true:NoExecute"] if "workers" in server
                else None, server)

    def test_pods_are_held_to_the_baseline_outside_kube_system(self):
        for server in self.PLANES:
            admission = self.yaml(server, "/etc/rancher/k3s/pod-security.yaml")
            plugin, = admission["plugins"]
            self.assertEqual((admission["kind"], plugin["name"]),
                             ("AdmissionConfiguration", "PodSecurity"))
            self.assertEqual(plugin["configuration"], {
                "apiVersion": "pod-security.admission.config.k8s.io/v1",
                "kind": "PodSecurityConfiguration",
                "defaults": {"enforce": "baseline", "enforce-version": "latest"},
                "exemptions": {"namespaces": ["kube-system"]},
            })

    def test_workers_keep_memory_for_themselves(self):
        for server in self.WORKERS:
            self.assertEqual(self.yaml(server, "/etc/rancher/k3s/config.yaml"), {
                "kubelet-arg": [
                    "cloud-provider=external",
                    "kube-reserved=cpu=50m,memory=300Mi",
                    "system-reserved=cpu=100m,memory=300Mi",
                ]})

    def test_nodes_give_each_other_their_images(self):
        for server in self.NODES:
            self.assertEqual(self.yaml(server, "/etc/rancher/k3s/registries.yaml"),
                             {"mirrors": {"*": {}}})

    def test_no_node_restarts_by_surprise(self):
        require("apt-config", "perl")
        for server in self.NODES:
            config = self.put("apt.conf", self.content(
                server, "/etc/apt/apt.conf.d/52mengi-security-upgrades"))
            dump = run("apt-config", "dump",
                       env={**os.environ, "APT_CONFIG": config}).stdout
            self.assertIn('APT::Periodic::Unattended-Upgrade "1";', dump)
            self.assertIn('Unattended-Upgrade::Automatic-Reboot "false";', dump)

            rules = self.put("needrestart.conf", self.content(
                server, "/etc/needrestart/conf.d/60-mengi.conf"))
            script = ("our %nrconf; do $ARGV[0]; die $@ if $@;"
                      "for my $unit (@ARGV[1..$#ARGV]) {"
                      "  for (keys %{$nrconf{override_rc}}) {"
                      "    print \"$unit\\n\" if $unit =~ $_ } }")
            kept = run("perl", "-e", script, rules, "k3s.service",
                       "k3s-agent.service", "systemd-networkd.service",
                       "systemd-resolved.service", "ssh.service")
            self.assertEqual(kept.stdout.split(), [
                "k3s.service", "k3s-agent.service", "systemd-networkd.service",
                "systemd-resolved.service"])

    def test_there_are_watches_for_every_container(self):
        for server in self.NODES:
            settings = self.content(server, "/etc/sysctl.d/60-mengi-node.conf")
            self.assertIn("fs.inotify.max_user_instances = 8192\n", settings)
            self.assertIn("fs.inotify.max_user_watches = 524288\n", settings)
            self.assertIn("systemctl restart systemd-sysctl.service "
                          "systemd-journald.service",
                          yaml.safe_load(self.texts[server])["runcmd"])

    def test_a_boot_waits_for_any_link_only(self):
        for server in self.NODES:
            unit = self.content(server, "/etc/systemd/system/systemd-networkd-"
                                "wait-online.service.d/90-mengi.conf")
            commands = [line for line in unit.splitlines() if "Exec" in line]
            self.assertEqual(commands[0], "ExecStart=")
            self.assertTrue(commands[1].endswith("wait-online --any"))

    def test_certificates_are_looked_at_every_week(self):
        require("systemd-analyze")
        for server in self.NODES:
            timer = self.content(server,
                                 "/etc/systemd/system/mengi-certificates.timer")
            when = re.search(r"(?m)^OnCalendar=(.*)$", timer).group(1)
            run("systemd-analyze", "calendar", when)
            self.assertIn("systemctl enable --now mengi-certificates.timer",
                          yaml.safe_load(self.texts[server])["runcmd"])

    def test_joining_is_tied_to_the_server_authority(self):
        authority = self.keys.authorities()["server-ca.crt"]
        digest = hashlib.sha256(authority.encode()).hexdigest()
        for servers, login in (
                (self.PLANES, "server:" + self.keys.read("join_token")),
                (self.WORKERS, "node:" + self.agent_token())):
            for server in servers:
                self.assertEqual(self.yaml(server, "/etc/mengi/join.yaml"), {
                    "server": f"https://{PRIVATE_LOAD_BALANCER}:6443",
                    "token": f"K10{digest}::{login}",
                })

    def test_only_the_first_control_plane_may_begin(self):
        for server in self.NODES:
            first = server[1:] == ("control_plane", 0)  # and never ready
            self.assertEqual("/etc/mengi/begin.yaml" in self.files(*server), first)
            self.assertEqual("HelmChart" in self.texts[server], first)
            if first:
                self.assertEqual(self.yaml(server, "/etc/mengi/begin.yaml"), {
                    "cluster-init": True, "token": self.keys.read("join_token")})

    def test_the_private_link_is_matched_by_what_it_is(self):
        for server in self.NODES:
            network = self.content(
                server, "/etc/systemd/network/05-mengi-private.network")
            for line in ("Type=ether", "Kind=!*", "MTUBytes=1450", "DHCP=ipv4",
                         "Gateway=10.0.0.1", "GatewayOnLink=yes",
                         "DNS=185.12.64.1", "DNS=185.12.64.2"):
                self.assertIn(line, network.splitlines())
            self.assertNotIn("Name=", network)

    def test_k3s_is_pinned_and_does_not_start_without_the_guard(self):
        for server in self.NODES:
            service = "k3s-agent" if server in self.WORKERS else "k3s"
            settings = self.content(server, "/etc/mengi/node.env")
            self.assertRegex(settings, r"(?m)^RELEASE=v1\.\d+\.\d+\+k3s\d+$")
            self.assertIn(f"SERVICE={service}\n", settings)
            for name in ("BINARY", "INSTALLER"):
                self.assertRegex(settings, rf"(?m)^{name}_SHA256=[0-9a-f]{{64}}$")
            # The installer would hand those on to k3s.
            self.assertNotRegex(settings, r"(?m)^K3S_")
            guard = self.content(
                server, "/etc/systemd/system/mengi-metadata-guard.service")
            self.assertIn(f"RequiredBy={service}.service\n", guard)
            self.assertIn(f"Before={service}.service\n", guard)


class ManifestsTest(UserDataTest):
    SERVER = ("ha", "control_plane", 0)
    FOLDER = "/etc/mengi/manifests/"

    def manifest(self, name):
        return yaml.safe_load(self.content(self.SERVER, self.FOLDER + name))

    def assertPinned(self, manifest, name):
        """The node puts the chart itself in there, if it has that hash."""
        self.assertRegex(manifest["spec"]["chartContent"],
                         rf"^{name}-\d+\.\d+\.\d+\.tgz [0-9a-f]{{64}}$")
        for another in ("chart", "repo", "version"):
            self.assertNotIn(another, manifest["spec"])

    def test_the_secret_holds_token_and_network(self):
        secret = self.manifest("hcloud-secret.yaml")
        self.assertEqual((secret["kind"], secret["metadata"]), (
            "Secret", {"name": "hcloud", "namespace": "kube-system"}))
        self.assertEqual(set(secret["stringData"]), {"token", "network"})
        self.assertEqual(len(secret["stringData"]["token"]), 64)
        self.assertEqual(secret["stringData"]["network"], "shop-7d1f8c1e-network")

    def test_the_cloud_controller_uses_the_private_network(self):
        chart = self.manifest("cloud-controller.yaml")
        self.assertEqual((chart["apiVersion"], chart["kind"]),
                         ("helm.cattle.io/v1", "HelmChart"))
        self.assertIs(chart["spec"]["bootstrap"], True)
        self.assertPinned(chart, "hcloud-cloud-controller-manager")
        values = yaml.safe_load(chart["spec"]["valuesContent"])
        self.assertEqual(values["networking"], {
            "enabled": True, "clusterCIDR": "10.42.0.0/16"})
        self.assertEqual(
            {name: value["value"] for name, value in values["env"].items()}, {
                "HCLOUD_NETWORK_ROUTES_ENABLED": "false",
                "HCLOUD_NETWORK_DISABLE_ATTACHED_CHECK": "true",
                "HCLOUD_LOAD_BALANCERS_LOCATION": "fsn1",
                "HCLOUD_LOAD_BALANCERS_TYPE": "lb11",
                "HCLOUD_LOAD_BALANCERS_USE_PRIVATE_IP": "true",
                "HCLOUD_LOAD_BALANCERS_DISABLE_PRIVATE_INGRESS": "true",
            })

    def test_a_new_cloud_controller_waits_for_the_old_ones_port(self):
        chart = self.manifest("cloud-controller.yaml")
        values = yaml.safe_load(chart["spec"]["valuesContent"])
        self.assertEqual(values["strategy"], {"type": "Recreate"})

    def test_the_volume_driver_labels_what_it_makes(self):
        chart = self.manifest("volume-driver.yaml")
        self.assertPinned(chart, "hcloud-csi")
        values = yaml.safe_load(chart["spec"]["valuesContent"])
        self.assertEqual(values["controller"]["volumeExtraLabels"],
                         {"mengi.cloud/cluster": CLUSTER_ID})
        self.assertEqual(values["controller"]["hcloudVolumeDefaultLocation"],
                         "fsn1")
        # It asks the metadata service, which pods are kept away from.
        self.assertIs(values["node"]["hostNetwork"], True)

    def test_kubectl_reads_every_manifest_as_an_object(self):
        require("kubectl")
        for path, entry in self.files(*self.SERVER).items():
            if path.startswith(self.FOLDER):
                with self.subTest(path):
                    printed = run(
                        "kubectl", "label", "--local", "--output", "yaml",
                        "--filename", self.put("manifest.yaml", entry["content"]),
                        "read=yes", env={"PATH": os.environ["PATH"],
                                         "HOME": self.folder}).stdout
                    labels = yaml.safe_load(printed)["metadata"]["labels"]
                    self.assertEqual(labels, {"read": "yes"})


if __name__ == "__main__":
    unittest.main()
