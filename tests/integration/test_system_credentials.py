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

    def new_token(self, project="default"):
        """A token that Hetzner knows and no other test uses."""
        token = f"{next(LETTERS):064d}"
        self.sim.add_token(token, project=project)
        return token

    def rotate(self, credential, token, status="ready"):
        self.world.byoc("credential", "rotate", credential, text=token)
        self.world.wait_credential(credential, status)

    def code(self, credential):
        return self.world.byoc_json("credential", "show", credential)["code"]

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

    def test_a_key_that_no_worker_has_is_told(self):
        """As a dashboard does that has kept an old .pub file."""
        keys = f"{self.world.folder}/elsewhere"
        self.world.byoc("keygen", keys)
        credential = str(uuid.uuid4())
        self.world.db(
            "INSERT INTO byoc.credentials (id, name, sealed_token)"
            " VALUES (%s, 'old key', %s);"
            " SELECT byoc.enqueue('credential.validate', %s)", credential,
            seal(keys, f"credential:{credential}:token", self.new_token()),
            credential)
        # A minute goes by.
        wait_for(lambda: self.world.db(
            "UPDATE byoc.credentials SET unknown_key_since ="
            " unknown_key_since - interval '61 s'"
            " WHERE id = %s AND unknown_key_since IS NOT NULL RETURNING 1",
            credential), "the first look")
        self.world.wait_credential(credential, "invalid")
        self.assertEqual(self.code(credential), "sealed_unknown_key")
        self.assertHistory(credential, "invalid")

    def test_no_cluster_without_a_good_token(self):
        credential = self.world.add_credential("u" * 64, status="invalid")
        cluster = self.insert_cluster(credential)
        _, code, reason = self.world.wait_status(cluster, "failed")
        self.assertEqual(code, "credential_not_ready")
        self.assertIn("retry", reason)
        self.assertEqual(self.existing(), set())
        self.rotate(credential, self.new_token())
        self.retry_to_the_end(cluster, failed=("failed",))

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
        self.end_well(cluster)
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
        self.end_well(cluster)

    def test_a_bad_new_token_changes_nothing_for_clusters(self):
        credential = self.world.add_credential(self.new_token())
        cluster = self.world.create_cluster(credential=credential)
        self.world.wait_status(cluster, "running")
        self.rotate(credential, READ_ONLY_TOKEN, "invalid")
        self.assertEqual(self.code(credential), "read_only_token")
        self.end_well(cluster)

    def test_one_of_another_project_changes_nothing_for_clusters(self):
        old = self.new_token()
        credential = self.world.add_credential(old)
        cluster = self.world.create_cluster(credential=credential)
        self.world.wait_status(cluster, "running")
        self.rotate(credential, self.new_token("elsewhere"), "invalid")
        self.assertEqual(self.code(credential), "other_project")
        self.sim.revoke(old)  # and now there is no token at all
        self.world.delete_cluster(cluster, wait=False)
        wait_for(lambda: self.world.status(cluster)[1] == "credential_invalid",
                 "the deletion to wait")
        self.rotate(credential, self.new_token("elsewhere"), "invalid")
        self.assertEqual(self.world.status(cluster)[0], "deleting")
        # What somebody removed by hand proves nothing.
        (network,) = self.sim.state()["networks"]
        self.sim.delete(f"/networks/{network['id']}")
        self.assertEqual(self.sim.state()["networks"], [])
        self.rotate(credential, self.new_token())
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)

    def test_where_all_was_removed_by_hand_an_operator_decides(self):
        credential = self.world.add_credential(self.new_token())
        cluster = self.world.create_cluster(credential=credential)
        self.world.wait_status(cluster, "running")
        self.sim.start_over()
        token = self.new_token()
        self.rotate(credential, token, "invalid")
        self.assertEqual(self.code(credential), "other_project")
        self.world.byoc("credential", "rotate", credential, "--any-project",
                        "--wait", text=token)
        self.assertHistory(credential, "ready", "invalid", "ready")

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
        self.retry_to_the_end(cluster, "dedicated_ha")

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
                           "stalled", "deleting", "deleted")


class NobodyThere(SystemCase):
    """Nothing listens where Hetzner's API is said to be."""
    workers = 1
    environment = {"BYOC_HCLOUD_ENDPOINT": "http://127.0.0.1:1/v1"}
    sentence = ("Asking Hetzner: nothing answers at http://127.0.0.1:1/v1 "
                "(Couldn't connect to server). Look whether "
                "BYOC_HCLOUD_ENDPOINT is right and the way there open.")

    def test_it_is_told_wherever_one_looks(self):
        added = self.world.byoc(
            "credential", "add", "--name", "lost", "--wait", "--timeout", "3",
            text="x" * 64, check=False)
        self.assertEqual(added.returncode, 1)
        self.assertIn(self.sentence, added.stderr)
        self.assertNotIn("is one running", added.stderr)
        shown = self.world.byoc("credential", "show", "lost").stdout
        self.assertRegex(shown, "Status: +pending_validation")
        self.assertIn(self.sentence, shown)
        status = self.world.byoc("status", "--check", check=False)
        self.assertEqual(status.returncode, 1)
        self.assertIn("warning: the token of credential 'lost' cannot be "
                      "checked: " + self.sentence, status.stderr)
        [worker] = self.world.workers
        self.assertEqual({line["text"].removesuffix(" It may pass by itself.")
                          for line in worker.events("job.retry")},
                         {self.sentence})


if __name__ == "__main__":
    unittest.main()
