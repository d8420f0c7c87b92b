"""Everything that a system test needs, in one place: a fresh database and
vhost, hcloud-sim, keys, workers, the operator's command, and all events.

    with World(workers=2) as world:
        cluster = world.create_cluster("shop", type="dedicated_ha")
        world.wait_status(cluster, "running")

PostgreSQL and RabbitMQ are those of the ctest run when $BYOC_BUILD_DIR has a
services.env, else private ones that end with the test. Workers, dashboards and
consumers of events have the rights that deploy/ gives them and no others; the
operator's command has the owner's.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse
import uuid

import pika
import psycopg2
import requests

from roles import Roles
from sim import TOKEN, Sim, binary, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCAL = ROOT / "deploy" / "local"
PATIENCE = 60


def program(name):
    """Path of a program of the same build as hcloud-sim."""
    return str(pathlib.Path(binary()).with_name(name))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read_settings(path):
    """NAME=value lines as a dictionary."""
    lines = pathlib.Path(path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


class Services:
    """Where PostgreSQL and RabbitMQ are; own ones may be stopped and killed."""

    def __init__(self, own=False):
        shared = pathlib.Path(os.environ.get("BYOC_BUILD_DIR", "/nowhere"),
                              "services.env")
        self.folder = None
        if shared.exists() and not own:
            settings = {name.removeprefix("BYOC_TEST_"): value
                        for name, value in read_settings(shared).items()}
        else:
            self.folder = tempfile.mkdtemp(prefix="byoc-services-")
            self.run("services.sh", "start", self.folder, str(os.getpid()))
            settings = read_settings(f"{self.folder}/env")
        self.postgres_dir = settings["POSTGRES_DIR"]
        self.rabbitmq_dir = settings["RABBITMQ_DIR"]
        self.server_url = settings["DATABASE_URL"]
        self.broker_url = settings["AMQP_URL"]
        self.name = f"test_{uuid.uuid4().hex[:12]}"
        self.roles = Roles(self.name)
        self.database_url = self.make_database()
        self.amqp_url = self.make_vhost()

    @staticmethod
    def run(script, *arguments):
        subprocess.run([str(LOCAL / script), *arguments], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def make_database(self):
        connection = psycopg2.connect(self.server_url)
        connection.autocommit = True
        owner = self.roles.login("owner")
        cursor = connection.cursor()
        cursor.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD %s",
                       (self.roles.password,))
        cursor.execute(f"GRANT pg_read_all_stats TO {owner}")
        cursor.execute(f"CREATE DATABASE {self.name} OWNER {owner}")
        connection.close()
        parts = urllib.parse.urlsplit(self.server_url)
        return self.roles.url(
            parts._replace(path=f"/{self.name}").geturl(), "owner")

    def make_vhost(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.roles.definitions(), file)
            file.flush()
            self.rabbitmq("ctl", "import_definitions", file.name)
        parts = urllib.parse.urlsplit(self.broker_url)
        return parts._replace(path=f"/{self.name}").geturl()

    def database_url_of(self, role=None):
        """Without a role: the owner's."""
        return (self.roles.url(self.database_url, role) if role
                else self.database_url)

    def amqp_url_of(self, role=None):
        """Without a role: the administrator's."""
        return self.roles.url(self.amqp_url, role) if role else self.amqp_url

    def postgres(self, verb):
        self.run("postgres.sh", verb, self.postgres_dir)

    def rabbitmq(self, verb, *arguments):
        self.run("rabbitmq.sh", verb, self.rabbitmq_dir, *arguments)

    def stop(self):
        if self.folder:
            self.run("services.sh", "remove", self.folder)


