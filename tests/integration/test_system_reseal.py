"""A new key takes an old one's place: everything sealed moves to it beside
running workers, however often the move is killed; then the old key can go."""

import os
import pathlib
import signal
import subprocess
import unittest
import uuid

import psycopg2
from psycopg2.extras import execute_values

import sealing
from sim import TOKEN, wait_for
from system_case import SystemCase
from world import program

TOKENS = 1500
CLUSTERS = 500
SECRETS = ("ssh_private_key", "authorities", "join_token")


class Reseal(SystemCase):
    workers = 2

    def keys(self):
        return {path.stem for path in self.folder.glob("*.key")}

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.world.folder, "keys")
        known = self.keys()
        self.old = self.world.byoc_json("keygen", self.folder)["key_id"]
        self.others = known
        self.restart_workers()

    def restart_workers(self):
        """Workers read their keys when they start."""
        for _ in range(len(self.world.workers)):
            worker = self.world.workers.pop(0)
            self.world.running.remove(worker)
            worker.stop()
        for _ in range(self.workers):
            self.world.start_worker()

    def make_key(self):
        self.new = self.world.byoc_json("keygen", self.folder)["key_id"]

    # Many records, made by SQL

    def seal(self, subject, what, plain):
        form = sealing.seal if what == "token" else sealing.seal_own
        return form(self.folder, f"{subject}:{what}", plain, self.old)

    def insert(self, sql, rows):
        connection = psycopg2.connect(self.world.services.database_url)
        with connection, connection.cursor() as cursor:
            execute_values(cursor, sql, rows)
        connection.close()

    def fill(self):
        """Tokens, half of them in use, some with a newer one; clusters."""
        tokens, clusters = [], []
        for number in range(TOKENS):
            ident = str(uuid.uuid4())
            token, newer = (self.seal(f"credential:{ident}", "token", plain)
                            for plain in (TOKEN, "newer"))
            status, newest, active = (
                ("pending_validation", token, None),
                ("ready", token, token),
                ("pending_validation", newer, token))[number % 3]
            tokens.append((ident, f"t-{ident}", status, newest, active))
        for number in range(CLUSTERS):
            ident = str(uuid.uuid4())
            clusters.append((ident, f"many-{number}", tokens[number][0],
                             "fsn1", "dedicated", "ssh-ed25519 AAAA", *(
                                 self.seal(f"cluster:{ident}", what,
                                           f"{what} {number}")
                                 for what in SECRETS)))
        self.insert("INSERT INTO byoc.credentials (id, name, status,"
                    " sealed_token, active_sealed_token) VALUES %s", tokens)
        self.insert("INSERT INTO byoc.clusters (id, name, credential_id,"
                    " location, type, ssh_public_key, sealed_ssh_private_key,"
                    " sealed_authorities, sealed_join_token) VALUES %s",
                    clusters)
        self.addCleanup(self.empty)

    def empty(self):
        self.world.db("DELETE FROM byoc.clusters WHERE name LIKE 'many-%%'")
        self.world.db("DELETE FROM byoc.credentials WHERE name LIKE 't-%%'")

    # What is sealed, with what

    def sealed(self):
        """[(context, text)] of every sealed value in the database."""
        found = []
        for ident, *texts in self.world.db(
                "SELECT id, sealed_token, active_sealed_token"
                " FROM byoc.credentials"):
            found += [(f"credential:{ident}:token", text) for text in texts]
        for ident, *texts in self.world.db(
                "SELECT id, sealed_ssh_private_key, sealed_authorities,"
                " sealed_join_token FROM byoc.clusters"):
            found += [(f"cluster:{ident}:{what}", text)
                      for what, text in zip(SECRETS, texts)]
        return [(context, text) for context, text in found if text]

    def count(self, key):
        return sum(sealing.key_of(text) == key for _, text in self.sealed())

    def opened(self):
        """{(context, secret)}: what they hold, whatever they look like."""
        return sorted((context, sealing.unseal(self.folder, context, text))
                      for context, text in self.sealed())

    def twins(self):
        """Credentials whose newest token is the one in use."""
        return self.world.db("SELECT id FROM byoc.credentials"
                             " WHERE sealed_token = active_sealed_token"
                             " ORDER BY id")

    def reseal(self):
        return self.world.byoc_json("credential", "reseal")

    def remove(self, key):
        return self.world.byoc("keygen", self.folder, "--remove", key,
                               check=False)

    def tokens_moved(self):
        return self.world.db(
            "SELECT count(*) FROM byoc.credentials WHERE"
            " split_part(sealed_token, '.', 2) = %s", self.new)[0][0]

    def kill_in_the_middle(self):
        """Kills one after its first batches; how many are left to move."""
        before, moved = self.count(self.old), self.tokens_moved()
        process = subprocess.Popen(
            [program("byoc"), "credential", "reseal"],
            env=self.world.environment, stdout=subprocess.DEVNULL)
        wait_for(lambda: self.tokens_moved() > moved, "a first batch")
        process.kill()
        self.assertEqual(process.wait(), -signal.SIGKILL)
        left = self.count(self.old)
        self.assertLess(0, left)
        self.assertLess(left, before)
        return left

    # The tests

    def test_a_key_is_replaced_under_a_running_cluster(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        kubeconfig = self.world.byoc("cluster", "kubeconfig", cluster).stdout
        self.fill()
        self.make_key()
        opened, twins = self.opened(), self.twins()
        self.assertEqual(self.count(self.new), 0)

        refused = self.remove(self.old)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"key {self.old} is still needed", refused.stderr)
        self.assertRegex(refused.stderr,
                         rf"of {TOKENS + 1} credentials \('.*' is one\)"
                         rf" and {CLUSTERS + 1} clusters \('.*' is one\)")
        self.assertIn("byoc credential reseal", refused.stderr)
        self.assertIn(self.old, self.keys())

        self.restart_workers()  # they hold both from here on
        other = self.world.create_cluster()
        self.kill_in_the_middle()
        self.assertEqual(self.remove(self.old).returncode, 1)
        left = self.kill_in_the_middle()
        self.world.wait_status(other, "running")
        told = self.reseal()
        self.assertEqual(told["key_id"], self.new)
        self.assertEqual(told["unopened"], 0)
        self.assertEqual(told["moved"], told["tokens"]
                         + told["cluster_secrets"])
        # A token that is there twice is one that moves.
        self.assertLessEqual(told["moved"], left)
        self.assertGreater(told["moved"], 0)

        mine = {f"cluster:{other}:{what}" for what in SECRETS}
        self.assertEqual([pair for pair in self.opened()
                          if pair[0] not in mine], opened)
        self.assertEqual(self.twins(), twins)
        self.assertEqual(self.count(self.old), 0)
        self.assertEqual(self.reseal()["moved"], 0)

        removed = self.remove(self.old)
        self.assertEqual(removed.returncode, 0, removed.stderr)
        for key in self.others:
            self.assertEqual(self.remove(key).returncode, 0)
        self.assertEqual(self.keys(), {self.new})
        newest = self.remove(self.new)
        self.assertEqual(newest.returncode, 1)
        self.assertIn("the one that seals", newest.stderr)

        self.restart_workers()
        self.assertEqual(
            authority(self.world.byoc("cluster", "kubeconfig",
                                      cluster).stdout), authority(kubeconfig))
        self.world.delete_cluster(cluster)
        self.world.delete_cluster(other)
        self.assertGone(cluster)

    def test_a_refusal_met_while_its_token_moved_stops_nothing(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.make_key()
        self.restart_workers()
        # In the air with the old text, refused when there is a new one.
        self.sim.reset_calls()
        self.sim.fault(method="DELETE", path="/load_balancers/*", times=1,
                       latency_ms=2000, status=401, code="unauthorized")
        self.world.delete_cluster(cluster, wait=False)
        wait_for(lambda: any(
            call.startswith("DELETE /load_balancers") and count
            for call, count in self.sim.calls().items()), "the refused call")
        self.reseal()
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.world.db(
            "SELECT status FROM byoc.credentials WHERE id = %s",
            self.world.credential()), [("ready",)])

    def test_what_does_not_open_is_named_and_stays(self):
        credential = self.world.add_credential()
        broken = sealing.seal(self.folder, "credential:another:token", "x",
                              self.old)
        moved_here = self.world.add_credential()
        self.world.db("UPDATE byoc.credentials SET sealed_token = %s"
                      " WHERE id = %s", broken, moved_here)
        self.make_key()
        result = self.world.byoc("credential", "reseal", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, "^moved [1-9]")
        self.assertIn("1 sealed values were left", result.stderr)
        self.assertIn(f"credential:{moved_here}:token", result.stderr)
        self.assertNotIn(broken, result.stderr)
        rows = dict(self.world.db("SELECT id::text, sealed_token FROM"
                                  " byoc.credentials WHERE id IN (%s, %s)",
                                  credential, moved_here))
        self.assertEqual(rows[moved_here], broken)
        self.assertEqual(sealing.key_of(rows[credential]), self.new)
        self.assertEqual(self.remove(self.old).returncode, 1)
        self.world.byoc("credential", "delete", moved_here)
        self.assertEqual(self.remove(self.old).returncode, 0)

    def test_a_box_in_the_place_of_a_worker_s_own_stays_one(self):
        """Whoever can write the row and has the public key can make one."""
        cluster = self.world.create_cluster(
            credential=self.world.add_credential())
        self.world.wait_status(cluster, "running")
        (genuine,), = self.world.db("SELECT sealed_authorities FROM"
                                    " byoc.clusters WHERE id = %s", cluster)
        context = f"cluster:{cluster}:authorities"
        box = sealing.seal(self.folder, context, sealing.unseal(
            self.folder, context, genuine).decode(), self.old)

        def put(text):
            self.world.db("UPDATE byoc.clusters SET sealed_authorities = %s"
                          " WHERE id = %s", text, cluster)
        put(box)
        self.make_key()
        for command in (("credential", "reseal"),
                        ("cluster", "kubeconfig", cluster)):
            with self.subTest(command=command):
                result = self.world.byoc(*command, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn(context, result.stderr)
                self.assertIn("was not made by a worker", result.stderr)
        self.assertIn((context, box), self.sealed())
        put(genuine)
        self.assertEqual(self.reseal()["unopened"], 0)
        self.assertIn("kind: Config", self.world.byoc(
            "cluster", "kubeconfig", cluster).stdout)
        self.restart_workers()
        self.world.delete_cluster(cluster)

    def test_the_newest_key_must_be_able_to_open(self):
        self.make_key()
        path = self.folder / f"{self.new}.key"
        os.rename(path, self.folder / "aside")
        self.addCleanup(os.rename, self.folder / "aside", path)
        result = self.world.byoc("credential", "reseal", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{self.new}.key", result.stderr)
        self.assertEqual(self.count(self.new), 0)


def authority(kubeconfig):
    return [line for line in kubeconfig.splitlines()
            if "certificate-authority-data" in line]


if __name__ == "__main__":
    unittest.main()
