"""The files of the contract in schema/ by themselves: whole, of the program's own
words, and right about samples."""

import json
import re
import unittest

import contract
from contract import (ASYNCAPI, EVENT, EVENTS, JOB, JOBS, OPEN_EVENTS, ROOT,
                      SCHEMA, problem)
from contract_samples import (PREFIX, GOOD_JOB, GOOD_PHASE, GOOD_JOBS,
                              GOOD_EVENT, GOOD_REFUSAL, GOOD_ANSWER, NOT_READY,
                              GONE, BAD_JOBS, BAD_ASKS, BAD_EVENTS,
                              LATER_EVENTS, but)


def words(source, table):
    """The texts of one table of words in a C source."""
    body = re.search(rf"{table}\[\] = {{(.*?)}};",
                     (ROOT / source).read_text(), re.DOTALL).group(1)
    return set(re.findall(r'"([^"]*)"', body)) - {""}


def known(definition):
    """The words that there are today, of a set that is open."""
    return set(definition["anyOf"][0]["enum"])


def migrations():
    """All the SQL, without comments."""
    return "\n".join(re.sub(r"--.*", "", path.read_text())
                     for path in sorted(SCHEMA.glob("migrations/*.sql")))


def events_of_statuses():
    """Clusters and credentials tell of each status but the one they have when
    nobody has begun yet."""
    source = "src/model/words.c"
    return ({f"cluster.{status}" for status in
             words(source, "cluster_status_text") - {"pending"}}
            | {f"credential.{status}" for status in
               words(source, "credential_status_text")
               - {"pending_validation"}})


