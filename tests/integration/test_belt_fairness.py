"""What a tenant's cluster costs in time does not depend on what the others do:
neither on their number, nor on clusters or an API that do not answer."""

import socket
import unittest

import pika

from belt_case import FOREVER, BeltCase
from sim import wait_for

SILENT = ("127.78.0.1", 6443)  # on loopback, and nobody else's
PATIENCE = 120


class FourBadTenants(BeltCase):
    workers = 1
    time_scale = 600
    environment = {"BYOC_DRAIN_TIMEOUT": "5"}
    PHASES = ("network", "firewall")
    # More than a worker may have connections.
    SILENT_CLUSTERS = 70

    def make_silent_clusters(self):
        """A tenant whose running clusters take connections and say nothing."""
        credential = self.tenant("silent")
        clusters = self.crowd(credential, self.SILENT_CLUSTERS)
        self.wait_all(clusters, "running", PATIENCE)
        self.world.db(
            "UPDATE byoc.resources SET public_address = %s"
            " WHERE cluster_id = ANY (%s::uuid[]) AND kind = 'load_balancer'",
            SILENT[0], clusters)
        listener = socket.create_server(SILENT, backlog=4096)
        self.addCleanup(listener.close)
        return credential

    def rotate_silent(self, credential):
        """All of them are to be told a new token."""
        token = "silent9".ljust(64, "0")
        self.sim.add_token(token, project="silent")
        self.world.byoc("credential", "rotate", credential, text=token)
        wait_for(lambda: self.world.db(
            "SELECT count(*) FROM byoc.phases"
            " WHERE phase = 'hcloud_secret' AND leases > 0")[0][0] >= 20,
            "the first refreshes")

    def make_backlog(self, clusters):
        """A tenant with two phases that wait for each of so many clusters: an
        API that is out of order, and each of them tries again."""
        credential = self.tenant("backlog")
        self.world.byoc("credential", "limits", credential, "--clusters",
                        clusters)
        self.sim.fault(project="backlog", status=503, times=FOREVER)
        self.world.db(
            "INSERT INTO byoc.clusters"
            " (name, credential_id, location, type, status, run)"
            " SELECT 'b' || n, %s, 'fsn1', 'dedicated', 'provisioning', 1"
            " FROM generate_series(1, %s) n", credential, clusters)
        self.world.db(
            "UPDATE byoc.progress SET run = 1 WHERE cluster_id IN"
            " (SELECT id FROM byoc.clusters WHERE credential_id = %s)",
            credential)
        self.publish(self.world.db(
            "INSERT INTO byoc.phases (cluster_id, run, phase, index, needs,"
            " status, job_id, due_at)"
            " SELECT c.id, 1, p, 0, '{}', 'queued', gen_random_uuid(), now()"
            " FROM byoc.clusters c, unnest(%s) p WHERE credential_id = %s"
            " RETURNING job_id, json_build_object('id', job_id, 'run', run,"
            " 'type', 'cluster.phase', 'cluster_id', cluster_id,"
            " 'phase', phase, 'index', index)::text",
            list(self.PHASES), credential))

    def publish(self, jobs):
        connection = pika.BlockingConnection(
            pika.URLParameters(self.world.services.amqp_url_of("dashboard")))
        channel = connection.channel()
        for job_id, body in jobs:
            channel.basic_publish("byoc.jobs", "byoc.jobs", body,
                                  pika.BasicProperties(
                                      delivery_mode=2, message_id=job_id))
        connection.close()

    def test_cost_only_themselves(self):
        silent = self.make_silent_clusters()
        limited, slow = self.tenant("limited"), self.tenant("slow")
        undisturbed = self.time_to_run()
        self.rotate_silent(silent)
        with self.subTest("silent clusters"):
            self.assertNear(self.time_to_run(), undisturbed)
        self.sim.rate_limit(project="limited", limit=3600, remaining=0,
                            refill_per_second=0.2)
        self.sim.fault(project="slow", latency_ms=9000, times=FOREVER)
        self.crowd(limited, 40)
        self.crowd(slow, 40)
        self.make_backlog(2500)
        wait_for(lambda: self.messages("byoc.jobs") < 100,
                 "the backlog to be seen")
        for _ in range(3):
            self.assertNear(self.time_to_run(), undisturbed)


if __name__ == "__main__":
    unittest.main()
