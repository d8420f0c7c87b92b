"""What each user may do at the broker, and that deploy/rabbitmq/definitions.json
is what `byoc topology` declares."""

import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

import pika

from roles import DEFINITIONS, DEPLOY, url_of
from services import LOCAL, read_settings
from sim import wait_for
from system_case import SystemCase
from world import program

JOBS = "byoc.jobs"
EVENTS = "byoc.events"
USERS = ("dashboard", "worker", "consumer", "operator")


def publish(exchange, key):
    return lambda channel: channel.basic_publish(exchange, key, b"{}")


def get(queue):
    return lambda channel: channel.basic_get(queue)


def consume(queue):
    return lambda channel: channel.basic_consume(queue, lambda *_: None)


def purge(queue):
    return lambda channel: channel.queue_purge(queue)


def declare(queue, **arguments):
    return lambda channel: channel.queue_declare(
        queue, durable=True,
        arguments={name.replace("_", "-"): value
                   for name, value in arguments.items()})


def declare_exchange(exchange, type="topic"):
    return lambda channel: channel.exchange_declare(
        exchange, type, durable=True)


def bind(queue, exchange):
    return lambda channel: channel.queue_bind(queue, exchange, "#")


def delete(queue):
    return lambda channel: channel.queue_delete(queue)


def delete_exchange(exchange):
    return lambda channel: channel.exchange_delete(exchange)


REFUSED = {
    "dashboard": {
        "publish an event": publish(EVENTS, "cluster.mine.running"),
        "publish past the exchange": publish("", JOBS),
        "publish a suspect": publish("", "byoc.jobs.suspects"),
        "publish a dead letter": publish("", "byoc.jobs.dead"),
        "publish elsewhere": publish("amq.topic", "mine"),
        "take a job": get(JOBS),
        "consume jobs": consume(JOBS),
        "purge jobs": purge(JOBS),
        "read dead letters": get("byoc.jobs.dead"),
        "read another's events": consume("consumer.consumer"),
        "declare topology": declare_exchange(JOBS, "direct"),
        "declare a queue": declare("byoc.mine"),
        "declare a queue for itself": declare("consumer.mine"),
        "bind": bind(JOBS, EVENTS),
        "delete the queue": delete(JOBS),
        "delete the exchange": delete_exchange(EVENTS),
    },
    "worker": {
        "publish elsewhere": publish("amq.topic", "mine"),
        "take a consumer's events": get("consumer.consumer"),
        "purge a consumer's events": purge("consumer.consumer"),
        "delete a consumer's queue": delete("consumer.consumer"),
        "declare a queue elsewhere": declare("mine"),
        "take the dot for any character": declare("byocXmine"),
    },
    "consumer": {
        "publish an event": publish(EVENTS, "cluster.mine.running"),
        "publish a job": publish(JOBS, JOBS),
        "publish past the exchange": publish("", JOBS),
        "publish elsewhere": publish("amq.topic", "mine"),
        "take a job": get(JOBS),
        "consume jobs": consume(JOBS),
        "read dead letters": get("byoc.jobs.dead"),
        "read another's events": get("consumer.dashboard"),
        "listen to jobs": bind("consumer.consumer", JOBS),
        "turn events into jobs": bind(JOBS, EVENTS),
        "listen with a queue of its own": bind("consumer.consumer", EVENTS),
        "declare topology": declare_exchange(EVENTS),
        "declare a queue of workers'": declare("byoc.mine"),
        "declare a queue that refuses events": declare(
            "consumer.mine", x_max_length=0, x_overflow="reject-publish"),
        "declare a queue for a moment": declare(""),
        "delete its queue": delete("consumer.consumer"),
        "delete the exchange": delete_exchange(EVENTS),
    },
}


