"""The client over TLS, with servers that send back what they get: of the token
nothing is left in its memory, and nothing of it is told."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

from bootstrap_helpers import Keys, program
from certificates import Authority
from echo import Echo, as_it_came, as_kubernetes_does
from haystack import Haystack

TOKEN = hashlib.sha512(os.urandom(16)).hexdigest()[:64]
CALLS = 20
DECOY = b"want ENDPOINT CA_FILE SERVER"  # of the program's own text
NARROW = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid():
            raise unittest.SkipTest("only root may look into the program")
        cls.folder = tempfile.mkdtemp(prefix="byoc-memory-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        authority = Authority(cls.folder)
        keys = Keys()
        cls.addClassCleanup(keys.remove)
        cls.hetzner = Echo(("127.0.0.1", 0), authority.sign("hetzner"),
                           as_it_came)
        cls.addClassCleanup(cls.hetzner.stop)
        cls.cluster = Echo(
            ("127.0.0.1", 0), keys.make_server_certificate("127.0.0.1"),
            as_kubernetes_does, f"{keys.unpack()}/client-ca.crt")
        cls.addClassCleanup(cls.cluster.stop)
        cls.memory = {}
        for status in (200, 422):
            cls.hetzner.status = cls.cluster.status = status
            cls.call(authority, keys, status)

    @classmethod
    def call(cls, authority, keys, status):
        process = subprocess.Popen(
            [program("make_calls"),
             f"https://localhost:{cls.hetzner.server_port}/v1",
             authority.file, f"https://127.0.0.1:{cls.cluster.server_port}",
             keys.path("authorities.json"), str(CALLS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        try:
            process.stdin.write(TOKEN.encode())
            process.stdin.flush()
            said = b""
            for moment in (b"idle\n", b"ended\n"):
                for line in process.stdout:
                    said += line
                    if line == moment:
                        break
                memory = Haystack()
                memory.add_memory("memory", process.pid)
                cls.memory[status, moment.decode().strip()] = memory
                process.stdin.write(b"\n")
                process.stdin.flush()
            cls.said = said.decode()
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(30)

    def test_nothing_is_left_of_it(self):
        for (status, moment), memory in self.memory.items():
            with self.subTest(status=status, moment=moment):
                self.assertEqual(memory.places_of(DECOY),
                                 {"memory"})
                self.assertEqual(memory.count(TOKEN.encode()), {})

    def test_all_calls_were_answered(self):
        self.assertIn(f"{3 * CALLS} answers\n", self.said)
        self.assertEqual(len(self.hetzner.seen), 2 * 2 * CALLS)
        self.assertEqual(len(self.cluster.seen), 2 * CALLS)
        self.assertTrue(any(TOKEN in str(headers)
                            for _, _, headers, _ in self.hetzner.seen))
        self.assertTrue(all(TOKEN in body
                            for *_, body in self.cluster.seen))

    def test_nothing_of_it_is_told(self):
        for secret in (TOKEN, TOKEN[:24], TOKEN[-24:]):
            self.assertNotIn(secret, self.said)
        self.assertEqual(self.said.count("repeats the token"), 2 * CALLS)

    def test_connections_are_used_again(self):
        self.assertLessEqual(self.hetzner.connections, 2 * 4)

    def test_no_library_in_between_keeps_buffers_of_its_own(self):
        """The servers would have liked HTTP/2."""
        self.assertEqual(self.hetzner.protocols, {"http/1.1"})
        self.assertEqual(self.cluster.protocols, {"http/1.1"})

    def test_a_cluster_is_not_asked_for_the_secret_back(self):
        self.assertEqual({headers["Accept"] for _, _, headers, _
                          in self.cluster.seen}, {NARROW})


if __name__ == "__main__":
    unittest.main()
