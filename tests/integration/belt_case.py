"""A TestCase about the belt's manners: tenants of their own, crowds of
clusters, and what one tenant or service that misbehaves may cost the others."""

import contextlib
import re
import time
import urllib.parse

import pika
import psycopg2

from sim import wait_for
from system_case import SystemCase
from world import PATIENCE

FOREVER = 0  # a fault's `times`


class BeltCase(SystemCase):
    records = False
    time_scale = 60

    # Who asks

    def tenant(self, project):
        """A good credential of a project of its own, named in letters."""
        token = project.ljust(64, "0")
        self.sim.add_token(token, project=project)
        return self.world.add_credential(token)

    def crowd(self, credential, count, type="dedicated"):
        """Asks for many clusters at once, as a dashboard may."""
        rows = self.world.db(
            "INSERT INTO byoc.clusters (name, credential_id, location, type)"
            " SELECT 'c' || left(gen_random_uuid()::text, 8), %s, 'fsn1', %s"
            " FROM generate_series(1, %s) RETURNING id", credential, type,
            count)
        clusters = [cluster for cluster, in rows]
        self.enqueue("cluster.provision", clusters)
        return clusters

    def enqueue(self, job_type, subjects):
        self.world.db("SELECT byoc.enqueue(%s, id) FROM unnest(%s::uuid[]) id",
                      job_type, subjects, role="dashboard")

    def wait_all(self, clusters, status, timeout=PATIENCE):
        def reached():
            counts = dict(self.world.db(
                "SELECT status, count(*) FROM byoc.clusters"
                " WHERE id = ANY (%s::uuid[]) GROUP BY 1", clusters))
            self.assertNotIn("failed", counts)
            return counts == {status: len(clusters)}
        try:
            wait_for(reached, f"all clusters {status}", timeout)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.world.logs()}") from None

    def wait_called(self, pattern, times=1, timeout=PATIENCE):
        wait_for(lambda: self.sim.calls(pattern) >= times,
                 f"{times} {pattern}", timeout)

    # What it costs

    def time_to_run(self, credential=None, timeout=PATIENCE, **options):
        """How long a cluster takes from its wish to running, in seconds."""
        begin = time.monotonic()
        cluster = self.world.create_cluster(credential=credential, **options)
        self.world.wait_status(cluster, "running", timeout=timeout)
        return time.monotonic() - begin

    def assertNear(self, took, undisturbed, factor=1.5):
        self.assertLessEqual(took, factor * undisturbed + 1,
                             f"undisturbed: {undisturbed:.2f} s")

    def assertHolds(self, condition, seconds, what):
        """It is true all that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not condition():
                self.fail(f"{what}: not any more\n{self.world.logs()}")
            time.sleep(0.05)

    def assertNothingDead(self):
        self.assertEqual(self.world.dead_letters(), [])

    def count(self, counter, result=""):
        """The sum of byoc_<counter>_total over all workers that answer; with
        that result, if any has one."""
        texts = [worker.get("/metrics")[1] for worker in self.world.workers]
        self.assertIn(f"# TYPE byoc_{counter}_total counter", "".join(texts))
        labels = rf'(?:\{{[^}}]*result="{result}"\}})' if result else ""
        return sum(int(value) for text in texts for value in re.findall(
            rf"^byoc_{counter}_total{labels} (\d+)$", text, re.M))

    # What surrounds the workers

    def messages(self, queue):
        """How many wait in it, apart from those that were delivered."""
        channel = self.world.channel()
        try:
            return channel.queue_declare(
                queue, passive=True).method.message_count
        except pika.exceptions.ChannelClosedByBroker:
            return 0  # there is no such queue
        finally:
            channel.connection.close()

    def administrator(self, sql, *parameters):
        """A statement with all rights, in no database of a World."""
        connection = psycopg2.connect(self.world.services.server_url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    @contextlib.contextmanager
    def transaction(self, role=None):
        """A cursor in a transaction that stays open, and is rolled back."""
        connection = psycopg2.connect(
            self.world.services.database_url_of(role))
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def redirect(self, service, host, port):
        """Workers to come find "database" or "broker" at another place."""
        environment = self.world.worker_environment
        if service == "broker":
            environment["BYOC_AMQP_URL"] = elsewhere(
                environment["BYOC_AMQP_URL"], host, port)
            return
        path = f"{self.world.folder}/redirected.url"
        with open(environment["BYOC_DATABASE_URL_FILE"]) as file:
            url = file.read().strip()
        with open(path, "w") as file:
            file.write(elsewhere(url, host, port))
        environment["BYOC_DATABASE_URL_FILE"] = path


def elsewhere(url, host, port):
    parts = urllib.parse.urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@{host}:{port}").geturl()


def place(url):
    """(host, port) of a URL."""
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port
