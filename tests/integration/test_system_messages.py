"""Messages that make no sense: they are put aside with the reason, and the
queue goes on."""

import json
import unittest
import uuid

from sim import wait_for
from system_case import SystemCase

SOMEONE = "0b9c7e1a-58a4-4c9e-8f6e-1c5b9f0a7d22"


def job(**changes):
    body = {"id": str(uuid.uuid4()), "type": "cluster.provision",
            "cluster_id": SOMEONE}
    return json.dumps({**body, **changes})


class Messages(SystemCase):
    workers = 1

    def letters(self, count):
        found = []

        def all_here():
            found.extend(self.world.dead_letters())
            return len(found) >= count
        wait_for(all_here, f"{count} dead letters")
        self.assertEqual(len(found), count)
        return found

    def check(self, body, code, piece=""):
        message_id = str(uuid.uuid4())
        self.world.publish(body, message_id=message_id)
        properties, kept = self.letters(1)[0]
        self.assertEqual(properties.message_id, message_id)
        self.assertEqual(properties.headers["byoc-reason-code"], code)
        self.assertIn(piece, properties.headers["byoc-reason"])
        return properties, kept

    def test_what_cannot_be_understood_is_put_aside(self):
        for body, code, piece in (
                ("", "bad_json", "JSON"),
                ("no JSON", "bad_json", "JSON"),
                (b"\xff\xfe\x00", "bad_json", "JSON"),
                ("[" * 100000, "oversized", "100000 bytes"),
                ("[" * 50, "bad_json", "JSON"),
                ("[]", "bad_json", "job.type"),
                (job(type=7), "bad_json", "job.type"),
                (job(type=None), "bad_json", "job.type"),
                (job(cluster_id=7), "bad_json", "job.cluster_id"),
                (job(cluster_id="shop"), "bad_job", "job.cluster_id"),
                (job(id={}), "bad_json", "job.id"),
                (job(type="cluster.explode"), "unknown_type", "explode"),
                (job(type="credential.validate"), "bad_json",
                 "job.credential_id"),
                (job(type="cluster.phase"), "bad_json", "job.run"),
                (job(type="cluster.phase", run="1", phase="network"),
                 "bad_json", "job.run"),
                (job(type="cluster.phase", run=2 ** 40, phase="network"),
                 "bad_json", "job.run")):
            with self.subTest(body=body[:80]):
                _, kept = self.check(body, code, piece)
                sent = body if isinstance(body, bytes) else body.encode()
                self.assertEqual(kept, sent)

    def test_a_message_of_several_mebibytes_is_put_aside(self):
        self.check("x" * (3 << 20), "oversized")

    def test_what_does_not_exist_is_put_aside(self):
        self.check(job(), "unknown_record", "cluster")
        self.check(job(type="cluster.teardown"), "unknown_record", "cluster")
        self.check(json.dumps({
            "id": str(uuid.uuid4()), "type": "credential.validate",
            "credential_id": SOMEONE}), "unknown_record", "credential")

    def test_the_queue_goes_on(self):
        cluster = self.world.create_cluster(workers=1)
        for number in range(200):
            self.world.publish(f"nonsense {number}")
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)
        self.assertEqual(len(self.letters(200)), 200)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")
        self.assertIn('result="dead_lettered"',
                      self.world.workers[0].get("/metrics")[1])

    def test_a_phase_that_is_none_of_the_run_changes_nothing(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        before = self.existing()
        for run, phase, index in ((1, "network", 0), (7, "network", 0),
                                  (1, "control_plane", 9), (1, "no_such", 0)):
            self.world.publish_job("cluster.phase", cluster, run=run,
                                   phase=phase, index=index)
        self.world.add_credential()  # judged after all before it
        self.assertEqual(self.existing(), before)
        self.assertEqual(self.world.status(cluster)[0], "running")
        self.world.delete_cluster(cluster)

    def test_a_trace_is_carried_through(self):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.world.publish_job("cluster.teardown", cluster, traceparent=trace)
        self.world.wait_status(cluster, "deleted")
        self.world.wait_idle()
        traces = [event.get("traceparent")
                  for event in self.world.events.of(cluster)]
        deleting = self.world.events.names(cluster).index("deleting")
        self.assertEqual(set(traces[deleting:]), {trace})


if __name__ == "__main__":
    unittest.main()
