"""No secret in the clear: a whole run is searched for the token, the SSH key,
the authorities' keys and the join token, wherever anybody could look."""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest
import uuid

import yaml

import sealing
from bootstrap_helpers import Keys
from certificates import Authority
from echo import Echo, as_kubernetes_does
from haystack import SHORTEST, Haystack, Tap
from https_front import Front
from sim import wait_for
from system_case import SystemCase
from worker import PATIENCE, Worker
from world import program

# Letters and digits that are nowhere else, as Hetzner's are.
SECRET_TOKEN, NEWER_TOKEN = (
    hashlib.sha512(os.urandom(16)).hexdigest()[:64] for _ in range(2))
CLUSTER_ADDRESS = "127.77.0.2"  # on loopback, and on no one else's port 6443
# Not secret: it is put wherever the search must be able to see.
DECOY = "decoy" + uuid.uuid4().hex
NOBODY = 65534


class Secrets(SystemCase):
    """Over TLS, to Hetzner as to the cluster."""

    workers = 2

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="byoc-secrets-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        authority = Authority(cls.folder)
        front = Front(authority.sign("hetzner"))
        cls.addClassCleanup(front.stop)
        cls.environment = {
            "DECOY": DECOY,
            "BYOC_HCLOUD_ENDPOINT": front.url + "/v1",
            "BYOC_HCLOUD_CA_FILE": str(authority.file)}
        super().setUpClass()
        front.target = cls.sim.base
        try:
            cls.sim.add_token(SECRET_TOKEN)
            cls.sim.add_token(NEWER_TOKEN)
            cls.haystack = Haystack()
            cls.tap = Tap(cls.world.services.amqp_url, cls.haystack, (
                ("byoc.jobs", "byoc.jobs"), ("byoc.events", "#")))
            cls.whole_run()
        except BaseException:
            super().tearDownClass()
            raise

    @classmethod
    def whole_run(cls):
        stop = threading.Event()
        looking = threading.Thread(target=cls.keep_looking, args=(stop,))
        looking.start()
        try:
            credential = cls.add_credential()
            cls.world.wait_credential(credential, "ready")
            cluster = cls.run_command(
                "cluster", "create", "--name", "shop", "--credential",
                credential, "--location", "fsn1", "--type", "dedicated",
                "--workers", "1").split()[0]
            cls.world.wait_status(cluster, "running")
            cls.take_secrets(cluster)
            cls.look_at_commands(cluster, credential)
            cls.rotate(cluster, credential)
            cls.look_at_workers()
            cls.drop_decoys()
            cls.run_command("cluster", "delete", cluster)
            cls.world.wait_status(cluster, "deleted")
            cls.run_command("credential", "delete", credential)
            cls.world.wait_idle()
        finally:
            stop.set()
            looking.join()
            cls.tap.stop()
        cls.look_at_the_rest()

    # The run

    @classmethod
    def keep_looking(cls, stop):
        """At the database, where rows come and go."""
        while not stop.wait(0.02):
            cls.haystack.add_database(cls.world.services.database_url)

    @classmethod
    def run_command(cls, *arguments, **options):
        result = cls.world.byoc(*arguments, **options)
        cls.haystack.add("commands", result.stdout + result.stderr)
        return result.stdout

    @classmethod
    def add_credential(cls):
        """Looks at the command while it holds the token."""
        process = subprocess.Popen(
            [program("byoc"), "credential", "add", "--name", DECOY],
            env=cls.world.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.stdin.write(SECRET_TOKEN)
        process.stdin.flush()
        cls.haystack.add_process("byoc", process.pid)
        said, _ = process.communicate(timeout=60)
        cls.haystack.add("commands", said)
        assert process.returncode == 0, said
        return said.split()[0]

    @classmethod
    def rotate(cls, cluster, credential):
        """The cluster is told the new token, and tells all that it hears."""
        authorities = sealing.unseal(
            f"{cls.world.folder}/keys", f"cluster:{cluster}:authorities",
            cls.world.db("SELECT sealed_authorities FROM byoc.clusters"
                         " WHERE id = %s", cluster)[0][0])
        keys = Keys.of(authorities.decode())
        cls.addClassCleanup(keys.remove)
        cls.api = Echo((CLUSTER_ADDRESS, 6443),
                       keys.make_server_certificate(CLUSTER_ADDRESS),
                       as_kubernetes_does, f"{keys.unpack()}/client-ca.crt")
        cls.world.db("UPDATE byoc.resources SET public_address = %s"
                     " WHERE cluster_id = %s AND kind = 'load_balancer'",
                     CLUSTER_ADDRESS, cluster)
        try:
            cls.api.status = 403  # refused at first, in many words
            cls.run_command("credential", "rotate", credential,
                            text=NEWER_TOKEN)
            cls.world.wait_credential(credential, "ready")
            wait_for(lambda: cls.api.seen, "a refusal")
            cls.api.status = 200
            wait_for(lambda: any(
                event["type"].endswith("phase.done")
                and event["data"]["phase"] == "hcloud_secret"
                for event in cls.world.events.of(cluster)), "the new token",
                PATIENCE)
        finally:
            cls.api.stop()

    @classmethod
    def take_secrets(cls, cluster):
        """What the run's secrets are: {what: bytes}."""
        folder = f"{cls.world.folder}/keys"
        row = cls.world.db(
            "SELECT sealed_ssh_private_key, sealed_authorities,"
            " sealed_join_token FROM byoc.clusters WHERE id = %s", cluster)[0]
        ssh_key, authorities, join_token = (
            sealing.unseal(folder, f"cluster:{cluster}:{what}", text)
            for what, text in zip(
                ("ssh_private_key", "authorities", "join_token"), row))
        (key,) = pathlib.Path(folder).glob("*.key")
        cls.join_token = join_token
        cls.secrets = {
            "token": SECRET_TOKEN.encode(),
            "newer token": NEWER_TOKEN.encode(),
            "SSH key": ssh_key,
            "join token": join_token,
            "agent token": hashlib.sha256(
                b"agent-token:" + join_token).hexdigest().encode(),
            "sealing keys": key.read_text().split()[-1].encode(),
            **{name: pem.encode()
               for name, pem in json.loads(authorities).items()
               if name.endswith(".key")}}
        cls.user_data = "\n".join(
            server["user_data"] for server in cls.sim.state()["servers"])

    @classmethod
    def look_at_commands(cls, cluster, credential):
        """Two of them print a secret, on standard output alone."""
        ssh = cls.world.byoc("cluster", "ssh-key", cluster)
        cls.haystack.add("commands", ssh.stderr)
        cls.printed_ssh_key = ssh.stdout
        config = cls.world.byoc("cluster", "kubeconfig", cluster)
        cls.haystack.add("commands", config.stderr)
        user = yaml.safe_load(config.stdout)["users"][0]["user"]
        cls.secrets["kubeconfig's key"] = base64.b64decode(
            user["client-key-data"])
        for command in (("status",), ("credential", "list"),
                        ("credential", "show", credential),
                        ("cluster", "list"), ("cluster", "show", cluster)):
            cls.run_command(*command)
            cls.run_command(*command, "--output", "json")

    @classmethod
    def look_at_workers(cls):
        for worker in cls.world.workers:
            cls.haystack.add_process("worker", worker.process.pid)
            for path in ("/metrics", "/healthz", "/readyz"):
                cls.haystack.add("metrics", worker.get(path)[1])

    @classmethod
    def drop_decoys(cls):
        """Messages that are put aside and complained of in the log."""
        before = cls.count_dead()
        cls.world.publish_job(f"cluster.{DECOY}", str(uuid.uuid4()))
        cls.world.publish(json.dumps({"type": DECOY}))
        wait_for(lambda: cls.count_dead() == before + 2, "two dead letters")
        cls.run_command("dead", "list")
        for properties, body in cls.world.dead_letters():
            cls.haystack.add("dead letters", body)
            cls.haystack.add("dead letters", properties)

    @classmethod
    def count_dead(cls):
        channel = cls.world.channel()
        count = channel.queue_declare(
            "byoc.jobs.dead", passive=True).method.message_count
        channel.connection.close()
        return count

    @classmethod
    def look_at_the_rest(cls):
        # Rows of the outbox are gone too soon to be seen for certain.
        cls.world.db(
            "INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,"
            " body, due_at) VALUES ('', '', gen_random_uuid(), %s, '{}',"
            " 'infinity')", DECOY)
        cls.haystack.add_database(cls.world.services.database_url)
        cls.world.db("DELETE FROM byoc.outbox WHERE type = %s", DECOY)
        for worker in cls.world.workers:
            cls.haystack.add("worker logs", worker.log())
        for folder, name in ((cls.world.services.postgres_dir, "PostgreSQL"),
                             (cls.world.services.rabbitmq_dir, "RabbitMQ")):
            for log in pathlib.Path(folder, "log").glob("*.log"):
                cls.haystack.add(f"{name}'s log", log.read_bytes())

    # The tests

    def test_nothing_is_in_the_clear(self):
        for what, secret in self.secrets.items():
            with self.subTest(secret=what):
                self.assertEqual(self.haystack.places_of(secret), set())

    def test_the_secrets_are_those_of_the_run(self):
        """As the nodes and the operator got them."""
        self.assertEqual(len(self.secrets), 13)
        self.assertTrue(any(NEWER_TOKEN in body
                            for *_, body in self.api.seen))
        self.assertEqual(self.printed_ssh_key.encode(),
                         self.secrets["SSH key"])
        self.assertIn(self.join_token.decode(), self.user_data)
        self.assertIn(self.secrets["agent token"].decode(), self.user_data)
        for what, secret in self.secrets.items():
            if what.endswith(".key"):
                for line in secret.decode().splitlines():
                    self.assertIn(line, self.user_data)

    def test_every_place_was_looked_at(self):
        """The decoy is seen in each place that it has been to."""
        for place in ("worker environ", "byoc environ", "byoc cmdline",
                      "commands", "worker logs", "dead letters",
                      "table byoc.credentials", "table byoc.events",
                      "table byoc.outbox", "messages of byoc.jobs",
                      "messages of byoc.events"):
            self.assertIn(place, self.haystack.places_of(DECOY.encode()))
        for place in ("worker cmdline", "metrics", "statements",
                      "PostgreSQL's log", "table byoc.clusters",
                      "table byoc.phases", "table byoc.resources"):
            self.assertIn(place, self.haystack.places)

    def test_a_planted_secret_is_found(self):
        line = self.world.workers[0].log().splitlines()[0]
        for what, secret in self.secrets.items():
            text = secret.decode()
            for plant in (text, json.dumps({"text": text}), secret.hex(),
                          base64.b64encode(secret).decode(),
                          base64.b64encode(b"x" + secret + b"y").decode(),
                          base64.b64encode(b"xy" + secret).decode(),
                          text[:300] if "\n" in text else text[:SHORTEST]):
                with self.subTest(secret=what, plant=plant[:20]):
                    planted = Haystack()
                    planted.add("log", line)
                    self.assertEqual(planted.places_of(secret), set())
                    planted.add("log", f"{line[:-1]},{plant}}}")
                    self.assertEqual(planted.places_of(secret), {"log"})

    def test_what_was_used_is_wiped(self):
        """The work is done: nothing of it is left in the workers' memory, a
        moment after the last use of a token."""
        def found(worker):
            memory = Haystack()
            memory.add_memory("memory", worker.process.pid)
            self.assertEqual(memory.places_of(DECOY.encode()), {"memory"})
            return [what for what, secret in self.secrets.items()
                    if memory.places_of(secret)]
        for worker in self.world.workers:
            try:
                wait_for(lambda: not found(worker), "wiped secrets", pause=0.5)
            except PermissionError:
                self.skipTest("only root may look into a worker")

    def test_no_core_is_ever_written(self):
        for worker in self.world.workers:
            limits = pathlib.Path(
                f"/proc/{worker.process.pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 +bytes")

    def test_keys_that_others_can_get_at_are_refused(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="byoc-exposed-"))
        self.addCleanup(shutil.rmtree, folder)
        self.world.byoc("keygen", folder)
        for path, mode, cure in (
                (next(folder.glob("*.key")), 0o640, "chmod 600"),
                (next(folder.glob("*.pub")), 0o666, "chmod go-w"),
                (folder, 0o777, "chmod go-w")):
            with self.subTest(path=path):
                kept = path.stat().st_mode
                path.chmod(mode)
                ended = subprocess.run(
                    [program("byoc-worker")], capture_output=True, text=True,
                    env={**self.world.worker_environment,
                         "BYOC_KEY_DIR": str(folder)}, timeout=30)
                path.chmod(kept)
                self.assertEqual(ended.returncode, 78)
                self.assertIn(f"`{cure} {path}`", ended.stderr)


