"""With 100,000 clusters, what a worker asks for again and again is looked up by
keys: whatever the statistics say, no statement reads a table as a whole, those
inside functions included."""

import collections
import json
import re
import time
import unittest

from store_case import JOBS, OUTCOMES, WORKER, StoreCase

CLUSTERS, ACTIVE = 100000, 5000
FILL = """
    SET session_replication_role = replica;  -- no triggers, no look-ups
    INSERT INTO byoc.credentials (name, sealed_token, active_sealed_token,
                                  status, token_version)
    SELECT 'c' || i, 'byoc1.token', 'byoc1.token', 'ready', 1
    FROM generate_series(1, 20000) i;
    CREATE TEMP TABLE k AS
    SELECT id, row_number() OVER () - 1 AS n FROM byoc.credentials;
    CREATE UNIQUE INDEX ON k (n);
    INSERT INTO byoc.clusters (name, credential_id, location, type, status,
                               run)
    SELECT 'shop', k.id, 'fsn1', 'dedicated',
           CASE WHEN i < {active} THEN 'provisioning' ELSE 'running' END, 1
    FROM generate_series(0, {clusters} - 1) i JOIN k ON k.n = i % 20000;
    -- of the active ones: one due, six that wait for long, one blocked
    INSERT INTO byoc.phases (cluster_id, run, phase, index, needs, status,
                             job_id, due_at)
    SELECT c.id, 1, 'p', i, '{{}}',
           CASE WHEN c.status = 'running' THEN 'done' WHEN i = 7 THEN 'blocked'
                ELSE 'queued' END, gen_random_uuid(),
           CASE WHEN c.status = 'running' OR i = 7 THEN NULL
                ELSE now() + (i > 0)::integer * interval '5 minutes' END
    FROM byoc.clusters c, generate_series(0, 7) i
    WHERE c.status = 'provisioning' OR i < 2;
    INSERT INTO byoc.progress (cluster_id, sequence, run)
    SELECT id, 1, run FROM byoc.clusters;
    INSERT INTO byoc.resources (cluster_id, kind, hetzner_id, name, phase,
                                index)
    SELECT id, 'server', row_number() OVER (), 'n', 'server', 0
    FROM byoc.clusters;
    INSERT INTO byoc.events (cluster_id, sequence, name, data)
    SELECT id, 1, 'provisioning', '{{}}' FROM byoc.clusters;
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type, body,
                             due_at)
    SELECT '', 'x', gen_random_uuid(), 'x', '{{}}', now() + interval '5 minutes'
    FROM generate_series(1, 20000);
    SET session_replication_role = origin;
""".format(clusters=CLUSTERS, active=ACTIVE)
EXPLAIN = """
    LOAD 'auto_explain';
    SET auto_explain.log_min_duration = 0;
    SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_level = notice;
    SET client_min_messages = notice;
"""
# What the worker's store sets for its connection (src/store/open.c).
SESSION = ("SET enable_seqscan = off; SET enable_bitmapscan = off;"
           " SET jit = off")
# What the statistics say: nothing yet, or that the tables whose rows come and go
# were found empty, though once there was a crowd.
NONE = """
    UPDATE pg_class SET reltuples = -1, relpages = 0
    WHERE relnamespace = 'byoc'::regnamespace AND relkind IN ('r', 'i')
"""
EMPTY = """
    UPDATE pg_class SET reltuples = 0, relpages = 1000
    WHERE oid IN ('byoc.outbox'::regclass, 'byoc.resources'::regclass,
                  'byoc.requests'::regclass)
"""
# From one end to the other, be it by an index.
WHOLE = re.compile(
    r"(?:Seq Scan on|Index(?: Only)? Scan using \w+ on)"
    r" (?:clusters|credentials|phases|progress|outbox|resources"
    r"|events(?:_\d+)*|events_default)\b[^\n]*(?!\n\s*Index Cond)(?:\n|$)")
# Statements that the store has itself (src/store/outbox.c).
WRITTEN = ("SELECT * FROM byoc.outbox WHERE id > 20000"
           " AND transaction = pg_current_xact_id_if_assigned() ORDER BY id")


