"""The contract in schema/ is what really goes over the wire: every job, event
and dead letter of whole lives is as it is written there, and what is not, no
worker takes."""

import copy
import json
import re
import subprocess
import unittest
import uuid

import contract
from contract import (ASYNCAPI, EVENT, EVENTS, JOB, JOBS, OPEN_EVENTS, ROOT,
                      SCHEMA, problem)
from sealing import KeyPair
from services import LOCAL
from sim import wait_for
from system_case import CLUSTER, SystemCase

SOMEONE = "0b9c7e1a-58a4-4c9e-8f6e-1c5b9f0a7d22"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PREFIX = "cloud.mengi.byoc."

GOOD_JOB = {"id": SOMEONE, "type": "cluster.provision", "cluster_id": SOMEONE}
GOOD_PHASE = {**GOOD_JOB, "type": "cluster.phase", "run": 1,
              "phase": "network", "index": 0}
GOOD_ASK = {**GOOD_JOB, "type": "cluster.kubeconfig"}
GOOD_JOBS = (
    GOOD_ASK, {**GOOD_ASK, "lifetime_s": 300},
    GOOD_JOB,
    {**GOOD_JOB, "type": "cluster.teardown", "traceparent": TRACE},
    {**GOOD_JOB, "type": "cluster.refresh"},
    {**GOOD_JOB, "asked_by": "somebody", "note": {"deep": [1, None]}},
    {**GOOD_JOB, "cluster_id": SOMEONE.upper(), "id": SOMEONE.upper()},
    {"id": SOMEONE, "type": "credential.validate", "credential_id": SOMEONE})
GOOD_EVENT = {
    "specversion": "1.0", "id": SOMEONE, "source": "/mengi/byoc",
    "type": f"{PREFIX}cluster.failed", "subject": SOMEONE,
    "time": "2026-01-31T12:00:00.123Z", "datacontenttype": "application/json",
    "sequence": "0000000003", "traceparent": TRACE,
    "data": {"cluster_id": SOMEONE, "name": "shop", "status": "failed",
             "run": 1, "location": "fsn1", "type": "dedicated_ha",
             "phases_done": 4, "phases_total": 10,
             "code": "resource_limit_exceeded", "reason": "Too many."}}
GOOD_REFUSAL = {
    **GOOD_EVENT, "type": f"{PREFIX}job.refused",
    "data": {"job_id": SOMEONE, "code": "bad_job", "reason": "No uuid."}}
GOOD_ANSWER = {
    **GOOD_EVENT, "type": f"{PREFIX}cluster.kubeconfig",
    "data": {"cluster_id": SOMEONE, "job_id": SOMEONE,
             "recipient_key": "A" * 43 + "=", "sealed_kubeconfig": "QUJD" * 20,
             "expires_at": "2026-02-01T12:00:00.000Z"}}
NOT_READY = {
    **GOOD_ANSWER, "data": {"cluster_id": SOMEONE, "job_id": SOMEONE,
                            "code": "not_ready", "reason": "Not yet."}}
GONE = object()


def but(good, **changes):
    """A copy with changes; `data__name` is within "data"; GONE: without."""
    changed = copy.deepcopy(good)
    for path, value in changes.items():
        *outer, key = path.split("__")
        place = changed[outer[0]] if outer else changed
        place[key] = value
        if value is GONE:
            del place[key]
    return changed


BAD_JOBS = (
    [], "cluster.provision", 7, None, {},
    *(but(GOOD_JOB, **{key: value}) for key in GOOD_JOB
      for value in (GONE, None, 7, "", {})),
    but(GOOD_JOB, type="cluster.explode"),
    but(GOOD_JOB, cluster_id="shop"),
    but(GOOD_JOB, cluster_id=SOMEONE.replace("-", "")),
    but(GOOD_JOB, cluster_id=SOMEONE + "0"),
    but(GOOD_JOB, traceparent=7),
    {"id": SOMEONE, "type": "credential.validate", "cluster_id": SOMEONE},
    but(GOOD_PHASE, run=GONE), but(GOOD_PHASE, run=0),
    but(GOOD_PHASE, run="1"), but(GOOD_PHASE, run=1.5),
    but(GOOD_PHASE, run=2 ** 31), but(GOOD_PHASE, phase=GONE),
    but(GOOD_PHASE, phase="n" * 32), but(GOOD_PHASE, phase=7),
    but(GOOD_PHASE, index=-1), but(GOOD_PHASE, index="0"),
    but(GOOD_ASK, lifetime_s="1h"))
