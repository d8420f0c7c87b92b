"""The operator's command as a user runs it, and what is true of every call: a
wrong one ends with 2 and one clear line, and no call ever shows a secret."""

import json
import subprocess
import unittest

from sim import TOKEN
from world import program

# Good arguments; does it print data?
COMMANDS = {
    "keygen": (("DIR",), True),
    "migrate": ((), False),
    "topology": ((), False),
    "status": ((), True),
    "completion": (("bash",), False),
    "manual": ((), False),
    "dashboard": ((), False),
    "credential add": (("--name", "x"), True),
    "credential validate": (("x",), True),
    "credential rotate": (("x",), True),
    "credential show": (("x",), True),
    "credential list": ((), True),
    "credential delete": (("x",), False),
    "credential limits": (("x",), True),
    "credential recipient": (("x", "y"), False),
    "kubeconfig keygen": (("x",), False),
    "kubeconfig open": (("x",), False),
    "cluster create": (("--name", "x", "--credential", "x", "--location",
                        "fsn1", "--type", "dedicated"), True),
    "cluster list": ((), True),
    "cluster show": (("x",), True),
    "cluster watch": (("x",), True),
    "cluster timeline": (("x",), True),
    "cluster delete": (("x",), True),
    "cluster retry": (("x",), True),
    "cluster protect": (("x",), False),
    "cluster unprotect": (("x",), False),
    "cluster kubeconfig": (("x",), False),
    "cluster ssh-key": (("x",), False),
    "audit": (("x",), True),
    "events": ((), True),
    "dead list": ((), True),
    "dead show": (("x",), True),
    "dead requeue": (("x",), False),
    "dead drop": (("x",), False)}


class CliCase(unittest.TestCase):
    secrets = {TOKEN}
    environment_of_calls = {}

    def byoc(self, *arguments, status=0, text="", environment=None):
        """(stdout, stderr) of a call that must end with that status."""
        words = [word for argument in arguments
                 for word in (argument.split() if argument in COMMANDS
                              else [str(argument)])]
        environment = {**self.environment_of_calls, **(environment or {})}
        done = subprocess.run(
            [program("byoc"), *words], input=text, text=True, timeout=120,
            capture_output=True,
            env={name: value for name, value in environment.items() if value})
        said = f"byoc {' '.join(words)}:\n{done.stdout}{done.stderr}"
        for secret in self.secrets:
            self.assertNotIn(secret, done.stdout + done.stderr)
        self.assertEqual(done.returncode, status, said)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.stdout, done.stderr

    def json(self, *arguments, **options):
        return json.loads(self.byoc(*arguments, "--output", "json",
                                    **options)[0])

    def wrong(self, *arguments, **options):
        """The one line that says what is wrong with the call."""
        out, said = self.byoc(*arguments, status=2, **options)
        self.assertEqual(out, "")
        lines = said.splitlines()
        self.assertEqual(len(lines), 2, said)
        self.assertRegex(lines[0], "^byoc: .")
        self.assertRegex(lines[1], "^See `byoc .*--help`.$")
        return lines[0]

    def refused(self, *arguments, status=1, **options):
        """The one line that says why it failed."""
        out, said = self.byoc(*arguments, status=status, **options)
        self.assertEqual(out, "")
        self.assertRegex(said, r"\Abyoc: .+\n\Z")
        return said
