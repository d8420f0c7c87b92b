"""docs/contract.md says what is so: the sealed format opens, tables of codes
and of refusals are the program's own."""

import json
import re
import subprocess
import unittest

import contract
import sealing
from contract import ROOT
from world import program

TEXT = (ROOT / "docs/contract.md").read_text()
# What ends up in events, rows and dead letters comes from here.
SOURCES = ("src/phase/**/*.c", "src/kubernetes/*.c", "src/hetzner/action.c",
           "src/hetzner/resource.c", "src/model/job.c",
           "src/crypto/sealed_text.c", "src/crypto/seal_own.c",
           "src/crypto/recipient.c", "src/worker/kubeconfig.c",
           "src/worker/parcel.c", "src/worker/commit.c")
# Of an operator's own files; no worker tells of them.
OWN = {"key_file_unreadable", "key_file_unwritable", "key_file_exposed"}


def rows(heading):
    """The rows of the tables below a heading, as lists of cells."""
    part = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")]
            for line in part.splitlines()
            if line.startswith("| `")]


class ContractDocs(unittest.TestCase):
    codes = json.loads(subprocess.run(
        [program("byoc"), "codes", "--output", "json"], check=True,
        capture_output=True, text=True).stdout)
    known = {code["code"] for code in codes}

    def test_the_table_of_codes_is_the_programs(self):
        self.assertEqual(rows("Codes"), [
            [f"`{code['code']}`", code["meaning"], code["acts"], code["then"]]
            for code in self.codes])
        self.assertEqual([code["code"] for code in self.codes],
                         sorted(self.known))

    def test_every_code_that_is_told_is_in_it(self):
        told = set()
        for pattern in SOURCES:
            for path in ROOT.glob(pattern):
                told |= set(re.findall(
                    r'\bERR_(?:RETRY|REFUSED|CREDENTIAL|BAD_INPUT),\s*'
                    r'"([a-z_]+)"', path.read_text()))
        self.assertGreater(len(told), 30)
        for path in (ROOT / "schema/migrations").glob("*.sql"):
            sql = path.read_text()
            told |= set(re.findall(r"'code', '([a-z_]+)'", sql))
            told |= set(re.findall(r"\bcode = '([a-z_]+)'", sql))
            told |= set(re.findall(
                r"'BY...', CONSTRAINT = '([a-z_]+)'", sql))
        self.assertEqual(told - self.known - OWN, set())

    def test_what_the_database_refuses_is_listed(self):
        raised = {pair for path in (ROOT / "schema/migrations").glob("*.sql")
                  for pair in re.findall(
                      r"'(BY...)', CONSTRAINT = '([a-z_]+)'",
                      path.read_text())}
        listed = {(row[0].strip("`"), row[1].strip("`"))
                  for row in rows("The database")
                  if row[0].startswith("`BY")}
        self.assertEqual(listed, raised)

    def test_the_test_vector_opens(self):
        vector = {row[0]: row[1].strip("`") for row in
                  ([cell.strip() for cell in line.strip("|").split(" | ")]
                   for line in TEXT.splitlines()
                   if re.match(r"\| [a-z_ ]+ \| `", line))}
        pair = sealing.KeyPair()
        pair.public, pair.secret = (
            sealing.base64.b64decode(vector[f"{half} key"])
            for half in ("public", "secret"))
        version, key_id, box = vector["sealed_token"].split(".")
        self.assertEqual((version, key_id), ("byoc1", vector["key id"]))
        self.assertEqual(key_id, sealing.hashlib.blake2b(
            pair.public, digest_size=32).hexdigest()[:16])
        self.assertEqual(
            pair.open(box),
            f"credential:{vector['credential']}:token\0".encode() + b"A" * 64)

    def test_every_job_and_event_is_named(self):
        events = {name.removeprefix("cloud.mengi.byoc.")
                  for name in contract.EVENT_TYPES}
        for name in contract.JOB_TYPES | {
                event for event in events if event.startswith("job.")}:
            self.assertIn(f"`{name}`", TEXT)
        for name in events:
            kind, rest = name.split(".", 1)
            self.assertRegex(TEXT, rf"`{re.escape(name)}`|`\.{rest}`|"
                                   rf"`\.{rest.split('.')[-1]}`", kind)


if __name__ == "__main__":
    unittest.main()
