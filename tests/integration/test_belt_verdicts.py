"""Only Hetzner's own word is a verdict on a token, and only after it has been
asked about that token alone. What lost its answer is looked at closely."""

import unittest

from belt_case import BeltCase
from sim import wait_for

PAGE = "<html><h1>Go away</h1></html>"


class Gateways(BeltCase):
    workers = 2

    def make_cluster(self, credential):
        """A cluster whose credential is none the worse for it in the end."""
        cluster = self.world.create_cluster(credential=credential)
        self.world.wait_status(cluster, "running")
        self.assertHistory(credential, "ready")
        self.end_well(cluster)

    def test_a_page_is_no_verdict(self):
        credential = self.world.add_credential()
        for status, path in ((401, "/networks"), (403, "/ssh_keys"),
                             (400, "/firewalls"), (413, "/load_balancers"),
                             (401, "/servers")):
            self.sim.fault(method="POST", path=path, status=status,
                           body_text=PAGE)
        self.make_cluster(credential)

    def test_a_refusal_that_was_not_meant(self):
        credential = self.world.add_credential()
        for path in ("/networks", "/servers"):
            self.sim.fault(method="POST", path=path, status=401,
                           code="unauthorized")
        self.make_cluster(credential)

    def test_a_token_that_is_really_revoked(self):
        token = "revoked".ljust(64, "0")
        credential = self.tenant("revoked")
        self.sim.fault(method="POST", path="/servers", project="revoked",
                       latency_ms=1000)
        cluster = self.world.create_cluster(credential=credential)
        self.wait_called("POST /servers")
        self.sim.revoke(token)
        _, code, _ = self.world.wait_status(cluster, "failed")
        self.assertEqual(code, "credential_invalid")
        self.world.wait_credential(credential, "invalid")
        self.assertHistory(credential, "ready", "invalid")
        self.assertHistory(cluster, "provisioning", "failed")


class LostReplies(BeltCase):
    """What a call made whose reply was lost is adopted; should it then turn out
    a failure, it goes, and another one comes."""
    workers = 2
    time_scale = 600

    def check(self, path, command):
        self.world.credential()
        self.sim.fault(method="POST", path=path, drop=True, when="after")
        self.sim.action_error(command)
        cluster = self.world.create_cluster()
        wait_for(lambda: self.sim.calls(f"DELETE {path}/{{id}}") == 1,
                 "the failure to be removed", 20)
        self.world.wait_status(cluster, "running")
        self.assertComplete(cluster)
        self.world.delete_cluster(cluster)
        self.assertGone(cluster)

    def test_a_load_balancer(self):
        self.check("/load_balancers", "create_load_balancer")

    def test_a_server(self):
        self.check("/servers", "create_server")


if __name__ == "__main__":
    unittest.main()
