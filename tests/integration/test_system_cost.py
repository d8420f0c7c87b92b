"""What a cluster costs: before it is made, and afterwards."""

import unittest

from sim import wait_for
from system_case import SystemCase


class Cost(SystemCase):
    workers = 1

    def months(self, path, location="fsn1"):
        """{name: the net price of a month} of the types there."""
        return {kind["name"]: float(price["price_monthly"]["net"])
                for kind in self.sim.list(path) for price in kind["prices"]
                if price["location"] == location}

    def dry_run(self, credential, *more, check=True):
        return self.world.byoc_json(
            "cluster", "create", "--dry-run", "--name", "maybe",
            "--credential", credential, "--location", "fsn1", *more)

    def of_lines(self, cost):
        return {line["what"]: (line["name"], line["count"],
                               float(line["price_month"]))
                for line in cost["lines"]}

    def test_before_it_is_made(self):
        servers = self.months("/server_types")
        credential = self.world.credential()
        cost = self.dry_run(credential, "--type", "dedicated_ha",
                            "--workers", "2")
        lines = self.of_lines(cost)
        node = lines["control plane"][0]
        gateway = lines["NAT gateway"][0]
        balancer = self.months("/load_balancer_types")["lb11"]
        self.assertEqual(lines, {
            "control plane": (node, 3, round(3 * servers[node], 4)),
            "worker": (node, 2, round(2 * servers[node], 4)),
            "NAT gateway": (gateway, 1, servers[gateway]),
            "load balancer": ("lb11", 1, balancer),
            "address of the gateway": ("ipv4", 1, 0.5),
            "network, firewall and SSH key": (None, 3, 0),
            "placement group": (None, 1, 0)})
        self.assertEqual(cost["currency"], "EUR")
        self.assertAlmostEqual(float(cost["price_month"]),
                               sum(line[2] for line in lines.values()), 3)
        self.assertEqual(self.world.db("SELECT 1 FROM byoc.clusters"
                                       " WHERE name = 'maybe'"), [])
        self.assertEqual(self.existing(), set())

    def test_afterwards_it_is_what_was_said(self):
        credential = self.world.credential()
        said = self.dry_run(credential, "--type", "dedicated", "--workers",
                            "1")
        cluster = self.world.create_cluster(workers=1)
        self.world.wait_status(cluster, "running")
        cost = self.world.byoc_json("cluster", "cost", cluster)
        self.assertEqual(cost["lines"], said["lines"])
        plan = self.world.byoc_json("cluster", "delete", cluster, "--dry-run")
        self.assertEqual(plan["price_month"], cost["price_month"])
        made = {server["server_type"]["name"]
                for server in self.sim.state()["servers"]}
        self.assertEqual(made, {line["name"] for line in cost["lines"]
                                if line["what"] in ("control plane", "worker",
                                                    "NAT gateway")})
        self.world.delete_cluster(cluster)

    def test_of_a_type_that_hetzner_does_not_have(self):
        cost = self.dry_run(self.world.credential(), "--type", "dedicated",
                            "--server-type", "nonesuch")
        self.assertIsNone(cost["price_month"])
        shown = self.world.byoc(
            "cluster", "create", "--dry-run", "--name", "maybe",
            "--credential", self.world.credential(), "--location", "fsn1",
            "--type", "dedicated", "--server-type", "nonesuch")
        self.assertIn("Not every price is known", shown.stdout)

    def test_a_dashboard_may_ask_too(self):
        cost, = self.world.db(
            "SELECT byoc.cost(%s, 'fsn1', 'dedicated', 1)",
            self.world.credential(), role="dashboard")[0]
        self.assertEqual(cost["currency"], "EUR")

    def test_prices_are_read_once_a_day(self):
        credential = self.world.credential()
        self.sim.reset_calls()
        self.validate(credential)
        self.assertEqual(self.sim.calls("GET /pricing"), 0)
        self.world.db("UPDATE byoc.prices SET read_at = read_at"
                      " - interval '25 hours'")
        self.validate(credential)
        self.assertEqual(self.sim.calls("GET /pricing"), 1)

    def validate(self, credential):
        self.world.byoc("credential", "validate", credential, "--wait")

    def test_without_prices_it_says_how_to_get_them(self):
        self.sim.fault(method="GET", path="/pricing", status=503)
        credential = self.world.add_credential(name="priceless")
        done = self.world.byoc(
            "cluster", "create", "--dry-run", "--name", "maybe",
            "--credential", credential, "--location", "fsn1",
            "--type", "dedicated", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("byoc credential validate", done.stderr)
        self.sim.clear_faults()
        self.validate(credential)
        wait_for(lambda: self.dry_run(credential, "--type", "dedicated"),
                 "the prices")


if __name__ == "__main__":
    unittest.main()