class RolesAtTheBroker(SystemCase):
    workers = 1

    def test_what_is_refused(self):
        for role, actions in REFUSED.items():
            for what, action in actions.items():
                with self.subTest(role=role, what=what):
                    channel = self.world.channel(role)
                    self.addCleanup(channel.connection.close)
                    with self.assertRaises(
                            pika.exceptions.ChannelClosedByBroker) as refused:
                        action(channel)
                    self.assertEqual(refused.exception.reply_code, 403)
        self.assertEqual(self.world.dead_letters(), [])

    def test_other_vhosts_are_closed(self):
        for role in USERS:
            url = url_of(self.world.services.broker_url,
                         self.world.services.roles.login(role),
                         self.world.services.roles.password)
            with self.subTest(role=role), self.assertRaises(
                    pika.exceptions.ProbableAccessDeniedError):
                pika.BlockingConnection(pika.URLParameters(url))

    def topology(self, role):
        return subprocess.run(
            [program("byoc"), "topology"],
            env=self.world.make_environment(role), capture_output=True,
            text=True)

    def test_dashboards_hear_of_events(self):
        credential = self.world.add_credential()
        channel = self.world.channel("dashboard")
        self.addCleanup(channel.connection.close)

        def heard():
            method, _, body = channel.basic_get("consumer.dashboard", True)
            return method and json.loads(body)["subject"] == credential
        wait_for(heard, "an event of the new credential")

    def test_workers_may_declare_the_topology_and_dashboards_not(self):
        done = self.topology("worker")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        refused = self.topology("dashboard")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"exchange '{JOBS}'", refused.stderr)

    def test_operators_have_a_user_that_suffices(self):
        environment = {
            **self.world.environment,
            "BYOC_AMQP_URL": self.world.services.amqp_url_of("operator")}
        self.world.publish("nonsense")
        channel = self.world.channel()
        self.addCleanup(channel.connection.close)
        wait_for(lambda: channel.queue_declare(
            "byoc.jobs.dead", passive=True).method.message_count,
            "a dead letter")
        for command in (("topology",), ("dead", "list"), ("status",),
                        ("topology", "--consumer", "new"),
                        ("dead", "requeue", "--all"),
                        ("dead", "drop", "--all")):
            done = subprocess.run([program("byoc"), *command],
                                  env=environment, capture_output=True,
                                  text=True)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        cluster = self.world.create_cluster()
        done = subprocess.run([program("byoc"), "cluster", "watch", cluster],
                              env=environment, capture_output=True, text=True)
        # And it was not the database that told them.
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.world.delete_cluster(cluster)

    def test_workers_come_as_their_own_user(self):
        rows = subprocess.run(
            [LOCAL / "rabbitmq.sh", "ctl", self.world.services.rabbitmq_dir,
             "list_connections", "user", "vhost", "client_properties"],
            capture_output=True, text=True, check=True).stdout.splitlines()
        users = {row.split("\t")[0] for row in rows
                 if f"\t{self.world.services.name}\t" in row
                 and "byoc-worker" in row}
        self.assertEqual(users, {self.world.services.roles.login("worker")})