class Plans(StoreCase):
    def setUp(self):
        self.main = self.connect()

    def plans(self, sql, *values):
        """(rows, the plans of all statements that it came to)"""
        self.main.notices = collections.deque()
        rows = self.db(sql, *values)
        return rows, [notice for notice in self.main.notices
                      if "Query Text" in notice]

    def assertByKey(self, what, plans):
        self.assertTrue(plans, what)
        for plan in plans:
            self.assertIsNone(WHOLE.search(plan), f"{what}:\n{plan}")

    def look(self, what, sql, *values):
        rows, plans = self.plans(sql, *values)
        self.assertByKey(what, plans)
        return rows

    def turn(self):
        """All that a worker's tick may ask for, with real jobs."""
        jobs = [{**job, "n": n} for n, (job,) in enumerate(self.db(
            "SELECT json_build_object('cluster_id', cluster_id, 'run', run,"
            " 'phase', phase, 'index', index, 'job_id', job_id)"
            " FROM byoc.phases WHERE due_at < now() AND status = 'queued'"
            " ORDER BY due_at LIMIT 64"))]  # one of a refused token is last
        leased = self.look(
            "lease", "SELECT n, verdict, to_json(l) FROM byoc.lease_phases("
            f"{JOBS}, %s, 20000, 100, '{{}}') l", json.dumps(jobs), WORKER)
        self.assertEqual({verdict for _, verdict, _ in leased}, {"leased"})
        outcomes = [self.outcome(jobs[n], lease, resources=[
            {"kind": "network", "id": n + 1, "name": "n", "phase": "network",
             "index": 0, "actions": []}]) for n, _, lease in leased]
        self.look("renew", "SELECT byoc.renew_leases(%s, 20000)",
                  json.dumps(outcomes))
        outcomes[0] |= {"result": "wait", "delay_ms": 0}
        outcomes[1] |= {"result": "fail", "code": "x", "reason": "x"}
        outcomes[2] |= {"result": "fail", "credential": {
            "sealed_token": "byoc1.token"}}
        self.assertEqual({verdict for _, verdict in self.look(
            "commit", f"SELECT * FROM byoc.commit_phases({OUTCOMES})",
            json.dumps(outcomes))}, {"stored"})
        cluster = jobs[3]["cluster_id"]
        self.look("start", "SELECT byoc.start_runs(%s)", json.dumps([{
            "n": 0, "cluster_id": cluster, "goal": "teardown",
            "phases": [{"phase": "servers", "index": 0, "needs": []}]}]))
        self.look("kubeconfig", "SELECT byoc.emit_kubeconfigs(%s)",
                  json.dumps([{"n": 0, "cluster_id": cluster,
                               "job_id": jobs[3]["job_id"]}]))
        credential = str(self.one(
            "SELECT k.id FROM byoc.credentials k JOIN byoc.clusters c"
            " ON c.credential_id = k.id WHERE k.job_id IS NULL LIMIT 1"))
        (lease,), = self.look(
            "lease a validation", "SELECT lease FROM byoc.lease_credentials("
            "%s, %s, 20000)", json.dumps([{
                "n": 0, "credential_id": credential, "job_id": WORKER}]),
            WORKER)
        self.look("commit a validation",
                  "SELECT * FROM byoc.commit_credentials(%s)",
                  json.dumps([{"n": 0, "credential_id": credential,
                               "lease_token": lease["lease_token"],
                               "result": "ready"}]))
        self.look("relay", "SELECT * FROM byoc.take_outbox(20001, 500)")
        self.look("relay all", "SELECT * FROM byoc.take_outbox(0, 500)")
        self.look("place", "SELECT byoc.next_outbox_place("
                  "'(0,20001,1,infinity,)', true)")
        self.look("written", WRITTEN)
        self.look("published", "DELETE FROM byoc.outbox"
                  " WHERE id = ANY ('{20001,20002}'::bigint[])")
        for waiting in (False, True):
            self.look("watchdog",
                      "SELECT byoc.requeue_lost('1 hour', %s)", waiting)

    def test_everything_is_looked_up_by_its_key(self):
        self.db(FILL)
        for statistics in (NONE, EMPTY, "ANALYZE"):
            self.db(statistics)
            self.main = self.connect()  # new plans
            self.db(EXPLAIN + SESSION)
            self.turn()
        self.check_the_watchdog()

    def check_the_watchdog(self):
        """It looks through the phases of the clusters that are worked for,
        5,000 here: that is to take a small part of the seconds in between."""
        self.db("SET auto_explain.log_min_duration = -1")
        look = "SELECT byoc.requeue_lost('1 hour', true)"
        self.db(look)
        took = []
        for _ in range(5):
            began = time.monotonic()
            self.assertEqual(self.db(look), [(0,)])
            took.append(time.monotonic() - began)
        self.assertLess(min(took), 0.25)


if __name__ == "__main__":
    unittest.main()