# Refused by their answer, where there is such a cluster.
BAD_ASKS = (but(GOOD_ASK, lifetime_s=299), but(GOOD_ASK, lifetime_s=86401))

BAD_EVENTS = (
    [], {},
    *(but(GOOD_EVENT, **{key: value}) for key in GOOD_EVENT
      for value in (GONE, None, {}) if (key, value) != ("traceparent", GONE)),
    *(but(GOOD_EVENT, **{f"data__{key}": value}) for key in GOOD_EVENT["data"]
      for value in (GONE, None, {})),
    but(GOOD_EVENT, type=f"{PREFIX}cluster.exploded"),
    but(GOOD_EVENT, type=f"{PREFIX}cluster.running"),
    but(GOOD_EVENT, type=f"{PREFIX}credential.invalid"),
    but(GOOD_EVENT, specversion="1.1"), but(GOOD_EVENT, sequence=3),
    but(GOOD_EVENT, sequence="3"), but(GOOD_EVENT, subject="shop"),
    but(GOOD_EVENT, time="2026-01-31 12:00:00"),
    but(GOOD_EVENT, traceparent="00-trace"),
    but(GOOD_EVENT, surprise=1), but(GOOD_EVENT, data__surprise=1),
    but(GOOD_EVENT, data__status="running"), but(GOOD_EVENT, data__run=-1),
    but(GOOD_EVENT, data__location="moon"), but(GOOD_EVENT, data__code="No!"),
    but(GOOD_EVENT, data__endpoint="https://192.0.2.1:6443"),
    but(GOOD_EVENT, data__sealed_token="byoc1.0.0"),
    but(GOOD_EVENT, data__phases_done=-1),
    *(but(good, **{f"data__{key}": value})
      for good in (GOOD_ANSWER, NOT_READY, GOOD_REFUSAL)
      for key in good["data"] for value in (GONE, None, "", {})),
    but(GOOD_ANSWER, data__kubeconfig="apiVersion: v1"),
    but(GOOD_ANSWER, data__sealed_kubeconfig="apiVersion: v1" * 10),
    but(GOOD_ANSWER, data__code="not_ready", data__reason="Not yet."),
    *(but(GOOD_ANSWER, data__recipient_key=key)
      for key in (7, "A" * 42 + "B=", "A" * 44, "A" * 43)),
    but(NOT_READY, data__sealed_kubeconfig="QUJD" * 20))
# What may come one day: nobody who reads today's schema may stumble over it.
LATER_EVENTS = (
    but(GOOD_EVENT, surprise=1), but(GOOD_EVENT, data__surprise=1),
    but(GOOD_EVENT, data__location="moon1"),
    but(GOOD_EVENT, type=f"{PREFIX}cluster.exploded", data__status="smoke"))


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


def queues_of(channel):
    """{name: arguments} of the queues behind a channel."""
    name, arguments = channel["address"], channel["x-arguments"]
    delays = channel.get("parameters", {}).get("milliseconds", {}).get("enum")
    if not delays:
        return {name: arguments}
    return {name.replace("{milliseconds}", delay):
            {**arguments, "x-message-ttl": int(delay)} for delay in delays}


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
            set(re.findall(r'(?:\.name = |REMOVES\()"(\w+)"', plan)))

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


