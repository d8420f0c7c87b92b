"""TLS to PostgreSQL and Hetzner: nobody but the right server is talked to, and
whoever looks learns why. (RabbitMQ's is in test_broker_tls.c.)"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

import psycopg2

from certificates import Authority
from https_front import Front
from services import LOCAL, Services, read_settings
from sim import TOKEN, wait_for
from system_case import SystemCase
from worker import Worker
from world import program

ELSEWHERE = "DNS:elsewhere.example"
EX_CONFIG = 78


class Hetzner(SystemCase):
    workers = 1

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="byoc-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.authority = Authority(cls.folder)
        cls.good = cls.authority.sign("good")
        cls.front = Front(cls.good)
        cls.addClassCleanup(cls.front.stop)
        cls.environment = {
            "BYOC_HCLOUD_ENDPOINT": cls.front.url + "/v1",
            "BYOC_HCLOUD_CA_FILE": str(cls.authority.file)}
        super().setUpClass()
        cls.front.target = cls.sim.base

    def setUp(self):
        super().setUp()
        self.front.present(self.good)
        self.front.redirect = None
        self.front.requests.clear()

    def retries(self, credential):
        return [line for line in self.world.workers[0].events("job.retry")
                if line["credential"] == credential]

    def check_no_verdict(self, reason):
        """Retried, with the reason; and ready when nothing is amiss."""
        credential = self.world.add_credential(status=None)
        wait_for(lambda: len(self.retries(credential)) >= 2, "two retries")
        for line in self.retries(credential):
            self.assertRegex(line["text"], reason)
            self.assertEqual(line["level"], "warn")
        (status, told), = self.world.db(
            "SELECT status, reason FROM byoc.credentials WHERE id = %s",
            credential)
        self.assertEqual(status, "pending_validation")
        self.assertRegex(told, reason)
        return credential

    def check_refused(self, certificate, reason):
        self.front.present(certificate)
        credential = self.check_no_verdict(reason)
        self.assertEqual(self.front.requests, [])
        self.front.present(self.good)
        self.world.wait_credential(credential, "ready")

    def test_the_right_server_is_talked_to(self):
        self.world.add_credential()
        self.assertEqual({authorization for _, _, authorization
                          in self.front.requests}, {f"Bearer {TOKEN}"})

    def test_a_whole_cluster(self):
        self.run_through()

    def test_an_expired_certificate(self):
        self.check_refused(self.authority.sign("expired", days=-1),
                           "certificate has expired")

    def test_a_certificate_for_another_name(self):
        self.check_refused(self.authority.sign("other", ELSEWHERE),
                           "no alternative certificate subject name matches "
                           "target host name 'localhost'")

    def test_a_certificate_of_an_unknown_authority(self):
        stranger = Authority(self.folder, "stranger")
        self.check_refused(stranger.sign("strange"),
                           "unable to get local issuer certificate")

    def test_a_redirect_is_not_followed(self):
        other = Front(self.good)
        self.addCleanup(other.stop)
        other.target = self.sim.base
        for place in (other.url, self.sim.base):
            with self.subTest(place=place):
                self.sim.reset_calls()
                self.front.redirect = place
                credential = self.check_no_verdict("302.*redirect")
                self.assertGreaterEqual(len(self.front.requests), 2)
                self.assertEqual(other.connections, 0)
                self.assertEqual(self.sim.calls(), {})
                self.front.redirect = None
                self.world.wait_credential(credential, "ready")

    def start_with(self, **settings):
        """The worker's status and what it said, should it not start."""
        ended = subprocess.run(
            [program("byoc-worker")], capture_output=True, text=True,
            env={**self.world.worker_environment, **settings}, timeout=30)
        return ended.returncode, ended.stderr

    def test_plain_http_is_refused_at_the_start(self):
        for url in ("http://example.com", "http://127.0.0.1.example.com/v1",
                    "ftp://127.0.0.1/v1"):
            with self.subTest(url=url):
                status, said = self.start_with(BYOC_HCLOUD_ENDPOINT=url)
                self.assertEqual(status, EX_CONFIG)
                self.assertIn("BYOC_HCLOUD_ENDPOINT: want an https:// URL",
                              said)
                self.assertIn("because it would show the token", said)

    def test_a_network_in_the_clear_is_refused_at_the_start(self):
        far = {"BYOC_DATABASE_URL": "postgresql://a:sesame@192.0.2.1/byoc",
               "BYOC_DATABASE_URL_FILE": "",
               "BYOC_AMQP_URL": "amqp://a:sesame@192.0.2.1/byoc"}
        status, said = self.start_with(**far)
        self.assertEqual(status, EX_CONFIG)
        self.assertIn("BYOC_DATABASE_URL: off this machine want "
                      "sslmode=verify-full", said)
        self.assertIn("BYOC_AMQP_URL: off this machine want amqps://", said)
        self.assertNotIn("sesame", said)
        worker = Worker("clear", {
            **self.world.worker_environment, **far,
            "BYOC_INSECURE_TRANSPORT": "yes"}, self.folder,
            [program("byoc-worker")])
        self.addCleanup(worker.stop)
        # By then it minds a signal that tells it to end.
        wait_for(lambda: worker.events("worker.started"), "its start")
        self.assertEqual(len(worker.events("transport.insecure")), 2)
        for line in worker.events("transport.insecure"):
            self.assertEqual(line["level"], "warn")

    def test_a_missing_file_of_authorities_is_named_at_the_start(self):
        status, said = self.start_with(BYOC_HCLOUD_CA_FILE="/no/such/ca.pem")
        self.assertEqual(status, EX_CONFIG)
        self.assertIn("/no/such/ca.pem", said)


