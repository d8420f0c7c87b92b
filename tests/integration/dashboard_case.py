"""A system case with `byoc dashboard` running, as whoever deploys it would: with
a dashboard's logins, and a folder that holds the public key alone."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from services import free_port
from system_case import SystemCase
from world import program


class DashboardCase(SystemCase):
    workers = 1
    environment = {"BYOC_WORKER_SOURCES": "127.0.0.0/8"}

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
        self.recipient, self.keys = recipient, str(keys)
        self.port = free_port()
        self.process = self.start(
            "--listen", f"127.0.0.1:{self.port}", said="")
        self.address, self.login = self.read_address(self.process)

    def start(self, *options, said):
        """The program, which ends well and has said just that on the way."""
        process = subprocess.Popen(
            [program("byoc"), "dashboard", *options, "--recipient-key",
             self.recipient],
            env={**self.world.make_environment("dashboard"),
                 "BYOC_KEY_DIR": self.keys}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process, said)
        return process

    def read_address(self, process):
        """What it prints: an address to open, and the login token in it."""
        address = process.stdout.readline().strip()
        return address, re.search("token=([0-9a-f]{64})$", address)[1]

    def end(self, process, said):
        process.terminate()
        _, found = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0, found)
        self.assertRegex(found, f"^{said}$")
