"""The node's script, run as systemd runs it, with the files of user_data: in
network namespaces and on an overlay of this machine's folders, with stand-ins
for systemctl and k3s' installer. The API that it asks is a real TLS server."""

import os
import shutil
import subprocess
import tempfile
import unittest

import yaml

from bootstrap_helpers import (LOAD_BALANCER, Keys, Namespace, link,
                               require_namespaces, run, user_data, written_files)

# The node's folders, and those of this machine that are seen below them.
FOLDERS = ("/etc", "/var/lib", "/usr/local", "/run")

ENTER = """
set -e
mount --make-rprivate /
for folder in %s; do
  mount -t overlay node -o "lowerdir=$folder,upperdir=$1$folder,workdir=$1/work$folder" "$folder"
done
export PATH=$1/bin:$PATH
shift
exec "$@"
""" % " ".join(FOLDERS)

SYSTEMCTL = """#!/bin/sh
echo "$@" >>%(log)s
[ ! -e %(root)s/refuse ] || ! grep -qxF "$*" %(root)s/refuse
"""

# Only the installer's download is not real.
CURL = """#!/bin/bash
case "$*" in
*raw.githubusercontent.com*)
  [ -e %(root)s/offline ] && exit 7
  echo "download ${*: -1}" >>%(log)s
  while [ "$1" != --output ]; do shift; done
  cp %(root)s/installer "$2" ;;
*) exec /usr/bin/curl "$@" ;;
esac
"""

INSTALLER = """#!/bin/sh
echo "install $* $INSTALL_K3S_VERSION enable=${INSTALL_K3S_SKIP_ENABLE:-yes} start=${INSTALL_K3S_SKIP_START:-yes}" >>%(log)s
sh -c export | grep -E "K3S_|CONTAINERD_" | grep -v INSTALL_K3S_ >>%(log)s || true
"""

API = """
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[4]))
        self.end_headers()
    def log_message(self, *ignored):
        pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server = http.server.HTTPServer((sys.argv[1], 6443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""


class Node:
    """A server with its user_data applied, and what its script has done."""

    def __init__(self, test, keys, *server):
        self.root = tempfile.mkdtemp(prefix="byoc-node-")
        test.addCleanup(shutil.rmtree, self.root)
        self.namespace = Namespace("node")
        test.addCleanup(self.namespace.delete)
        self.outside = Namespace("out")
        test.addCleanup(self.outside.delete)
        for folder in FOLDERS:
            os.makedirs(self.root + folder)
            os.makedirs(self.root + "/work" + folder)
        os.makedirs(self.root + "/bin")
        self.log_path = self.root + "/log"
        names = {"root": self.root, "log": self.log_path}
        for name, text in (("bin/systemctl", SYSTEMCTL), ("bin/curl", CURL),
                           ("installer", INSTALLER)):
            self.put(f"/{name}", text % names, 0o755)
        for path, entry in written_files(user_data(keys, *server)).items():
            self.put(path, entry["content"],
                     int(entry.get("permissions", "0644"), 8))
        self.connect()

    def put(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.root + path, mode)

    def connect(self):
        """An address of its own on the private link, as DHCP gives it."""
        link(self.namespace, "enp7s0", self.outside, "router")
        node, outside = self.namespace, self.outside
        outside("ip", "address", "add", "10.0.0.1/32", "dev", "lo")
        outside("ip", "address", "add", f"{LOAD_BALANCER}/32", "dev", "lo")
        outside("ip", "route", "add", "10.0.0.3", "dev", "router")
        node("ip", "address", "add", "10.0.0.3/32", "dev", "enp7s0")
        node("ip", "route", "add", "10.0.0.1", "dev", "enp7s0")
        node("ip", "route", "add", "default", "via", "10.0.0.1")

    def serve_api(self, keys, status=200):
        certificate, key = keys.make_server_certificate(LOAD_BALANCER)
        process = self.outside.start(
            "/usr/bin/python3", "-c", API, LOAD_BALANCER, certificate, key,
            str(status), stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"

    def boot(self, check=True):
        """Runs the script once, in the environment that the unit gives it."""
        with open(self.root + "/etc/mengi/node.env", encoding="ascii") as file:
            settings = dict(line.rstrip("\n").split("=", 1) for line in file)
        return self.namespace(
            "unshare", "--mount", "bash", "-c", ENTER, "enter", self.root,
            "/usr/local/sbin/mengi-node", check=check,
            env={"PATH": os.environ["PATH"], **settings})

    def read(self, path):
        with open(self.root + path, encoding="ascii") as file:
            return file.read()

    def config(self):
        """k3s' configuration: the file and its folder, put together."""
        config = yaml.safe_load(self.read("/etc/rancher/k3s/config.yaml"))
        folder = "/etc/rancher/k3s/config.yaml.d"
        for name in sorted(os.listdir(self.root + folder)):
            assert name.endswith(".yaml"), name
            config.update(yaml.safe_load(self.read(f"{folder}/{name}")))
        return config

    def log(self):
        return self.read("/log").splitlines() if os.path.exists(
            self.log_path) else []

    def manifests(self):
        folder = self.root + "/var/lib/rancher/k3s/server/manifests"
        return sorted(os.listdir(folder)) if os.path.exists(folder) else []

    def is_in_cluster(self):
        return os.path.exists(self.root + "/var/lib/mengi/in-cluster")