class SameUser(SystemCase):
    """Even the user that a worker runs as cannot look into it."""

    workers = 0

    def setUp(self):
        super().setUp()
        self.user = ([] if os.getuid() else [
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
            "--clear-groups"])
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="byoc-nobody-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.world.byoc("keygen", self.folder / "keys")
        if self.user:
            self.folder.chmod(0o711)
            for path in (self.folder / "keys",
                         *(self.folder / "keys").iterdir()):
                os.chown(path, NOBODY, NOBODY)

    def may_read(self, pid, file):
        tried = subprocess.run(
            [*self.user, "head", "--bytes=1", f"/proc/{pid}/{file}"],
            capture_output=True)
        return tried.returncode == 0

    def owner(self, pid):
        return os.stat(f"/proc/{pid}/environ").st_uid

    def test_what_a_worker_holds_is_nobody_elses(self):
        other = subprocess.Popen([*self.user, "sleep", "600"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        user = NOBODY if self.user else os.getuid()
        wait_for(lambda: self.owner(other.pid) == user, "another process")
        self.assertTrue(self.may_read(other.pid, "environ"))

        worker = Worker("nobody", {
            **self.world.worker_environment,
            "BYOC_DATABASE_URL":
                self.world.services.database_url_of("worker"),
            "BYOC_DATABASE_URL_FILE": "",
            "BYOC_KEY_DIR": str(self.folder / "keys"),
            "BYOC_MAX_IN_FLIGHT": "64",
            # It looks for leaks from outside, which nobody is allowed to.
            "ASAN_OPTIONS": "detect_leaks=0"},
            self.folder, [*self.user, program("byoc-worker")])
        self.addCleanup(worker.stop)
        worker.wait_ready()
        self.assertEqual(self.owner(worker.process.pid), 0)
        for file in ("environ", "maps", "mem", "auxv"):
            with self.subTest(file=file):
                self.assertFalse(self.may_read(worker.process.pid, file))


    def test_a_worker_that_may_not_lock_its_memory_does_not_start(self):
        ended = subprocess.run(
            ["prlimit", "--memlock=65536", *self.user, program("byoc-worker")],
            capture_output=True, text=True, timeout=30, env={
                **self.world.worker_environment,
                "BYOC_DATABASE_URL":
                    self.world.services.database_url_of("worker"),
                "BYOC_DATABASE_URL_FILE": "",
                "BYOC_KEY_DIR": str(self.folder / "keys"),
                "ASAN_OPTIONS": "detect_leaks=0"})
        self.assertEqual(ended.returncode, 78)
        self.assertIn("`ulimit -l", ended.stderr)
        self.assertIn("LimitMEMLOCK", ended.stderr)


if __name__ == "__main__":
    unittest.main()
