"""Everything that a system test needs, in one place: a fresh database and
vhost, hcloud-sim, keys, workers, the operator's command, and all events.

    with World(workers=2) as world:
        cluster = world.create_cluster("shop", type="dedicated_ha")
        world.wait_status(cluster, "running")

Workers, dashboards and consumers of events have the rights that deploy/ gives
them and no others; the operator's command has the owner's.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid

import pika
import psycopg2

from events import Events
from services import Services
from sim import TOKEN, Sim, binary, wait_for
from worker import PATIENCE, Worker

CAP_IPC_LOCK = 14


def fitting():
    """Settings for who may not lock as much memory as they like: as few jobs
    at once as a user's usual limit is enough for."""
    status = pathlib.Path("/proc/self/status").read_text()
    rights = int(re.search(r"CapEff:\s*(\w+)", status).group(1), 16)
    return {} if rights >> CAP_IPC_LOCK & 1 else {"BYOC_MAX_IN_FLIGHT": "64"}


def program(name):
    """Path of a program of the same build as hcloud-sim."""
    return str(pathlib.Path(binary()).with_name(name))


class World:
    def __init__(self, workers=1, time_scale=600, own_services=False,
                 record=None, sim_options=("--boot-seconds", "5"),
                 environment=None, worker_command=None):
        self.want_workers = workers
        self.worker_command = worker_command or [program("byoc-worker")]
        self.own_services = own_services
        self.sim = Sim(time_scale=time_scale, record=record,
                       options=("--clusters", *sim_options))
        self.extra_environment = environment or {}
        self.workers = []
        self.connections = {}  # to the database, by thread and role
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
                **fitting(),
                **self.extra_environment}

    def stop(self):
        """Stops everything; complains about what did not end well."""
        self.close_connections()
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
        """Runs a statement in a transaction of its own; rows, if any. Who
        polls keeps the connection, as long as it lasts."""
        key = (threading.get_ident(), role)
        connection = self.connections.get(key)
        if not connection or connection.closed:
            connection = psycopg2.connect(self.services.database_url_of(role))
            self.connections[key] = connection
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if not connection.closed:
                raise
        return self.db(sql, *parameters, role=role)

    def close_connections(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def status(self, cluster):
        """(status, code, reason)"""
        return self.db("SELECT status, code, reason FROM byoc.clusters"
                       " WHERE id = %s", cluster)[0]

    def wait_status(self, cluster, *statuses, timeout=PATIENCE):
        """Waits; a cluster that fails instead is not waited for any longer."""
        def reached():
            if "deleted" in statuses:
                self.let_a_minute_pass(cluster)
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

    def let_a_minute_pass(self, cluster):
        """For a teardown that waits for what an earlier run may still make."""
        self.db(
            "UPDATE byoc.phases p"
            " SET unanswered_at = unanswered_at - interval '1 minute',"
            "     lease_until = lease_until - interval '1 minute'"
            " FROM byoc.clusters c"
            " WHERE c.id = %s AND p.cluster_id = c.id AND p.run < c.run"
            " AND greatest(p.unanswered_at, p.lease_until)"
            "     BETWEEN now() - interval '1 minute' AND now()", cluster)

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
            seen = {event["id"] for key, event, _ in list(self.events.all)
                    if not key.startswith("job.")}  # they are in no table
            return rows == 0 and len(seen) == written
        wait_for(idle, "an empty outbox and all events", timeout)
