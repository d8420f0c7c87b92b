"""What each role may do in the database is enough, and all else is refused. A
dashboard is played with SQL and nothing but its own login and a public key."""

import pathlib
import unittest
import uuid

import psycopg2
from psycopg2 import errors

from roles import OWN_ROLES, Roles
from sealing import seal
from sim import TOKEN, wait_for
from system_case import SystemCase
from world import PATIENCE

SEALED = {"credentials": ("sealed_token", "active_sealed_token"),
          "clusters": ("sealed_ssh_private_key", "sealed_authorities",
                       "sealed_join_token")}
FOR_DASHBOARDS = {"enqueue", "rotate_credential", "delete_credential",
                  "retry_cluster", "cost"}
FOR_WORKERS = {"tend_history", "ask_audits"}
TRIGGERS = {"add_progress", "limit_clusters", "note_credentials"}
NOBODY = "'00000000-0000-4000-8000-000000000000'"

NEITHER_MAY = (
    "CREATE TABLE byoc.mine (id integer)",
    "CREATE TABLE public.mine (id integer)",
    "CREATE TEMPORARY TABLE mine (id integer)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql"
    " AS 'SELECT 1'",
    "CREATE INDEX mine ON byoc.outbox (due_at)",
    "ALTER TABLE byoc.clusters ADD COLUMN mine integer",
    "ALTER TABLE byoc.events DISABLE TRIGGER ALL",
    "ALTER FUNCTION byoc.enqueue(text, uuid, text, jsonb) SECURITY INVOKER",
    "DROP TABLE byoc.outbox",
    "DROP SCHEMA byoc CASCADE",
    "TRUNCATE byoc.phases",
    "CREATE ROLE mine",
    "SET ROLE postgres",
    "UPDATE byoc.events SET name = 'running'",
    "DELETE FROM byoc.events",
    "TRUNCATE byoc.events",
    "DELETE FROM byoc.credentials",
    "DELETE FROM byoc.clusters",
    "DELETE FROM byoc.phases",
    "UPDATE byoc.credentials SET sealed_token = 'byoc1.mine'",
    "UPDATE byoc.credentials SET name = 'mine'",
    "UPDATE byoc.clusters SET name = 'mine'",
    f"UPDATE byoc.clusters SET credential_id = {NOBODY}",
    "UPDATE byoc.schema_migrations SET version = 99",
    "INSERT INTO byoc.schema_migrations VALUES (99, 'mine', 'mine')",
)
NO_DASHBOARD_MAY = (
    "SELECT id FROM byoc.outbox",
    "INSERT INTO byoc.outbox (exchange, routing_key, message_id, type, body,"
    f" due_at) VALUES ('byoc.events', 'mine', {NOBODY}, 'mine', '{{}}', now())",
    "INSERT INTO byoc.events (cluster_id, sequence, name, data)"
    f" VALUES ({NOBODY}, 1, 'running', '{{}}')",
    "INSERT INTO byoc.phases (cluster_id, run, phase, index, needs, status)"
    f" VALUES ({NOBODY}, 1, 'mine', 0, '{{}}', 'blocked')",
    "INSERT INTO byoc.credentials (name, sealed_token, active_sealed_token,"
    " status) VALUES ('mine', 'byoc1.mine', 'byoc1.mine', 'ready')",
    "INSERT INTO byoc.clusters (name, credential_id, location, type, status,"
    f" run) VALUES ('mine', {NOBODY}, 'fsn1', 'dedicated', 'running', 1)",
    "UPDATE byoc.credentials SET status = 'ready'",
    "UPDATE byoc.credentials SET recipient_key = NULL",
    "UPDATE byoc.clusters SET status = 'failed', code = 'mine'",
    "UPDATE byoc.clusters SET sealed_authorities = 'byoc1.mine'",
    "UPDATE byoc.phases SET status = 'done'",
    "DELETE FROM byoc.resources",
    "UPDATE byoc.clusters SET protected = false",
    "UPDATE byoc.credentials SET most_clusters = 9",
    "UPDATE byoc.settings SET clusters_per_credential = 9",
    "SELECT count(*) FROM byoc.requests",
    "DELETE FROM byoc.requests",
    "INSERT INTO byoc.requests (type, credential_id)"
    f" VALUES ('mine', {NOBODY})",
    "INSERT INTO byoc.clusters (name, credential_id, location, type,"
    f" gateway_type) VALUES ('mine', {NOBODY}, 'fsn1', 'dedicated', 'cx22')",
    f"SELECT byoc.ask('cluster.teardown', {NOBODY})",
    f"SELECT byoc.set_limits({NOBODY}, 9, 9)",
    f"SELECT byoc.protect_cluster({NOBODY}, false)",
    "SELECT byoc.take_outbox(0, 1)",
    "SELECT byoc.tend_history()",
    "SELECT byoc.requeue_lost('1 hour', true)",
    "SELECT last_value FROM byoc.outbox_id_seq",
    f"SELECT byoc.lease_credentials('[]', {NOBODY}, 1000)",
    f"SELECT byoc.emit_clusters(ARRAY[{NOBODY}]::uuid[])",
    f"SELECT byoc.refuse_token({NOBODY}, '{{}}')",
)
NO_WORKER_MAY = (
    "INSERT INTO byoc.credentials (name, sealed_token)"
    " VALUES ('mine', 'byoc1.mine')",
    "INSERT INTO byoc.clusters (name, credential_id, location, type)"
    f" VALUES ('mine', {NOBODY}, 'fsn1', 'dedicated')",
    "UPDATE byoc.credentials SET deleted_at = now()",
    "UPDATE byoc.credentials SET recipient_key = NULL",
    "UPDATE byoc.clusters SET workers = 100",
    "UPDATE byoc.clusters SET protected = false",
    f"SELECT byoc.set_limits({NOBODY}, 9, 9)",
    f"SELECT byoc.protect_cluster({NOBODY}, false)",
    "DELETE FROM byoc.requests",
    "UPDATE byoc.requests SET asked_by = 'mine'",
    "UPDATE byoc.clusters SET ssh_sources = '{0.0.0.0/0}'",
    f"UPDATE byoc.resources SET cluster_id = {NOBODY}",
    "UPDATE byoc.outbox SET body = '{}'",
    "UPDATE byoc.settings SET keep_events = 1",
    "DROP TABLE byoc.events_default",
    "TRUNCATE byoc.events_default",
    "DELETE FROM byoc.answered_jobs",
    "SELECT sealed_ssh_private_key FROM byoc.clusters",
    "SELECT * FROM byoc.clusters",
    "SELECT * FROM byoc.events",
    f"SELECT byoc.rotate_credential({NOBODY}, 'byoc1.mine')",
    f"SELECT byoc.delete_credential({NOBODY})",
    f"SELECT byoc.retry_cluster({NOBODY})",
)
WORKERS_MAY = (
    f"SELECT byoc.lease_phases('{{}}', {NOBODY}, 1000, 1, '{{}}')",
    f"SELECT byoc.lease_credentials('[]', {NOBODY}, 1000)",
    "SELECT byoc.renew_leases('[]', 1000)",
    "SELECT byoc.start_runs('[]')",
    "SELECT byoc.commit_phases('{}')",
    "SELECT byoc.commit_credentials('[]')",
    "SELECT byoc.emit_kubeconfigs('[]')",
    f"SELECT byoc.clear_deleted(ARRAY[{NOBODY}]::uuid[])",
    f"SELECT byoc.refresh_outdated(ARRAY[{NOBODY}]::uuid[])",
    f"SELECT byoc.note_start({NOBODY}, {NOBODY}, 'teardown', NULL, 1)",
    f"SELECT byoc.refuse_protected({NOBODY}, NULL)",
    "SELECT byoc.newest_outbox_row()",
    "SELECT byoc.next_outbox_place('(0,,,,)', true)",
    "SELECT byoc.take_outbox(0, 0)",
    "SELECT byoc.requeue_lost('1 hour', true)",
    "SELECT byoc.tend_history()",
    "INSERT INTO byoc.answered_jobs (cluster_id, job_id)"
    f" SELECT {NOBODY}, {NOBODY} WHERE false ON CONFLICT DO NOTHING",
)


