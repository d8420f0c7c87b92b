"""The containers' files, as far as they can be checked without an engine."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
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
        for name in ("postgres", "rabbitmq", "migrate", "worker"):
            self.assertIn(name, services)

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
    def test_the_script_makes_every_file_that_compose_wants(self):
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        with tempfile.TemporaryDirectory() as folder:
            keys = pathlib.Path(folder, "secrets", "keys")
            keys.mkdir(parents=True)  # keys are byoc keygen's own business
            subprocess.run([ROOT / "deploy" / "secrets.sh",
                            f"{folder}/secrets"],
                           check=True, stdout=subprocess.DEVNULL)
            for secret in compose["secrets"].values():
                self.assertTrue(pathlib.Path(folder, secret["file"]).exists())
            self.assertTrue((keys.parent / "rabbitmq.conf").exists())


if __name__ == "__main__":
    unittest.main()