class Definitions(unittest.TestCase):
    """In a RabbitMQ of its own, with the file as it is."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="byoc-rabbitmq-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.script("start")
        cls.addClassCleanup(cls.script, "kill")
        cls.url = read_settings(f"{cls.folder}/env")["AMQP_URL"]
        cls.ctl("import_definitions", str(DEFINITIONS))

    @classmethod
    def script(cls, verb, *arguments):
        subprocess.run([LOCAL / "rabbitmq.sh", verb, cls.folder, *arguments],
                       check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    @classmethod
    def ctl(cls, *arguments):
        cls.script("ctl", *arguments)

    def export(self):
        path = pathlib.Path(self.folder, "export.json")
        self.ctl("export_definitions", str(path))
        return json.loads(path.read_text())

    def things(self, vhost):
        """Exchanges, queues and bindings of a vhost, and nothing about it."""
        export = self.export()
        return {kind: sorted(
            json.dumps({**thing, "vhost": ""}, sort_keys=True)
            for thing in export[kind] if thing["vhost"] == vhost)
            for kind in ("exchanges", "queues", "bindings", "policies")}

    def topology(self, user, password, vhost, *options):
        url = url_of(self.url, user, password).removesuffix("%2f") + vhost
        done = subprocess.run(
            [program("byoc"), "topology", *options], capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "BYOC_AMQP_URL": url})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_topology_finds_all_in_place(self):
        self.ctl("change_password", "worker", "for-this-test")
        before = self.things("byoc")
        self.assertEqual(len(before["queues"]), 12)
        self.topology("worker", "for-this-test", "byoc")
        self.assertEqual(self.things("byoc"), before)

    def test_topology_alone_makes_the_same(self):
        self.ctl("add_vhost", "alone")
        self.ctl("set_permissions", "--vhost", "alone", "guest",
                 ".*", ".*", ".*")
        for consumer in ("dashboard", "consumer"):
            self.topology("guest", "guest", "alone", "--consumer", consumer)
        self.assertEqual(self.things("alone"), self.things("byoc"))

    def test_nobody_gets_in_before_a_password_is_set(self):
        self.ctl("import_definitions", str(DEFINITIONS))
        for user in USERS:
            for password in ("", user, "guest"):
                parameters = pika.URLParameters(self.url)
                parameters.virtual_host = "byoc"
                parameters.credentials = pika.PlainCredentials(user, password)
                with self.subTest(user=user, password=password), \
                        self.assertRaises(
                            pika.exceptions.ProbableAuthenticationError):
                    pika.BlockingConnection(parameters)

    def test_the_file_holds_no_hash(self):
        users = json.loads(DEFINITIONS.read_text())["users"]
        self.assertEqual({user["name"] for user in users}, set(USERS))
        self.assertEqual({user["password_hash"] for user in users}, {""})


class InContainers(unittest.TestCase):
    """RabbitMQ as docker-compose.yml starts it, without the container."""

    NAMES = {"ca": "ca.pem", "rabbitmq_certificate": "rabbitmq.pem",
             "rabbitmq_key": "rabbitmq.key", "definitions": "definitions.json"}

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="byoc-rabbitmq-")
        self.addCleanup(shutil.rmtree, self.folder)
        secrets = pathlib.Path(self.folder, "secrets")
        (secrets / "keys").mkdir(parents=True)
        subprocess.run([DEPLOY / "secrets.sh", secrets], check=True,
                       stdout=subprocess.DEVNULL)
        self.url = (secrets / "amqp_url").read_text().strip()
        self.authority = str(secrets / "ca.pem")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        settings = (DEPLOY / "rabbitmq" / "rabbitmq.conf").read_text()
        for name, file in self.NAMES.items():
            settings = settings.replace(f"/run/secrets/{name}\n",
                                        f"{secrets / file}\n")
        self.assertNotIn("/run/secrets", settings)
        # The script that starts it asks at the plain port whether it is there.
        settings = settings.replace("listeners.tcp = none\n", "")
        pathlib.Path(self.folder, "extra.conf").write_text(
            settings.replace("5671", str(self.port)))

    def script(self, verb):
        subprocess.run([LOCAL / "rabbitmq.sh", verb, self.folder], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def connect(self, url):
        """By TLS, which the certificate is good for under this name only."""
        parameters = pika.URLParameters(
            url.replace("@rabbitmq/", f"@127.0.0.1:{self.port}/"))
        parameters.ssl_options = pika.SSLOptions(
            ssl.create_default_context(cafile=self.authority), "rabbitmq")
        pika.BlockingConnection(parameters).close()

    def test_passwords_hold_from_one_start_to_the_next(self):
        self.addCleanup(self.script, "kill")
        for verb in ("start", "restart"):
            self.script(verb)
            self.connect(self.url)
            for nobody in ("guest:guest", "worker:guest"):
                with self.assertRaises(
                        pika.exceptions.ProbableAuthenticationError):
                    self.connect(f"amqps://{nobody}@rabbitmq/byoc")


if __name__ == "__main__":
    unittest.main()
