"""What somebody has deleted of a running cluster is made again."""

import unittest

from sim import wait_for
from system_case import SystemCase


class Repair(SystemCase):
    workers = 2

    def thing(self, kind, part):
        return next(thing for thing in self.sim.state()[kind]
                    if part in thing["name"])

    def delete_by_hand(self, part, kind="servers"):
        thing = self.thing(kind, part)
        answer = self.sim.delete(f"/{kind}/{thing['id']}")
        if kind == "servers":
            self.sim.settle(answer)
        return thing

    def events(self, cluster):
        return [name for name, in self.world.db(
            "SELECT name FROM byoc.events WHERE cluster_id = %s"
            " AND name !~ '^phase' ORDER BY sequence", cluster)]

    def repair(self, cluster):
        self.world.byoc("cluster", "repair", cluster)
        return wait_for(lambda: next(
            (name for name in reversed(self.events(cluster))
             if name in ("repaired", "repair_failed")), None), "its end", 60)

    def test_nodes_and_gateway_are_made_again(self):
        cluster = self.world.create_cluster(type="dedicated_ha", workers=1)
        self.world.wait_status(cluster, "running")
        before = {s["name"]: s["id"] for s in self.sim.state()["servers"]}
        gone = [self.delete_by_hand(part)["name"]
                for part in ("control-plane-1", "worker-0", "nat-gateway")]
        self.assertEqual(self.repair(cluster), "repaired",
                         self.world.phases(cluster))
        after = {s["name"]: s["id"] for s in self.sim.state()["servers"]}
        self.assertEqual(set(after), set(before))
        self.assertEqual({name for name in after
                          if after[name] != before[name]}, set(gone))
        self.assertEqual(self.world.status(cluster)[0], "running")
        self.assertEqual(self.events(cluster)[-2:], ["repairing", "repaired"])
        self.assertComplete(cluster, type="dedicated_ha", workers=1)
        nodes = self.sim.clusters()[0]["nodes"]
        self.assertEqual(set(nodes), {name for name in after
                                      if "gateway" not in name})
        self.end_well(cluster, ran=("repairing", "repaired"))

    def test_what_lacks_nothing_costs_few_calls(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.sim.reset_calls()
        self.assertEqual(self.repair(cluster), "repaired")
        calls = self.sim.calls()
        self.assertEqual([call for call in calls
                          if not call.startswith("GET")], [])
        self.end_well(cluster, ran=("repairing", "repaired"))

    def test_the_only_control_plane_is_beyond_it(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.delete_by_hand("control-plane-0")
        self.assertEqual(self.repair(cluster), "repair_failed")
        (data,), = self.world.db(
            "SELECT data FROM byoc.events WHERE cluster_id = %s"
            " AND name = 'repair_failed'", cluster)
        self.assertEqual(data["code"], "beyond_repair")
        self.assertEqual(self.world.status(cluster)[0], "running")
        self.end_well(cluster, ran=("repairing", "repair_failed"))

    def test_only_what_runs_is_repaired(self):
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "running")
        self.end_well(cluster)
        done = self.world.byoc("cluster", "repair", cluster, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("only a cluster that runs", done.stderr)

    def test_a_network_that_went_while_it_was_made(self):
        """A retry does not go on without it, and says what to do."""
        self.sim.fault(method="POST", path="/servers", times=0, status=422,
                       code="invalid_input")
        cluster = self.world.create_cluster()
        self.world.wait_status(cluster, "failed")
        wait_for(lambda: not self.world.db(
            "SELECT 1 FROM byoc.phases WHERE cluster_id = %s"
            " AND status = 'leased'", cluster),
            "what else was in the air to be refused a server, too")
        self.sim.clear_faults()
        self.delete_by_hand("", "load_balancers")
        self.delete_by_hand("", "networks")
        self.world.byoc("cluster", "retry", cluster)
        self.world.wait_status(cluster, "running")
        self.end_well(cluster, ("provisioning", "failed", "provisioning"))


if __name__ == "__main__":
    unittest.main()
