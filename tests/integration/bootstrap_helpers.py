"""What the tests of keys and bootstrap share: the programs that print what is
to be tested, and network namespaces."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import yaml

LOAD_BALANCER = "203.0.113.7"
PRIVATE_LOAD_BALANCER = "10.0.0.2"  # as print_user_data has it
LOCATIONS = ("fsn1", "nbg1", "hel1", "ash", "hil", "sin")
# (single or ha, kind, index), and what else there is to say of the cluster
SERVERS = (
    ("single", "gateway", 0),
    ("single", "control_plane", 0),
    ("single", "worker", 0),
    ("ha", "control_plane", 0),
    ("ha", "control_plane", 1),
    ("ha", "control_plane", 2),
    ("ha", "worker", 9),
    ("ha", "control_plane", 0, "workers", "running"),
)


def program(name):
    """Path of a program that the build made; BYOC_BUILD_DIR says where."""
    default = os.path.join(os.path.dirname(__file__), "..", "..", "build")
    path = os.path.join(os.environ.get("BYOC_BUILD_DIR", default), "bin", name)
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{path} is not built (set BYOC_BUILD_DIR)")
    return os.path.abspath(path)


def require(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise unittest.SkipTest(f"{tool} is not installed")


def run(*command, check=True, **options):
    """Runs a command; when it fails, the failure shows what it printed."""
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, **options)
    if check and result.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended {result.returncode}: {result.stdout}")
    return result


class Keys:
    """One cluster's keys, as files in a folder of their own."""

    def __init__(self, now=None, lifetime=3600, url="https://127.0.0.1:6443"):
        self.dir = tempfile.mkdtemp(prefix="byoc-keys-")
        now = int(time.time()) if now is None else now
        run(program("make_cluster_keys"), self.dir, str(now), str(lifetime), url)

    @classmethod
    def of(cls, authorities):
        """Those of a cluster that exists, from its bundle's text."""
        keys = cls.__new__(cls)
        keys.dir = tempfile.mkdtemp(prefix="byoc-keys-")
        with open(keys.path("authorities.json"), "w", encoding="ascii") as file:
            file.write(authorities)
        return keys

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return file.read()

    def authorities(self):
        return json.loads(self.read("authorities.json"))

    def unpack(self):
        """Writes each authority into a file; returns their folder."""
        folder = self.path("tls")
        for name, pem in self.authorities().items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(pem)
        return folder

    def make_server_certificate(self, *addresses, issuer="server-ca"):
        """A certificate for a server at these addresses, and its key."""
        folder = self.unpack()
        key, request = self.path("serving.key"), self.path("serving.csr")
        certificate, names = self.path("serving.crt"), self.path("serving.ext")
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
            "-subj", "/CN=kube-apiserver")
        with open(names, "w", encoding="ascii") as file:
            file.write("extendedKeyUsage=serverAuth\nsubjectAltName=")
            file.write(",".join(f"IP:{address}" for address in addresses))
        run("openssl", "x509", "-req", "-in", request, "-out", certificate,
            "-CA", f"{folder}/{issuer}.crt", "-CAkey", f"{folder}/{issuer}.key",
            "-CAcreateserial", "-days", "1", "-extfile", names)
        return certificate, key

    def remove(self):
        shutil.rmtree(self.dir)


def user_data(keys, size, kind, index, *more, location="fsn1"):
    """The user_data of one server, as text."""
    return subprocess.run(
        [program("print_user_data"), keys.dir, LOAD_BALANCER, location, size,
         kind, str(index), *more], check=True, stdout=subprocess.PIPE,
        text=True).stdout


def written_files(text):
    """cloud-init's write_files: path -> entry."""
    entries = yaml.safe_load(text)["write_files"]
    files = {entry["path"]: entry for entry in entries}
    assert len(files) == len(entries), "a file is written twice"
    return files


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


class Namespace:
    """A network namespace, deleted with everything in it by delete()."""

    numbers = itertools.count()

    def __init__(self, name):
        self.name = f"byoc-{name}-{os.getpid()}-{next(self.numbers)}"
        self.processes = []
        run("ip", "netns", "add", self.name)
        self("ip", "link", "set", "lo", "up")

    def __call__(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def start(self, *command, **options):
        """Starts a process that lives as long as the namespace."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command], **options)
        self.processes.append(process)
        return process

    def serve(self, address, port=80):
        """Answers HTTP with the address that the request came from."""
        process = self.start("/usr/bin/python3", "-c", SERVER, address,
                             str(port), stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"

    def fetch(self, address, port=80, user="0"):
        """The answer, or None when there is none within a second."""
        result = subprocess.run(
            ["ip", "netns", "exec", self.name, "setpriv", "--reuid", user,
             "--clear-groups", "curl", "--silent", "--max-time", "1",
             f"http://{address}:{port}/"], stdout=subprocess.PIPE, text=True)
        return result.stdout if result.returncode == 0 else None

    def delete(self):
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        run("ip", "netns", "delete", self.name)


SERVER = """
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *ignored):
        pass
# Not an HTTPServer: that one asks for its name, and no resolver answers here.
socketserver.TCPServer.allow_reuse_address = True
server = socketserver.TCPServer((sys.argv[1], int(sys.argv[2])), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def link(left, left_device, right, right_device):
    """A cable between two namespaces, both ends up."""
    left("ip", "link", "add", left_device, "type", "veth", "peer", "name",
         right_device, "netns", right.name)
    left("ip", "link", "set", left_device, "up")
    right("ip", "link", "set", right_device, "up")


def require_namespaces():
    require("ip", "nft", "sysctl", "curl", "setpriv")
    name = f"byoc-probe-{os.getpid()}"
    if run("ip", "netns", "add", name, check=False).returncode:
        raise unittest.SkipTest("network namespaces cannot be made here: not root?")
    run("ip", "netns", "delete", name)
