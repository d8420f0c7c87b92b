"""The contract in schema/ is what really goes over the wire: every job, event
and dead letter of whole lives is as it is written there, and what is not, no
worker takes."""

import json
import re
import subprocess
import unittest
import uuid

import contract
from contract import ASYNCAPI, EVENTS, JOBS, problem
from contract_samples import (SOMEONE, TRACE, PREFIX, GOOD_JOB, GOOD_JOBS,
                              BAD_JOBS)
from sealing import KeyPair
from services import LOCAL
from sim import wait_for
from system_case import CLUSTER, SystemCase


def queues_of(channel):
    """{name: arguments} of the queues behind a channel."""
    name, arguments = channel["address"], channel["x-arguments"]
    delays = channel.get("parameters", {}).get("milliseconds", {}).get("enum")
    if not delays:
        return {name: arguments}
    return {name.replace("{milliseconds}", delay):
            {**arguments, "x-message-ttl": int(delay)} for delay in delays}


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
            self.assertEqual(event["dataschema"],
                             contract.data_schema(event["type"]))
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
