"""What every part of the benchmark stands on: a PostgreSQL and a RabbitMQ of
its own, keys, a fresh database for each part, and the programs under test.

Everything ends with the `with` block, or with this process if that is killed:
programs by their process ids, services by deploy/local/services.sh.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

import pika
import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests" / "bench"
BIN = pathlib.Path(os.environ.get("BYOC_BENCH_BIN",
                                  ROOT / "build" / "release" / "bin"))
SERVICES = str(ROOT / "deploy" / "local" / "services.sh")
PATIENCE = 120
PR_SET_PDEATHSIG = 1
CREDENTIAL = """
    INSERT INTO byoc.credentials (id, name, status, sealed_token,
                                  active_sealed_token, token_version)
    VALUES (%s, %s, 'ready', %s, %s, 1)
"""

sys.path.append(str(ROOT / "tests" / "integration"))
import sealing  # noqa: E402


class Failure(Exception):
    """A part cannot say what it was asked: the run has failed."""


def read_settings(path):
    lines = pathlib.Path(path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def wait_for(what, ready, seconds=PATIENCE, programs=()):
    """What ready() returns, as soon as that is true."""
    end = time.monotonic() + seconds
    while not (result := ready()):
        for program in programs:
            if program.poll() is not None:
                raise Failure(f"{program.args[0]} ended while waiting for "
                              f"{what}:\n{log_tail(program)}")
        if time.monotonic() > end:
            raise Failure(f"{what} took more than {seconds} s\n"
                          + "\n".join(map(log_tail, programs)))
        time.sleep(0.1)
    return result


def log_tail(program):
    return pathlib.Path(program.log).read_text(errors="replace")[-2000:]


def end_with_parent():
    """In a child: Ctrl-C is for the benchmark, which stops its programs."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Ground:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="byoc-bench-")
        os.chmod(self.folder, 0o711)  # PostgreSQL is another user
        self.programs = []
        try:
            subprocess.run(
                [SERVICES, "start", f"{self.folder}/services",
                 str(os.getpid())],
                check=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, start_new_session=True)
        except BaseException:
            self.__exit__()
            raise
        self.settings = read_settings(f"{self.folder}/services/env")
        self.environment = {**os.environ,
                            "AMQP_URL": self.settings["AMQP_URL"],
                            "BYOC_AMQP_URL": self.settings["AMQP_URL"],
                            "BYOC_KEY_DIR": f"{self.folder}/keys",
                            "BYOC_HTTP_LISTEN": "127.0.0.1:0",
                            "BYOC_LOG_LEVEL": "warn"}
        return self

    def __exit__(self, *_):
        self.stop(*self.programs)
        subprocess.run([SERVICES, "remove", f"{self.folder}/services"],
                       stdout=subprocess.DEVNULL, start_new_session=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- Programs ----

    def start(self, *command, **environment):
        """Starts a program; what it prints goes to the file program.log."""
        log = f"{self.folder}/{len(os.listdir(self.folder))}.log"
        with open(log, "wb") as file:
            program = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stdout=file, stderr=file, cwd=BENCH,
                env={**self.environment, **environment},
                preexec_fn=end_with_parent)
        program.log = log
        self.programs.append(program)
        return program

    def stop(self, *programs):
        for program in programs:
            program.terminate()
        for program in programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(40)
            if program.poll() is None:
                program.kill()
                program.wait()
        self.programs = [p for p in self.programs if p not in programs]

    def port_of(self, program, pattern):
        """The port that a program says it listens on."""
        found = wait_for("a port", lambda: re.search(
            pattern, pathlib.Path(program.log).read_text(), re.MULTILINE),
            20, [program])
        return int(found.group(1))

    def start_stub(self):
        stub = self.start(BIN / "bench-stub")
        port = self.port_of(stub, r"^(\d+)$")
        return stub, f"http://127.0.0.1:{port}/v1"

    def start_worker(self, in_flight):
        return self.start(BIN / "byoc-worker",
                          BYOC_MAX_IN_FLIGHT=str(in_flight))

    def byoc(self, *command):
        result = subprocess.run(
            [BIN / "byoc", *command], env=self.environment, text=True,
            capture_output=True)
        if result.returncode:
            raise Failure(f"byoc {' '.join(command)}: {result.stderr}")

    def servers(self):
        """Their first processes, for a Meter."""
        services = pathlib.Path(self.folder, "services")
        postgres = (services / "postgres/data/postmaster.pid").read_text()
        rabbitmq = (services / "rabbitmq/server.pid").read_text()
        return {"postgres": [int(postgres.split()[0])],
                "rabbitmq": [int(rabbitmq)]}

    # ---- Database and broker ----

    def new_database(self, name):
        server = self.settings["DATABASE_URL"]
        with contextlib.closing(psycopg2.connect(server)) as connection:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {name}")
        self.use(name)

    def use(self, name):
        """The database that is asked, and that programs started from now on
        use."""
        url = urllib.parse.urlsplit(
            self.settings["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        self.environment["DATABASE_URL"] = url
        self.environment["BYOC_DATABASE_URL"] = url
        self.database = psycopg2.connect(url)
        self.database.autocommit = True

    def new_byoc(self, name, endpoint):
        """A database with BYOC's tables, and queues, and keys."""
        self.new_database(name)
        self.environment["BYOC_HCLOUD_ENDPOINT"] = endpoint
        if not os.path.exists(f"{self.folder}/keys"):
            self.byoc("keygen", f"{self.folder}/keys")
        self.byoc("migrate")
        self.rows("UPDATE byoc.settings SET clusters_per_credential = 1000000,"
                  " jobs_per_credential = 1000000")
        self.byoc("topology")

    def add_credentials(self, tokens):
        """{name: token}, as a worker leaves them that found them good."""
        for name, token in tokens.items():
            record = str(uuid.uuid4())
            sealed = sealing.seal(self.environment["BYOC_KEY_DIR"],
                                  f"credential:{record}:token", token)
            self.rows(CREDENTIAL, record, name, sealed, sealed)

    def rows(self, sql, *values):
        with self.database.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def row(self, sql, *values):
        return self.rows(sql, *values)[0]

    def publish(self, queue, messages):
        """Messages as (id, body), to the exchange of the same name: persistent,
        and all of them in the queue in the end. A channel that closes sooner
        may take some along. What was there before is thrown away; some of it
        may still come back from where it waits."""
        properties = pika.BasicProperties(content_type="application/json",
                                          delivery_mode=2)
        with self.channel() as channel:
            channel.queue_purge(queue)
            for properties.message_id, body in messages:
                channel.basic_publish(queue, queue, body, properties)
            wait_for("the first jobs", lambda: channel.queue_declare(
                queue, passive=True).method.message_count >= len(messages))

    @contextlib.contextmanager
    def channel(self):
        with contextlib.closing(pika.BlockingConnection(pika.URLParameters(
                self.settings["AMQP_URL"]))) as connection:
            yield connection.channel()
