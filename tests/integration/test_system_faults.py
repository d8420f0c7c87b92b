"""What the Hetzner API can do wrong: what passes by itself is waited for, what
does not is told to the customer, and nothing is ever there twice."""

import json
import unittest

from sim import READ_ONLY_TOKEN, TOKEN, wait_for
from system_case import SystemCase

CREATES = ("/ssh_keys", "/networks", "/firewalls", "/placement_groups",
           "/load_balancers", "/servers")


class Faults(SystemCase):
    workers = 2

    def check(self, *statuses, type="dedicated_ha", workers=1):
        """A cluster that comes to run in spite of it, and goes."""
        cluster = self.run_through(type, workers)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")

    def test_server_errors_pass(self):
        self.world.credential()
        for path in CREATES:
            self.sim.fault(method="POST", path=path, status=502, times=2)
            self.sim.fault(method="POST", path=path, nth=3, status=503,
                           body_text="<h1>Service Unavailable</h1>")
        self.sim.fault(method="DELETE", path="*", status=500, times=5)
        self.sim.fault(method="GET", path="*", status=504, nth=2, times=2)
        self.check()

    def test_connections_that_drop_before_or_after_the_effect(self):
        self.world.credential()
        for path in CREATES:
            self.sim.fault(method="POST", path=path, drop=True, when="before")
            self.sim.fault(method="POST", path=path, drop=True, when="after",
                           nth=2)
        self.sim.fault(method="POST", path="/servers", drop=True, when="after",
                       nth=4, times=2)
        self.sim.fault(method="DELETE", path="*", drop=True, when="after",
                       times=3)
        self.check()

    def test_the_rate_limit(self):
        self.world.credential()
        self.addCleanup(self.sim.rate_limit, limit=3600, remaining=3600,
                        refill_per_second=1)
        self.sim.rate_limit(limit=3600, remaining=8, refill_per_second=4)
        self.check(type="dedicated", workers=0)

    def test_things_that_are_locked(self):
        self.world.credential()
        self.sim.fault(method="POST", path="/servers", code="locked", times=2)
        self.sim.fault(method="POST", path="/networks", code="conflict")
        self.sim.fault(method="DELETE", path="/servers/*", code="locked",
                       times=3)
        self.sim.fault(method="DELETE", path="/networks/*",
                       code="resource_in_use", times=2)
        self.check()

    def test_actions_that_fail(self):
        self.sim.action_error("create_server", code="no_host", nth=2)
        self.sim.action_error("create_load_balancer")
        self.sim.action_error("delete_server", nth=2)
        self.check()

    def test_a_server_type_that_is_sold_out_for_a_while(self):
        self.world.credential()
        self.sim.fault(method="POST", path="/servers",
                       code="resource_unavailable", times=3)
        self.check()

    def test_a_server_type_that_is_sold_out_when_it_is_chosen(self):
        self.sim.sold_out("cx33", "fsn1")
        self.addCleanup(self.sim.sold_out, "cx33", "fsn1", False)
        cluster = self.world.create_cluster(
            options=("--server-type", "cx33"))
        _, code, reason = self.world.wait_status(cluster, "failed")
        self.assertEqual(code, "server_type_sold_out")
        self.assertRegex(reason, "Offered in fsn1: [a-z0-9, ]+")
        self.assertNotIn("cx33", reason.split("Offered")[1])
        self.assertEqual(self.existing(), set())
        self.sim.sold_out("cx33", "fsn1", False)
        self.retry_to_the_end(cluster)

    def test_a_quota_that_is_used_up(self):
        self.sim.quota(servers=2)
        self.addCleanup(self.sim.quota, servers=None)
        cluster = self.world.create_cluster(type="dedicated_ha")
        _, code, reason = self.world.wait_status(cluster, "failed")
        self.assertEqual(code, "resource_limit_exceeded")
        self.assertIn("Limits", reason)
        self.sim.quota(servers=None)
        self.retry_to_the_end(cluster, "dedicated_ha")

    def test_a_reason_too_long_to_be_stored_whole(self):
        self.world.credential()
        self.sim.fault(method="POST", path="/networks", status=422,
                       body_text=json.dumps({"error": {
                           "code": "invalid_input", "message": "é" * 301}}))
        cluster = self.world.create_cluster()
        _, code, reason = self.world.wait_status(cluster, "failed")
        self.assertEqual(code, "invalid_input")
        self.assertIn("éé", reason)
        self.world.delete_cluster(cluster)

    def test_a_name_that_somebody_else_has(self):
        cluster = self.world.create_cluster("shop")
        self.world.wait_status(cluster, "running")
        names = {kind: name for kind, name, _ in self.world.resources(cluster)}
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertTrue(names["network"].startswith(f"shop-{cluster[:8]}-"))

    # Tokens

    def refused(self, token, code):
        credential = self.world.add_credential(token, status="invalid")
        record = self.world.byoc_json("credential", "show", credential)
        self.assertEqual(record["code"], code)
        self.assertTrue(record["reason"])
        self.assertHistory(credential, "invalid")
        self.assertEqual(self.existing(), set())
        answer = self.world.byoc(
            "cluster", "create", "--name", "shop", "--credential", credential,
            "--location", "fsn1", "--type", "dedicated", check=False)
        self.assertEqual(answer.returncode, 1)

    def test_an_unknown_token(self):
        self.refused("u" * 64, "unknown_token")

    def test_a_read_only_token(self):
        self.refused(READ_ONLY_TOKEN, "read_only_token")

    def test_a_good_token_leaves_nothing_behind(self):
        credential = self.world.add_credential()
        self.assertHistory(credential, "ready")
        self.assertEqual(self.existing(), set())

    def test_a_token_that_is_revoked_in_the_middle(self):
        token, newer = "m" * 64, "n" * 64
        for each in (token, newer):
            self.sim.add_token(each)
        credential = self.world.add_credential(token)
        cluster = self.world.create_cluster(credential=credential)
        wait_for(lambda: self.sim.calls("POST /networks") >= 1, "the network")
        self.sim.revoke(token)
        status = self.world.wait_status(cluster, "failed", "running")
        self.world.byoc("cluster", "delete", cluster)
        # The teardown waits for a good token, and then goes on.
        self.world.wait_credential(credential, "invalid")
        wait_for(lambda: self.world.status(cluster)[:2] == (
            "deleting", "credential_invalid"), "the deletion to stall")
        self.world.byoc("credential", "rotate", credential, text=newer)
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", status[0], "deleting",
                           "stalled", "deleting", "deleted")

    def test_no_token_is_ever_written_down(self):
        self.check(type="dedicated", workers=0)
        dump = "\n".join(
            str(row) for table in ("credentials", "clusters", "phases",
                                   "events", "outbox")
            for row in self.world.db(f"SELECT * FROM byoc.{table}"))
        logs = "".join(worker.log() for worker in self.world.workers)
        events = str([event for _, event, _ in self.world.events.all])
        for text in (dump, logs, events):
            self.assertNotIn(TOKEN, text)


if __name__ == "__main__":
    unittest.main()