class Life(SystemCase):
    """Lives that have every event and every job, and are looked at then."""

    workers = 0  # until we listen

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.listen()
            cls.world.start_worker()
            cls.live()
            cls.world.wait_idle()
            cls.jobs = cls.heard()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def listen(cls):
        """Every job comes by the exchange, those that have waited, too."""
        channel = cls.world.channel()
        channel.queue_declare("test.jobs", durable=True)
        channel.queue_bind("test.jobs", "byoc.jobs", "byoc.jobs")
        channel.connection.close()

    @classmethod
    def live(cls):
        world = cls.world
        bad = world.add_credential("u" * 64, status="invalid")
        cluster = world.create_cluster(type="dedicated_ha", workers=1)
        world.wait_status(cluster, "running")
        cls.sim.add_token("n" * 64)
        world.byoc("credential", "rotate", world.credential(), "--wait",
                   text="n" * 64)
        world.publish_job("cluster.kubeconfig", cluster, traceparent=TRACE)
        world.db("UPDATE byoc.credentials SET recipient_key = %s WHERE id ="
                 " %s", KeyPair().text, world.credential())
        world.publish_job("cluster.kubeconfig", cluster, traceparent=TRACE)
        cls.audit()
        cls.repair(cluster)
        world.byoc("cluster", "protect", cluster)
        world.publish_job("cluster.teardown", cluster, traceparent=TRACE)
        wait_for(lambda: "refused" in world.events.names(cluster),
                 "the refusal of a protected cluster's deletion")
        world.byoc("cluster", "unprotect", cluster)
        cls.end_with_a_neighbour(cluster)
        cls.sim.quota(servers=0)
        failing = world.create_cluster()
        world.wait_status(failing, "failed")
        cls.sim.quota(servers=None)
        world.delete_cluster(failing, wait=False)
        wait_for(lambda: world.status(failing)[0] == "deleted",
                 "the failed cluster to be deleted", 60)
        early = cls.insert_cluster(bad, "early", "hel1", TRACE)
        world.wait_status(early, "failed")
        world.publish_job("cluster.provision", str(uuid.uuid4()),
                          traceparent=TRACE)
        wait_for(lambda: any(key.startswith("job.")
                             for key, _, _ in world.events.all), "a refusal")

    @classmethod
    def audit(cls):
        world = cls.world
        stranger = cls.sim.make_server("stranger")
        world.publish_job("credential.audit", world.credential(),
                          traceparent=TRACE)
        wait_for(lambda: world.db(
            "SELECT 1 FROM byoc.events WHERE name = 'audited'"),
            "the project to be looked through")
        cls.sim.settle(cls.sim.delete(f"/servers/{stranger['id']}"))

    @classmethod
    def repair(cls, cluster):
        """Once there is nothing to do, and once nothing that can be done."""
        world = cls.world
        for end in ("repaired", "repair_failed"):
            wait_for(lambda: world.db(
                "SELECT 1 FROM byoc.clusters WHERE id = %s AND NOT active",
                cluster), "the cluster to stand still")
            world.publish_job("cluster.repair", cluster, traceparent=TRACE)
            wait_for(lambda: end in world.events.names(cluster), end, 60)
            for server in cls.sim.state()["servers"]:
                if "control-plane" in server["name"] and end == "repaired":
                    cls.sim.settle(
                        cls.sim.delete(f"/servers/{server['id']}"))

    @classmethod
    def end_with_a_neighbour(cls, cluster):
        """Whose deletion stalls, and which something comes late of."""
        world = cls.world
        network = next(thing for thing in cls.sim.state()["networks"]
                       if thing["labels"].get(CLUSTER) == cluster)
        server = cls.sim.make_server("bastion", networks=[network["id"]])
        world.db("UPDATE byoc.phases SET"
                 " unanswered_at = now() - interval '2 minutes'"
                 " WHERE cluster_id = %s AND phase = 'ready'", cluster)
        planned = world.publish_job("cluster.teardown", cluster,
                                    dry_run=True)
        wait_for(lambda: world.db(
            "SELECT 1 FROM byoc.events WHERE name = 'deletion_planned'"
            " AND data ->> 'job_id' = %s", planned["id"]), "the list")
        world.publish_job("cluster.teardown", cluster, traceparent=TRACE)
        wait_for(lambda: world.status(cluster)[1] == "neighbours", "a stall")
        cls.sim.settle(cls.sim.delete(f"/servers/{server['id']}"))
        world.publish_job("cluster.teardown", cluster, traceparent=TRACE)
        world.wait_status(cluster, "deleted")
        cls.sim.post("/firewalls",
                     {"name": "late", "labels": {CLUSTER: cluster}})
        [(sweep, run)] = world.db(
            "UPDATE byoc.phases SET due_at = now() WHERE cluster_id = %s"
            " AND phase = 'sweep' AND status = 'queued'"
            " RETURNING job_id::text, run", cluster)
        job = {"id": sweep, "type": "cluster.phase", "cluster_id": cluster,
               "run": run, "phase": "sweep"}
        world.publish(json.dumps(job), message_id=sweep)
        wait_for(lambda: world.db("SELECT goal FROM byoc.clusters WHERE"
                                  " id = %s", cluster) == [("teardown",)],
                 "the sweep")

    @classmethod
    def heard(cls):
        """[(properties, job)] of all jobs so far; then hears no more."""
        channel = cls.world.channel()
        found = []
        while True:
            method, properties, body = channel.basic_get("test.jobs", True)
            if method is None:
                channel.queue_delete("test.jobs")
                channel.connection.close()
                return found
            found.append((properties, json.loads(body)))

    def buried(self, bodies):
        """[(properties, body)] of messages that must all be dead-lettered."""
        ids = [str(uuid.uuid4()) for _ in bodies]
        for message_id, body in zip(ids, bodies):
            self.world.publish(body, message_id=message_id,
                               headers={"traceparent": TRACE})
        found = {}

        def all_here():
            for properties, body in self.world.dead_letters():
                found[properties.message_id] = (properties, body)
            return set(ids) <= set(found)
        wait_for(all_here, f"{len(ids)} dead letters")
        return [found[message_id] for message_id in ids]

    def test_every_event_is_as_described(self):
        events = self.world.events.all
        for _, event, properties in events:
            self.assertIsNone(problem(EVENTS, event))
            self.assertEqual(properties.type, event["type"])
            self.assertEqual(properties.content_type,
                             "application/cloudevents+json; charset=utf-8")
            self.assertEqual((properties.headers or {}).get("traceparent"),
                             event.get("traceparent"))
        self.assertEqual({event["type"] for _, event, _ in events},
                         contract.EVENT_TYPES)
        traced = [event for _, event, _ in events if "traceparent" in event]
        self.assertEqual({event["traceparent"] for event in traced}, {TRACE})
        runs = [event["data"].get("run") for _, event, _ in events]
        self.assertIn(0, runs)

    def test_events_tell_how_far_a_run_has_come(self):
        cluster = self.world.db("SELECT id::text FROM byoc.clusters"
                                " WHERE type = 'dedicated_ha'")[0][0]
        told = [(event["type"].removeprefix(PREFIX), event["data"])
                for event in self.world.events.of(cluster)]
        first = [(data["phases_done"], data["phases_total"])
                 for name, data in told if data.get("run") == 1
                 and "phases_done" in data]
        total = first[-1][1]
        self.assertGreater(total, 10)
        self.assertEqual(first[0], (0, total))
        self.assertEqual(first, sorted(first))
        self.assertEqual(first[-1], (total, total))

    def test_a_job_that_is_refused_is_told(self):
        sent = {str(uuid.uuid4()): body for body in (
            b"no JSON", b'{"type": "cluster.explode"}',
            json.dumps({**GOOD_JOB, "id": SOMEONE}).encode())}
        ids = [*sent][:2] + [SOMEONE]
        for message_id, body in sent.items():
            self.world.publish(body, message_id=message_id.upper(),
                               headers={"traceparent": TRACE})
        self.world.publish("no JSON either", message_id="not a uuid")
        wait_for(lambda: all(self.world.events.of(job) for job in ids),
                 "three refusals")
        told = [self.world.events.of(job)[0] for job in ids]
        for job, event in zip(ids, told):
            self.assertIsNone(problem(EVENTS, event))
            self.assertEqual((event["id"], event["data"]["job_id"]),
                             (job, job))
            self.assertEqual(event["traceparent"], TRACE)
        self.assertEqual([event["data"]["code"] for event in told],
                         ["bad_json", "unknown_type", "unknown_record"])

    def test_every_event_has_its_routing_key(self):
        channels = contract.load(ASYNCAPI)["channels"]
        addresses = [re.sub(r"\\{name\\}", r"[a-z._]+", re.sub(
            r"\\{id\\}", "[0-9a-f-]{36}", re.escape(channel["address"])))
            for name, channel in channels.items() if name.endswith("Events")]
        for key, _, _ in self.world.events.all:
            self.assertTrue(any(re.fullmatch(address, key)
                                for address in addresses), key)

    def test_every_job_is_as_described(self):
        for properties, job in self.jobs:
            self.assertIsNone(problem(JOBS, job))
            self.assertEqual(properties.message_id, job["id"])
            self.assertEqual(properties.delivery_mode, 2)
        self.assertEqual({job["type"] for _, job in self.jobs},
                         contract.JOB_TYPES)
        waited = [properties for properties, _ in self.jobs
                  if "x-death" in (properties.headers or {})]
        self.assertTrue(waited, "no job came by a wait queue")

    def test_what_the_schema_refuses_no_worker_takes(self):
        headers = contract.validator(contract.load(
            ASYNCAPI)["components"]["schemas"]["deadHeaders"])
        bodies = [json.dumps(job) for job in BAD_JOBS] + ["no JSON", ""]
        for sent, (properties, kept) in zip(bodies, self.buried(bodies)):
            with self.subTest(job=sent):
                self.assertIsNone(problem(headers, properties.headers))
                self.assertIn(properties.headers["byoc-reason-code"],
                              ("bad_json", "bad_job", "unknown_type"))
                self.assertEqual(properties.headers["traceparent"], TRACE)
                self.assertEqual(kept.decode(), sent)

    def test_what_the_schema_takes_a_worker_understands(self):
        letters = self.buried([json.dumps(job) for job in GOOD_JOBS])
        self.assertEqual(
            {properties.headers["byoc-reason-code"]
             for properties, _ in letters}, {"unknown_record"})

    def listed(self, what, *columns):
        done = subprocess.run(
            [LOCAL / "rabbitmq.sh", "ctl", self.world.services.rabbitmq_dir,
             f"list_{what}", "--vhost", self.world.services.name, "--quiet",
             "--formatter", "json", *columns],
            check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def test_queues_are_as_described(self):
        described = {}
        for channel in contract.load(ASYNCAPI)["channels"].values():
            if channel["bindings"]["amqp"]["is"] == "queue":
                described.update(queues_of(channel))
        found = {
            queue["name"]: {key: value for key, _, value in queue["arguments"]}
            for queue in self.listed("queues", "name", "arguments")
            if queue["name"].startswith("byoc.")}
        self.assertEqual(found, described)

    def test_exchanges_are_as_described(self):
        channels = contract.load(ASYNCAPI)["channels"]
        described = [channels["jobs"]["x-exchange"], *(
            channels[name]["bindings"]["amqp"]["exchange"]
            for name in ("clusterEvents", "credentialEvents"))]
        found = {exchange["name"]: exchange for exchange in self.listed(
            "exchanges", "name", "type", "durable", "auto_delete")}
        for exchange in described:
            real = found[exchange["name"]]
            self.assertEqual(
                (real["type"], real["durable"], real["auto_delete"]),
                (exchange["type"], exchange["durable"],
                 exchange["autoDelete"]))


if __name__ == "__main__":
    unittest.main()