class Worker:
    """One byoc-worker, and what it logs."""

    def __init__(self, number, environment, folder, command):
        self.port = free_port()
        self.log_path = pathlib.Path(folder, f"worker-{number}.log")
        self.killed = False
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**environment,
                     "BYOC_HTTP_LISTEN": f"127.0.0.1:{self.port}"})

    def get(self, path):
        """The answer's (status, text), or (0, "") when there is none."""
        try:
            answer = requests.get(
                f"http://127.0.0.1:{self.port}{path}", timeout=10)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"a worker ended:\n{self.log()}")
            return self.get("/readyz")[0] == 200
        wait_for(ready, "a worker to be ready", PATIENCE)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def events(self, name):
        """The log lines with that event word, as dictionaries."""
        lines = [json.loads(line) for line in self.log().splitlines()
                 if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it and makes sure that it ended well."""
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"a worker did not stop:\n{self.tail()}")
        log = self.log()
        if status != 0 and not self.killed:
            raise AssertionError(f"a worker ended {status}:\n{log[-8000:]}")
        if TOKEN in log:
            raise AssertionError(f"the token is in {self.log_path}")
        if "permission denied" in log or "ACCESS_REFUSED" in log:
            raise AssertionError(f"a right is missing:\n{log[-8000:]}")

    def tail(self):
        return "\n".join(self.log().splitlines()[-25:])


class Events:
    """Collects every message of byoc.events from a queue of its own."""

    def __init__(self, amqp_url):
        self.amqp_url = amqp_url
        self.all = []
        self.stopping = False
        self.attach(declare=True).close()
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def attach(self, declare=False):
        connection = pika.BlockingConnection(
            pika.URLParameters(self.amqp_url))
        channel = connection.channel()
        if declare:
            channel.queue_declare("consumer.test", durable=True)
            channel.queue_bind("consumer.test", "byoc.events", "#")
        else:
            channel.basic_consume("consumer.test", self.take)
        return connection

    def take(self, channel, method, properties, body):
        event = json.loads(body)
        self.all.append((method.routing_key, event, properties))
        channel.basic_ack(method.delivery_tag)

    def collect(self):
        while not self.stopping:
            try:
                connection = self.attach()
                while not self.stopping:
                    connection.process_data_events(0.1)
                connection.close()
            except (pika.exceptions.AMQPError, OSError):
                pass  # the broker is being restarted

    def of(self, subject):
        """Its events in their order, each once."""
        once = {event["id"]: event for _, event, _ in list(self.all)
                if event["subject"] == subject}
        return sorted(once.values(), key=lambda event: int(event["sequence"]))

    def names(self, subject):
        """ "running", "phase.done", … in their order. """
        prefixes = ("cloud.mengi.byoc.cluster.", "cloud.mengi.byoc.credential.")
        names = [event["type"] for event in self.of(subject)]
        for prefix in prefixes:
            names = [name.removeprefix(prefix) for name in names]
        return names

    def statuses(self, subject):
        return [name for name in self.names(subject)
                if not name.startswith("phase.")]

    def stop(self):
        self.stopping = True
        self.thread.join()


class World:
    def __init__(self, workers=1, time_scale=600, own_services=False,
                 record=None, sim_options=("--boot-seconds", "5"),
                 environment=None, worker_command=None):
        self.want_workers = workers
        self.worker_command = worker_command or [program("byoc-worker")]
        self.own_services = own_services
        self.sim = Sim(time_scale=time_scale, record=record,
                       options=sim_options)
        self.extra_environment = environment or {}
        self.workers = []
        self.running = []  # what to stop, the last first

    # Starting and stopping

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="byoc-world-")
        try:
            self.services = self.started(Services(self.own_services))
            self.sim.start()
            self.running.append(self.sim)
            self.environment = self.make_environment()
            self.worker_environment = self.make_environment("worker")
            self.byoc("keygen", f"{self.folder}/keys")
            self.byoc("migrate")
            self.services.roles.grant(self.services.database_url)
            self.byoc("topology")
            self.events = self.started(Events(
                self.services.amqp_url_of("consumer")))
            for _ in range(self.want_workers):
                self.start_worker(wait=False)
            for worker in self.workers:
                worker.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def started(self, what):
        self.running.append(what)
        return what

    def make_environment(self, role=None):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("BYOC_")}
        secret = pathlib.Path(self.folder, f"{role or 'owner'}.url")
        secret.write_text(self.services.database_url_of(role) + "\n")
        return {**kept,
                "BYOC_DATABASE_URL_FILE": str(secret),
                "BYOC_AMQP_URL": self.services.amqp_url_of(role),
                "BYOC_KEY_DIR": f"{self.folder}/keys",
                "BYOC_HCLOUD_ENDPOINT": self.sim.url,
                "BYOC_LOG_LEVEL": "debug",
                "BYOC_LOG_FORMAT": "json",
                **self.extra_environment}

    def stop(self):
        """Stops everything; complains about what did not end well."""
        problems = []
        while self.running:
            try:
                self.running.pop().stop()
            except AssertionError as problem:
                problems.append(str(problem))
        shutil.rmtree(self.folder)
        if problems:
            raise AssertionError("\n".join(problems))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Workers

    def start_worker(self, wait=True):
        worker = self.started(Worker(len(self.workers),
                                     self.worker_environment, self.folder,
                                     self.worker_command))
        self.workers.append(worker)
        if wait:
            worker.wait_ready()
        return worker

    def kill_worker(self, index, number=signal.SIGKILL):
        """Sends the signal; SIGKILL waits for the end."""
        if number == signal.SIGKILL:
            self.workers[index].kill()
        else:
            self.workers[index].send(number)

    def logs(self):
        return "\n".join(f"--- worker {i}\n{worker.tail()}"
                         for i, worker in enumerate(self.workers))

    # The operator's command

    def byoc(self, *arguments, check=True, text=None):
        result = subprocess.run(
            [program("byoc"), *map(str, arguments)], env=self.environment,
            input=text or "", text=True, capture_output=True, timeout=120)
        if check and result.returncode != 0:
            raise AssertionError(
                f"byoc {' '.join(map(str, arguments))} ended "
                f"{result.returncode}: {result.stdout}{result.stderr}")
        return result

    def byoc_json(self, *arguments, **options):
        return json.loads(
            self.byoc(*arguments, "--output", "json", **options).stdout)

    def add_credential(self, token=TOKEN, name=None, status="ready"):
        """A credential that has been judged; returns its id."""
        name = name or f"credential-{uuid.uuid4().hex[:8]}"
        record = self.byoc_json("credential", "add", "--name", name, text=token)
        if status:
            self.wait_credential(record["id"], status)
        return record["id"]

    def wait_credential(self, credential, status, timeout=PATIENCE):
        def judged():
            found = self.db("SELECT status FROM byoc.credentials"
                            " WHERE id = %s", credential)
            return found == [(status,)]
        wait_for(judged, f"credential {status}\n{self.logs()}", timeout)

    def credential(self):
        """A good credential that all clusters may share."""
        if not hasattr(self, "shared_credential"):
            self.shared_credential = self.add_credential()
        return self.shared_credential

    def create_cluster(self, name=None, credential=None, location="fsn1",
                       type="dedicated", workers=0, options=()):
        """Asks for a cluster; returns its id."""
        record = self.byoc_json(
            "cluster", "create", "--name", name or f"c{uuid.uuid4().hex[:6]}",
            "--credential", credential or self.credential(),
            "--location", location, "--type", type, "--workers", workers,
            *options)
        return record["id"]

    def delete_cluster(self, cluster, wait=True):
        self.byoc("cluster", "delete", cluster)
        if wait:  # a failed one has failed until a worker begins
            wait_for(lambda: self.status(cluster)[0] in (
                "deleting", "deleted"), "the deletion to begin", PATIENCE)
            self.wait_status(cluster, "deleted")

    # The database

    def db(self, sql, *parameters, role=None):
        """Runs a statement in a transaction of its own; rows, if any."""
        connection = psycopg2.connect(self.services.database_url_of(role))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def status(self, cluster):
        """(status, code, reason)"""
        return self.db("SELECT status, code, reason FROM byoc.clusters"
                       " WHERE id = %s", cluster)[0]

    def wait_status(self, cluster, *statuses, timeout=PATIENCE):
        """Waits; a cluster that fails instead is not waited for any longer."""
        def reached():
            status = self.status(cluster)
            if status[0] == "failed" and "failed" not in statuses:
                raise AssertionError(f"cluster {cluster}: {status}")
            return status if status[0] in statuses else None
        try:
            return wait_for(reached, "", timeout)
        except AssertionError:
            raise AssertionError(
                f"cluster {cluster} is {self.status(cluster)}, wanted "
                f"{statuses}\n{self.phases(cluster)}\n{self.logs()}") from None

    def phases(self, cluster):
        rows = self.db(
            "SELECT p.phase, p.index, p.status, p.leases, p.failures, p.code,"
            " p.reason FROM byoc.phases p JOIN byoc.clusters c"
            " ON c.id = p.cluster_id AND c.run = p.run"
            " WHERE c.id = %s ORDER BY p.phase, p.index", cluster)
        return "\n".join(" ".join(map(str, row)) for row in rows)

    def resources(self, cluster):
        """{(kind, name, Hetzner's id)} as recorded."""
        return set(self.db("SELECT kind, name, hetzner_id FROM byoc.resources"
                           " WHERE cluster_id = %s", cluster))

    # The broker

    def channel(self, role=None):
        """A channel with confirms of a connection that the caller closes."""
        connection = pika.BlockingConnection(
            pika.URLParameters(self.services.amqp_url_of(role)))
        channel = connection.channel()
        channel.confirm_delivery()
        return channel

    def publish(self, body, message_id=None, headers=None):
        """Any bytes into the job queue, as a dashboard may."""
        channel = self.channel("dashboard")
        channel.basic_publish(
            "byoc.jobs", "byoc.jobs", body,
            pika.BasicProperties(delivery_mode=2, headers=headers,
                                 message_id=message_id or str(uuid.uuid4())),
            mandatory=True)
        channel.connection.close()

    def publish_job(self, job_type, subject, **more):
        """A job as a dashboard would send it; returns it."""
        key = job_type.split(".")[0] + "_id"
        job = {"id": str(uuid.uuid4()), "type": job_type, key: subject, **more}
        self.publish(json.dumps(job), message_id=job["id"])
        return job

    def purge_jobs(self):
        channel = self.channel()
        purged = channel.queue_purge("byoc.jobs").method.message_count
        channel.connection.close()
        return purged

    def dead_letters(self):
        """[(properties, body)] of all dead letters, which are then gone."""
        channel = self.channel()
        letters = []
        while True:
            method, properties, body = channel.basic_get(
                "byoc.jobs.dead", auto_ack=True)
            if method is None:
                channel.connection.close()
                return letters
            letters.append((properties, body))

    def wait_idle(self, timeout=PATIENCE):
        """Until nothing is left to be published and all events are here."""
        def idle():
            rows = self.db("SELECT count(*) FROM byoc.outbox")[0][0]
            written = self.db("SELECT count(*) FROM byoc.events")[0][0]
            seen = {event["id"] for _, event, _ in list(self.events.all)}
            return rows == 0 and len(seen) == written
        wait_for(idle, "an empty outbox and all events", timeout)
