"""Two releases at work at the same time: what only the newer one knows, the
older one leaves to it."""

import json
import unittest
import uuid

from belt_case import FOREVER, BeltCase
from sim import wait_for


class UnknownPhase(BeltCase):
    workers = 2

    def add_phase(self, cluster):
        """A phase `mirror`, as the next release might have, and its job."""
        job = {"id": str(uuid.uuid4()), "type": "cluster.phase",
               "cluster_id": cluster, "run": 1, "phase": "mirror", "index": 0}
        self.world.db(
            "INSERT INTO byoc.phases (cluster_id, run, phase, index, needs,"
            " status, job_id, due_at)"
            " VALUES (%s, 1, 'mirror', 0, '{}', 'queued', %s, now())",
            cluster, job["id"])
        self.world.publish(json.dumps(job), message_id=job["id"])

    def phase(self, cluster):
        """(status, leases, failures)"""
        return self.world.db(
            "SELECT status, leases, failures FROM byoc.phases"
            " WHERE cluster_id = %s AND phase = 'mirror'", cluster)[0]

    def test_is_left_to_who_knows_it(self):
        self.world.credential()
        self.sim.fault(method="POST", path="/networks", status=503,
                       times=FOREVER)
        cluster = self.world.create_cluster()
        self.wait_called("POST /networks")
        self.add_phase(cluster)

        def given_back_twice():
            self.assertEqual(self.world.status(cluster)[0], "provisioning")
            status, leases, failures = self.phase(cluster)
            self.assertEqual(failures, 0)
            return status == "queued" and leases >= 2
        wait_for(given_back_twice, "two leases that were given back", 40)
        # The newer release has done it.
        self.world.db("UPDATE byoc.phases SET status = 'done', job_id = NULL,"
                      " lease_until = NULL WHERE phase = 'mirror'")
        self.sim.clear_faults()
        self.world.wait_status(cluster, "running")
        self.assertNothingDead()
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)


if __name__ == "__main__":
    unittest.main()