class RolesInTheDatabase(SystemCase):
    workers = 1

    def dashboard(self, sql, *parameters):
        return self.world.db(sql, *parameters, role="dashboard")

    def wait(self, table, record, status):
        def reached():
            return self.dashboard(f"SELECT status FROM byoc.{table}"
                                  " WHERE id = %s", record) == [(status,)]
        wait_for(reached, f"{status} {table}\n{self.world.logs()}", PATIENCE)

    def seal(self, credential, token=TOKEN):
        return seal(self.world.environment["BYOC_KEY_DIR"],
                    f"credential:{credential}:token", token)

    def store_credential(self, token=TOKEN):
        """Record and job in one transaction; returns the id."""
        credential = str(uuid.uuid4())
        self.dashboard(
            "INSERT INTO byoc.credentials (id, name, sealed_token)"
            " VALUES (%s, %s, %s);"
            " SELECT byoc.enqueue('credential.validate', %s)",
            credential, f"dashboard-{credential[:8]}",
            self.seal(credential, token), credential)
        return credential

    def create_cluster(self, credential):
        cluster = str(uuid.uuid4())
        self.dashboard(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type, workers) VALUES (%s, 'shop', %s, 'fsn1', 'dedicated', 1);"
            " SELECT byoc.enqueue('cluster.provision', %s)",
            cluster, credential, cluster)
        return cluster

    def assertRefused(self, role, *statements):
        for statement in statements:
            with self.subTest(role=role, statement=statement), \
                    self.assertRaises(errors.InsufficientPrivilege):
                self.world.db(statement, role=role)

    # What is enough

    def test_a_dashboard_leads_a_cluster_through_its_life(self):
        credential = self.store_credential()
        self.wait("credentials", credential, "ready")
        cluster = self.create_cluster(credential)
        self.wait("clusters", cluster, "running")
        self.assertComplete(cluster, "dedicated", 1)
        self.assertEqual(
            self.dashboard("SELECT DISTINCT status FROM byoc.phases"
                           " WHERE cluster_id = %s", cluster), [("done",)])
        for table in ("resources", "events"):
            rows = self.dashboard(
                f"SELECT * FROM byoc.{table} WHERE cluster_id = %s", cluster)
            self.assertGreater(len(rows), 3, table)
        with self.assertRaisesRegex(psycopg2.Error, "shop") as refused:
            self.dashboard("SELECT byoc.delete_credential(%s)", credential)
        self.assertEqual(refused.exception.pgcode, "BY004")
        self.dashboard("SELECT byoc.enqueue('cluster.teardown', %s)", cluster)
        self.wait("clusters", cluster, "deleted")
        self.dashboard("SELECT byoc.delete_credential(%s)", credential)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")

    def test_a_dashboard_mends_what_failed_for_want_of_a_token(self):
        credential = self.store_credential("x" * 64)
        self.wait("credentials", credential, "invalid")
        cluster = self.create_cluster(credential)
        self.wait("clusters", cluster, "failed")
        self.dashboard("SELECT byoc.rotate_credential(%s, %s)", credential,
                       self.seal(credential))
        self.wait("credentials", credential, "ready")
        self.dashboard("SELECT byoc.retry_cluster(%s)", cluster)
        self.wait("clusters", cluster, "running")
        self.dashboard("SELECT byoc.enqueue('cluster.teardown', %s)", cluster)
        self.wait("clusters", cluster, "deleted")
        self.assertGone(cluster)

    def test_workers_come_with_their_own_login(self):
        users = self.world.db(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE"
            " datname = current_database() AND application_name = %s",
            "byoc-worker")
        self.assertEqual(users, [(self.world.services.roles.login("worker"),)])

    def test_a_worker_may_all_that_a_tick_calls(self):
        for statement in WORKERS_MAY:
            with self.subTest(statement):
                self.world.db(statement, role="worker")

    # What is refused

    def test_a_dashboard_cannot_read_what_is_sealed(self):
        for table, columns in SEALED.items():
            self.assertRefused("dashboard", f"SELECT * FROM byoc.{table}",
                               f"SELECT t FROM byoc.{table} t",
                               f"COPY byoc.{table} TO STDOUT")
            for column in columns:
                self.assertRefused(
                    "dashboard", f"SELECT {column} FROM byoc.{table}",
                    f"SELECT id FROM byoc.{table} WHERE {column} > ''",
                    f"SELECT id FROM byoc.{table} ORDER BY {column}")
        self.assertRefused(
            "dashboard", "INSERT INTO byoc.credentials (name, sealed_token)"
            " VALUES ('mine', 'byoc1.mine') RETURNING sealed_token")

    def test_a_refusal_does_not_tell_what_is_sealed(self):
        credential = self.world.credential()
        (sealed,), = self.world.db("SELECT sealed_token FROM byoc.credentials"
                                   " WHERE id = %s", credential)
        for token in ("nonsense", "", None):
            with self.subTest(token=token), \
                    self.assertRaises(psycopg2.Error) as refused:
                self.dashboard("SELECT byoc.rotate_credential(%s, %s)",
                               credential, token)
            self.assertNotIn(sealed, str(refused.exception))
            self.assertNotIn("nonsense", str(refused.exception))
        self.assertEqual(self.dashboard(
            "SELECT status FROM byoc.credentials WHERE id = %s",
            credential), [("ready",)])

    def test_a_dashboard_protects_and_does_not_unprotect(self):
        cluster = str(uuid.uuid4())
        self.dashboard(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type, protected) VALUES (%s, 'safe', %s, 'fsn1', 'dedicated',"
            " true); SELECT byoc.enqueue('cluster.provision', %s)",
            cluster, self.world.credential(), cluster)
        self.wait("clusters", cluster, "running")
        with self.assertRaises(psycopg2.Error) as refused:
            self.dashboard("SELECT byoc.enqueue('cluster.teardown', %s)",
                           cluster)
        self.assertEqual(refused.exception.pgcode, "BY003")
        self.world.publish_job("cluster.teardown", cluster)
        wait_for(lambda: "refused" in self.world.events.names(cluster),
                 "the refusal")
        self.assertIn("protected from deletion", self.world.byoc(
            "cluster", "delete", cluster, check=False).stderr)
        self.assertRegex(self.world.byoc("cluster", "show", cluster).stdout, r"Protected: +true")
        self.world.byoc("cluster", "unprotect", cluster)
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        login = self.world.services.roles.login("dashboard")
        self.assertEqual(self.world.db(
            "SELECT type, asked_by = %s, run FROM byoc.requests"
            " WHERE cluster_id = %s ORDER BY asked_at", login, cluster), [
                ("cluster.create", True, None),
                ("cluster.provision", True, 1),
                ("cluster.unprotect", False, None),
                ("cluster.teardown", False, 2)])

    def test_what_a_dashboard_may_read_or_call_is_explained(self):
        """As COMMENTs, which stand in psql and in tools."""
        self.assertEqual(self.dashboard(
            "SELECT c.relname || coalesce('.' || a.attname, '')"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'byoc'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND a.attnum > 0 AND NOT a.attisdropped"
            " AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
            " AND (col_description(c.oid, a.attnum) IS NULL"
            "      OR obj_description(c.oid, 'pg_class') IS NULL)"), [])
        self.assertEqual(self.dashboard(
            "SELECT proname FROM pg_proc"
            " WHERE pronamespace = 'byoc'::regnamespace"
            " AND has_function_privilege(oid, 'EXECUTE')"
            " AND obj_description(oid, 'pg_proc') IS NULL"), [])

    def test_what_is_refused_has_a_code_of_its_own(self):
        credential = self.world.add_credential(name="refusals")
        (cluster,), = self.dashboard(
            "INSERT INTO byoc.clusters (name, credential_id, location, type)"
            " VALUES ('still', %s, 'fsn1', 'dedicated') RETURNING id",
            credential)
        for code, function, subject in (
                ("BY004", "delete_credential(%s)", credential),
                ("BY005", "delete_credential(%s)", str(uuid.uuid4())),
                ("BY005", "retry_cluster(%s)", str(uuid.uuid4())),
                ("BY005", "enqueue('cluster.provision', %s)",
                 str(uuid.uuid4())),
                ("BY006", "enqueue('cluster.explode', %s)", cluster),
                ("BY006", "enqueue('cluster.repair', %s, NULL, '{\"a\": 1}')",
                 cluster),
                ("BY007", "retry_cluster(%s)", cluster)):
            with self.subTest(call=function), \
                    self.assertRaises(psycopg2.Error) as refused:
                self.dashboard(f"SELECT byoc.{function}", subject)
            self.assertEqual(refused.exception.pgcode, code)
        self.world.db("DELETE FROM byoc.clusters WHERE id = %s", cluster)
        self.dashboard("SELECT byoc.delete_credential(%s)", credential)
        self.dashboard("SELECT byoc.delete_credential(%s)", credential)
        with self.assertRaises(psycopg2.Error) as refused:
            self.dashboard("SELECT byoc.enqueue('credential.validate', %s)",
                           credential)
        self.assertEqual(refused.exception.pgcode, "BY008")

    def test_a_dashboard_knows_which_version_it_meets(self):
        version, = self.dashboard(
            "SELECT max(version) FROM byoc.schema_migrations")[0]
        self.assertGreaterEqual(version, 9)

    def test_a_dashboard_gets_no_further_than_the_limits(self):
        credential = self.world.add_credential(name="limited")
        self.world.byoc("credential", "limits", credential, "--clusters", "2",
                        "--jobs", "2")
        insert = ("INSERT INTO byoc.clusters (name, credential_id, location,"
                  " type) SELECT 'many', %s, 'fsn1', 'dedicated'"
                  " FROM generate_series(1, %s) RETURNING id")
        for times, code in ((3, "BY001"), (2, None), (1, "BY001")):
            with self.subTest(times=times):
                try:
                    self.dashboard(insert, credential, times)
                    self.assertIsNone(code)
                except psycopg2.Error as refused:
                    self.assertEqual(refused.pgcode, code)
        with self.assertRaises(psycopg2.Error) as refused:
            self.dashboard("SELECT byoc.enqueue('credential.validate', %s)"
                           " FROM generate_series(1, 5)", credential)
        self.assertEqual(refused.exception.pgcode, "BY002")
        self.assertEqual(self.world.byoc_json(
            "credential", "limits", credential, "--jobs", "default"), {
                "id": credential,
                "name": "limited", "clusters": 2, "most_clusters": 2,
                "jobs": 0, "most_jobs": 200})

    def test_a_hostile_row_harms_nobody_else(self):
        """What would not fit a worker's fields does not get into a table."""
        credential = self.world.credential()
        for column, value in (("server_type", "ä" * 31), ("name", "ä" * 20),
                              ("location", "x" * 100), ("type", "x" * 100)):
            row = {"name": "evil", "credential_id": credential,
                   "location": "fsn1", "type": "dedicated", column: value}
            with self.subTest(column=column), \
                    self.assertRaises(errors.CheckViolation):
                self.dashboard(
                    f"INSERT INTO byoc.clusters ({', '.join(row)})"
                    " VALUES (" + ", ".join(["%s"] * len(row)) + ")",
                    *row.values())

    def test_a_row_that_cannot_be_read_fails_alone(self):
        """Should a hostile one get in after all: who is with it in a batch
        does not feel it."""
        self.world.db("ALTER TABLE byoc.clusters DROP CONSTRAINT"
                      " clusters_server_type_check")
        rows = self.dashboard(
            "INSERT INTO byoc.clusters (name, credential_id, location, type,"
            " server_type) SELECT 'c', %s, 'fsn1', 'dedicated', t"
            " FROM unnest(ARRAY[NULL, repeat('ä', 31), NULL]) t RETURNING id",
            self.world.credential())
        clusters = [cluster for cluster, in rows]
        self.dashboard("SELECT byoc.enqueue('cluster.provision', id)"
                       " FROM unnest(%s::uuid[]) id", clusters)
        self.wait("clusters", clusters.pop(1), "failed")
        for cluster in clusters:
            self.wait("clusters", cluster, "running")
        self.world.db(
            "DELETE FROM byoc.clusters WHERE status = 'failed'; ALTER TABLE"
            " byoc.clusters ADD CONSTRAINT clusters_server_type_check"
            " CHECK (server_type ~ '^[a-z0-9-]{1,31}$')")
        for cluster in clusters:
            self.world.delete_cluster(cluster)

    def test_what_neither_may(self):
        self.assertRefused("dashboard", *NEITHER_MAY)
        self.assertRefused("worker", *NEITHER_MAY)

    def test_what_no_dashboard_may(self):
        self.assertRefused("dashboard", *NO_DASHBOARD_MAY)

    def test_what_no_worker_may(self):
        self.assertRefused("worker", *NO_WORKER_MAY)

    def test_a_dashboard_has_five_functions(self):
        rows = self.dashboard(
            "SELECT proname FROM pg_proc WHERE"
            " pronamespace = 'byoc'::regnamespace"
            " AND has_function_privilege(oid, 'EXECUTE')")
        self.assertEqual({name for name, in rows}, FOR_DASHBOARDS)

    def test_functions_with_more_rights_look_nothing_up_elsewhere(self):
        rows = self.world.db(
            "SELECT proname, proconfig FROM pg_proc WHERE"
            " pronamespace = 'byoc'::regnamespace AND prosecdef")
        self.assertEqual({name for name, _ in rows},
                         FOR_DASHBOARDS | FOR_WORKERS | TRIGGERS)
        for name, settings in rows:
            self.assertEqual(settings[0], "search_path=pg_catalog, pg_temp",
                             name)

    def test_a_forgotten_transaction_ends(self):
        for role in OWN_ROLES:
            self.assertEqual(self.world.db(
                "SHOW idle_in_transaction_session_timeout", role=role),
                [("30s",)])

    def test_a_worker_tends_the_history_without_owning_it(self):
        self.world.db("SELECT byoc.tend_history()", role="worker")
        months = self.world.db("SELECT count(*) FROM pg_inherits WHERE"
                               " inhparent = 'byoc.events'::regclass")
        self.assertEqual(months, [(4,)])  # three, and what fits none

    def test_nobody_else_may_anything(self):
        login = self.world.services.roles.login("stranger")
        rights = self.world.db(
            f"CREATE ROLE {login} NOLOGIN;"
            " SELECT has_schema_privilege(%s, 'byoc', 'USAGE'),"
            " bool_or(has_function_privilege(%s, oid, 'EXECUTE'))"
            " FROM pg_proc WHERE pronamespace = 'byoc'::regnamespace",
            login, login)
        self.world.db(f"DROP ROLE {login}")
        self.assertEqual(rights, [(False, False)])

    def test_running_the_file_again_takes_away_what_is_too_much(self):
        read = "SELECT sealed_token FROM byoc.credentials"
        self.world.db("GRANT SELECT (sealed_token) ON byoc.credentials"
                      " TO byoc_dashboard")
        self.dashboard(read)
        Roles.run_file(self.world.services.database_url)
        self.assertRefused("dashboard", read)
        self.run_through()  # and leaves what is needed

    def test_the_logins_of_containers(self):
        folder = pathlib.Path(self.world.folder)
        url = self.world.services.database_url
        for password in ("first", "it's \\second"):
            for role in OWN_ROLES:
                (folder / f"{role}_password").write_text(password)
            Roles.run_file(url, "logins.sql", SECRETS_DIR=str(folder))
            for role in OWN_ROLES:
                connection = psycopg2.connect(url, user=role,
                                              password=password)
                cursor = connection.cursor()
                cursor.execute("SELECT pg_has_role(%s, 'MEMBER')",
                               (f"byoc_{role}",))
                self.assertEqual(cursor.fetchall(), [(True,)])
                connection.close()
        self.world.db("DROP ROLE worker, dashboard")


if __name__ == "__main__":
    unittest.main()
