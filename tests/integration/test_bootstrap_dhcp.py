"""The private link with the programs that configure it: systemd-networkd with the
files of user_data, Hetzner's DHCP with and without routes, and the second client
that Hetzner's image brings. In namespaces a link is always virtual, so it is
matched by its name here."""

import os
import subprocess
import unittest

import yaml

from bootstrap_helpers import link, require, user_data
from bootstrap_node import Node, NodeCase
from sim import wait_for

INTERNET = "203.0.113.80"
METADATA = "169.254.169.254"
NETWORKD = "/lib/systemd/systemd-networkd"
# Without udev, of which there is one a machine.
START_NETWORKD = f"mount -o remount,ro,bind /sys; exec {NETWORKD}"
IFUP = """[Unit]
Description=Enable Hetzner Cloud private network interfaces %i
[Service]
ExecStart=/sbin/dhclient -1 -4 %i
"""


class Server(Node):
    """A server whose private link is enp7s0, the router's other end with it."""

    ADDRESS = "10.0.0.3"

    def __init__(self, test, keys, routes, *server):
        self.routes = routes
        super().__init__(test, keys, *server)
        self.boot_commands = yaml.safe_load(user_data(keys, *server))["bootcmd"]
        self.put("/usr/local/lib/systemd/system/hc-net-ifup@.service", IFUP)
        self.put("/usr/local/lib/systemd/system/hc-net-scan.service", IFUP)

    def put(self, path, text, mode=0o644):
        if path.endswith(".network"):
            assert "Kind=!*\n" in text
            text = text.replace("Kind=!*\n", "Name=enp7s0\n")
        super().put(path, text, mode)

    def connect(self):
        node, outside = self.namespace, self.outside
        link(node, "enp7s0", outside, "router")
        outside("ip", "address", "add", "10.0.0.1/32", "dev", "router")
        outside("ip", "route", "add", self.ADDRESS, "dev", "router")
        for address in (INTERNET, METADATA, "10.0.0.9"):
            outside("ip", "address", "add", f"{address}/32", "dev", "lo")
            outside.serve(address)
        self.silent = self.root + "/silent"
        program = os.path.join(os.path.dirname(__file__), "dhcp_server.py")
        process = outside.start(
            "/usr/bin/python3", program, "router", self.ADDRESS, self.routes,
            self.silent, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"

    def start(self, *command):
        """Starts a program on the node."""
        return self.namespace.start(*self.entering(*command),
                                    stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)

    def start_networkd(self):
        self.start("sh", "-c", START_NETWORKD)
        wait_for(lambda: self.ADDRESS in self.addresses(), "an address", 30)

    def addresses(self):
        return self.namespace("ip", "-4", "address", "show", "dev",
                              "enp7s0").stdout

    def private_routes(self):
        """Destinations of the routes by the private link."""
        shown = self.namespace("ip", "-4", "route", "show", "dev", "enp7s0")
        return {line.split()[0] for line in shown.stdout.splitlines()}

    def plug(self):
        """What udev's rule makes systemd do when the private link appears."""
        state = self.enter("/bin/systemctl", "is-enabled",
                           "hc-net-ifup@enp7s0.service", check=False,
                           SYSTEMD_OFFLINE="1").stdout
        if state != "masked\n":
            return self.start("/sbin/dhclient", "-d", "-1", "-4", "-pf",
                              "/run/dhclient.pid", "-lf", "/run/dhclient.leases",
                              "enp7s0")
        return None


class DhcpTest(NodeCase):
    NODE = ("single", "worker", 0)
    GATEWAY = ("single", "gateway", 0)

    @classmethod
    def setUpClass(cls):
        require(NETWORKD, "dhclient")
        super().setUpClass()

    def server(self, routes, *server):
        return Server(self, self.keys, routes, *server)

    def test_a_node_finds_its_way_whatever_routes_come(self):
        for routes in ("routes", "no-routes"):
            with self.subTest(routes):
                node = self.server(routes, *self.NODE)
                node.start_networkd()
                self.assertIn("default", node.private_routes())
                for address in (INTERNET, METADATA, "10.0.0.9"):
                    self.assertEqual(node.namespace.fetch(address), node.ADDRESS)

    def test_a_gateway_takes_no_routes(self):
        for routes in ("routes", "no-routes"):
            with self.subTest(routes):
                gateway = self.server(routes, *self.GATEWAY)
                gateway.start_networkd()
                wait_for(lambda: "10.0.0.0/16" in gateway.private_routes(),
                           "the route into the network")
                self.assertEqual(gateway.private_routes(), {"10.0.0.0/16"})
                self.assertEqual(gateway.namespace.fetch("10.0.0.9"),
                                 gateway.ADDRESS)

    def test_a_second_client_that_gets_no_answer_takes_the_way_out_along(self):
        """So it is in the field, and here without the mask."""
        node = self.server("routes", *self.NODE)
        node.start_networkd()
        self.assertTrue(node.plug())
        wait_for(lambda: os.path.exists(node.root + "/run/dhclient.leases") and
                   "lease {" in node.read("/run/dhclient.leases"), "a lease", 30)
        self.assertEqual(node.namespace.fetch(INTERNET), node.ADDRESS)
        node.put("/silent", "")
        wait_for(lambda: not node.namespace.fetch(INTERNET), "a loss", 60)
        self.assertNotIn("default", node.private_routes())

    def test_the_second_client_never_starts_once_it_is_masked(self):
        for server in (self.NODE, self.GATEWAY):
            node = self.server("routes", *server)
            node.enter("/bin/sh", "-c", node.boot_commands[0].replace(
                "systemctl", "/bin/systemctl"), SYSTEMD_OFFLINE="1")
            self.assertIsNone(node.plug(), server)


if __name__ == "__main__":
    unittest.main()
