"""A system case with `byoc dashboard` running, as whoever deploys it would: with
a dashboard's logins, and a folder that holds the public key alone."""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from system_case import SystemCase
from world import program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DashboardCase(SystemCase):
    workers = 1

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        keys = pathlib.Path(folder.name, "keys")
        keys.mkdir(mode=0o700)
        for public in pathlib.Path(self.world.folder, "keys").glob("*.pub"):
            shutil.copy2(public, keys)
        recipient = f"{folder.name}/ops"
        self.world.byoc("kubeconfig", "keygen", recipient)
        self.port = free_port()
        self.process = subprocess.Popen(
            [program("byoc"), "dashboard", "--listen",
             f"127.0.0.1:{self.port}", "--recipient-key", recipient],
            env={**self.world.make_environment("dashboard"),
                 "BYOC_KEY_DIR": str(keys)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end)
        self.address = self.process.stdout.readline().strip()
        self.login = re.search("token=([0-9a-f]{64})$", self.address)[1]

    def end(self):
        self.process.terminate()
        _, said = self.process.communicate(timeout=10)
        self.assertEqual((self.process.returncode, said), (0, ""))
