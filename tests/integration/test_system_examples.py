"""The examples do what they say, in every language that is here: with a
dashboard's rights, and not even knowing where the project's files are."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import node_modules
from sealing import public_key
from sim import TOKEN
from system_case import SystemCase

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
PATIENCE = 60


def lacks_python():
    tried = subprocess.run(
        ["/usr/bin/python3", "-c", "import nacl, pika, psycopg2"],
        capture_output=True)
    return tried.returncode and "python3-nacl is not installed"


class Examples(SystemCase):
    workers = 1

    environment_of_examples = {}

    def run_example(self, command, *arguments, text=None):
        services = self.world.services
        done = subprocess.run(
            [*command, *arguments], input=text, text=True, timeout=PATIENCE,
            capture_output=True, cwd="/", env={
                **self.environment_of_examples, "PATH": os.environ["PATH"], "HOME": os.environ["HOME"],
                "DATABASE_URL": services.database_url_of("dashboard"),
                "AMQP_URL": services.amqp_url_of("dashboard")})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def check(self, language, dashboard, consumer):
        keys = f"{self.world.folder}/keys"
        key_id, _ = public_key(keys)
        credential = self.run_example(
            dashboard, "credential", f"{keys}/{key_id}.pub",
            language, text=TOKEN + "\n").strip()
        told = self.run_example(consumer, credential, "ready")
        self.assertIn("0000000001 ready", told)
        cluster = self.run_example(dashboard, "cluster", credential, language,
                                   "fsn1", "dedicated").strip()
        told = self.run_example(consumer, cluster, "running")
        self.assertRegex(told, "^0000000001 provisioning +0/9")
        self.assertRegex(told.splitlines()[-1], "running +9/9")
        self.assertEqual(self.world.status(cluster)[0], "running")
        self.world.delete_cluster(cluster)

    @unittest.skipIf(lacks_python(), lacks_python())
    def test_python(self):
        self.check("python", *(
            ["/usr/bin/python3", str(EXAMPLES / f"python/{name}.py")]
            for name in ("dashboard", "consumer")))

    @unittest.skipUnless(shutil.which("node"), "there is no node")
    @unittest.skipIf(lacks_python(), lacks_python())
    def test_node(self):
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.environment_of_examples = node_modules.link(
                    EXAMPLES / "node", pathlib.Path(folder))
            except node_modules.Lacking as lacking:
                self.skipTest(str(lacking))
            self.check("node", *(["node", f"{folder}/{name}.mjs"]
                                 for name in ("dashboard", "consumer")))

    @unittest.skipUnless(shutil.which("go"), "there is no go")
    def test_go(self):
        with tempfile.TemporaryDirectory() as folder:
            built = subprocess.run(
                ["go", "build", "-o", f"{folder}/", "./..."], text=True,
                cwd=EXAMPLES / "go", capture_output=True)
            if built.returncode and "dial tcp" in built.stderr:
                self.skipTest("the modules cannot be fetched from here")
            self.assertEqual(built.returncode, 0, built.stderr)
            self.check("go", [f"{folder}/dashboard"], [f"{folder}/consumer"])


if __name__ == "__main__":
    unittest.main()
