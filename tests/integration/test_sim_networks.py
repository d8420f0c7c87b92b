"""hcloud-sim: networks, their ranges and routes, and places in them."""

import unittest

from sim import PRIVATE, server
from sim_case import SimCase


class Networks(SimCase):
    def create(self, name="net", ip_range="10.0.0.0/16", **more):
        return self.sim.post("/networks", {
            "name": name, "ip_range": ip_range, **more})

    @staticmethod
    def subnet(ip_range, zone="eu-central"):
        return {"type": "cloud", "network_zone": zone, "ip_range": ip_range}

    def act(self, resource, command, kind="networks", **body):
        return self.sim.post(
            f"/{kind}/{resource['id']}/actions/{command}", body)

    def test_ranges_are_private_and_large_enough(self):
        for ip_range in ("", "x", "10.0.0.0", "10.0.0.0/33", "10.0.0.1/16",
                         "8.8.8.0/24", "172.32.0.0/16", "10.0.0.0/25",
                         "::/64", "10.0.0.0/16x", None):
            with self.subTest(ip_range):
                self.assertRefused(self.create(ip_range=ip_range),
                                   422, "invalid_input", "ip_range")
        for number, ip_range in enumerate((
                "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                "192.168.7.0/24")):
            self.assertCreated(self.create(f"n{number}", ip_range))

    def test_subnets_lie_within_and_apart(self):
        for wrong in ("10.1.0.0/24", "10.0.0.0/31", "10.0.0.0/8", "nonsense"):
            with self.subTest(wrong):
                self.assertRefused(
                    self.create(subnets=[self.subnet(wrong)]),
                    422, "invalid_input", "subnets.0.ip_range")
        self.assertRefused(
            self.create(subnets=[self.subnet("10.0.0.0/24"),
                                 self.subnet("10.0.0.128/25")]),
            422, "invalid_input", "subnets.1.ip_range")
        self.assertRefused(
            self.create(subnets=[self.subnet("10.0.0.0/24", "moon")]),
            422, "invalid_input", "subnets.0.network_zone")
        self.assertEqual(self.sim.list("/networks"), [])
        made = self.assertCreated(self.create(subnets=[
            self.subnet("10.0.0.0/24"),
            {"type": "cloud", "network_zone": "us-east"}]))["network"]
        self.assertEqual([subnet["ip_range"] for subnet in made["subnets"]],
                         ["10.0.0.0/24", "10.0.1.0/24"])
        self.assertEqual({subnet["gateway"] for subnet in made["subnets"]},
                         {"10.0.0.1"})

    def test_a_route_may_name_a_planned_gateway(self):
        route = {"destination": "0.0.0.0/0", "gateway": "10.0.0.2"}
        made = self.assertCreated(self.create(
            subnets=[self.subnet("10.0.0.0/24")], routes=[route]))["network"]
        self.assertEqual(made["routes"], [route])
        for destination, gateway, field in (
                ("0.0.0.0/0", "10.0.0.3", "destination"),
                ("10.0.0.0/25", "10.0.0.3", "destination"),
                ("8.8.8.0/24", "10.0.0.3", "destination"),
                ("172.31.1.0/24", "10.0.0.3", "destination"),
                ("10.9.0.0/16", "10.0.0.1", "gateway"),
                ("10.9.0.0/16", "10.1.0.1", "gateway"),
                ("10.9.0.0/16", "x", "gateway")):
            with self.subTest(destination=destination, gateway=gateway):
                self.assertRefused(
                    self.act(made, "add_route", destination=destination,
                             gateway=gateway), 422, "invalid_input", field)

    def test_changes_are_actions(self):
        made = self.create()["network"]
        self.sim.settle(self.act(made, "add_subnet", type="cloud",
                                 network_zone="eu-central",
                                 ip_range="10.0.0.0/24"))
        route = {"destination": "10.9.0.0/16", "gateway": "10.0.0.2"}
        self.sim.settle(self.act(made, "add_route", **route))
        self.sim.settle(self.act(made, "change_ip_range",
                                 ip_range="10.0.0.0/8"))
        now = self.sim.get(f"/networks/{made['id']}")["network"]
        self.assertEqual(now["routes"], [route])
        self.assertEqual(len(now["subnets"]), 1)
        self.assertEqual(now["ip_range"], "10.0.0.0/8")
        self.sim.settle(self.act(made, "delete_route", **route))
        self.assertRefused(self.act(made, "delete_route", **route),
                           404, "not_found")
        self.sim.settle(self.act(made, "delete_subnet",
                                 ip_range="10.0.0.0/24"))
        self.assertRefused(self.act(made, "change_ip_range",
                                    ip_range="10.0.0.0/24"),
                           422, "invalid_input", "ip_range")

    def test_addresses_are_handed_out_lowest_first(self):
        made = self.create(ip_range="10.0.0.0/24",
                           subnets=[self.subnet("10.0.0.0/29")])["network"]
        for number in range(5):
            found = self.sim.make_server(f"s{number}", public_net=PRIVATE,
                                         networks=[made["id"]])
            self.assertEqual(found["private_net"][0]["ip"],
                             f"10.0.0.{number + 2}")
        # .0 and .7 are the subnet's own, .1 is the router.
        self.assertRefused(
            self.sim.post("/servers", server("s5", networks=[made["id"]])),
            422, "no_subnet_available")
        self.assertEqual(len(self.sim.list("/servers")), 5)

    def test_172_31_1_1_is_never_handed_out(self):
        made = self.create(ip_range="172.31.0.0/16",
                           subnets=[self.subnet("172.31.1.0/30")])["network"]
        found = self.sim.make_server(networks=[made["id"]])
        self.assertEqual(found["private_net"][0]["ip"], "172.31.1.2")

    def test_attach_and_detach(self):
        net = self.sim.make_network()
        one, two = (self.sim.make_server(name) for name in ("a", "b"))
        self.sim.settle(self.act(one, "attach_to_network", "servers",
                                 network=net["id"], ip="10.0.0.9",
                                 alias_ips=["10.0.0.10"]))
        self.assertRefused(
            self.act(one, "attach_to_network", "servers", network=net["id"]),
            422, "server_already_attached")
        for taken in ("10.0.0.9", "10.0.0.1", "10.0.0.0", "10.0.1.5", "x"):
            with self.subTest(taken):
                self.assertRefused(
                    self.act(two, "attach_to_network", "servers",
                             network=net["id"], ip=taken),
                    422, "ip_not_available")
        self.assertRefused(
            self.act(two, "attach_to_network", "servers", network=net["id"],
                     ip_range="10.0.7.0/24"), 422, "no_subnet_available")
        other = self.create("other", "10.0.0.0/8",
                            subnets=[self.subnet("10.7.0.0/24")])["network"]
        self.assertRefused(
            self.act(one, "attach_to_network", "servers",
                     network=other["id"]), 422, "networks_overlap")
        now = self.sim.get(f"/networks/{net['id']}")["network"]
        self.assertEqual(now["servers"], [one["id"]])
        place = self.sim.get(f"/servers/{one['id']}")["server"]["private_net"]
        self.assertEqual(place[0]["alias_ips"], ["10.0.0.10"])
        self.sim.settle(self.act(one, "detach_from_network", "servers",
                                 network=net["id"]))
        self.assertRefused(
            self.act(one, "detach_from_network", "servers",
                     network=net["id"]), 404, "not_found")
        now = self.sim.get(f"/networks/{net['id']}")["network"]
        self.assertEqual(now["servers"], [])

    def test_a_subnet_in_use_stays_but_a_network_detaches_all(self):
        net = self.sim.make_network()
        found = self.sim.make_server(networks=[net["id"]])
        self.assertRefused(
            self.act(net, "delete_subnet", ip_range="10.0.0.0/24"),
            422, "resource_in_use")
        self.assertEqual(self.sim.delete(f"/networks/{net['id']}").status, 204)
        found = self.sim.get(f"/servers/{found['id']}")["server"]
        self.assertEqual(found["private_net"], [])

    def test_protected_and_unique(self):
        made = self.create()["network"]
        self.assertRefused(self.create(), 409, "uniqueness_error", "name")
        self.sim.settle(self.act(made, "change_protection", delete=True))
        self.assertRefused(self.sim.delete(f"/networks/{made['id']}"),
                           403, "protected")


class SlowNetworks(SimCase):
    time_scale = 5

    def test_one_change_at_a_time(self):
        made = self.sim.make_network()
        path = f"/networks/{made['id']}"
        action = self.sim.post(path + "/actions/add_route", {
            "destination": "0.0.0.0/0", "gateway": "10.0.0.2"})
        self.assertRefused(self.sim.post(path + "/actions/add_route", {
            "destination": "10.9.0.0/16", "gateway": "10.0.0.2"}),
            409, "conflict")
        self.assertRefused(self.sim.delete(path), 409, "conflict")
        self.assertEqual(self.sim.get(path)["network"]["routes"], [])
        self.sim.settle(action)
        self.assertEqual(len(self.sim.get(path)["network"]["routes"]), 1)


if __name__ == "__main__":
    unittest.main()
