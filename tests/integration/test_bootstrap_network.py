"""The gateway's masquerading and the guard of the metadata service, with real
packets between network namespaces."""

import os
import shutil
import subprocess
import tempfile
import unittest

from bootstrap_helpers import (Keys, Namespace, link, require_namespaces,
                               user_data, written_files)

INTERNET = "203.0.113.80"
METADATA = "169.254.169.254"
NODE = "10.0.0.3"
BALANCER = "10.0.0.2"
API = 6443


class NetworkTest(unittest.TestCase):
    SERVER = None

    @classmethod
    def setUpClass(cls):
        require_namespaces()
        keys = Keys()
        cls.addClassCleanup(keys.remove)
        cls.files = written_files(user_data(keys, *cls.SERVER))
        cls.folder = tempfile.mkdtemp(prefix="byoc-network-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def namespace(self, name):
        namespace = Namespace(name)
        self.addCleanup(namespace.delete)
        return namespace

    def put(self, path):
        """Puts a file of user_data on this machine; returns where."""
        entry = self.files[path]
        copy = os.path.join(self.folder, os.path.basename(path))
        with open(copy, "w", encoding="ascii") as file:
            file.write(entry["content"])
        os.chmod(copy, int(entry.get("permissions", "0644"), 8))
        return copy

    def command_of(self, unit):
        """What a unit starts, with its program put on this machine."""
        content = self.files[f"/etc/systemd/system/{unit}"]["content"]
        line = next(line for line in content.splitlines()
                    if line.startswith("ExecStart="))
        return [self.put(word) if word in self.files else word
                for word in line.split("=", 1)[1].split()]


class GatewayCase(NetworkTest):
    """node -- router -- gateway -- internet, as Hetzner connects them: a node
    sends to the network's router, whose route leads to the gateway. Nothing on
    the internet knows a way to private addresses."""

    SERVER = ("single", "gateway", 0)

    def setUp(self):
        self.node, self.router, self.gateway, self.internet = (
            self.namespace(name) for name in ("node", "router", "gw", "inet"))
        link(self.node, "ens10", self.router, "to-node")
        link(self.gateway, "enp8s0", self.router, "to-gateway")
        link(self.gateway, "wan7", self.internet, "isp")

        for host, device, address in ((self.node, "ens10", NODE),
                                      (self.gateway, "enp8s0", "10.0.0.254")):
            host("ip", "address", "add", f"{address}/32", "dev", device)
            host("ip", "route", "add", "10.0.0.1", "dev", device)
            host("ip", "route", "add", "10.0.0.0/16", "via", "10.0.0.1")
        self.node("ip", "route", "add", "default", "via", "10.0.0.1")
        self.gateway("ip", "address", "add", "198.51.100.2/24", "dev", "wan7")
        self.gateway("ip", "route", "add", "default", "via", "198.51.100.1")

        self.router("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.router("ip", "address", "add", "10.0.0.1/32", "dev", "lo")
        self.router("ip", "route", "add", NODE, "dev", "to-node")
        self.router("ip", "route", "add", "10.0.0.254", "dev", "to-gateway")
        self.router("ip", "route", "add", "default", "via", "10.0.0.254")

        self.internet("ip", "address", "add", "198.51.100.1/24", "dev", "isp")
        for address in (INTERNET, METADATA):
            self.internet("ip", "address", "add", f"{address}/32", "dev", "lo")
            self.internet.serve(address)

    def boot(self):
        """What systemd does at boot, with the files of user_data."""
        settings = self.files["/etc/sysctl.d/60-mengi-nat.conf"]["content"]
        for line in settings.splitlines():
            if "conntrack" not in line:  # those are the machine's
                self.gateway("sysctl", "-qw", line.replace(" ", ""))
        self.gateway(*self.command_of("mengi-nat-gateway.service"))

    def add_balancer(self):
        self.node("ip", "address", "add", f"{BALANCER}/32", "dev", "ens10")
        self.router("ip", "route", "add", BALANCER, "dev", "to-node")
        self.node.serve(BALANCER, API)
        self.node.serve(BALANCER, 80)


class GatewayTest(GatewayCase):
    def test_is_the_way_out_and_there_is_no_other(self):
        self.assertIsNone(self.node.fetch(INTERNET))
        self.boot()
        # The address that the internet sees is the gateway's public one.
        self.assertEqual(self.node.fetch(INTERNET), "198.51.100.2")

    def test_may_be_set_up_again_and_again(self):
        self.boot()
        once = self.gateway("nft", "list", "ruleset").stdout
        self.boot()
        self.boot()
        self.assertEqual(self.gateway("nft", "list", "ruleset").stdout, once)
        self.assertEqual(self.node.fetch(INTERNET), "198.51.100.2")

    def test_survives_a_reboot(self):
        self.boot()
        self.gateway("nft", "flush", "ruleset")
        self.gateway("sysctl", "-qw", "net.ipv4.ip_forward=0")
        self.assertIsNone(self.node.fetch(INTERNET))
        self.boot()
        self.assertEqual(self.node.fetch(INTERNET), "198.51.100.2")

    def test_leaves_the_rules_of_others_alone(self):
        self.gateway("nft", "add table ip fail2ban")
        self.boot()
        self.assertIn("fail2ban", self.gateway("nft", "list", "tables").stdout)

    def test_lets_nobody_in(self):
        self.node.serve(NODE)
        self.boot()
        self.assertEqual(self.gateway.fetch(NODE), "10.0.0.254")
        self.internet("ip", "route", "add", "10.0.0.0/16", "via", "198.51.100.2")
        self.assertIsNone(self.internet.fetch(NODE))

    def test_forwards_for_the_private_network_only(self):
        self.boot()
        self.node("ip", "address", "add", "10.42.0.9/32", "dev", "ens10")
        self.node("ip", "route", "replace", "default", "via", "10.0.0.1", "src",
                  "10.42.0.9")
        self.router("ip", "route", "add", "10.42.0.9", "dev", "to-node")
        self.assertIsNone(self.node.fetch(INTERNET))

    def test_keeps_its_metadata_to_itself(self):
        self.boot()
        self.assertEqual(self.gateway.fetch(METADATA), "198.51.100.2")
        self.assertIsNone(self.node.fetch(METADATA))

    def test_asks_to_be_run_again_before_there_is_a_default_route(self):
        self.gateway("ip", "route", "del", "default")
        result = self.gateway(*self.command_of("mengi-nat-gateway.service"),
                              check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no default route", result.stdout)

    def test_relays_nothing_when_the_api_has_its_own_door(self):
        self.add_balancer()
        self.boot()
        self.assertIsNone(self.internet.fetch("198.51.100.2", API))


class RelayTest(GatewayCase):
    """The API's door is the gateway's."""

    SERVER = ("single", "gateway", 0, "closed")

    def test_relays_what_comes_for_the_api_and_nothing_else(self):
        """The balancer sees the gateway, so that its answers come back."""
        self.add_balancer()
        self.boot()
        self.assertEqual(self.internet.fetch("198.51.100.2", API), "10.0.0.254")
        self.assertEqual(self.node.fetch(INTERNET), "198.51.100.2")
        self.assertIsNone(self.internet.fetch("198.51.100.2", 80))
        self.internet("ip", "route", "add", "10.0.0.0/16", "via", "198.51.100.2")
        self.assertIsNone(self.internet.fetch(BALANCER, API))


class MetadataGuardTest(NetworkTest):
    """pod -- node -- metadata service, which is also something on the internet
    that pods may reach. The node forwards and masquerades as k3s makes it."""

    SERVER = ("single", "worker", 0)

    def setUp(self):
        self.pod, self.node, self.outside = (
            self.namespace(name) for name in ("pod", "node", "out"))
        link(self.node, "cni0", self.pod, "eth0")
        link(self.node, "ens10", self.outside, "host")
        self.pod("ip", "address", "add", "10.42.0.5/24", "dev", "eth0")
        self.node("ip", "address", "add", "10.42.0.1/24", "dev", "cni0")
        self.pod("ip", "route", "add", "default", "via", "10.42.0.1")
        self.node("ip", "address", "add", "10.0.0.3/24", "dev", "ens10")
        self.outside("ip", "address", "add", "10.0.0.1/24", "dev", "host")
        self.node("ip", "route", "add", "default", "via", "10.0.0.1")
        self.node("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for address in (INTERNET, METADATA):
            self.outside("ip", "address", "add", f"{address}/32", "dev", "lo")
            self.outside.serve(address)
        self.add_rules_of_k3s()

    def add_rules_of_k3s(self):
        """A chain that accepts before ours would at any other priority, the
        masquerading, and a Service that leads to the metadata service."""
        self.node("nft", f"""
table ip kube
flush table ip kube
table ip kube {{
  chain forward {{
    type filter hook forward priority filter - 10; policy accept;
    ip saddr 10.42.0.0/16 accept
  }}
  chain services {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 10.43.0.99 dnat to {METADATA}
  }}
  chain own_services {{
    type nat hook output priority -100; policy accept;
    ip daddr 10.43.0.99 dnat to {METADATA}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.42.0.0/16 oifname "ens10" masquerade
  }}
}}""")

    def guard(self):
        self.put("/etc/mengi/metadata-guard.nft")
        command = self.command_of("mengi-metadata-guard.service")
        self.node(*command)

    def test_a_pod_is_kept_away_and_the_node_is_not(self):
        self.assertEqual(self.pod.fetch(METADATA), "10.0.0.3")  # without it
        self.guard()
        self.assertIsNone(self.pod.fetch(METADATA))
        self.assertEqual(self.node.fetch(METADATA), "10.0.0.3")

    def test_a_pod_reaches_everything_else(self):
        self.guard()
        self.assertEqual(self.pod.fetch(INTERNET), "10.0.0.3")

    def test_a_service_is_no_way_around(self):
        self.assertEqual(self.pod.fetch("10.43.0.99"), "10.0.0.3")
        self.guard()
        self.assertIsNone(self.pod.fetch("10.43.0.99"))

    def test_a_pod_on_the_hosts_network_is_kept_away_unless_it_is_root(self):
        """The volume driver is root; the cloud controller is nobody."""
        nobody = {"user": "65532"}
        self.assertEqual(self.node.fetch(METADATA, **nobody), "10.0.0.3")
        self.assertEqual(self.node.fetch("10.43.0.99", **nobody), "10.0.0.3")
        self.guard()
        self.assertIsNone(self.node.fetch(METADATA, **nobody))
        self.assertIsNone(self.node.fetch("10.43.0.99", **nobody))
        self.assertEqual(self.node.fetch(INTERNET, **nobody), "10.0.0.3")
        self.assertEqual(self.node.fetch(METADATA), "10.0.0.3")

    def test_rules_made_later_do_not_undo_it(self):
        self.guard()
        self.add_rules_of_k3s()
        self.assertIsNone(self.pod.fetch(METADATA))

    def test_may_be_set_up_again_and_again(self):
        self.guard()
        once = self.node("nft", "list", "ruleset").stdout
        self.guard()
        self.assertEqual(self.node("nft", "list", "ruleset").stdout, once)

    def test_a_connection_begun_before_does_not_outlive_it(self):
        script = ("import socket, sys\n"
                  f"s = socket.create_connection(('{METADATA}', 80), 5)\n"
                  "print('open', flush=True)\n"
                  "sys.stdin.readline()\n"
                  "s.settimeout(1)\n"
                  "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
                  "try:\n"
                  "    print('got', s.recv(9))\n"
                  "except OSError:\n"
                  "    print('nothing')\n")
        process = self.pod.start("/usr/bin/python3", "-c", script, text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), "open\n")
        self.guard()
        process.stdin.write("\n")
        process.stdin.close()
        self.assertEqual(process.stdout.readline(), "nothing\n")


if __name__ == "__main__":
    unittest.main()
