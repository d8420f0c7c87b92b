"""A TestCase with a migrated database of its own and no worker: the test calls
the functions of schema/migrations as the worker's store does."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import uuid

import psycopg2
import psycopg2.extras

from services import LOCAL, read_settings
from world import program

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOKEN = "byoc1.token"
WORKER, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
# What the worker's store writes as rows (src/store/rows.h), made of JSON.
JOBS = ("ARRAY(SELECT j FROM jsonb_populate_recordset(NULL::byoc.phase_job, %s)"
        " j)")
OUTCOMES = ("ARRAY(SELECT o FROM jsonb_populate_recordset(NULL::byoc.outcome,"
            " %s) o)")
PLAN = {"prepare": [], "network": ["prepare"], "firewall": ["prepare"],
        "ready": ["network", "firewall"]}
REMOVAL = {"load_balancers": [], "servers": ["load_balancers"]}


def plan(phases):
    return [{"phase": name, "index": 0, "needs": needs}
            for name, needs in phases.items()]


class StoreCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        settings = pathlib.Path(os.environ.get("BYOC_BUILD_DIR", "/nowhere"),
                                "services.env")
        cls.folder = None
        if settings.exists():
            server = read_settings(settings)["BYOC_TEST_DATABASE_URL"]
        else:
            cls.folder = tempfile.mkdtemp(prefix="byoc-store-")
            cls.postgres("start")
            server = read_settings(f"{cls.folder}/env")["DATABASE_URL"]
        cls.server = server
        cls.name = f"store_{uuid.uuid4().hex[:12]}"
        cls.on_server(f"CREATE DATABASE {cls.name}")
        cls.on_server(f"ALTER DATABASE {cls.name} SET synchronous_commit = off")
        cls.url = server.rpartition("/")[0] + f"/{cls.name}"
        cls.byoc("migrate")

    @classmethod
    def tearDownClass(cls):
        cls.on_server(f"DROP DATABASE {cls.name} WITH (FORCE)")
        if cls.folder:
            cls.postgres("stop")
            shutil.rmtree(cls.folder)

    @classmethod
    def postgres(cls, verb):
        subprocess.run([str(LOCAL / "postgres.sh"), verb, cls.folder],
                       check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    @classmethod
    def on_server(cls, sql):
        connection = psycopg2.connect(cls.server)
        connection.autocommit = True
        connection.cursor().execute(sql)
        connection.close()

    @classmethod
    def call(cls, *arguments):
        """Of byoc, for subprocess."""
        return {"args": [program("byoc"), *arguments], "text": True,
                "stdin": subprocess.DEVNULL,
                "env": {"BYOC_DATABASE_URL": cls.url,
                        "PATH": os.environ["PATH"]}}

    @classmethod
    def byoc(cls, *arguments):
        return subprocess.run(**cls.call(*arguments), check=True,
                              capture_output=True).stdout

    def setUp(self):
        self.main = self.connect()
        self.db("DELETE FROM byoc.outbox; DELETE FROM byoc.clusters;"
                " DELETE FROM byoc.credentials")

    def connect(self, autocommit=True):
        connection = psycopg2.connect(self.url)
        connection.autocommit = autocommit
        psycopg2.extras.register_uuid(conn_or_curs=connection)
        self.addCleanup(connection.close)
        return connection

    def db(self, sql, *values, on=None):
        """Rows, if any; each call a transaction, unless `on` says otherwise."""
        with (on or self.main).cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, sql, *values):
        (row,) = self.db(sql, *values)
        return row[0] if len(row) == 1 else row

    def holding(self, sql, *values):
        """A transaction that has run `sql` and stays open."""
        connection = self.connect(autocommit=False)
        self.db(sql, *values, on=connection)
        return connection

    def hold_cluster(self, cluster):
        return self.holding("SELECT 1 FROM byoc.clusters WHERE id = %s"
                            " FOR UPDATE", cluster)

    def hold_credential(self, credential):
        return self.holding("SELECT 1 FROM byoc.credentials WHERE id = %s"
                            " FOR UPDATE", credential)

    # Records

    def add_credential(self, sealed=TOKEN, active=TOKEN):
        return str(self.one(
            "INSERT INTO byoc.credentials (name, sealed_token,"
            " active_sealed_token, status, token_version)"
            " VALUES (gen_random_uuid()::text, %s, %s, %s, 1) RETURNING id",
            sealed, active, "ready" if active == sealed
            else "pending_validation"))

    def add_cluster(self, credential):
        return str(self.one(
            "INSERT INTO byoc.clusters (name, credential_id, location, type)"
            " VALUES ('shop', %s, 'fsn1', 'dedicated') RETURNING id",
            credential))

    def begun(self, credential=None, goal="provision", phases=None):
        """A cluster whose run has begun."""
        cluster = self.add_cluster(credential or self.add_credential())
        self.assertEqual(self.start(cluster, goal, phases), [])
        return cluster

    def status(self, cluster):
        return self.one("SELECT status, goal, active FROM byoc.clusters"
                        " WHERE id = %s", cluster)

    # What a store asks for

    def start(self, cluster, goal="provision", phases=None):
        phases = phases or (PLAN if goal == "provision" else REMOVAL)
        return [n for n, in self.db(
            "SELECT byoc.start_runs(%s)",
            json.dumps([{"n": 0, "cluster_id": cluster, "goal": goal,
                         "traceparent": TRACE, "phases": plan(phases)}]))]

    def jobs(self, *clusters):
        """Messages of all phases that are queued, in the order of clusters."""
        rows = self.db(
            "SELECT p.cluster_id::text, p.run, p.phase, p.index,"
            " p.job_id::text FROM byoc.phases p JOIN byoc.clusters c"
            " ON c.id = p.cluster_id AND c.run = p.run"
            " WHERE p.status IN ('queued', 'leased')"
            " AND p.cluster_id = ANY (%s::uuid[])"
            " ORDER BY array_position(%s::uuid[], p.cluster_id), p.phase",
            list(clusters), list(clusters))
        keys = ("cluster_id", "run", "phase", "index", "job_id")
        return [{"n": n, **dict(zip(keys, row))} for n, row in enumerate(rows)]

    def lease(self, jobs, worker=WORKER, lease_ms=20000, share=1000,
              places=None):
        """{n: (verdict, wait_ms, lease)}"""
        return {n: rest for n, *rest in self.db(
            "SELECT n, verdict, wait_ms, to_json(l)"
            f" FROM byoc.lease_phases({JOBS}, %s, %s, %s, %s) l",
            json.dumps(jobs), worker, lease_ms, share,
            json.dumps(places or {}))}

    def leased(self, *clusters, **options):
        """Leases all that is queued; [(job, lease)]"""
        jobs = self.jobs(*clusters)
        answers = self.lease(jobs, **options)
        self.assertEqual({answer[0] for answer in answers.values()},
                         {"leased"})
        return [(job, answers[job["n"]][2]) for job in jobs]

    @staticmethod
    def outcome(job, lease, result="done", **more):
        outcome = {**job, "lease_token": lease["lease_token"],
                   "result": result, "resources": [], "removed": []}
        if result in ("wait", "retry"):
            outcome |= {"queue": "byoc.jobs.wait.250", "delay_ms": 0}
        if result in ("fail", "park"):
            outcome |= {"code": "broken", "reason": "It broke."}
        return outcome | more

    def commit(self, *outcomes):
        """[verdict]"""
        rows = self.db("SELECT n, verdict"
                       f" FROM byoc.commit_phases({OUTCOMES})"
                       " ORDER BY n", json.dumps(
                           [{**outcome, "n": n}
                            for n, outcome in enumerate(outcomes)]))
        return [verdict for _, verdict in rows]

    def work(self, cluster, result="done", **more):
        """Leases all of the cluster that is queued, with the same outcome."""
        outcomes = [self.outcome(job, lease, result, **more)
                    for job, lease in self.leased(cluster)]
        self.assertEqual(set(self.commit(*outcomes)), {"stored"})

    def finish(self, cluster):
        """Until its run is over."""
        while self.status(cluster)[2] and self.jobs(cluster):
            self.work(cluster)

    def validate(self, credential, result, worker=WORKER):
        """Leases and judges it; the verdict of the last step."""
        (_, verdict, _, lease), = self.db(
            "SELECT * FROM byoc.lease_credentials(%s, %s, 20000)",
            json.dumps([{"n": 0, "credential_id": credential,
                         "job_id": str(self.one(
                             "SELECT coalesce(job_id, gen_random_uuid())"
                             " FROM byoc.credentials WHERE id = %s",
                             credential))}]), worker)
        self.assertEqual(verdict, "leased")
        return self.judge(credential, lease, result)

    def judge(self, credential, lease, result):
        outcome = {"n": 0, "credential_id": credential, "result": result,
                   "lease_token": lease["lease_token"]}
        if result != "ready":
            outcome |= {"code": "unknown_token", "reason": "Hetzner says no."}
        return self.one("SELECT verdict FROM byoc.commit_credentials(%s)",
                        json.dumps([outcome]))

    # What came of it

    def events(self, subject):
        """[(sequence, name)]"""
        return self.db("SELECT sequence, name FROM byoc.events"
                       " WHERE coalesce(cluster_id, credential_id) = %s"
                       " ORDER BY sequence, id", subject)

    def assertComplete(self, subject):
        """Numbered without gaps; as many messages as events."""
        numbers = [number for number, _ in self.events(subject)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual([int(number) for number, in self.db(
            "SELECT body::json ->> 'sequence' FROM byoc.outbox"
            " WHERE exchange = 'byoc.events' AND body::json ->> 'subject' = %s"
            " ORDER BY id", subject)], numbers)

    def messages(self, type):
        """Bodies of the jobs of a type in the outbox."""
        return [body for body, in self.db(
            "SELECT body::json FROM byoc.outbox WHERE type = %s"
            " ORDER BY id", type)]