class Files(unittest.TestCase):
    def test_the_schemas_are_schemas(self):
        for schema in (JOB, EVENT):
            EVENTS.check_schema(schema)

    def test_every_reference_leads_somewhere(self):
        files = (ASYNCAPI, *SCHEMA.glob("messages/*.json"))
        self.assertEqual(len(files), 3)
        for path in files:
            found = set(contract.references(contract.load(path)))
            self.assertTrue(found)
            for reference in found:
                with self.subTest(file=path.name, reference=reference):
                    self.assertIsInstance(
                        contract.resolve(path, reference), dict)

    def test_a_reference_to_nothing_is_noticed(self):
        with self.assertRaises(KeyError):
            contract.resolve(ASYNCAPI, "messages/job.schema.json#/$defs/no")

    def test_asyncapi_has_every_message(self):
        described = contract.load(ASYNCAPI)
        self.assertEqual(described["asyncapi"], "3.0.0")
        names = {message["name"] for message
                 in described["components"]["messages"].values()}
        self.assertEqual(names, contract.JOB_TYPES | contract.EVENT_TYPES
                         | {"dead job"})
        used = {reference for channel in described["channels"].values()
                for reference in contract.references(channel["messages"])}
        self.assertEqual(used, {
            f"#/components/messages/{key}"
            for key in described["components"]["messages"]})

    def test_each_type_is_described(self):
        for schema, types in ((JOB, contract.JOB_TYPES),
                              (EVENT, contract.EVENT_TYPES)):
            listed = [entry["$ref"].removeprefix("#/$defs/")
                      for entry in schema["oneOf"]]
            self.assertEqual({name.removeprefix(PREFIX) for name in types},
                             set(listed) - {"later"})
            self.assertEqual(len(listed), len(set(listed)))

    def test_the_words_are_those_of_the_program(self):
        found = EVENT["$defs"]
        source = "src/model/words.c"
        self.assertEqual(contract.JOB_TYPES, words(source, "job_type_text"))
        self.assertEqual(known(found["location"]),
                         words(source, "location_text"))
        self.assertEqual(known(found["cluster_type"]),
                         words(source, "cluster_type_text"))
        plan = (ROOT / "src/phase/plan.c").read_text()
        self.assertEqual(
            known(found["phase_name"]),
            set(re.findall(r'(?:\.name = |REMOVES(?:_FIRST)?\()"(\w+)"', plan)))

    def test_the_events_are_those_that_can_be_emitted(self):
        sql = migrations()
        emitted = {f"cluster.{name}"
                   for name in re.findall(
                       r"'(phase\.\w+|kubeconfig|refused|stalled|swept|"
                       r"deletion_planned|repairing|repaired|repair_failed)'",
                       sql)}
        emitted.add("credential.audited")
        self.assertIn("'audited'", sql)
        # Of a job that no record is known of, workers tell without one.
        self.assertEqual({PREFIX + name for name in
                          emitted | events_of_statuses() | {"job.refused"}},
                         contract.EVENT_TYPES)
        # Nobody writes events but the seven functions that do it for all.
        insert = re.compile(r"INTO\s+byoc\.events\b")
        self.assertEqual(len(insert.findall(sql)), 7)
        for source in ROOT.glob("src/**/*.c"):
            self.assertIsNone(insert.search(source.read_text()), source)

    def test_good_examples(self):
        for job in (*GOOD_JOBS, GOOD_PHASE, but(GOOD_PHASE, index=GONE)):
            self.assertIsNone(problem(JOBS, job))
        for event in (GOOD_EVENT, but(GOOD_EVENT, traceparent=GONE),
                      GOOD_ANSWER, NOT_READY, GOOD_REFUSAL):
            self.assertIsNone(problem(EVENTS, event))
            self.assertIsNone(problem(OPEN_EVENTS, event))

    def test_there_is_an_example_of_each_event(self):
        """Told by workers, but for lists that were cut to three lines, and what
        was sealed."""
        seen = set()
        for path in SCHEMA.glob("examples/*.json"):
            with self.subTest(path.name):
                event = contract.load(path)
                self.assertEqual(event["type"], PREFIX + path.stem)
                self.assertIsNone(problem(EVENTS, event))
                self.assertEqual(event["dataschema"],
                                 contract.data_schema(event["type"]))
                self.assertTrue(EVENT["$defs"][path.stem]["properties"]["data"])
                seen.add(event["type"])
        self.assertEqual(seen, contract.EVENT_TYPES)

    def test_bad_examples(self):
        for schema, bad in ((JOBS, BAD_JOBS + BAD_ASKS),
                            (EVENTS, BAD_EVENTS)):
            for example in bad:
                with self.subTest(example=json.dumps(example)):
                    self.assertIsNotNone(problem(schema, example))

    def test_what_is_to_come_is_taken_today(self):
        for event in LATER_EVENTS:
            with self.subTest(event=json.dumps(event)):
                self.assertIsNone(problem(OPEN_EVENTS, event))
                self.assertIsNotNone(problem(EVENTS, event))
        for event in (but(GOOD_EVENT, data__code=GONE),
                      but(GOOD_EVENT, data__phases_done=GONE),
                      but(GOOD_EVENT, type="com.example.other")):
            self.assertIsNotNone(problem(OPEN_EVENTS, event))

    def test_asyncapi_tools_see_every_payload(self):
        """They lose what stands beside a $ref."""
        messages = contract.load(ASYNCAPI)["components"]["messages"]
        seen = {message["name"]: contract.validator(contract.dereferenced(
            ASYNCAPI, message["payload"]["schema"]))
            for message in messages.values() if message["payload"]}
        for good in (GOOD_JOB, GOOD_PHASE, GOOD_EVENT, GOOD_ANSWER,
                     GOOD_REFUSAL):
            for name, schema in seen.items():
                with self.subTest(message=good["type"], schema=name):
                    (self.assertIsNone if name == good["type"]
                     else self.assertIsNotNone)(problem(schema, good))
        for bad in (but(GOOD_JOB, cluster_id=GONE), but(GOOD_PHASE, run=GONE),
                    but(GOOD_EVENT, data__code=GONE),
                    but(GOOD_EVENT, data__name=GONE),
                    but(GOOD_EVENT, id=GONE),
                    but(GOOD_ANSWER, data__expires_at=GONE)):
            with self.subTest(message=json.dumps(bad)):
                self.assertIsNotNone(problem(seen[bad["type"]], bad))

    def test_a_job_may_have_its_type_as_its_routing_key(self):
        self.assertEqual(
            contract.JOB_TYPES,
            words("src/broker/topology.c", "job_keys"))


if __name__ == "__main__":
    unittest.main()
