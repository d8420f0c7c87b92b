"""A database with a standby: workers find the one that takes writes, and go on
with the other when it has taken over."""

import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from belt_case import BeltCase, elsewhere, place
from services import read_settings
from sim import wait_for


class Standby:
    """A streaming copy of a server, to which every commit goes first."""

    def __init__(self, case):
        self.case, self.services = case, case.world.services
        self.folder = tempfile.mkdtemp(prefix="byoc-standby-")
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        primary = pathlib.Path(self.services.postgres_dir)
        shutil.copy(primary / "password", self.folder)
        self.copy(primary)
        self.services.run("postgres.sh", "start", self.folder)
        self.server_url = read_settings(f"{self.folder}/env")["DATABASE_URL"]
        _, self.port = place(self.server_url)
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
            self.case.administrator(command)
        wait_for(lambda: self.case.administrator(
            "SELECT sync_state FROM pg_stat_replication") == [("sync",)],
            "replication")

    def take_over(self):
        """What asks the database from now on asks this one."""
        self.services.server_url = self.server_url
        self.case.administrator(
            "ALTER SYSTEM SET synchronous_standby_names = ''")
        self.case.administrator("SELECT pg_promote()")
        self.services.database_url = elsewhere(
            self.services.database_url, "127.0.0.1", self.port)

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
        host, port = place(url.strip())
        path = pathlib.Path(self.world.folder, "both.url")
        path.write_text(elsewhere(
            url.strip(), f"127.0.0.1:{standby.port},{host}", port))
        environment["BYOC_DATABASE_URL_FILE"] = str(path)

    def test_a_standby_takes_over(self):
        standby = Standby(self)
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
