"""A dashboard asks for a kubeconfig by a job, and only it can open the answer."""

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
from boxes import KeyPair
from contract import EVENTS, JOBS, problem
from sim import wait_for
from system_case import SystemCase

NAME = "cloud.mengi.byoc.cluster.kubeconfig"
SOMEONE = "0b9c7e1a-58a4-4c9e-8f6e-1c5b9f0a7d22"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOUR, DAY = 3600, 86400


class Kubeconfig(SystemCase):
    workers = 2

    @classmethod
    def setUpClass(cls):
        require("openssl")
        super().setUpClass()
        try:
            cls.cluster = cls.world.create_cluster("shop")
            cls.world.wait_status(cls.cluster, "running")
            cls.world.wait_idle()
        except BaseException:
            cls.tearDownClass()
            raise

    def setUp(self):
        """Not as usual: the cluster stays for all tests."""
        self.sim.reset_calls()
        self.world.dead_letters()
        self.pair = KeyPair()

    # Asking and getting

    def ask(self, cluster=None, **more):
        return self.world.publish_job(
            "cluster.kubeconfig", cluster or self.cluster,
            **{"public_key": self.pair.text, **more})

    def answers(self, job):
        return [event for event in self.world.events.of(job["cluster_id"])
                if event["type"] == NAME
                and event["data"]["job_id"] == job["id"]]

    def answer(self, job):
        """The event; it is as described."""
        self.assertIsNone(problem(JOBS, job))
        wait_for(lambda: self.answers(job), f"an answer\n{self.world.logs()}")
        (event,) = self.answers(job)
        self.assertIsNone(problem(EVENTS, event))
        self.assertEqual(event["data"]["cluster_id"], job["cluster_id"])
        self.assertEqual(event["data"]["public_key"], job["public_key"])
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

    def config(self, event):
        return yaml.safe_load(self.pair.open(
            event["data"]["sealed_kubeconfig"]))

    def load_balancer(self):
        (balancer,) = self.sim.state()["load_balancers"]
        return balancer["public_net"]["ipv4"]["ip"]

    def authorities(self):
        """What the worker signs with, opened with the worker's key."""
        ((sealed,),) = self.world.db(
            "SELECT sealed_authorities FROM byoc.clusters WHERE id = %s",
            self.cluster)
        plain = KeyPair(f"{self.world.folder}/keys").open(sealed.split(".")[2])
        return json.loads(plain.split(b"\0", 1)[1])

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

    def test_the_answer_opens_for_who_asked_and_for_nobody_else(self):
        event = self.answer(self.ask())
        sealed = event["data"]["sealed_kubeconfig"]
        self.assertIn(b"client-key-data", self.pair.open(sealed))
        self.assertIsNone(KeyPair().open(sealed))
        self.assertIsNone(KeyPair(f"{self.world.folder}/keys").open(sealed))

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
        self.assertIn("O = system:masters, CN = byoc-dashboard", run(
            "openssl", "x509", "-in", client, "-noout", "-subject").stdout)
        self.assertEqual(
            run("openssl", "pkey", "-in", key, "-pubout").stdout,
            run("openssl", "x509", "-in", client, "-noout", "-pubkey").stdout)

    def test_it_lives_as_long_as_was_asked(self):
        self.assertLifetime(self.answer(self.ask()), DAY)
        self.assertLifetime(self.answer(self.ask(lifetime_s=HOUR)), HOUR)

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

    def cut_off_waiting_worker(self):
        """Ends the connection of a worker that waits for a lock, if any: an
        administrator's right."""
        services = self.world.services
        with contextlib.closing(psycopg2.connect(services.server_url)) as server:
            cursor = server.cursor()
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND wait_event_type = 'Lock'"
                " AND application_name = 'byoc-worker'", (services.name,))
            return cursor.fetchall()

    def test_a_lost_database_loses_no_answer(self):
        with contextlib.closing(psycopg2.connect(
                self.world.services.database_url)) as holder:
            holder.cursor().execute("SELECT FROM byoc.clusters WHERE id = %s"
                                    " FOR UPDATE", (self.cluster,))
            job = self.ask()
            wait_for(self.cut_off_waiting_worker, "a worker to wait")
            self.assertEqual(self.answers(job), [])
        self.assertEqual(self.config(self.answer(job))["current-context"],
                         "shop")
        self.world.wait_idle()
        self.assertEqual(len(self.answers(job)), 1)

    def test_many_are_answered_each_to_its_own_key(self):
        pairs = [KeyPair() for _ in range(40)]
        jobs = [self.ask(public_key=pair.text) for pair in pairs]
        for pair, job in zip(pairs, jobs):
            self.pair = pair
            self.assertEqual(self.config(self.answer(job))["current-context"],
                             "shop")

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
        zeros = base64.b64encode(bytes(32)).decode()
        for more, code in (
                ({"cluster": SOMEONE}, "unknown_record"),
                ({"public_key": None}, "bad_json"),
                ({"public_key": "no key"}, "bad_job"),
                ({"public_key": self.pair.text[:-1]}, "bad_job"),
                ({"public_key": zeros}, "bad_public_key"),
                ({"lifetime_s": 299}, "bad_job"),
                ({"lifetime_s": 30 * DAY + 1}, "bad_job")):
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
        self.seal_authorities(f"byoc1.{'0' * 16}.{sealed.split('.')[2]}")
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
        self.seal_authorities(other)
        job = self.ask()
        self.assertEqual(self.refusal()["byoc-reason-code"], "sealed_broken")
        self.assertEqual(self.answers(job), [])


if __name__ == "__main__":
    unittest.main()
