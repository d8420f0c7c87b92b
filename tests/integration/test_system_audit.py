"""What is in a credential's project, and whose it is."""

import json
import unittest
import uuid

from sim import wait_for
from system_case import CLUSTER, SystemCase


class Audit(SystemCase):
    workers = 2

    def audit(self, credential, *more):
        return self.world.byoc_json("audit", credential, *more)

    def running(self, **more):
        cluster = self.world.create_cluster(**more)
        self.world.wait_status(cluster, "running")
        return cluster

    @staticmethod
    def names(lines):
        return {(line["kind"], line["name"]) for line in lines}

    def thing(self, kind, part):
        return next(thing for thing in self.sim.state()[kind]
                    if part in thing["name"])

    def test_a_project_in_order(self):
        cluster = self.running()
        before = self.sim.state()
        self.sim.reset_calls()
        found = self.audit(self.world.credential())
        self.assertEqual((found["orphans"], found["drift"],
                          found["strangers"]), ([], [], []))
        self.assertEqual(found["price_month"], "0.0000")
        self.assertEqual(self.world.byoc("audit", self.world.credential()).stdout,
                         "Nothing lacks, and nothing is left over.\n")
        # one write that cannot succeed judges the token, as ever
        self.assertEqual([call for call in self.sim.calls()
                          if not call.startswith("GET")],
                         ["POST /ssh_keys"])
        self.assertEqual({key: before[key] for key in ("servers", "networks")},
                         {key: self.sim.state()[key]
                          for key in ("servers", "networks")})
        self.end_well(cluster)

    def test_orphans(self):
        gone, unknown = self.running(), str(uuid.uuid4())
        self.end_well(gone)
        self.world.db("UPDATE byoc.clusters SET changed_at = now()"
                      " - interval '1 hour' WHERE id = %s", gone)
        self.sim.make_server("left", labels={CLUSTER: unknown})
        self.sim.post("/volumes", {"name": "data", "size": 40,
                                   "location": "fsn1",
                                   "labels": {CLUSTER: gone}})
        self.sim.post("/firewalls", {"name": "wall",
                                     "labels": {CLUSTER: gone}})
        self.sim.post("/floating_ips", {"name": "vip", "type": "ipv4",
                                        "home_location": "fsn1",
                                        "labels": {CLUSTER: gone}})
        self.sim.settle(self.sim.post("/certificates", {
            "name": "tls", "type": "managed", "domain_names": ["a.example"],
            "labels": {CLUSTER: gone}}))
        found = self.audit(self.world.credential())
        self.assertEqual(self.names(found["orphans"]), {
            ("server", "left"), ("volume", "data"), ("firewall", "wall"),
            ("floating_ip", "vip"), ("certificate", "tls")})
        by = {line["name"]: line for line in found["orphans"]}
        self.assertIn("deleted", by["data"]["why"])
        self.assertEqual(by["data"]["cluster_id"], gone)
        self.assertIn("not known", by["left"]["why"])
        self.assertEqual(found["price_month"], "%.4f" % sum(
            float(line["price_month"]) for line in found["orphans"]))
        self.assertGreater(float(by["left"]["price_month"]),
                           float(by["wall"]["price_month"]))
        self.assertEqual(found["drift"], [])
        self.remove_orphans(gone)

    def remove_orphans(self, gone):
        """Those of a cluster that was deleted here, and no others."""
        done = self.world.byoc("audit", self.world.credential(),
                               "--remove-orphans", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cluster {gone[:8]}: what it left is being deleted",
                      done.stdout)
        self.assertIn("Hetzner Console", done.stderr)
        wait_for(lambda: self.world.db(
            "SELECT 1 FROM byoc.events WHERE cluster_id = %s"
            " AND name = 'swept'", gone), "the sweep")
        found = self.audit(self.world.credential())
        self.assertEqual(self.names(found["orphans"]), {("server", "left")})

    def test_strangers(self):
        cluster = self.running(workers=1)
        self.sim.make_server("shop")
        self.sim.post("/floating_ips", {"name": "shop-ip", "type": "ipv4",
                                        "home_location": "fsn1"})
        self.sim.post("/floating_ips", {
            "name": "our-ip", "type": "ipv4",
            "server": self.thing("servers", "worker-0")["id"]})
        network = self.thing("networks", "network")
        self.sim.post("/load_balancers", {
            "name": "front", "load_balancer_type": "lb11", "location": "fsn1",
            "labels": {"hcloud-ccm/service-uid": "a"}})
        self.sim.settle(self.sim.post("/load_balancers", {
            "name": "ours", "load_balancer_type": "lb11", "location": "fsn1",
            "network": network["id"],
            "labels": {"hcloud-ccm/service-uid": "b"}}))
        self.sim.post("/networks", {"name": "free",
                                    "ip_range": "10.9.0.0/16"})
        found = self.audit(self.world.credential())
        strangers = self.names(found["strangers"])
        self.assertIn(("server", "shop"), strangers)
        self.assertIn(("load_balancer", "front"), strangers)
        self.assertNotIn(("load_balancer", "ours"), strangers)
        self.assertIn(("floating_ip", "shop-ip"), strangers)
        self.assertNotIn(("floating_ip", "our-ip"), strangers)
        self.assertNotIn(("network", "free"), strangers)
        self.assertEqual((found["orphans"], found["drift"]), ([], []))
        self.assertTrue(all(float(line["price_month"]) > 0
                            for line in found["strangers"]))
        self.world.delete_cluster(cluster)

    def change_by_hand(self, worker, other, network, wall):
        """One goes, one is taken off the network and one switched off; the
        route is lost, and the firewall is open to all."""
        gateway = self.thing("servers", "nat-gateway")
        self.sim.settle(self.sim.delete(f"/servers/{worker['id']}"))
        for path, body in (
                (f"/servers/{other['id']}/actions/detach_from_network",
                 {"network": network["id"]}),
                (f"/servers/{gateway['id']}/actions/poweroff", None),
                (f"/networks/{network['id']}/actions/delete_route",
                 {"destination": "0.0.0.0/0", "gateway": "10.0.0.254"}),
                (f"/firewalls/{wall['id']}/actions/set_rules", {"rules": [
                    {"direction": "in", "protocol": "tcp", "port": "22",
                     "source_ips": ["0.0.0.0/0"]}]})):
            self.sim.settle(self.sim.post(path, body))
        return {
            (worker["name"], "it is gone"),
            (other["name"], "it is not on the cluster's network"),
            (gateway["name"], "it is switched off"),
            (network["name"],
             "its route to the gateway is gone"),
            (wall["name"], "its rules were changed")}

    def test_drift_is_repaired(self):
        cluster = self.running(workers=2)
        worker = self.thing("servers", "worker-0")
        other = self.thing("servers", "worker-1")
        network = self.thing("networks", "network")
        wall = self.thing("firewalls", "firewall")
        lacks = self.change_by_hand(worker, other, network, wall)
        found = self.audit(self.world.credential())
        self.assertEqual({(line["name"], line["why"])
                          for line in found["drift"]}, lacks)
        self.assertEqual({line["cluster_id"] for line in found["drift"]},
                         {cluster})
        self.assertEqual(found["orphans"], [])
        said = self.world.byoc("audit", self.world.credential(),
                               "--repair").stdout
        self.assertIn(f"cluster {cluster[:8]}: its repair is asked for", said)
        wait_for(lambda: self.world.db(
            "SELECT 1 FROM byoc.events WHERE cluster_id = %s"
            " AND name = 'repaired'", cluster), "the repair", 60)
        self.assertEqual(self.audit(self.world.credential())["drift"], [])
        self.assertEqual(self.thing("firewalls", "firewall")["rules"],
                         wall["rules"])
        self.assertEqual(self.thing("servers", "worker-1")["private_net"],
                         other["private_net"])
        self.world.delete_cluster(cluster)

    def test_what_cannot_be_looked_through_says_why(self):
        credential = self.world.add_credential("u" * 64, status="invalid")
        done = self.world.byoc("audit", credential, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Hetzner does not know this token", done.stderr)

    def test_a_job_that_comes_twice_is_answered_once(self):
        credential = self.world.credential()
        job = self.world.publish_job("credential.audit", credential)
        self.world.publish(json.dumps(job), message_id=job["id"])
        again = self.world.publish_job("credential.audit", credential)

        def answers():
            return [data["job_id"] for data, in self.world.db(
                "SELECT data FROM byoc.events WHERE name = 'audited'"
                " AND credential_id = %s", credential)]

        wait_for(lambda: {job["id"], again["id"]} <= set(answers()),
                 "the answers")
        self.audit(credential)
        self.assertEqual(len(answers()), 3)

    def test_by_itself_where_that_is_wanted(self):
        credential = self.world.add_credential()
        self.world.byoc("migrate", "--audit-every", "24")
        self.addCleanup(self.world.byoc, "migrate", "--audit-every", "0")
        self.world.db("UPDATE byoc.credentials SET created_at = now()"
                      " - interval '25 hours' WHERE id = %s", credential)
        self.world.db("SELECT byoc.ask_audits()")
        wait_for(lambda: self.world.db(
            "SELECT audited_at FROM byoc.credentials WHERE id = %s"
            " AND audited_at IS NOT NULL", credential), "the audit")
        self.world.db("SELECT byoc.ask_audits()")
        self.assertEqual(self.world.db(
            "SELECT count(*) FROM byoc.requests"
            " WHERE type = 'credential.audit' AND credential_id = %s",
            credential), [(1,)])


if __name__ == "__main__":
    unittest.main()
