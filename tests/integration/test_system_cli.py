"""byoc as an operator uses it, with a real worker and hcloud-sim."""

import base64
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest
import uuid
from xml.etree import ElementTree

import contract
import yaml

from cli_case import CliCase
from sim import READ_ONLY_TOKEN, TOKEN, wait_for
from system_case import SystemCase
from world import PATIENCE, program

DEDICATED = ("--location", "fsn1", "--type", "dedicated")
# Nobody listens there, and nobody is to read this password.
PASSWORD = "sesame-0815"
NOWHERE = {
    "BYOC_DATABASE_URL_FILE": "",
    "BYOC_DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:1/byoc",
    "BYOC_AMQP_URL": f"amqp://me:{PASSWORD}@127.0.0.1:1/byoc"}


class Cli(SystemCase, CliCase):
    workers = 1

    def setUp(self):
        super().setUp()
        self.environment_of_calls = self.world.environment
        keys = pathlib.Path(self.world.folder, "keys").glob("*.key")
        self.secrets = {TOKEN, READ_ONLY_TOKEN, PASSWORD,
                        *(key.read_text().split()[-1] for key in keys)}
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory()))

    def add(self, name, token=TOKEN, **options):
        return self.json("credential add", "--name", name, "--wait",
                         text=token, **options)

    def create(self, name, credential, *options, **more):
        return self.byoc("cluster create", "--name", name, "--credential",
                         credential, *DEDICATED, *options, **more)

    def wait(self, cluster, status):
        """Unlike a test's usual waiting: it may have failed before."""
        wait_for(lambda: self.json("cluster show", cluster)["status"]
                 == status, f"cluster {status}", PATIENCE)

    def freeze_workers(self):
        self.world.kill_worker(0, signal.SIGSTOP)
        self.addCleanup(self.world.kill_worker, 0, signal.SIGCONT)

    # Set-up

    def test_keygen(self):
        place = self.folder / "keys"
        made = self.json("keygen", place)
        self.assertEqual(made["dir"], str(place))
        secret = place / f"{made['key_id']}.key"
        public = place / f"{made['key_id']}.pub"
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
        self.assertEqual(place.stat().st_mode & 0o777, 0o700)
        before = secret.read_bytes(), public.read_bytes()
        self.secrets.add(secret.read_text().split()[-1])
        out, _ = self.byoc("keygen", place)  # a rotation
        keys = set(place.glob("*.key"))
        self.assertEqual(len(keys), 2)
        self.assertEqual((secret.read_bytes(), public.read_bytes()), before)
        newer = (keys - {secret}).pop()
        self.assertIn(str(newer), out)
        self.assertIn(str(newer.with_suffix(".pub")), out)
        self.assertNotIn(newer.read_text().split()[-1], out)
        self.assertIn("Not a directory", self.refused("keygen", public))

    def test_set_up_twice_is_set_up_once(self):
        for _ in range(2):
            self.assertRegex(self.byoc("migrate")[0],
                             "schema is at version [0-9]+ already")
            self.assertIn("in place", self.byoc("topology")[0])

    def test_nothing_is_set_up(self):
        bare = {"BYOC_DATABASE_URL_FILE": "",
                "BYOC_DATABASE_URL": self.world.services.server_url,
                "BYOC_AMQP_URL": self.world.services.broker_url,
                "BYOC_KEY_DIR": str(self.folder / "none")}
        self.assertIn("run `byoc migrate`",
                      self.refused("cluster list", environment=bare))
        self.assertIn("`byoc topology`",
                      self.refused("dead list", environment=bare))
        self.assertIn("`byoc keygen ", self.refused(
            "credential add", "--name", "x", text=TOKEN,
            environment={"BYOC_KEY_DIR": bare["BYOC_KEY_DIR"]}))

    # Credentials

    def test_credentials_are_added(self):
        out, said = self.byoc("credential add", "--name", "by-pipe", "--wait",
                              text=TOKEN + "\n")
        self.assertEqual(str(uuid.UUID(out.strip())), out.strip())
        self.assertEqual(said, "credential 'by-pipe' is ready\n")
        file = self.folder / "token"
        file.write_text(TOKEN)
        added = self.json("credential add", "--name", "by-file",
                          "--token-file", file, "--wait")
        self.assertEqual((added["name"], added["status"], added["code"]),
                         ("by-file", "ready", None))
        listed = self.json("credential list")
        self.assertLessEqual({"by-pipe", "by-file"},
                             {entry["name"] for entry in listed})
        self.assertIn(added, listed)
        table, _ = self.byoc("credential list")
        self.assertRegex(table, rf"(?m)^{added['id'][:8]}  by-file +ready ")
        for called in ("by-file", added["id"], added["id"][:8]):
            self.assertEqual(self.json("credential show", called), added)
            self.assertIn("by-file", self.byoc("credential show", called)[0])

    def test_tokens_that_are_no_good(self):
        add = ("credential add", "--name", "no-good")
        self.assertIn("empty", self.refused(*add))
        self.assertIn("empty", self.refused(*add, text="\n"))
        self.assertIn("too long", self.refused(*add, text=TOKEN * 99))
        self.assertIn("/nowhere: No such file", self.refused(
            *add, "--token-file", "/nowhere"))
        for token in (TOKEN[1:], TOKEN[1:] + "!"):
            self.assertIn("one has 64 letters and digits",
                          self.refused(*add, text=token))
        self.refused("credential show", "no-good")  # nothing was stored
        for i, (token, code) in enumerate((
                (READ_ONLY_TOKEN, "read_only_token"),
                ("u" * 64, "unknown_token"))):
            with self.subTest(code=code):
                name = f"no-good-{i}"
                found = self.add(name, token, status=1)
                self.assertEqual((found["status"], found["code"]),
                                 ("invalid", code))
                _, said = self.byoc("credential validate", name, "--wait",
                                    status=1)
                self.assertEqual(said, f"byoc: credential '{name}' is "
                                 f"invalid: {found['reason']}\n")
                self.assertIn(f"rotate {name}",
                              self.create("x", name, status=1)[1])

    def test_a_name_is_taken_until_its_credential_is_deleted(self):
        first = self.add("taken")
        self.assertIn("rotate", self.refused(
            "credential add", "--name", "taken", text=TOKEN))
        out, _ = self.byoc("credential delete", "taken")
        self.assertIn(first["id"], out)
        for command in ("validate", "rotate", "delete"):
            self.byoc(f"credential {command}", "taken", text=TOKEN,
                      status=0 if command == "delete" else 1)
        self.assertEqual(self.json("credential show", "taken")["code"],
                         "credential_deleted")
        self.assertNotIn(first["id"], [
            entry["id"] for entry in self.json("credential list")])
        self.assertNotEqual(self.add("taken")["id"], first["id"])
        self.assertIn("there is no credential 'nobody'",
                      self.refused("credential show", "nobody"))

    def test_a_token_is_rotated(self):
        newer = "n" * 64
        self.secrets.add(newer)
        before = self.add("rotated")
        found = self.json("credential rotate", "rotated", "--wait",
                          text=newer, status=1)
        self.assertEqual(found["code"], "unknown_token")
        self.sim.add_token(newer)
        again = self.json("credential validate", "rotated", "--wait")
        self.assertEqual((again["id"], again["status"], again["code"]),
                         (before["id"], "ready", None))
        _, said = self.byoc("credential rotate", "rotated", "--wait",
                            text=TOKEN)
        self.assertEqual(said, "credential 'rotated' is ready\n")

    def test_nobody_is_there_to_judge(self):
        self.freeze_workers()
        found, said = self.byoc(
            "credential add", "--name", "unjudged", "--wait", "--timeout",
            "1", text=TOKEN, status=1)
        self.assertIn("no worker has judged the token within 1 s", said)
        self.assertEqual(self.json("credential show", found.strip())[
            "status"], "pending_validation")
        self.assertIn("pending_validation",
                      self.create("x", "unjudged", status=1)[1])
        self.assertIn("there is no credential 'nobody'",
                      self.create("x", "nobody", status=1)[1])

    # Clusters

    def test_a_cluster_from_create_to_deleted(self):
        self.add("whole")
        before = len(self.json("cluster list"))
        out, said = self.create("whole-life", "whole", "--workers", 1,
                                "--watch")
        cluster = out.split()[0]
        self.assertEqual(said, "")
        self.assertNotRegex(out, r"(?m) $")
        record = self.json("cluster show", "whole-life")
        self.assertIn(f"cluster whole-life is running at "
                      f"{record['endpoint']}; get into it with\n"
                      f"`byoc cluster kubeconfig {cluster[:8]} >", out)
        self.assertRegex(out, r"phase +ready +done +[0-9.]+ m?s  10/10 phases")
        self.check_record(record, cluster, before)
        self.check_access(record)
        self.check_watch(cluster, "running")
        self.assertIn("has not failed", self.refused("cluster retry", cluster))
        self.assertIn("whole-life (running)",
                      self.refused("credential delete", "whole"))
        self.assertEqual(self.json("cluster delete", cluster)["id"], cluster)
        out, _ = self.byoc("cluster watch", cluster)
        self.assertIn("cluster whole-life is deleted\n", out)
        self.check_watch(cluster, "deleted")
        self.check_deleted(cluster, before)

    def check_record(self, record, cluster, before):
        self.assertEqual((record["id"], record["status"], record["workers"]),
                         (cluster, "running", 1))
        self.assertEqual({phase["status"] for phase in record["phases"]},
                         {"done"})
        self.assertTrue(record["resources"])
        for piece in (record["endpoint"], "control_plane/0", "nat_gateway"):
            self.assertIn(piece, self.byoc("cluster show", cluster)[0])
        self.assertEqual(len(self.json("cluster list")), before + 1)
        self.assertRegex(self.byoc("cluster list")[0],
                         rf"(?m)^{cluster[:8]}  whole-life +running ")

    def check_access(self, record):
        out, said = self.byoc("cluster kubeconfig", "whole-life",
                              "--lifetime", 1)
        self.assertEqual(said, "")
        config = yaml.safe_load(out)
        self.assertEqual(config["clusters"][0]["cluster"]["server"],
                         record["endpoint"])
        key = base64.b64decode(config["users"][0]["user"]["client-key-data"])
        self.assertIn(b"PRIVATE KEY", key)
        key, way = self.byoc("cluster ssh-key", "whole-life")
        self.assertIn("whole-life", way)
        self.assertNotIn("PRIVATE KEY", way)
        file = self.folder / "id"
        with open(file, "x", opener=lambda path, flags:
                  os.open(path, flags, 0o600)) as out:
            out.write(key)
        public = subprocess.run(["ssh-keygen", "-y", "-f", file], check=True,
                                capture_output=True, text=True).stdout
        known = self.world.db("SELECT ssh_public_key FROM byoc.clusters"
                              " WHERE id = %s", record["id"])[0][0]
        self.assertEqual(public.split()[:2], known.split()[:2])

    def check_watch(self, cluster, last):
        """As JSON: one event on each line, as they are published."""
        out, said = self.byoc("cluster watch", cluster, "--output", "json")
        self.assertEqual(said, "")
        events = [json.loads(line) for line in out.splitlines()]
        for event in events:
            self.assertIsNone(contract.problem(contract.EVENTS, event))
        numbers = [int(event["sequence"]) for event in events]
        self.assertEqual(numbers, list(range(
            numbers[0], numbers[0] + len(events))))
        self.assertEqual(events[-1]["type"],
                         f"cloud.mengi.byoc.cluster.{last}")
        self.world.wait_idle()
        published = {event["id"]: event
                     for event in self.world.events.of(cluster)}
        self.assertEqual(events, [published[event["id"]] for event in events])

    def check_deleted(self, cluster, before):
        for command in ("kubeconfig", "ssh-key"):
            self.assertIn("is deleted, and its keys with it", self.refused(
                f"cluster {command}", cluster))
        self.assertIn("deleted already",
                      self.byoc("cluster delete", cluster)[0])
        self.assertEqual(self.json("cluster delete", cluster)["status"],
                         "deleted")
        self.assertEqual(len(self.json("cluster list")), before)
        self.assertIn(cluster, [entry["id"] for entry in self.json(
            "cluster list", "--deleted")])
        self.byoc("credential delete", "whole")

    def test_a_timeline(self):
        cluster = self.world.create_cluster("drawn")
        self.world.wait_status(cluster, "running")
        run = self.json("cluster timeline", "drawn")
        phases = {phase["phase"] for phase in run["phases"]}
        self.assertLessEqual({"network", "ready"}, phases)
        ends = [phase["until_ms"] for phase in run["phases"]]
        self.assertEqual(run["total_ms"], max(ends))
        lines = self.byoc("cluster timeline", "drawn")[0].splitlines()
        self.assertEqual(len(lines), len(run["phases"]) + 1)
        self.assertTrue(all("█" in line for line in lines[:-1]), lines)
        picture = self.folder / "run.svg"
        self.byoc("cluster timeline", "drawn", "--svg", picture)
        svg = ElementTree.parse(picture).getroot()
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(len(svg.findall(f"{space}rect")),
                         1 + len(run["phases"]))
        self.world.delete_cluster(cluster)

    def test_a_cluster_that_fails_and_is_tried_again(self):
        self.add("again")
        self.sim.quota(servers=1)
        self.addCleanup(self.sim.quota, servers=None)
        out, said = self.create("again", "again", "--watch", status=1)
        cluster = out.split()[0]
        reason = self.json("cluster show", cluster)["reason"]
        self.assertEqual(said, f"byoc: cluster again failed: {reason} "
                         "(resource_limit_exceeded)\n")
        out, said = self.byoc("cluster watch", cluster, "--output", "json",
                              status=1)
        self.assertIn("resource_limit_exceeded", said)
        for line in out.splitlines():
            json.loads(line)
        self.assertIn("resource_limit_exceeded", self.byoc("cluster list")[0])
        self.sim.quota(servers=None)
        record = self.json("cluster retry", cluster)
        self.assertEqual(record["id"], cluster)
        out, _ = self.byoc("cluster watch", cluster)
        self.assertIn("cluster again is running at https://", out)
        out, _ = self.byoc("cluster delete", cluster, "--watch")
        self.assertIn("cluster again is deleted\n", out)

    def test_what_nobody_can_mean(self):
        self.add("twins")
        self.freeze_workers()
        ids = [self.create("twin", "twins")[0].strip()]
        self.assertIn(f"has a cluster 'twin' already ({ids[0][:8]}, pending)",
                      self.create("twin", "twins", status=1)[1])
        ids.append(self.create("twin", "twins", "--allow-same-name")[0].strip())
        said = self.refused("cluster show", "twin", status=2)
        for cluster in ids:
            self.assertIn(cluster[:8], said)
            self.assertEqual(self.json("cluster show", cluster)["status"],
                             "pending")
            self.assertIn("no keys",
                          self.refused("cluster kubeconfig", cluster))
        for command in ("show", "watch", "delete", "retry", "kubeconfig",
                        "ssh-key"):
            self.assertIn("there is no cluster 'nobody'",
                          self.refused(f"cluster {command}", "nobody"))
        self.world.kill_worker(0, signal.SIGCONT)
        for cluster in ids:
            self.byoc("cluster delete", cluster, "--watch")

    def test_ssh_from_somewhere(self):
        self.add("ssh")
        self.assertIn("no other network", self.wrong(
            "cluster create", "--name", "x", "--credential", "ssh",
            *DEDICATED, "--ssh-from", "none", "--ssh-from", "10.0.0.0/8"))
        created = self.json(
            "cluster create", "--name", "ssh", "--credential", "ssh",
            *DEDICATED, "--ssh-from", "192.0.2.1", "--ssh-from",
            "2001:db8::/32")
        self.assertEqual(created["ssh_sources"],
                         ["192.0.2.1/32", "2001:db8::/32"])
        self.byoc("cluster delete", created["id"], "--watch")

    # Everything at once

    def test_status(self):
        self.add("counted")
        found = self.json("status")
        self.assertGreaterEqual(found["database"]["credentials"]["ready"], 1)
        self.assertEqual(found["queues"]["byoc.jobs"]["consumers"], 1)
        self.assertEqual(found["queues"]["byoc.jobs.dead"]["messages"], 0)
        out, _ = self.byoc("status")
        self.assertRegex(out, "(?m)^database +reachable, schema version")
        self.assertRegex(out, "(?m)^broker +reachable, 1 consumer$")
        self.world.wait_idle()
        out, _ = self.byoc("status")
        self.assertRegex(out, "(?m)^outbox +empty$")

    def test_nobody_answers(self):
        for command, arguments, who in (
                ("migrate", (), "database"), ("topology", (), "broker"),
                ("credential list", (), "database"),
                ("cluster show", ("x",), "database"),
                ("dead list", (), "broker"), ("dead drop", ("x",), "broker")):
            with self.subTest(command=command):
                said = self.refused(command, *arguments, environment=NOWHERE)
                self.assertRegex(said, f"cannot reach the {who}.*refused")
        out, said = self.byoc("status", status=1, environment=NOWHERE)
        self.assertRegex(out, "(?m)^database +cannot reach the database: ")
        self.assertRegex(out, "(?m)^broker +cannot reach the broker ")

    def test_half_of_it_answers(self):
        for name, gone, there in (
                ("BYOC_AMQP_URL", "queues", "database"),
                ("BYOC_DATABASE_URL", "database", "queues")):
            broken = {name: NOWHERE[name],
                      f"{name}_FILE": ""}
            out, said = self.byoc("status", "--output", "json", status=1,
                                  environment=broken)
            found = json.loads(out)
            self.assertIsNone(found[gone])
            self.assertTrue(found[there])
            self.assertRegex(said, r"\Abyoc: cannot reach the .+\n\Z")

    def test_the_output_cannot_be_written(self):
        for command in ("status", "cluster list --deleted", "topology"):
            with open("/dev/full", "w") as full:
                done = subprocess.run(
                    [program("byoc"), *command.split()], stdout=full,
                    stderr=subprocess.PIPE, text=True, timeout=60,
                    env=self.world.environment)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("No space left", done.stderr)


if __name__ == "__main__":
    unittest.main()
