"""A job asks for a kubeconfig; only the credential's recipient can open the
answer, whoever asked."""

import base64
import contextlib
import datetime
import json
import pathlib
import tempfile
import unittest
import uuid

import psycopg2
import yaml

from bootstrap_helpers import require, run
from contract import EVENTS, JOBS, problem
from sealing import KeyPair, seal, unseal
from sim import TOKEN, wait_for
from system_case import SystemCase

NAME = "cloud.mengi.byoc.cluster.kubeconfig"
SOMEONE = "0b9c7e1a-58a4-4c9e-8f6e-1c5b9f0a7d22"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOUR = 3600


class Kubeconfig(SystemCase):
    workers = 2

    @classmethod
    def setUpClass(cls):
        require("openssl")
        super().setUpClass()
        try:
            cls.folder = cls.world.folder
            cls.world.byoc("kubeconfig", "keygen", f"{cls.folder}/ops")
            cls.recipient = pathlib.Path(
                cls.folder, "ops.pub").read_text().strip()
            cls.credential = cls.world.byoc_json(
                "credential", "add", "--name", "shop", "--wait",
                "--recipient", f"{cls.folder}/ops.pub", text=TOKEN)["id"]
            cls.cluster = cls.world.create_cluster(
                "shop", credential=cls.credential)
            cls.world.wait_status(cls.cluster, "running")
            cls.world.wait_idle()
        except BaseException:
            cls.tearDownClass()
            raise

    def setUp(self):
        """Not as usual: the cluster stays for all tests."""
        self.sim.reset_calls()
        self.world.dead_letters()

    # Asking and getting

    def ask(self, cluster=None, **more):
        return self.world.publish_job(
            "cluster.kubeconfig", cluster or self.cluster, **more)

    def answers(self, job):
        return [event for event in self.world.events.of(job["cluster_id"])
                if event["type"] == NAME
                and event["data"]["job_id"] == job["id"]]

    def answer(self, job, described=True):
        """The event; it is as described, and so is the job."""
        self.assertEqual(problem(JOBS, job) is None, described)
        wait_for(lambda: self.answers(job), f"an answer\n{self.world.logs()}")
        (event,) = self.answers(job)
        self.assertIsNone(problem(EVENTS, event))
        self.assertEqual(event["data"]["cluster_id"], job["cluster_id"])
        self.assertEqual(event["data"].get("recipient_key", self.recipient),
                         self.recipient)
        return event

    def refusal(self):
        """The headers of the one dead letter."""
        letters = []

        def here():
            letters.extend(self.world.dead_letters())
            return letters
        wait_for(here, "a dead letter")
        ((properties, _),) = letters
        return properties.headers

    def logged(self, word, job):
        """How often the workers have logged that of a job."""
        return sum(line["job"] == job["id"] for worker in self.world.workers
                   for line in worker.events(word))

    # What is in it

    def open(self, event):
        """As the recipient does."""
        return self.world.byoc("kubeconfig", "open", f"{self.folder}/ops",
                               text=event["data"]["sealed_kubeconfig"]).stdout

    def config(self, event):
        return yaml.safe_load(self.open(event))

    def load_balancer(self):
        (balancer,) = self.sim.state()["load_balancers"]
        return balancer["public_net"]["ipv4"]["ip"]

    def authorities(self):
        """What the worker signs with, opened with the worker's key."""
        ((sealed,),) = self.world.db(
            "SELECT sealed_authorities FROM byoc.clusters WHERE id = %s",
            self.cluster)
        return json.loads(unseal(f"{self.world.folder}/keys",
                                 f"cluster:{self.cluster}:authorities",
                                 sealed))

    def in_files(self, **texts):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in texts.items():
            pathlib.Path(folder.name, name).write_text(text)
        return [f"{folder.name}/{name}" for name in texts]

    def certificate_end(self, config):
        user = config["users"][0]["user"]
        (path,) = self.in_files(certificate=base64.b64decode(
            user["client-certificate-data"]).decode())
        end = run("openssl", "x509", "-in", path, "-noout", "-enddate").stdout
        return datetime.datetime.strptime(
            end.strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(
                tzinfo=datetime.timezone.utc)

    def assertLifetime(self, event, seconds):
        end = datetime.datetime.fromisoformat(event["data"]["expires_at"][:-1]
                                              + "+00:00")
        told = datetime.datetime.fromisoformat(event["time"][:-1] + "+00:00")
        self.assertAlmostEqual((end - told).total_seconds(), seconds, delta=60)
        self.assertEqual(self.certificate_end(self.config(event)), end)

    # The tests

    def test_the_answer_opens_for_the_recipient_and_for_nobody_else(self):
        mine = KeyPair()
        event = self.answer(self.ask(public_key=mine.text,
                                     recipient_key=mine.text))
        sealed = event["data"]["sealed_kubeconfig"]
        self.assertIn("client-key-data", self.open(event))
        self.assertIsNone(mine.open(sealed))
        self.assertIsNone(KeyPair(f"{self.folder}/keys").open(sealed))
        self.world.byoc("kubeconfig", "keygen", f"{self.folder}/other")
        refused = self.world.byoc("kubeconfig", "open", f"{self.folder}/other",
                                  text=sealed, check=False)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("another recipient", refused.stderr)

    def test_a_dashboard_cannot_choose_another_recipient(self):
        mine = KeyPair().text
        for sql in ("UPDATE byoc.credentials SET recipient_key = %s",
                    "INSERT INTO byoc.credentials (id, name, sealed_token,"
                    " recipient_key) SELECT id, name, 'byoc1.x', %s FROM"
                    " byoc.credentials ON CONFLICT (id) DO UPDATE"
                    " SET recipient_key = excluded.recipient_key",
                    "UPDATE byoc.clusters SET credential_id ="
                    " gen_random_uuid() WHERE name = %s"):
            with self.subTest(sql=sql):
                with self.assertRaisesRegex(psycopg2.Error, "denied"):
                    self.world.db(sql, mine, role="dashboard")
        # Neither with a token of its own, nor by deleting and storing again.
        token = seal(f"{self.folder}/keys",
                     f"credential:{self.credential}:token", TOKEN)
        self.world.db("SELECT byoc.rotate_credential(%s, %s)", self.credential,
                      token, role="dashboard")
        self.world.wait_credential(self.credential, "ready")
        with self.assertRaisesRegex(psycopg2.Error, "clusters need"):
            self.world.db("SELECT byoc.delete_credential(%s)",
                          self.credential, role="dashboard")
        self.assertEqual(self.world.db(
            "SELECT recipient_key, deleted_at FROM byoc.credentials"
            " WHERE id = %s", self.credential), [(self.recipient, None)])
        cluster = str(uuid.uuid4())
        self.world.db(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type) VALUES (%s, 'theirs', %s, 'hel1', 'dedicated')",
            cluster, self.credential, role="dashboard")
        self.assertEqual(
            self.answer(self.ask(cluster))["data"]["code"], "not_ready")

    def test_without_a_recipient_it_says_what_to_do(self):
        self.world.db("UPDATE byoc.credentials SET recipient_key = NULL"
                      " WHERE id = %s", self.credential)
        data = self.answer(self.ask())["data"]
        self.assertEqual(data["code"], "no_recipient")
        self.assertIn("byoc credential recipient", data["reason"])
        self.world.byoc("credential", "recipient", self.credential,
                        f"{self.folder}/ops.pub")
        self.assertEqual(self.world.byoc_json(
            "credential", "show", self.credential)["recipient_key"],
            self.recipient)
        self.assertIn("client-key-data", self.open(self.answer(self.ask())))

    def test_it_can_be_asked_for_by_sql(self):
        ((job,),) = self.world.db(
            "SELECT byoc.enqueue('cluster.kubeconfig', %s)", self.cluster,
            role="dashboard")
        event = self.answer({"id": job, "type": "cluster.kubeconfig",
                             "cluster_id": self.cluster})
        self.assertLifetime(event, 8 * HOUR)
        with self.assertRaisesRegex(psycopg2.Error, "no record"):
            self.world.db("SELECT byoc.enqueue('cluster.kubeconfig', %s)",
                          SOMEONE, role="dashboard")

    def test_it_leads_to_the_load_balancer_as_an_administrator(self):
        config = self.config(self.answer(self.ask()))
        cluster, user = config["clusters"][0], config["users"][0]["user"]
        self.assertEqual(cluster["name"], "shop")
        self.assertEqual(cluster["cluster"]["server"],
                         f"https://{self.load_balancer()}:6443")
        authorities = self.authorities()
        self.assertEqual(base64.b64decode(
            cluster["cluster"]["certificate-authority-data"]).decode(),
            authorities["server-ca.crt"])
        client_ca, other_ca, client, key = self.in_files(
            client_ca=authorities["client-ca.crt"],
            other_ca=authorities["server-ca.crt"],
            client=base64.b64decode(user["client-certificate-data"]).decode(),
            key=base64.b64decode(user["client-key-data"]).decode())
        run("openssl", "verify", "-x509_strict", "-purpose", "sslclient",
            "-CAfile", client_ca, client)
        self.assertNotEqual(run("openssl", "verify", "-CAfile", other_ca,
                                client, check=False).returncode, 0)
        self.assertIn("O = mengi:admins, CN = byoc-dashboard", run(
            "openssl", "x509", "-in", client, "-noout", "-subject").stdout)
        self.assertEqual(
            run("openssl", "pkey", "-in", key, "-pubout").stdout,
            run("openssl", "x509", "-in", client, "-noout", "-pubkey").stdout)

    def test_it_lives_as_long_as_was_asked(self):
        self.assertLifetime(self.answer(self.ask()), 8 * HOUR)
        self.assertLifetime(self.answer(self.ask(lifetime_s=HOUR)), HOUR)
        for lifetime_s in (299, 24 * HOUR + 1, -1):
            data = self.answer(self.ask(lifetime_s=lifetime_s),
                               described=False)["data"]
            self.assertEqual(data["code"], "bad_lifetime")
            self.assertIn(str(24 * HOUR), data["reason"])

    def test_hetzner_is_not_asked(self):
        self.answer(self.ask())
        self.assertEqual(self.sim.calls(), {})

    def test_nothing_of_it_is_anywhere_in_the_clear(self):
        event = self.answer(self.ask())
        user = self.config(event)["users"][0]["user"]
        key = user["client-key-data"]
        line = base64.b64decode(key).decode().splitlines()[1]
        kept = json.dumps(self.world.db(
            "SELECT data FROM byoc.events WHERE id = %s", event["id"]))
        logs = "".join(worker.log() for worker in self.world.workers)
        for text in (kept, logs, json.dumps(event)):
            self.assertNotIn(key, text)
            self.assertNotIn(line, text)

    def test_it_is_an_event_in_the_sequence_with_the_jobs_trace(self):
        traced = self.answer(self.ask(traceparent=TRACE))
        plain = self.answer(self.ask())
        self.assertEqual(traced["traceparent"], TRACE)
        self.assertNotIn("traceparent", plain)
        self.world.wait_idle()
        numbers = [int(event["sequence"])
                   for event in self.world.events.of(self.cluster)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual(
            [key for key, event, _ in self.world.events.all
             if event["id"] == plain["id"]],
            [f"cluster.{self.cluster}.kubeconfig"])

    def test_a_job_that_comes_again_has_one_answer(self):
        job = self.ask()
        for _ in range(9):
            self.ask(id=job["id"])
        wait_for(lambda: self.logged("kubeconfig.sealed", job) == 10,
                 "all copies to be taken")
        self.world.wait_idle()
        self.assertEqual(len(self.answers(job)), 1)
        another = self.answer(self.ask())
        self.assertEqual(
            self.world.db("SELECT count(*) FROM byoc.events WHERE name ="
                          " 'kubeconfig' AND data ->> 'job_id' IN (%s, %s)",
                          job["id"], another["data"]["job_id"]), [(2,)])

    def cut_off_workers(self):
        """Ends the workers' connections: an administrator's right."""
        services = self.world.services
        with contextlib.closing(psycopg2.connect(services.server_url)) as server:
            cursor = server.cursor()
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND application_name = 'byoc-worker'",
                (services.name,))
            return cursor.fetchall()

    def turned_away(self):
        """Has a worker found the cluster in somebody else's hands?"""
        return any('result="busy"' in worker.get("/metrics")[1]
                   for worker in self.world.workers)

    def test_a_lost_database_loses_no_answer(self):
        with contextlib.closing(psycopg2.connect(
                self.world.services.database_url)) as holder:
            holder.cursor().execute("SELECT 1 FROM byoc.clusters WHERE id = %s"
                                    " FOR UPDATE", (self.cluster,))
            job = self.ask()
            wait_for(self.turned_away, "the job to be turned away")
            self.assertTrue(self.cut_off_workers())
            self.assertEqual(self.answers(job), [])
        self.assertEqual(self.config(self.answer(job))["current-context"],
                         "shop")
        self.world.wait_idle()
        self.assertEqual(len(self.answers(job)), 1)

    def test_many_are_answered(self):
        for job in [self.ask() for _ in range(40)]:
            self.assertIn("sealed_kubeconfig", self.answer(job)["data"])

    def test_a_cluster_that_is_not_ready_says_so(self):
        cluster = str(uuid.uuid4())
        self.world.db(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type) VALUES (%s, 'early', %s, 'hel1', 'dedicated')",
            cluster, self.world.credential())
        data = self.answer(self.ask(cluster))["data"]
        self.assertEqual(data["code"], "not_ready")
        self.assertIn("load balancer", data["reason"])
        self.assertEqual(self.world.status(cluster), ("pending", None, None))

    def test_a_deleted_cluster_says_so(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)
        data = self.answer(self.ask(cluster))["data"]
        self.assertEqual(data["code"], "not_ready")
        self.assertIn("deleted", data["reason"])

    def test_what_makes_no_sense_is_put_aside(self):
        for more, code in (
                ({"cluster": SOMEONE}, "unknown_record"),
                ({"lifetime_s": "1h"}, "bad_json")):
            with self.subTest(**more):
                job = self.ask(**more)
                self.assertEqual(self.refusal()["byoc-reason-code"], code)
                self.assertEqual(self.answers(job), [])

    def seal_authorities(self, sealed):
        self.world.db("UPDATE byoc.clusters SET sealed_authorities = %s"
                      " WHERE id = %s", sealed, self.cluster)

    def test_it_waits_for_a_worker_that_has_the_key(self):
        ((sealed,),) = self.world.db(
            "SELECT sealed_authorities FROM byoc.clusters WHERE id = %s",
            self.cluster)
        self.addCleanup(self.seal_authorities, sealed)
        self.seal_authorities(f"byoc2.{'0' * 16}.{sealed.split('.')[2]}")
        job = self.ask()
        wait_for(lambda: self.logged("job.retry", job), "the job to wait")
        self.assertEqual(self.answers(job), [])
        self.seal_authorities(sealed)
        self.assertEqual(self.config(self.answer(job))["current-context"],
                         "shop")

    def test_what_was_moved_from_elsewhere_is_not_signed_with(self):
        ((sealed, other),) = self.world.db(
            "SELECT sealed_authorities, sealed_join_token FROM byoc.clusters"
            " WHERE id = %s", self.cluster)
        self.addCleanup(self.seal_authorities, sealed)
        folder = self.world.environment["BYOC_KEY_DIR"]
        context = f"cluster:{self.cluster}:authorities"
        # Who has the public key can make a box of authorities, too.
        box = seal(folder, context, unseal(
            folder, context, sealed).decode())
        for planted in (other, box):
            self.seal_authorities(planted)
            self.assertEqual(
                self.answer(self.ask())["data"]["code"], "sealed_broken")


if __name__ == "__main__":
    unittest.main()