class PostgreSQL(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="byoc-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.authority = Authority(cls.folder)
        cls.good = cls.authority.sign("good")
        cls.server = cls.folder / "postgres"
        cls.server.mkdir()
        os.chmod(cls.folder, 0o711)
        (cls.server / "extra.conf").write_text(
            f"ssl = on\nssl_cert_file = '{cls.server}/server.pem'\n"
            f"ssl_key_file = '{cls.server}/server.key'\n")
        cls.install(cls.good)
        cls.addClassCleanup(cls.postgres, "stop")
        cls.postgres("start")
        cls.url = read_settings(cls.server / "env")["DATABASE_URL"]
        cls.services = Services()  # for its broker
        cls.addClassCleanup(cls.services.stop)
        cls.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith("BYOC_")}
        cls.environment |= {
            "BYOC_DATABASE_URL": cls.uri(sslmode="verify-full",
                                         sslrootcert=cls.authority.file),
            "BYOC_AMQP_URL": cls.services.amqp_url,
            "BYOC_KEY_DIR": str(cls.folder / "keys"),
            "BYOC_LOG_FORMAT": "json"}
        cls.byoc("keygen", cls.folder / "keys")
        cls.byoc("migrate")

    @classmethod
    def postgres(cls, verb):
        subprocess.run([LOCAL / "postgres.sh", verb, cls.server], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    @classmethod
    def install(cls, certificate):
        for source, name in zip(certificate, ("server.pem", "server.key")):
            target = cls.server / name
            shutil.copy(source, target)
            os.chmod(target, 0o600)
            if os.getuid() == 0:
                shutil.chown(target, "postgres")

    @classmethod
    def present(cls, certificate):
        cls.install(certificate)
        cls.postgres("restart")

    @classmethod
    def uri(cls, base=None, **parameters):
        """By name, so that the name is what is verified."""
        url = (base or cls.url).replace("@127.0.0.1:", "@localhost:")
        return f"{url}?{urllib.parse.urlencode(parameters)}"

    @classmethod
    def byoc(cls, *arguments, check=True, **settings):
        result = subprocess.run(
            [program("byoc"), *map(str, arguments)], capture_output=True,
            env={**cls.environment, **settings}, text=True, timeout=60)
        if check and result.returncode != 0:
            raise AssertionError(result.stderr)
        return result

    def setUp(self):
        self.addCleanup(self.present, self.good)

    def check_refused(self, reason, **settings):
        result = self.byoc("migrate", check=False, **settings)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot reach the database", result.stderr)
        self.assertRegex(result.stderr, reason)
        password = urllib.parse.urlsplit(self.url).password
        self.assertNotIn(password, result.stderr)

    def start_worker(self):
        worker = Worker("tls", self.environment, self.folder,
                        [program("byoc-worker")])
        self.addCleanup(worker.stop)
        return worker

    def check_worker_waits(self, certificate, reason):
        """It does not talk to this server, says why, and goes on later."""
        self.present(certificate)
        self.check_refused(reason)
        worker = self.start_worker()

        def complaints():
            return [line["text"] for line in worker.events("link.failed")
                    if line["link"] == "database"]
        wait_for(lambda: len(complaints()) >= 2, "two tries")
        for text in complaints():
            self.assertRegex(text, reason)
        self.present(self.good)
        worker.wait_ready()

    def test_the_right_server_is_talked_to_in_secret(self):
        self.assertIn("already", self.byoc("migrate").stdout)
        status = self.byoc("topology", check=True) and self.byoc("status")
        self.assertIn("database    reachable", status.stdout)
        self.start_worker().wait_ready()
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT s.ssl, s.version FROM pg_stat_ssl s JOIN"
                " pg_stat_activity a USING (pid)"
                " WHERE a.application_name = 'byoc-worker'")
            found = cursor.fetchall()
        connection.close()
        self.assertEqual(found, [(True, "TLSv1.3")] * 2)

    def test_an_expired_certificate(self):
        self.check_worker_waits(self.authority.sign("expired", days=-1),
                                "certificate verify failed")

    def test_a_certificate_for_another_name(self):
        self.check_worker_waits(
            self.authority.sign("other", ELSEWHERE),
            'server certificate for "elsewhere.example".* does not match '
            'host name "localhost"')

    def test_a_certificate_of_an_unknown_authority(self):
        stranger = Authority(self.folder, "stranger")
        self.check_worker_waits(stranger.sign("strange"),
                                "certificate verify failed")

    def test_a_server_without_tls(self):
        self.check_refused(
            "server does not support SSL",
            BYOC_DATABASE_URL=self.uri(
                self.services.server_url, sslmode="verify-full",
                sslrootcert=self.authority.file))


if __name__ == "__main__":
    unittest.main()
