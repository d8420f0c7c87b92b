"""The cluster's keys with the tools that will read them: OpenSSL, kubectl,
ssh-keygen and sshd. Traffic stays on loopback."""

import base64
import getpass
import hashlib
import http.server
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import yaml

from bootstrap_helpers import Keys, require, run
from services import free_port
from sim import wait_for

AUTHORITIES = ("server-ca", "client-ca", "request-header-ca", "etcd/server-ca",
               "etcd/peer-ca")
DAY = 24 * 60 * 60


class CertificatesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require("openssl")
        cls.asked_at = int(time.time())
        cls.keys = Keys()
        cls.made_by = int(time.time())
        cls.addClassCleanup(cls.keys.remove)
        cls.folder = cls.keys.unpack()

    def text(self, path):
        return run("openssl", "x509", "-in", path, "-noout", "-text").stdout

    def client_certificate(self, keys=None):
        keys = keys or self.keys
        config = yaml.safe_load(keys.read("kubeconfig"))
        path = keys.path("client.crt")
        with open(path, "wb") as file:
            file.write(base64.b64decode(
                config["users"][0]["user"]["client-certificate-data"]))
        return path

    def test_every_authority_verifies_as_an_authority(self):
        for name in AUTHORITIES:
            with self.subTest(name):
                path = f"{self.folder}/{name}.crt"
                run("openssl", "verify", "-x509_strict", "-check_ss_sig",
                    "-CAfile", path, path)
                text = self.text(path)
                self.assertIn("CA:TRUE", text)
                self.assertIn("Certificate Sign", text)
                self.assertIn("prime256v1", text)

    def test_every_key_belongs_to_its_certificate(self):
        for name in AUTHORITIES:
            with self.subTest(name):
                path = f"{self.folder}/{name}"
                key = run("openssl", "pkey", "-in", f"{path}.key", "-pubout")
                certificate = run("openssl", "x509", "-in", f"{path}.crt",
                                  "-noout", "-pubkey")
                self.assertEqual(key.stdout, certificate.stdout)

    def test_the_key_for_service_accounts_is_sound(self):
        run("openssl", "pkey", "-in", f"{self.folder}/service.key", "-check",
            "-noout")

    def test_authorities_are_valid_from_an_hour_ago_for_ten_years(self):
        for name in AUTHORITIES:
            path = f"{self.folder}/{name}.crt"
            for offset, valid in ((-3500, True), (-3700, False),
                                  (3649 * DAY, True), (3654 * DAY, False)):
                with self.subTest(name=name, offset=offset):
                    result = run("openssl", "verify", "-attime",
                                 str(int(time.time()) + offset), "-CAfile", path,
                                 path, check=False)
                    self.assertEqual(result.returncode == 0, valid, result.stdout)

    def test_no_authority_vouches_for_another(self):
        for name in AUTHORITIES:
            for other in AUTHORITIES:
                result = run("openssl", "verify", "-CAfile",
                             f"{self.folder}/{other}.crt",
                             f"{self.folder}/{name}.crt", check=False)
                self.assertEqual(result.returncode == 0, name == other)

    def test_the_client_certificate_is_an_administrators(self):
        path = self.client_certificate()
        run("openssl", "verify", "-x509_strict", "-purpose", "sslclient",
            "-CAfile", f"{self.folder}/client-ca.crt", path)
        text = self.text(path)
        self.assertIn("O = mengi:admins, CN = admin", text)
        self.assertIn("CA:FALSE", text)
        self.assertIn("TLS Web Client Authentication", text)
        self.assertNotIn("TLS Web Server Authentication", text)

    def test_the_client_certificate_lives_as_long_as_was_asked(self):
        """Its life is read from the certificate, which was made when the test
        began."""
        path = self.client_certificate()
        begins, ends = self.life(path)
        self.assertEqual(ends - begins, 60 + 3600)
        self.assertTrue(self.asked_at - 60 <= begins <= self.made_by - 60,
                        (self.asked_at, begins, self.made_by))
        for moment, valid in ((begins, True), (begins - 1, False),
                              (ends - 1, True), (ends + 1, False)):
            result = run("openssl", "verify", "-attime", str(moment), "-CAfile",
                         f"{self.folder}/client-ca.crt", path, check=False)
            self.assertEqual(result.returncode == 0, valid, result.stdout)

    @staticmethod
    def life(path):
        """When a certificate begins and ends, in seconds since 1970."""
        dates = run("openssl", "x509", "-in", path, "-noout", "-dates").stdout
        return [ssl.cert_time_to_seconds(line.split("=", 1)[1])
                for line in dates.splitlines()]

    def test_another_clusters_authority_refuses_the_client(self):
        other = Keys()
        self.addCleanup(other.remove)
        result = run("openssl", "verify", "-CAfile",
                     f"{other.unpack()}/client-ca.crt",
                     self.client_certificate(), check=False)
        self.assertNotEqual(result.returncode, 0)

    def test_serial_numbers_differ(self):
        serials = [run("openssl", "x509", "-in", f"{self.folder}/{name}.crt",
                       "-noout", "-serial").stdout for name in AUTHORITIES]
        self.assertEqual(len(set(serials)), len(serials))


class VersionHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        subject = dict(part[0] for part in self.connection.getpeercert()["subject"])
        self.server.seen.append((self.path, subject))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"gitVersion": "v1.36.4+k3s1"}')

    def log_message(self, *ignored):
        pass


class TlsServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *ignored):
        """Refused handshakes are what some tests are about."""

    def finish_request(self, request, client_address):
        request.settimeout(10)
        with self.context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, client_address)


class KubeconfigTest(unittest.TestCase):
    """kubectl with the minted kubeconfig against a server that, like the
    Kubernetes API, wants a certificate of the client authority."""

    def setUp(self):
        require("kubectl", "openssl")

    def serve(self, keys, certificate_keys=None, client_ca_keys=None):
        """Starts the API of the cluster of `keys`; returns its URL."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            *(certificate_keys or keys).make_server_certificate("127.0.0.1"))
        context.load_verify_locations(
            f"{(client_ca_keys or keys).unpack()}/client-ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        server = TlsServer(("127.0.0.1", 0), VersionHandler)
        server.context, server.seen = context, []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.server = server
        return f"https://127.0.0.1:{server.server_address[1]}"

    def make_keys(self, **options):
        keys = Keys(**options)
        self.addCleanup(keys.remove)
        return keys

    def kubectl(self, keys, *arguments):
        return run("kubectl", "--kubeconfig", keys.path("kubeconfig"),
                   "--request-timeout", "10s", *arguments, check=False,
                   env={"PATH": os.environ["PATH"], "HOME": keys.dir})

    def get_version(self, keys, url):
        return self.kubectl(keys, "--server", url, "get", "--raw", "/version")

    def test_kubectl_gets_in_as_administrator(self):
        keys = self.make_keys()
        result = self.get_version(keys, self.serve(keys))
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("v1.36.4+k3s1", result.stdout)
        path, subject = self.server.seen[-1]
        self.assertEqual(path.split("?")[0], "/version")
        self.assertEqual(subject["organizationName"], "mengi:admins")
        self.assertEqual(subject["commonName"], "admin")

    def test_kubectl_refuses_a_server_of_another_authority(self):
        keys, other = self.make_keys(), self.make_keys()
        result = self.get_version(keys, self.serve(keys, certificate_keys=other))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("certificate signed by unknown authority", result.stdout)
        self.assertEqual(self.server.seen, [])

    def test_the_server_refuses_a_client_of_another_authority(self):
        keys, other = self.make_keys(), self.make_keys()
        result = self.get_version(keys, self.serve(keys, client_ca_keys=other))
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(self.server.seen, [])

    def test_the_server_refuses_an_expired_certificate(self):
        keys = self.make_keys(now=int(time.time()) - 7200, lifetime=3600)
        result = self.get_version(keys, self.serve(keys))
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(self.server.seen, [])

    def test_the_file_names_one_cluster_and_stands_alone(self):
        keys = self.make_keys(url="https://203.0.113.7:6443")
        result = self.kubectl(keys, "config", "view", "--raw", "--output", "json")
        self.assertEqual(result.returncode, 0, result.stdout)
        config = yaml.safe_load(result.stdout)
        self.assertEqual(config["clusters"][0]["name"], "shop")
        cluster = config["clusters"][0]["cluster"]
        self.assertEqual(cluster["server"], "https://203.0.113.7:6443")
        self.assertEqual(base64.b64decode(
            cluster["certificate-authority-data"]).decode(),
            keys.authorities()["server-ca.crt"])
        self.assertEqual(config["current-context"], "shop")
        current = self.kubectl(keys, "config", "current-context")
        self.assertEqual(current.stdout, "shop\n")


class SshKeyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require("ssh-keygen", "ssh")
        cls.keys = Keys()
        cls.addClassCleanup(cls.keys.remove)
        cls.private, cls.public = (cls.keys.path("id_ed25519"),
                                   cls.keys.path("id_ed25519.pub"))

    def test_ssh_keygen_finds_the_public_key_in_the_private_one(self):
        printed = run("ssh-keygen", "-y", "-P", "", "-f", self.private).stdout
        self.assertEqual(printed.strip(), self.keys.read("id_ed25519.pub"))

    def test_the_fingerprints_match(self):
        blob = base64.b64decode(self.keys.read("id_ed25519.pub").split()[1])
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
        expected = f"256 SHA256:{digest.rstrip('=')} test key (ED25519)\n"
        for path in (self.private, self.public):
            self.assertEqual(run("ssh-keygen", "-l", "-f", path).stdout, expected)

    def test_ssh_keygen_would_write_the_same_file(self):
        """Only the random check number may differ, so the size is the same."""
        copy = self.keys.path("copy")
        with open(copy, "w", encoding="ascii") as file:
            file.write(self.keys.read("id_ed25519"))
        os.chmod(copy, 0o600)
        run("ssh-keygen", "-p", "-P", "", "-N", "", "-f", copy)
        self.assertEqual(len(self.keys.read("copy")),
                         len(self.keys.read("id_ed25519")))

    def test_sshd_lets_the_key_in_and_no_other(self):
        port = self.start_sshd()
        result = self.ssh(port, self.private, "echo", "in")
        self.assertEqual((result.returncode, result.stdout), (0, "in\n"))

        other = Keys()
        self.addCleanup(other.remove)
        result = self.ssh(port, other.path("id_ed25519"), "echo", "in")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("Permission denied", result.stdout)

    def ssh(self, port, key, *command):
        return run("ssh", "-F", "/dev/null", "-i", key, "-p", str(port),
                   "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                   "-o", f"UserKnownHostsFile={self.keys.path('known_hosts')}",
                   "-o", "StrictHostKeyChecking=accept-new",
                   "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10",
                   f"{getpass.getuser()}@127.0.0.1", *command, check=False,
                   env={"PATH": os.environ["PATH"]})

    def start_sshd(self):
        """A daemon of our own on a free port; returns the port."""
        sshd = "/usr/sbin/sshd"
        if not os.access(sshd, os.X_OK):
            self.skipTest("sshd is not installed")
        if os.getuid() == 0:  # where it wants to leave its privileges
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        port = free_port()
        host_key, config = self.keys.path("host_key"), self.keys.path("sshd_config")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key)
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""ListenAddress 127.0.0.1:{port}
HostKey {host_key}
PidFile none
AuthorizedKeysFile {self.public}
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
""")
        log = tempfile.TemporaryFile(mode="w+")
        daemon = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=log)
        self.addCleanup(log.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.send_signal, signal.SIGTERM)

        def answers():
            self.assertIsNone(daemon.poll(), "sshd has ended")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_for(answers, "sshd to answer", 10)
        return port


if __name__ == "__main__":
    unittest.main()
