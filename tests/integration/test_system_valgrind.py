"""A cluster's whole life under valgrind's eyes, with trouble on the way: no
wrong access, nothing used before it is set, nothing lost."""

import os
import pathlib
import unittest

from system_case import SystemCase

# run.sh builds both; AddressSanitizer and valgrind exclude each other.
RELEASE = pathlib.Path(os.environ.get("BYOC_BUILD_DIR", "/nowhere"),
                       "..", "release", "bin", "byoc-worker").resolve()


class Valgrind(SystemCase):
    workers = 1
    worker_command = [
        "valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
        "--num-callers=30", str(RELEASE)]

    def setUp(self):
        super().setUp()
        program = os.readlink(f"/proc/{self.world.workers[0].process.pid}/exe")
        self.assertIn("valgrind", program)

    def test_a_cluster_in_spite_of_faults(self):
        self.world.credential()
        self.sim.fault(method="POST", path="/servers", status=502)
        self.sim.fault(method="POST", path="/networks", drop=True, when="after")
        self.sim.action_error("create_server", nth=2)
        self.world.publish(b"no job at all")
        cluster = self.run_through("dedicated_ha", workers=1)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")
        self.assertEqual(len(self.world.dead_letters()), 1)

    def test_a_token_that_is_refused(self):
        self.world.add_credential("u" * 64, status="invalid")

    def test_a_broker_that_goes_away(self):
        self.world.credential()
        services = self.world.services
        services.rabbitmq("ctl", "close_all_connections", "--vhost",
                          services.name, "a test")
        cluster = self.run_through()
        self.assertGone(cluster)


if __name__ == "__main__":
    unittest.main()
