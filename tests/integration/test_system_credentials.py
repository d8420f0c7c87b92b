"""A token's whole life: judged without a trace, replaced while clusters work,
revoked at the worst moment."""

import itertools
import unittest
import uuid

from sealing import seal
from sim import READ_ONLY_TOKEN, wait_for
from system_case import SystemCase

LETTERS = itertools.count()


class Credentials(SystemCase):
    workers = 2

    def new_token(self):
        """A token that Hetzner knows and no other test uses."""
        token = f"{next(LETTERS):064d}"
        self.sim.add_token(token)
        return token

    def rotate(self, credential, token, status="ready"):
        self.world.byoc("credential", "rotate", credential, text=token)
        self.world.wait_credential(credential, status)

    def code(self, credential):
        return self.world.byoc_json("credential", "show", credential)["code"]

    def ask_for_cluster(self, credential):
        """As a dashboard would, which does not look at the credential."""
        cluster = str(uuid.uuid4())
        self.world.db(
            "INSERT INTO byoc.clusters (id, name, credential_id, location, type)"
            " VALUES (%s, 'shop', %s, 'fsn1', 'dedicated');"
            "SELECT byoc.enqueue('cluster.provision', %s)",
            cluster, credential, cluster)
        return cluster

    # Judged

    def test_a_verdict_leaves_no_trace(self):
        self.make_foreign_things()
        before = self.sim.state()
        self.world.add_credential(self.new_token())
        self.world.add_credential(READ_ONLY_TOKEN, status="invalid")
        self.world.add_credential("u" * 64, status="invalid")
        after = self.sim.state()
        self.assertEqual(before, after)

    def test_what_is_no_token_is_not_even_tried(self):
        for number, plain in enumerate(("short", "ü" * 32, "x" * 65)):
            credential = str(uuid.uuid4())
            sealed = seal(self.world.environment["BYOC_KEY_DIR"],
                          f"credential:{credential}:token", plain)
            self.world.db(
                "INSERT INTO byoc.credentials (id, name, sealed_token)"
                " VALUES (%s, %s, %s)", credential, f"odd-{number}", sealed)
            self.world.db("SELECT byoc.enqueue('credential.validate', %s)",
                          credential)
            self.world.wait_credential(credential, "invalid")
            self.assertEqual(self.code(credential), "malformed_token")
            self.assertHistory(credential, "invalid")
        self.assertEqual(self.sim.calls(), {})

    def test_no_answer_is_no_verdict(self):
        self.sim.fault(method="POST", path="/ssh_keys", drop=True)
        self.sim.fault(method="POST", path="/ssh_keys", status=503, nth=2)
        credential = self.world.add_credential(self.new_token(), status=None)
        self.world.wait_credential(credential, "ready")
        self.assertEqual(self.sim.calls("POST /ssh_keys"), 3)
        self.assertHistory(credential, "ready")

    def test_a_second_look_at_the_same_token_is_silent(self):
        token = self.new_token()
        credential = self.world.add_credential(token)
        self.world.byoc("credential", "validate", credential, "--wait")
        self.assertHistory(credential, "ready")
        self.sim.revoke(token)
        answer = self.world.byoc("credential", "validate", credential,
                                 "--wait", check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertHistory(credential, "ready", "invalid")
        self.assertEqual(self.code(credential), "unknown_token")

    def test_no_cluster_without_a_good_token(self):
        credential = self.world.add_credential("u" * 64, status="invalid")
        cluster = self.ask_for_cluster(credential)
        _, code, reason = self.world.wait_status(cluster, "failed")
        self.assertEqual(code, "credential_not_ready")
        self.assertIn("retry", reason)
        self.assertEqual(self.existing(), set())
        self.rotate(credential, self.new_token())
        self.world.byoc("cluster", "retry", cluster)
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertHistory(cluster, "failed", "provisioning", "running",
                           "deleting", "deleted")

    # Replaced

    def test_replaced_while_a_cluster_is_made(self):
        old, new = self.new_token(), self.new_token()
        credential = self.world.add_credential(old)
        self.sim.fault(method="POST", path="/servers", latency_ms=1500)
        cluster = self.world.create_cluster(
            credential=credential, type="dedicated_ha")
        wait_for(lambda: self.sim.calls("POST /servers") >= 1, "a server")
        self.rotate(credential, new)
        self.sim.revoke(old)
        self.world.wait_status(cluster, "running")
        self.assertComplete(cluster, "dedicated_ha")
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")
        self.assertHistory(credential, "ready", "ready")

    def test_a_call_under_way_with_the_old_token_is_made_again(self):
        """The old token is refused after the new one was found good."""
        old, new = self.new_token(), self.new_token()
        credential = self.world.add_credential(old)
        self.sim.fault(method="POST", path="/networks", latency_ms=3000,
                       status=401, code="unauthorized")
        cluster = self.world.create_cluster(credential=credential)
        wait_for(lambda: self.sim.calls("POST /networks") >= 1, "the network")
        self.rotate(credential, new)
        self.world.wait_status(cluster, "running")
        self.assertHistory(credential, "ready", "ready")
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")

    def test_a_bad_new_token_changes_nothing_for_clusters(self):
        credential = self.world.add_credential(self.new_token())
        cluster = self.world.create_cluster(credential=credential)
        self.world.wait_status(cluster, "running")
        self.rotate(credential, READ_ONLY_TOKEN, "invalid")
        self.assertEqual(self.code(credential), "read_only_token")
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")

    # Revoked

    def test_revoked_while_a_cluster_is_made(self):
        token = self.new_token()
        credential = self.world.add_credential(token)
        self.sim.fault(method="POST", path="/servers", latency_ms=300)
        cluster = self.world.create_cluster(
            credential=credential, type="dedicated_ha")
        wait_for(lambda: self.sim.calls("POST /servers") >= 1, "a server")
        self.sim.revoke(token)
        _, code, reason = self.world.wait_status(cluster, "failed")
        self.assertIn(code, ("unknown_token", "credential_invalid"))
        self.assertTrue(reason)
        self.world.wait_credential(credential, "invalid")
        self.assertHistory(credential, "ready", "invalid")
        self.rotate(credential, self.new_token())
        self.assertEqual(self.world.status(cluster)[0], "failed")
        self.world.byoc("cluster", "retry", cluster)
        self.world.wait_status(cluster, "running")
        self.assertComplete(cluster, "dedicated_ha")
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "failed", "provisioning",
                           "running", "deleting", "deleted")

    def test_revoked_while_a_cluster_is_removed(self):
        token = self.new_token()
        credential = self.world.add_credential(token)
        cluster = self.world.create_cluster(
            credential=credential, type="dedicated_ha")
        self.world.wait_status(cluster, "running")
        self.sim.fault(method="DELETE", path="/servers/*", latency_ms=300)
        self.world.delete_cluster(cluster, wait=False)
        wait_for(lambda: self.sim.calls("DELETE /servers/{id}") >= 1,
                 "a server to go")
        self.sim.revoke(token)
        self.world.wait_credential(credential, "invalid")
        wait_for(lambda: self.world.status(cluster)[:2] ==
                 ("deleting", "credential_invalid"), "the deletion to wait")
        self.assertNotEqual(self.existing(), set())
        self.rotate(credential, self.new_token())
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")


if __name__ == "__main__":
    unittest.main()
