"""The containers' files, as far as they can be checked without an engine."""

import base64
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFINITIONS = ROOT / "deploy" / "rabbitmq" / "definitions.json"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def packages(*uses):
    return subprocess.run(
        [ROOT / "deploy" / "packages.sh", "--list", *uses],
        check=True, capture_output=True, text=True).stdout.split()


class Compose(unittest.TestCase):
    def config(self, *options):
        done = subprocess.run(
            ["docker-compose", "--project-directory", ROOT, "--file",
             ROOT / "docker-compose.yml", *options, "config"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return yaml.safe_load(done.stdout)

    def test_the_file_is_accepted(self):
        services = self.config()["services"]
        for name in ("postgres", "rabbitmq", "migrate", "roles", "worker"):
            self.assertIn(name, services)

    def test_only_migrations_and_roles_have_the_owners_password(self):
        services = self.config("--profile", "demo")["services"]
        for name, service in services.items():
            mounted = {secret["source"] for secret in service.get("secrets", [])}
            owners = {"owner_database_url", "postgres_password"} & mounted
            self.assertEqual(
                bool(owners), name in ("postgres", "migrate", "roles"), name)

    def test_workers_can_be_scaled(self):
        worker = self.config()["services"]["worker"]
        self.assertNotIn("ports", worker)
        self.assertNotIn("container_name", worker)

    def test_no_secret_is_an_environment_value(self):
        for service in self.config("--profile", "demo")["services"].values():
            for name in service.get("environment", {}):
                self.assertNotIn(name, ("BYOC_DATABASE_URL", "BYOC_AMQP_URL",
                                        "POSTGRES_PASSWORD"))

    def test_the_simulation_comes_with_its_profile(self):
        self.assertIn("hcloud-sim",
                      self.config("--profile", "demo")["services"])


class Image(unittest.TestCase):
    def test_every_library_of_the_programs_is_installed(self):
        """What the build links, the runtime has: by the packages' names."""
        runtime = " ".join(packages("run"))
        for library in packages("build"):
            found = re.fullmatch(r"(lib[a-z]+?)\d*(-openssl|-c)?-dev", library)
            if found:
                self.assertIn(found[1], runtime, library)

    def test_nobody_runs_as_root(self):
        last = DOCKERFILE.split("FROM ")
        runtime = next(part for part in last if "AS runtime" in part)
        self.assertIn("USER byoc", runtime)

    def test_it_is_built_by_the_scripts_of_the_demo(self):
        self.assertIn("deploy/packages.sh build", DOCKERFILE)
        self.assertIn("deploy/build.sh release", DOCKERFILE)


class Secrets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Keys are byoc keygen's own business.
        (self.folder / "secrets" / "keys").mkdir(parents=True)
        self.run_script()

    def run_script(self):
        subprocess.run([ROOT / "deploy" / "secrets.sh",
                        self.folder / "secrets"],
                       check=True, stdout=subprocess.DEVNULL)

    def read(self, name):
        return (self.folder / "secrets" / name).read_text().strip()

    def test_the_script_makes_every_file_that_compose_wants(self):
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        files = [secret["file"] for secret in compose["secrets"].values()]
        files += [volume.split(":")[0]
                  for service in compose["services"].values()
                  for volume in service.get("volumes", [])
                  if volume.startswith("./secrets/")]
        for file in files:
            self.assertTrue((self.folder / file).exists(), file)

    def test_the_broker_knows_every_password_by_its_hash(self):
        given = json.loads(DEFINITIONS.read_text())
        made = json.loads(self.read("definitions.json"))
        for user in made["users"]:
            whole = base64.b64decode(user["password_hash"], validate=True)
            password = self.read(f"{user['name']}_password")
            self.assertEqual(
                whole[4:],
                hashlib.sha256(whole[:4] + password.encode()).digest())
            user["password_hash"] = ""
        self.assertEqual(made, given)
        self.assertIn(f"//worker:{self.read('worker_password')}@",
                      self.read("amqp_url"))

    def test_the_logins_of_the_database_are_not_the_owners(self):
        self.assertIn(f"//worker:{self.read('worker_password')}@",
                      self.read("database_url"))
        self.assertNotIn(self.read("postgres_password"),
                         self.read("database_url"))

    def test_what_exists_is_kept(self):
        before = self.read("definitions.json")
        self.run_script()
        self.assertEqual(self.read("definitions.json"), before)


if __name__ == "__main__":
    unittest.main()
