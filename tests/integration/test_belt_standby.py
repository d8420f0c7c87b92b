"""A database with a standby: workers find the one that takes writes, and go on
with the other when it has taken over."""

import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

import psycopg2

from belt_case import BeltCase
from services import read_settings
from sim import wait_for


class Standby:
    """A streaming copy of a server, to which every commit goes first."""

    def __init__(self, services):
        self.services = services
        self.folder = tempfile.mkdtemp(prefix="byoc-standby-")
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        primary = pathlib.Path(services.postgres_dir)
        shutil.copy(primary / "password", self.folder)
        self.copy(primary)
        services.run("postgres.sh", "start", self.folder)
        self.server_url = read_settings(f"{self.folder}/env")["DATABASE_URL"]
        self.port = urllib.parse.urlsplit(self.server_url).port
        self.make_synchronous()

    def as_owner(self, program, *arguments):
        command = [f"{self.bin}/{program}", *arguments]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres",
                       "--init-groups", *command]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, cwd="/")

    def copy(self, primary):
        os.chmod(self.folder, 0o711)
        data = pathlib.Path(self.folder, "data")
        data.mkdir(mode=0o700)
        if os.getuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        self.as_owner("pg_basebackup", "--write-recovery-conf",
                      "--checkpoint=fast", f"--pgdata={data}",
                      f"--dbname={self.services.server_url}")
        settings = data / "postgresql.conf"
        settings.write_text(settings.read_text().replace(
            str(primary), self.folder))

    def make_synchronous(self):
        for command in ("ALTER SYSTEM SET synchronous_standby_names = '*'",
                        "SELECT pg_reload_conf()"):
            self.ask(self.services.server_url, command)
        wait_for(lambda: self.ask(
            self.services.server_url, "SELECT sync_state FROM"
            " pg_stat_replication") == [("sync",)], "replication")

    @staticmethod
    def ask(url, statement):
        connection = psycopg2.connect(url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def take_over(self):
        self.ask(self.server_url,
                 "ALTER SYSTEM SET synchronous_standby_names = ''")
        self.ask(self.server_url, "SELECT pg_promote()")
        self.services.server_url = self.server_url
        self.services.database_url = self.elsewhere(
            self.services.database_url, f"127.0.0.1:{self.port}")

    @staticmethod
    def elsewhere(url, hosts):
        parts = urllib.parse.urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{login}@{hosts}").geturl()

    def stop(self):
        self.services.run("postgres.sh", "stop", self.folder)
        shutil.rmtree(self.folder)


class Failover(BeltCase):
    own_services = True
    workers = 0
    COUNT = 4

    def use_both(self, standby):
        """Workers to come know both servers, and the standby first."""
        environment = self.world.worker_environment
        url = pathlib.Path(environment["BYOC_DATABASE_URL_FILE"]).read_text()
        primary = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
        path = pathlib.Path(self.world.folder, "both.url")
        path.write_text(standby.elsewhere(
            url.strip(), f"127.0.0.1:{standby.port},{primary}"))
        environment["BYOC_DATABASE_URL_FILE"] = str(path)

    def test_a_standby_takes_over(self):
        standby = Standby(self.world.services)
        self.addCleanup(standby.stop)
        self.use_both(standby)
        for _ in range(2):
            self.world.start_worker()
        clusters = self.crowd(self.world.credential(), self.COUNT)
        self.wait_called("POST /networks", self.COUNT)
        self.world.services.postgres("kill")
        for worker in self.world.workers:
            wait_for(lambda: worker.get("/readyz")[0] == 503, "a complaint")
            self.assertEqual(worker.get("/healthz")[0], 200)
        standby.take_over()
        self.wait_all(clusters, "running")
        self.assertEqual(self.sim.calls("POST /networks"), self.COUNT)
        self.enqueue("cluster.teardown", clusters)
        self.wait_all(clusters, "deleted")
        self.assertNothingDead()


if __name__ == "__main__":
    unittest.main()
