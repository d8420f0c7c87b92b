"""docker-compose.yml as it is, really started: workers that come and go while a
cluster is made and deleted on hcloud-sim, the page, what Prometheus and Grafana see
of it, and what containers may not do.

tests/containers/make.sh has to be run before, once: it gets the images that are
not ours, or makes stand-ins where no registry is reachable.
"""

import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import unittest

import requests
import urllib3

from services import free_port
from sim import wait_for
from world import program

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = "byoctest" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
TOKEN = "0" * 64
SIZE_MOST = 120_000_000
MEMLOCK = 64 * 1024 * 1024
# What a browser comes to, by the port that is published to this machine.
PUBLISHED = {"dashboard": "DASHBOARD_PORT", "prometheus": "PROMETHEUS_PORT",
             "grafana": "GRAFANA_PORT"}
# Has samples only when something went wrong.
WHEN_WRONG = ("byoc_reconnects_total", 'status!~"2.."')


def docker(*arguments, check=True, text=None):
    done = subprocess.run(["docker", *map(str, arguments)], input=text or "",
                          capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"docker {arguments}: {done.stdout}{done.stderr}")
    return done.stdout.strip() if check else done


def lacking():
    """Why it cannot run here, or None."""
    for command in ("docker", "docker-compose"):
        if not shutil.which(command):
            return f"no {command}"
    if docker("info", check=False).returncode != 0:
        return "no Docker engine answers"
    if os.getuid() != 0:
        return "gives files to the containers' users: needs root"
    return None


def available(image):
    return docker("image", "inspect", image, check=False).returncode == 0


def images():
    """Those of .env, or the stand-ins for them; skips when there are neither."""
    wanted = dict(re.findall(r"^(\w+_IMAGE)=(.+)$",
                             (ROOT / ".env").read_text(), re.MULTILINE))
    stand_ins = {name: f"byoc-tests/{name.removesuffix('_IMAGE').lower()}"
                 for name in wanted}
    for choice in (wanted, stand_ins):
        if all(map(available, choice.values())):
            return choice
    raise unittest.SkipTest("images have to be made first, which takes some "
                            "minutes: tests/containers/make.sh")