class NodeTest(unittest.TestCase):
    FIRST = ("ha", "control_plane", 0)

    @classmethod
    def setUpClass(cls):
        require_namespaces()
        probe = tempfile.mkdtemp(prefix="byoc-overlay-")
        cls.addClassCleanup(shutil.rmtree, probe)
        os.makedirs(probe + "/upper")
        os.makedirs(probe + "/work")
        if run("unshare", "--mount", "mount", "-t", "overlay", "probe", "-o",
               f"lowerdir=/etc,upperdir={probe}/upper,workdir={probe}/work",
               "/etc", check=False).returncode:
            raise unittest.SkipTest("overlay mounts cannot be made here")
        cls.keys = Keys()
        cls.addClassCleanup(cls.keys.remove)

    def node(self, *server):
        return Node(self, self.keys, *server)

    def test_the_first_control_plane_begins_the_cluster(self):
        node = self.node(*self.FIRST)
        node.boot()
        config = node.config()
        self.assertIs(config["cluster-init"], True)
        self.assertNotIn("server", config)
        self.assertEqual(config["token"], self.keys.read("join_token"))
        self.assertEqual(config["node-ip"], "10.0.0.3")
        self.assertEqual(config["flannel-iface"], "enp7s0")
        self.assertEqual(node.manifests(), [
            "cloud-controller.yaml", "hcloud-secret.yaml", "volume-driver.yaml"])
        self.assertTrue(node.is_in_cluster())

    def test_the_guard_is_up_before_k3s_and_k3s_starts_last(self):
        node = self.node(*self.FIRST)
        node.boot()
        log = node.log()
        self.assertRegex(log[0], r"^download https://.*/v1\.[0-9.]*%2Bk3s1/install.sh$")
        self.assertRegex(log[1], r"^install server v1\.[0-9.]*\+k3s1 enable=true start=true$")
        self.assertEqual(log[2:], [
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
        self.assertEqual(config["server"], f"https://{LOAD_BALANCER}:6443")
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
        self.assertEqual(config["server"], f"https://{LOAD_BALANCER}:6443")
        self.assertEqual(config["node-ip"], "10.0.0.3")
        self.assertTrue(node.log()[1].startswith(f"install {role} "))
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
        secret = "/var/lib/rancher/k3s/server/manifests/hcloud-secret.yaml"
        self.assertEqual(os.stat(node.root + secret).st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
