"""A node's folders as an overlay on this machine's, in a network namespace, with
its user_data applied and stand-ins for systemctl, apt, k3s and its installer.
The API that it asks is a real TLS server."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

from bootstrap_helpers import (PRIVATE_LOAD_BALANCER, Keys, Namespace, link,
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

# k3s applies what lies in its folder whenever it starts, whatever the objects
# are by then.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>%(log)s
[ ! -e %(root)s/refuse ] || ! grep -qxF "$*" %(root)s/refuse || exit 1
case "$*" in
*"--now k3s.service" | "start k3s.service")
  [ ! -e %(root)s/no-api ] || exit 0
  for manifest in /var/lib/rancher/k3s/server/manifests/*.yaml; do
    [ ! -e "$manifest" ] || cp "$manifest" %(root)s/objects
  done ;;
esac
"""

# Only the downloads are not real.
CURL = """#!/bin/bash
url=${*: -1}
case $url in
*/install.sh) file=installer ;;
*/k3s) file=k3s ;;
*.tgz) file=chart ;;
*) exec /usr/bin/curl "$@" ;;
esac
[ -e %(root)s/offline ] && exit 7
echo "download $url" >>%(log)s
while [ "$1" != --output ]; do shift; done
cat %(root)s/$file >"$2"
"""

INSTALLER = """#!/bin/sh
echo "install $* download=${INSTALL_K3S_SKIP_DOWNLOAD:-yes} enable=${INSTALL_K3S_SKIP_ENABLE:-yes} start=${INSTALL_K3S_SKIP_START:-yes}" >>%(log)s
sh -c export | grep -E "K3S_|CONTAINERD_" | grep -v INSTALL_K3S_ >>%(log)s || true
"""

# Has the API all the objects of a folder?
K3S = """#!/bin/bash
[ "$1 $2" = "kubectl get" ] || exit 2
for manifest in "${@: -1}"/*.yaml; do
  [ -e "%(root)s/objects/${manifest##*/}" ] || exit 1
done
"""

DPKG_QUERY = """#!/bin/sh
shift
for package; do grep -qxF "$package" %(root)s/packages || exit 1; done
"""

APT_GET = """#!/bin/sh
[ ! -e %(root)s/no-mirror ] || exit 100
[ "$1" = install ] || exit 0
printf '%%s\\n' "$@" >>%(root)s/packages
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
        os.makedirs(self.root + "/objects")
        self.log_path = self.root + "/log"
        names = {"root": self.root, "log": self.log_path}
        for name, text in (("bin/systemctl", SYSTEMCTL), ("bin/curl", CURL),
                           ("bin/dpkg-query", DPKG_QUERY),
                           ("bin/apt-get", APT_GET)):
            self.put(f"/{name}", text % names, 0o755)
        self.put("/installer", INSTALLER % names)
        self.put("/k3s", K3S % names)
        self.put("/chart", "a chart & more|\\1\n" * 300)
        self.put("/packages", "nftables\n")
        for path, entry in written_files(user_data(keys, *server)).items():
            text = re.sub(r"(\.tgz) [0-9a-f]{64}", f"\\1 {self.hash('chart')}",
                          entry["content"])
            self.put(path, text, int(entry.get("permissions", "0644"), 8))
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
        outside("ip", "address", "add", f"{PRIVATE_LOAD_BALANCER}/32", "dev",
                "lo")
        outside("ip", "route", "add", "10.0.0.3", "dev", "router")
        node("ip", "address", "add", "10.0.0.3/32", "dev", "enp7s0")
        node("ip", "route", "add", "10.0.0.1", "dev", "enp7s0")
        node("ip", "route", "add", "default", "via", "10.0.0.1")

    def serve_api(self, keys, status=200):
        certificate, key = keys.make_server_certificate(PRIVATE_LOAD_BALANCER)
        process = self.outside.start(
            "/usr/bin/python3", "-c", API, PRIVATE_LOAD_BALANCER, certificate,
            key, str(status), stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"

    def entering(self, *command):
        return ("unshare", "--mount", "bash", "-c", ENTER, "enter", self.root,
                *command)

    def enter(self, *command, check=True, **settings):
        """Runs a command on the node."""
        return self.namespace(*self.entering(*command), check=check,
                              env={"PATH": os.environ["PATH"], **settings})

    def hash(self, name):
        return hashlib.sha256(self.read(f"/{name}").encode()).hexdigest()

    def boot(self, check=True, **others):
        """Runs the script once, in the environment that the unit gives it; the
        downloads' hashes are those of the stand-ins."""
        settings = dict(line.split("=", 1) for line in
                        self.read("/etc/mengi/node.env").splitlines())
        settings["BINARY_SHA256"] = self.hash("k3s")
        settings["INSTALLER_SHA256"] = self.hash("installer")
        return self.enter("/usr/local/sbin/mengi-node", check=check,
                          **{**settings, **others})

    def restart(self):
        """What a boot does once the server is in its cluster."""
        assert self.is_in_cluster()
        self.enter("systemctl", "start", "k3s.service")

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

    def visible(self, folder):
        """What the node itself sees there."""
        return self.enter("ls", folder).stdout.split()

    def exists(self, path):
        return os.path.exists(self.root + path)

    def is_in_cluster(self):
        return self.exists("/var/lib/mengi/in-cluster")


class NodeCase(unittest.TestCase):
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
