"""hcloud-sim: Debian's hcloud CLI, unmodified, works with every kind."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from sim import TOKEN, wait_for
from sim_case import SimCase


@unittest.skipUnless(shutil.which("hcloud"), "hcloud is not installed")
class HcloudCli(SimCase):
    # The CLI polls twice a second at most.
    time_scale = 60
    # This old one leaves out health checks: the API fills them in.
    checks_requests = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.TemporaryDirectory()
        cls.key = pathlib.Path(cls.folder.name, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                        "-C", "someone@somewhere", "-f", cls.key], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()
        super().tearDownClass()

    def run_hcloud(self, command):
        environment = dict(os.environ, HCLOUD_TOKEN=TOKEN,
                           HCLOUD_ENDPOINT=self.sim.url,
                           HOME=self.folder.name)
        return subprocess.run(
            ["hcloud", "--poll-interval", "50ms", *command.split()],
            env=environment, capture_output=True, text=True, timeout=60)

    def hcloud(self, command):
        done = self.run_hcloud(command)
        self.assertEqual(done.returncode, 0,
                         f"hcloud {command}: {done.stderr}{done.stdout}")
        return done.stdout

    def describe(self, kind, name):
        """As JSON; and the form for people must not fail either."""
        self.hcloud(f"{kind} describe {name}")
        listed = self.hcloud(f"{kind} list -o noheader")
        self.assertIn(name, listed)
        if kind == "placement-group":
            return None  # its JSON form is broken in this version
        return json.loads(self.hcloud(f"{kind} describe {name} -o json"))

    def delete(self, kind, name):
        """It does not wait for servers to be gone: we do."""
        self.hcloud(f"{kind} delete {name}")
        wait_for(lambda: name not in self.hcloud(f"{kind} list -o noheader"),
                 f"{kind} {name} to be gone")

    def make_network(self):
        self.hcloud("network create --name net --ip-range 10.0.0.0/16")
        self.hcloud("network add-subnet net --type cloud"
                    " --network-zone eu-central --ip-range 10.0.0.0/24")

    def test_catalog(self):
        self.assertIn("fsn1", self.hcloud("location list"))
        self.hcloud("location describe fsn1")
        self.assertIn("cx23", self.hcloud("server-type list"))
        self.hcloud("server-type describe cx23")
        self.assertIn("lb11", self.hcloud("load-balancer-type list"))
        self.hcloud("load-balancer-type describe lb11")
        self.assertIn("ubuntu-24.04", self.hcloud("image list"))
        self.hcloud("image describe ubuntu-24.04")
        self.hcloud("certificate list")
        self.hcloud("floating-ip list")

    def test_ssh_key(self):
        self.hcloud(f"ssh-key create --name key"
                    f" --public-key-from-file {self.key}.pub")
        printed = subprocess.run(
            ["ssh-keygen", "-l", "-E", "md5", "-f", f"{self.key}.pub"],
            capture_output=True, text=True, check=True).stdout
        key = self.describe("ssh-key", "key")
        self.assertEqual("MD5:" + key["fingerprint"], printed.split()[1])
        self.hcloud("ssh-key update key --name other")
        self.hcloud("ssh-key add-label other env=test")
        self.assertIn("other", self.hcloud("ssh-key list -l env=test"))
        self.delete("ssh-key", "other")

    def test_network_with_subnet_and_route(self):
        self.make_network()
        self.hcloud("network add-route net"
                    " --destination 10.100.1.0/24 --gateway 10.0.0.5")
        network = self.describe("network", "net")
        self.assertEqual(network["subnets"][0]["gateway"], "10.0.0.1")
        self.assertEqual(network["routes"], [
            {"destination": "10.100.1.0/24", "gateway": "10.0.0.5"}])
        self.hcloud("network remove-route net"
                    " --destination 10.100.1.0/24 --gateway 10.0.0.5")
        self.hcloud("network remove-subnet net --ip-range 10.0.0.0/24")
        self.hcloud("network enable-protection net delete")
        refused = self.run_hcloud("network delete net")
        self.assertIn("(protected)", refused.stderr)
        self.hcloud("network disable-protection net delete")
        self.delete("network", "net")

    def test_placement_group(self):
        self.hcloud("placement-group create --name group --type spread")
        self.describe("placement-group", "group")
        self.delete("placement-group", "group")

    def test_firewall(self):
        self.hcloud("firewall create --name wall")
        self.hcloud("firewall add-rule wall --direction in --protocol tcp"
                    " --port 22 --source-ips 0.0.0.0/0 --source-ips ::/0")
        self.hcloud("server create --name front --type cx23"
                    " --image ubuntu-24.04 --location fsn1")
        self.hcloud("firewall apply-to-resource wall --type server"
                    " --server front")
        wall = self.describe("firewall", "wall")
        self.assertEqual(wall["rules"][0]["port"], "22")
        self.assertEqual(len(wall["applied_to"]), 1)
        refused = self.run_hcloud("firewall delete wall")
        self.assertIn("(resource_in_use)", refused.stderr)
        self.hcloud("firewall remove-from-resource wall --type server"
                    " --server front")
        self.delete("firewall", "wall")

    def test_server_with_all_that_belongs_to_it(self):
        self.make_network()
        self.hcloud(f"ssh-key create --name key"
                    f" --public-key-from-file {self.key}.pub")
        self.hcloud("placement-group create --name group --type spread")
        self.hcloud("firewall create --name wall")
        self.hcloud("server create --name node --type cx23 --location nbg1"
                    " --image ubuntu-24.04 --ssh-key key --network net"
                    " --placement-group group --firewall wall"
                    " --label role=node")
        node = self.describe("server", "node")
        self.assertEqual(node["status"], "running")
        self.assertEqual(node["private_net"][0]["ip"], "10.0.0.2")
        self.assertEqual(node["placement_group"]["name"], "group")
        self.hcloud("server poweroff node")
        self.hcloud("server poweron node")
        self.hcloud("server shutdown node")
        self.hcloud("server reboot node")
        self.hcloud("server detach-from-network node --network net")
        self.hcloud("server attach-to-network node --network net"
                    " --ip 10.0.0.99")
        self.assertEqual(
            self.describe("server", "node")["private_net"][0]["ip"],
            "10.0.0.99")
        self.hcloud("server enable-protection node delete rebuild")
        self.assertIn("(protected)",
                      self.run_hcloud("server delete node").stderr)
        self.hcloud("server disable-protection node delete rebuild")
        self.delete("server", "node")
        self.assertEqual(self.sim.state()["primary_ips"], [])

    def test_load_balancer(self):
        self.make_network()
        self.hcloud("server create --name node --type cx23 --location fsn1"
                    " --image ubuntu-24.04 --network net --label app=web")
        self.hcloud("load-balancer create --name lb --type lb11"
                    " --location fsn1")
        self.hcloud("load-balancer attach-to-network lb --network net"
                    " --ip 10.0.0.77")
        self.hcloud("load-balancer add-service lb --protocol tcp"
                    " --listen-port 6443 --destination-port 6443")
        self.hcloud("load-balancer add-service lb --protocol http"
                    " --listen-port 80 --destination-port 8080")
        self.hcloud("load-balancer add-target lb"
                    " --label-selector app=web --use-private-ip")
        self.assertEqual(
            self.describe("load-balancer", "lb")["private_net"][0]["ip"],
            "10.0.0.77")
        wait_for(lambda: '"healthy"' in self.hcloud(
            "load-balancer describe lb -o json"), "a healthy target")
        self.hcloud("load-balancer add-target lb --server node")
        self.hcloud("load-balancer remove-target lb --server node")
        self.hcloud("load-balancer remove-target lb --label-selector app=web")
        self.hcloud("load-balancer delete-service lb --listen-port 80")
        self.hcloud("load-balancer detach-from-network lb --network net")
        self.delete("load-balancer", "lb")

    def test_volume(self):
        self.hcloud("server create --name node --type cx23 --location fsn1"
                    " --image ubuntu-24.04")
        self.hcloud("volume create --name disk --size 10 --server node"
                    " --format ext4")
        refused = self.run_hcloud("volume delete disk")
        self.assertIn("still attached", refused.stderr)
        self.hcloud("volume detach disk")
        self.hcloud("volume attach disk --server node")
        self.assertIsNotNone(self.describe("volume", "disk")["server"])
        self.hcloud("volume resize disk --size 20")
        self.hcloud("server delete node")
        wait_for(lambda: not self.describe("volume", "disk")["server"],
                 "the volume to be free")
        self.delete("volume", "disk")

    def test_primary_ip(self):
        self.hcloud("primary-ip create --name address --type ipv4"
                    " --datacenter fsn1-dc14")
        self.assertEqual(self.describe("primary-ip", "address")["type"], "ipv4")
        self.hcloud("server create --name node --type cx23 --location fsn1"
                    " --image ubuntu-24.04 --primary-ipv4 address")
        self.hcloud("server poweroff node")
        self.hcloud("primary-ip unassign address")
        self.delete("primary-ip", "address")

    def test_errors_read_as_the_real_ones(self):
        refused = self.run_hcloud("server create --name a_b --type cx23"
                                  " --image ubuntu-24.04")
        self.assertIn("invalid_input", refused.stderr)
        self.hcloud("placement-group create --name one --type spread")
        refused = self.run_hcloud(
            "placement-group create --name one --type spread")
        self.assertIn("uniqueness_error", refused.stderr)


if __name__ == "__main__":
    unittest.main()
