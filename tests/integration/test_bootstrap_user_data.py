"""What user_data says, read by the tools that will read it on a server:
cloud-init, shellcheck, systemd, sshd, nft, apt and kubectl."""

import hashlib
import itertools
import os
import shutil
import tempfile
import unittest

import yaml

from bootstrap_helpers import (LOAD_BALANCER, LOCATIONS, SERVERS, Keys, require,
                               run, user_data, written_files)

LIMIT = 32 * 1024
TLS = "/var/lib/rancher/k3s/server/tls/"
CLUSTER_ID = "7d1f8c1e-0c7b-4b39-9a5e-0a3f6f0f8f11"


class UserDataTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keys = Keys()
        cls.addClassCleanup(cls.keys.remove)
        cls.folder = tempfile.mkdtemp(prefix="byoc-user-data-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.texts = {server: user_data(cls.keys, *server) for server in SERVERS}

    def files(self, *server):
        return written_files(self.texts[server])

    def content(self, server, path):
        return self.files(*server)[path]["content"]

    def put(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def each_file(self):
        for server in SERVERS:
            for path, entry in self.files(*server).items():
                yield server, path, entry


class CloudInitTest(UserDataTest):
    def test_cloud_init_accepts_every_server_in_every_location(self):
        require("cloud-init")
        checked = set()
        for server, location in itertools.product(SERVERS, LOCATIONS):
            with self.subTest(server=server, location=location):
                text = user_data(self.keys, *server, location)
                self.assertTrue(text.startswith("#cloud-config\n"))
                self.assertLessEqual(len(text.encode()), LIMIT)
                if text in checked:  # not every server knows its location
                    continue
                checked.add(text)
                result = run("cloud-init", "schema", "--config-file",
                             self.put("user_data.yaml", text))
                self.assertIn("Valid cloud-config", result.stdout)

    def test_there_is_room_to_spare_without_compressing(self):
        for server, text in self.texts.items():
            self.assertLess(len(text), LIMIT * 2 // 3, server)

    def test_files_that_hold_secrets_are_the_owners_only(self):
        secrets = [self.keys.read("join_token"), "K10", "agent-token:",
                   "0123456789abcdefghijkl", "PRIVATE KEY"]
        for server, path, entry in self.each_file():
            if any(secret in entry["content"] for secret in secrets):
                self.assertEqual(entry.get("permissions"), "0600", (server, path))

    def test_nothing_has_to_be_decoded_and_nothing_is_deferred(self):
        """Files are there before the first command runs."""
        for server, path, entry in self.each_file():
            self.assertFalse({"encoding", "defer", "append"} & set(entry),
                             (server, path))


class ScriptsTest(UserDataTest):
    def test_shellcheck_passes_every_script(self):
        require("shellcheck")
        seen = set()
        for _, path, entry in self.each_file():
            if entry["content"].startswith("#!"):
                seen.add(path)
                self.assertEqual(entry["permissions"], "0755")
                run("shellcheck", self.put("script.sh", entry["content"]))
        self.assertEqual(seen, {"/usr/local/sbin/mengi-nat-gateway",
                                "/usr/local/sbin/mengi-node"})

    def test_shellcheck_passes_the_first_boots_commands(self):
        require("shellcheck")
        for server, text in self.texts.items():
            with self.subTest(server=server):
                commands = yaml.safe_load(text)["runcmd"]
                self.assertTrue(all(isinstance(c, str) for c in commands))
                script = "#!/bin/sh\n" + "\n".join(commands) + "\n"
                run("shellcheck", self.put("runcmd.sh", script))

    def test_scripts_come_through_unchanged(self):
        source = os.path.join(os.path.dirname(__file__), "..", "..", "src",
                              "bootstrap")
        for server, path, name in (
                (("single", "gateway", 0), "mengi-nat-gateway", "nat-gateway.sh"),
                (("single", "worker", 0), "mengi-node", "node.sh")):
            with open(os.path.join(source, name), encoding="ascii") as file:
                self.assertEqual(self.content(server, f"/usr/local/sbin/{path}"),
                                 file.read())

    def test_every_program_that_a_unit_starts_is_there(self):
        for server, path, entry in self.each_file():
            if not path.endswith(".service"):
                continue
            lines = dict(line.split("=", 1) for line in
                         entry["content"].splitlines() if "=" in line)
            program = lines["ExecStart"].split()[0]
            if program != "/usr/sbin/nft":
                self.assertIn(program, self.files(*server))

    def test_systemd_understands_every_unit(self):
        require("systemd-analyze")
        for server in SERVERS:
            units = []
            for path, entry in self.files(*server).items():
                if path.endswith(".service"):
                    # The programs are not on this machine, but in user_data.
                    text = entry["content"].replace("/usr/local/sbin/mengi-",
                                                    "/bin/true ")
                    text = text.replace("/usr/sbin/nft", "/bin/true")
                    units.append(self.put(os.path.basename(path), text))
            self.assertTrue(units)
            with self.subTest(server=server):
                result = run("systemd-analyze", "verify", "--man=no",
                             "--recursive-errors=no", *units)
                complaints = [line for line in result.stdout.splitlines()
                              if "mengi" in line]
                self.assertEqual(complaints, [])


class GatewayTest(UserDataTest):
    SERVER = ("single", "gateway", 0)

    def test_sshd_takes_keys_only(self):
        require("ssh-keygen")
        host_key = os.path.join(self.folder, "host_key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key)
        config = self.put("sshd_config", self.content(
            self.SERVER, "/etc/ssh/sshd_config.d/10-mengi.conf"))
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        effective = run("/usr/sbin/sshd", "-T", "-f", config, "-h",
                        host_key).stdout.splitlines()
        for line in ("authenticationmethods publickey",
                     "passwordauthentication no",
                     "kbdinteractiveauthentication no",
                     "permitrootlogin without-password",
                     "allowtcpforwarding yes"):  # to jump to the nodes
            self.assertIn(line, effective)
        self.assertIs(yaml.safe_load(self.texts[self.SERVER])["ssh_pwauth"], False)

    def test_apt_installs_security_upgrades_by_itself(self):
        require("apt-config")
        config = self.put("apt.conf", self.content(
            self.SERVER, "/etc/apt/apt.conf.d/52mengi-security-upgrades"))
        dump = run("apt-config", "dump", env={**os.environ, "APT_CONFIG": config})
        self.assertIn('APT::Periodic::Update-Package-Lists "1";', dump.stdout)
        self.assertIn('APT::Periodic::Unattended-Upgrade "1";', dump.stdout)

    def test_masquerading_comes_back_at_every_boot(self):
        unit = self.content(
            self.SERVER, "/etc/systemd/system/mengi-nat-gateway.service")
        self.assertIn("WantedBy=multi-user.target", unit)
        self.assertIn("ExecStart=/usr/local/sbin/mengi-nat-gateway 10.0.0.0/16\n",
                      unit)
        commands = yaml.safe_load(self.texts[self.SERVER])["runcmd"]
        self.assertIn("systemctl enable --now mengi-nat-gateway.service", commands)

    def test_holds_no_secret(self):
        text = self.texts[self.SERVER]
        self.assertNotIn(self.keys.read("join_token"), text)
        self.assertNotIn("BEGIN", text)


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
            self.assertEqual(config, {
                "agent-token": self.agent_token(),
                "tls-san": [LOAD_BALANCER],
                "cluster-cidr": "10.42.0.0/16",
                "service-cidr": "10.43.0.0/16",
                "disable-cloud-controller": True,
                "disable": ["servicelb", "local-storage"],
                "kubelet-arg": ["cloud-provider=external"],
                "etcd-expose-metrics": True,
                "secrets-encryption": True,
            })

    def test_joining_is_tied_to_the_server_authority(self):
        authority = self.keys.authorities()["server-ca.crt"]
        digest = hashlib.sha256(authority.encode()).hexdigest()
        for servers, login in (
                (self.PLANES, "server:" + self.keys.read("join_token")),
                (self.WORKERS, "node:" + self.agent_token())):
            for server in servers:
                self.assertEqual(self.yaml(server, "/etc/mengi/join.yaml"), {
                    "server": f"https://{LOAD_BALANCER}:6443",
                    "token": f"K10{digest}::{login}",
                })

    def test_only_the_first_control_plane_may_begin(self):
        for server in self.NODES:
            first = server[1:] == ("control_plane", 0)
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
        self.assertRegex(chart["spec"]["version"], r"^\d+\.\d+\.\d+$")
        values = yaml.safe_load(chart["spec"]["valuesContent"])
        self.assertEqual(values["networking"], {
            "enabled": True, "clusterCIDR": "10.42.0.0/16"})
        self.assertEqual(
            {name: value["value"] for name, value in values["env"].items()}, {
                "HCLOUD_NETWORK_ROUTES_ENABLED": "false",
                "HCLOUD_LOAD_BALANCERS_LOCATION": "fsn1",
                "HCLOUD_LOAD_BALANCERS_USE_PRIVATE_IP": "true",
                "HCLOUD_LOAD_BALANCERS_DISABLE_PRIVATE_INGRESS": "true",
            })

    def test_the_volume_driver_labels_what_it_makes(self):
        chart = self.manifest("volume-driver.yaml")
        self.assertRegex(chart["spec"]["version"], r"^\d+\.\d+\.\d+$")
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
