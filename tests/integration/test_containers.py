"""The containers' files, as far as they can be checked without an engine."""

import base64
import functools
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


# The users of images that are not ours.
USERS = {"postgres": "999:999", "roles": "999:999", "rabbitmq": "999:999",
         "prometheus": "65534:65534", "grafana": "472:0"}
# Whoever comes to these is a person with a browser, on this machine.
PUBLISHED = {"dashboard": 9480, "prometheus": 9090, "grafana": 3000}


class Compose(unittest.TestCase):
    @classmethod
    @functools.cache
    def config(cls, *options):
        done = subprocess.run(
            ["docker-compose", "--project-directory", ROOT, "--file",
             ROOT / "docker-compose.yml", *options, "config"],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return yaml.safe_load(done.stdout)

    def everything(self):
        return self.config(*(word for profile in
                             ("demo", "operator", "observability")
                             for word in ("--profile", profile)))["services"]

    def test_the_file_is_accepted(self):
        services = self.config()["services"]
        for name in ("postgres", "rabbitmq", "migrate", "roles", "worker"):
            self.assertIn(name, services)

    def test_only_who_acts_as_the_owner_has_the_owners_password(self):
        services = self.everything()
        for name, service in services.items():
            mounted = {secret["source"] for secret in service.get("secrets", [])}
            owners = {"owner_database_url", "postgres_password"} & mounted
            self.assertEqual(
                bool(owners),
                name in ("postgres", "migrate", "roles", "byoc"), name)

    def test_only_who_opens_secrets_has_the_keys(self):
        services = self.everything()
        for name, service in services.items():
            mounted = any("/keys:" in volume
                          for volume in service.get("volumes", []))
            self.assertEqual(mounted, name in ("worker", "byoc"), name)

    def test_no_service_may_do_more_than_it_needs(self):
        services = self.everything()
        for name, service in services.items():
            with self.subTest(service=name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"],
                                 ["no-new-privileges:true"])
                port = PUBLISHED.get(name)
                self.assertEqual(service.get("ports", []),
                                 [f"127.0.0.1:{port}:{port}/tcp"]
                                 if port else [])
                if not service["image"].startswith("mengi-"):
                    self.assertEqual(service["user"], USERS[name])
                elif name != "hcloud-sim":
                    self.assertIn("memlock", service["ulimits"])

    def test_workers_can_be_scaled(self):
        worker = self.config()["services"]["worker"]
        self.assertNotIn("ports", worker)
        self.assertNotIn("container_name", worker)

    def test_no_secret_is_an_environment_value(self):
        for service in self.everything().values():
            for name in service.get("environment", {}):
                self.assertNotIn(name, ("BYOC_DATABASE_URL", "BYOC_AMQP_URL",
                                        "POSTGRES_PASSWORD"))

    def test_what_is_for_trying_out_comes_with_its_profile(self):
        services = self.everything()
        for name, profile in (("hcloud-sim", "demo"), ("dashboard", "demo"),
                              ("prometheus", "observability"),
                              ("grafana", "observability")):
            self.assertEqual(services[name]["profiles"], [profile])

    def test_the_page_has_a_dashboards_logins_and_the_public_key(self):
        dashboard = self.everything()["dashboard"]
        self.assertEqual(
            {secret["source"] for secret in dashboard["secrets"]},
            {"dashboard_database_url", "dashboard_amqp_url", "ca"})
        [volume] = dashboard["volumes"]
        self.assertTrue(volume.endswith("/public:/public:ro"), volume)


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
        self.assertIn("USER 10001\n", runtime)

    def test_it_is_built_by_the_scripts_of_the_demo(self):
        self.assertIn("deploy/packages.sh build", DOCKERFILE)
        self.assertIn("deploy/build.sh release", DOCKERFILE)


class Pins(unittest.TestCase):
    """Which images are used is said in .env and nowhere else."""

    DIGEST = "sha256:" + "0123456789abcdef" * 4
    # What an engine says whose registry has that digest for everything.
    ENGINE = """#!/bin/sh
        case $1 in
        pull) echo "$3" >>"$PULLED" ;;
        inspect) echo "${4%%:*}@$DIGEST" ;;
        esac
        """

    def images(self, path):
        return dict(re.findall(r"^(\w+_IMAGE)=(.+)$", path.read_text(),
                               re.MULTILINE))

    def test_there_is_one_place(self):
        compose = (ROOT / "docker-compose.yml").read_text()
        for text in (DOCKERFILE, compose):
            for image in self.images(ROOT / ".env").values():
                self.assertNotIn(image, text)
        self.assertEqual(set(re.findall(r"^FROM (\S+)", DOCKERFILE,
                                        re.MULTILINE)),
                         {"${BASE}", "tools", "runtime"})

    def test_each_image_has_a_digest(self):
        for name, image in self.images(ROOT / ".env").items():
            self.assertRegex(image, r"^[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}$",
                             name)

    def test_each_image_gets_its_digest(self):
        folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory()))
        engine, file = folder / "docker", folder / "env"
        engine.write_text(self.ENGINE)
        engine.chmod(0o755)
        file.write_text("# why\nBASE_IMAGE=debian:12\n"
                        f"OTHER_IMAGE=other:1@sha256:{'f' * 64}\n")
        subprocess.run(
            [ROOT / "deploy" / "pin-images.sh", file], check=True,
            stdout=subprocess.DEVNULL,
            env={"PATH": f"{folder}:/usr/bin:/bin", "DIGEST": self.DIGEST,
                 "PULLED": str(folder / "pulled")})
        self.assertEqual(file.read_text(),
                         f"# why\nBASE_IMAGE=debian:12@{self.DIGEST}\n"
                         f"OTHER_IMAGE=other:1@{self.DIGEST}\n")
        self.assertEqual((folder / "pulled").read_text(),
                         "debian:12\nother:1\n")


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
        here = "${SECRETS_DIR:-./secrets}/"
        files = [secret["file"] for secret in compose["secrets"].values()]
        files += [volume.split(":/")[0]
                  for service in compose["services"].values()
                  for volume in service.get("volumes", []) if here in volume]
        for file in files:
            self.assertTrue(file.startswith(here), file)
            self.assertTrue((self.folder / "secrets" / file.removeprefix(here)
                             ).exists(), file)

    def test_everybody_is_reached_by_tls_under_the_certificates_name(self):
        for url in ("database_url", "owner_database_url",
                    "dashboard_database_url"):
            self.assertIn("@postgres/byoc?sslmode=verify-full"
                          "&sslrootcert=/run/secrets/ca", self.read(url))
        for url in ("amqp_url", "operator_amqp_url", "dashboard_amqp_url"):
            self.assertRegex(self.read(url), "^amqps://.*@rabbitmq/byoc$")
        for name in ("postgres", "rabbitmq", "hcloud-sim"):
            subprocess.run(
                ["openssl", "verify", "-CAfile",
                 self.folder / "secrets" / "ca.pem", "-verify_hostname", name,
                 "-purpose", "sslserver",
                 self.folder / "secrets" / f"{name}.pem"],
                check=True, stdout=subprocess.DEVNULL)

    def test_a_certificate_is_made_anew_before_it_ends(self):
        old = self.read("postgres.pem")
        subprocess.run(
            ["openssl", "x509", "-in", self.folder / "secrets/postgres.pem",
             "-signkey", self.folder / "secrets/postgres.key", "-days", "59",
             "-out", self.folder / "secrets/postgres.pem"], check=True,
            stderr=subprocess.DEVNULL)
        self.run_script()
        self.assertNotEqual(self.read("postgres.pem"), old)
        self.test_everybody_is_reached_by_tls_under_the_certificates_name()

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

    def test_whoever_seals_has_the_public_half_alone(self):
        folder = self.folder / "secrets"
        (folder / "keys" / "one.key").write_text("secret")
        (folder / "keys" / "one.pub").write_text("public")
        self.run_script()
        self.assertEqual([path.name for path in (folder / "public").iterdir()],
                         ["one.pub"])

    def test_the_logins_of_the_database_are_not_the_owners(self):
        self.assertIn(f"//worker:{self.read('worker_password')}@",
                      self.read("database_url"))
        self.assertNotIn(self.read("postgres_password"),
                         self.read("database_url"))

    def test_what_exists_is_kept(self):
        names = ("definitions.json", "ca.pem", "rabbitmq.pem", "rabbitmq.key")
        before = [self.read(name) for name in names]
        self.run_script()
        self.assertEqual([self.read(name) for name in names], before)


if __name__ == "__main__":
    unittest.main()