@unittest.skipIf(lacking(), lacking())
class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image = f"byoc-tests/worker:{PROJECT}"
        cls.folder = tempfile.mkdtemp(prefix="byoc-containers-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        os.chmod(cls.folder, 0o711)
        # An engine in a box may not give more than it has.
        cls.memlock = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        if cls.memlock == resource.RLIM_INFINITY or cls.memlock > MEMLOCK:
            cls.memlock = MEMLOCK
        cls.ports = {name: free_port() for name in PUBLISHED}
        cls.environment = {
            **os.environ, **images(),
            **{variable: str(cls.ports[name])
               for name, variable in PUBLISHED.items()},
            "SECRETS_DIR": f"{cls.folder}/secrets",
            "MEMLOCK": str(cls.memlock),
            "BYOC_MAX_IN_FLIGHT": "64",
            "BYOC_IMAGE": cls.image,
            "BYOC_SIM_IMAGE": f"byoc-tests/sim:{PROJECT}",
            "BYOC_HCLOUD_ENDPOINT": "https://hcloud-sim:8443/v1",
            "BYOC_HCLOUD_CA_FILE": "/run/secrets/ca"}
        byoc = pathlib.Path(program("byoc")).parent
        subprocess.run(
            [ROOT / "deploy" / "secrets.sh", f"{cls.folder}/secrets"],
            check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{byoc}:{os.environ['PATH']}"})
        cls.remove()
        cls.compose("build")
        cls.addClassCleanup(cls.remove)
        try:
            cls.compose("up", "--detach", "--no-build", "--scale", "worker=4")
            wait_for(lambda: cls.health() == ["healthy"] * 4,
                     "four healthy workers", 60)
        except AssertionError:
            print(cls.compose("logs", "--tail=40"))
            raise

    @classmethod
    def run_in_root(cls, *command, text=None, **environment):
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, input=text or "", text=True,
            env={**cls.environment, **environment}, capture_output=True,
            timeout=600)
        if done.returncode != 0:
            raise AssertionError(
                f"{command} ended {done.returncode}: "
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout

    @classmethod
    def compose(cls, *arguments, **options):
        return cls.run_in_root(
            "docker-compose", "-p", PROJECT, "--profile", "demo", "--profile",
            "observability", *arguments, **options)

    @classmethod
    def remove(cls):
        cls.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")

    @classmethod
    def byoc(cls, *arguments, text=None):
        """The operator's command, in a container of its own."""
        return cls.compose("run", "--rm", "-T", "byoc", *arguments, text=text)

    @classmethod
    def containers(cls, *services):
        ids = cls.compose("ps", "--quiet", *services).split()
        return json.loads(docker("inspect", *ids)) if ids else []

    @classmethod
    def health(cls):
        return [container["State"]["Health"]["Status"]
                for container in cls.containers("worker")]

    def running(self):
        return [container for container in self.containers()
                if container["State"]["Running"]]

    def sim_state(self):
        [sim] = self.containers("hcloud-sim")
        [network] = sim["NetworkSettings"]["Networks"].values()
        urllib3.disable_warnings()  # it is asked for by its address
        return requests.get(
            f"https://{network['IPAddress']}:8443/_sim/state", verify=False,
            timeout=10).json()["projects"]["default"]

    def test_workers_come_and_go_while_a_cluster_is_made_and_deleted(self):
        self.byoc("credential", "add", "--name", "acme", "--wait", text=TOKEN)
        self.byoc("cluster", "create", "--name", "shop", "--credential",
                  "acme", "--location", "fsn1", "--type", "dedicated_ha",
                  "--workers", 2)
        docker("kill", self.containers("worker")[0]["Id"])
        self.compose("up", "--detach", "--no-build", "--no-recreate",
                     "--scale", "worker=3")
        self.byoc("cluster", "watch", "shop")
        self.assertEqual(len(self.sim_state()["servers"]), 6)
        self.assertEqual(len(self.containers("worker")), 3)
        self.look_at_the_page()
        self.look_at_the_metrics()

        new = f"{self.image}-next"
        docker("build", "--quiet", "--tag", new, "-",
               text=f"FROM {self.image}\nLABEL next=yes\n")
        self.addCleanup(docker, "rmi", "--force", new)
        self.addCleanup(self.compose, "rm", "--stop", "--force", "worker")
        self.byoc("cluster", "delete", "shop")
        self.run_in_root(ROOT / "deploy" / "roll.sh", "-p", PROJECT,
                         "--profile", "demo", BYOC_IMAGE=new)
        self.byoc("cluster", "watch", "shop")
        self.assertEqual({container["Config"]["Image"]
                          for container in self.containers("worker")}, {new})
        self.assertEqual(self.health(), ["healthy"] * 3)
        state = self.sim_state()
        for kind in ("servers", "load_balancers", "networks", "firewalls"):
            self.assertFalse(state.get(kind), kind)
        self.assertNotIn('"level":"error"', self.compose("logs", "worker"))

    def look_at_the_page(self):
        """By the address that its log tells, once."""
        said = self.compose("logs", "--no-color", "dashboard")
        self.assertIn("plain HTTP", said)
        address = re.search(r"http://\S+\?token=[0-9a-f]{64}", said)[0]
        self.assertIn(f"//127.0.0.1:{self.ports['dashboard']}/", address)
        with requests.Session() as browser:
            page = browser.get(address, timeout=10)
            overview = browser.get(f"{page.url}api/overview", timeout=10)
        self.assertEqual(page.status_code, 200, page.text)
        self.assertIn("<title>Mengi Cloud BYOC", page.text)
        self.assertEqual([(one["name"], one["status"])
                          for one in overview.json()["clusters"]],
                         [("shop", "running")])
        self.assertEqual(requests.get(address, timeout=10).status_code, 401)

    def grafana(self, path, **query):
        [password] = pathlib.Path(
            self.folder, "secrets", "grafana_password").read_text().split()
        answer = requests.get(
            f"http://127.0.0.1:{self.ports['grafana']}/api/{path}",
            params=query, auth=("admin", password), timeout=10)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()

    def look_at_the_metrics(self):
        """Through Grafana, which has them from Prometheus."""
        self.assertEqual(self.grafana("health")["database"], "ok")
        [source] = self.grafana("datasources")
        self.assertEqual(source["type"], "prometheus")

        def prometheus(path, **query):
            answer = self.grafana(
                f"datasources/proxy/uid/{source['uid']}/api/v1/{path}",
                **query)
            self.assertEqual(answer["status"], "success")
            return answer["data"]

        def scraped():
            return sorted(target["scrapeUrl"] for target in
                          prometheus("targets")["activeTargets"]
                          if target["health"] == "up")

        workers = sorted(
            f"http://{network['IPAddress']}:9400/metrics"
            for worker in self.containers("worker")
            for network in worker["NetworkSettings"]["Networks"].values())
        wait_for(lambda: scraped() == workers,
                 f"{workers} to be scraped: {prometheus('targets')}")
        [rules] = prometheus("rules")["groups"]
        for rule in rules["rules"]:
            self.assertEqual(rule["health"], "ok", rule)
        board = self.grafana("dashboards/uid/byoc-workers")["dashboard"]
        for panel in board["panels"]:
            for target in panel["targets"]:
                query = target["expr"].replace("$__rate_interval", "1m")
                with self.subTest(panel["title"], query=query):
                    def found():
                        return prometheus("query", query=query)["result"]
                    if any(word in query for word in WHEN_WRONG):
                        found()
                    else:  # a rate takes two looks at what has just begun
                        wait_for(found, "an answer")

    def test_images_are_small(self):
        size = json.loads(docker("inspect", self.image))[0]["Size"]
        print(f"the worker's image has {size / 1e6:.1f} MB ...", end=" ")
        self.assertLess(size, SIZE_MOST)

    def test_programs_say_their_version(self):
        self.assertRegex(self.byoc("--version"), r"^byoc \d+\.\d+\.\d+ \(")

    def test_containers_may_do_no_more_than_they_need(self):
        self.assertGreaterEqual(len(self.running()), 9)
        for container in self.containers():
            host = container["HostConfig"]
            with self.subTest(container=container["Name"]):
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertEqual(host["CapDrop"], ["ALL"])
                self.assertFalse(host["CapAdd"])
                self.assertFalse(host["Privileged"])
                self.assertEqual(host["SecurityOpt"],
                                 ["no-new-privileges:true"])
                for ports in (host["PortBindings"] or {}).values():
                    self.assertEqual({port["HostIp"] for port in ports},
                                     {"127.0.0.1"})

    def test_what_the_kernel_says_of_them(self):
        for container in self.running():
            status = dict(re.findall(r"(\w+):\s+(.*)", docker(
                "exec", container["Id"], "cat", "/proc/1/status")))
            with self.subTest(container=container["Name"]):
                self.assertNotIn("0", status["Uid"].split())
                for sets in ("CapEff", "CapPrm", "CapBnd"):
                    self.assertEqual(int(status[sets], 16), 0, sets)
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(status["Seccomp"], "2")  # a filter
        for container in self.containers("worker"):
            limits = docker("exec", container["Id"], "cat", "/proc/1/limits")
            self.assertRegex(limits, rf"locked memory +{self.memlock} ")

    def test_only_who_opens_secrets_has_the_keys(self):
        for container in self.containers():
            with self.subTest(container=container["Name"]):
                mounted = {mount["Destination"]
                           for mount in container["Mounts"]}
                service = container["Config"]["Labels"][
                    "com.docker.compose.service"]
                self.assertEqual("/keys" in mounted, service == "worker")

    def postgres(self, sql, **settings):
        [container] = self.containers("postgres")
        password = pathlib.Path(
            self.folder, "secrets", "postgres_password").read_text()
        options = [option for name, value in settings.items()
                   for option in ("--env", f"{name}={value}")]
        return docker("exec", "--env", f"PGPASSWORD={password}", *options,
                      container["Id"], "psql", "--username=byoc", "--no-psqlrc",
                      "--tuples-only", "--no-align", "--command", sql,
                      check=False)

    def test_the_database_speaks_tls_only(self):
        rows = self.postgres(
            "SELECT count(*) > 0, bool_and(ssl) FROM pg_stat_ssl"
            " JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL")
        self.assertEqual(rows.stdout.strip(), "t|t", rows.stderr)
        refused = self.postgres("SELECT 1", PGHOST="postgres",
                                PGSSLMODE="disable")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("no encryption", refused.stderr)

    def test_the_broker_speaks_tls_only(self):
        worker = self.containers("worker")[0]["Id"]
        for port, open in ((5671, True), (5672, False)):
            tried = docker("exec", worker, "bash", "-c",
                           f"exec 3<>/dev/tcp/rabbitmq/{port}", check=False)
            self.assertEqual(tried.returncode == 0, open, port)


if __name__ == "__main__":
    unittest.main()
