"""hcloud-sim: whatever is put in place of any field, the answer is one of
the API's, and the simulation lives on."""

import copy
import unittest

from sim import server
from sim_case import SimCase
from ssh_keys import PUBLIC_KEY

ODD = (None, True, 0, -1, 4711, 2 ** 63, 1.5, "", "x", "x" * 300, "\x00", "ä",
       [], [None], [1], ["x"], [[]], [{}], {}, {"x": None}, {"id": "x"})

HEALTH = {"protocol": "http", "port": 80, "interval": 15, "timeout": 10,
          "retries": 3, "http": {"domain": None, "path": "/",
                                 "status_codes": ["200"], "tls": False}}
SERVICE = {"protocol": "http", "listen_port": 80, "destination_port": 80,
           "proxyprotocol": False, "health_check": HEALTH,
           "http": {"certificates": [], "sticky_sessions": True}}
SELECTOR = {"selector": "a=b"}


def places(body, path=()):
    """Where a value stands in a body, at every depth."""
    yield path
    inner = body.items() if isinstance(body, dict) else \
        enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield from places(value, path + (key,))


def replaced(body, path, value):
    if not path:
        return value
    made = copy.deepcopy(body)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


class Robust(SimCase):
    checks_requests = False

    def setUp(self):
        super().setUp()
        self.sim.rate_limit(limit=1e9, remaining=1e9)

    def torment(self, method, path, body):
        for place in places(body):
            for value in ODD:
                odd = replaced(body, place, value)
                answer = self.sim.call(method, path, odd)
                self.assertLess(answer.status, 500, (path, odd, answer))
                if answer.status >= 400:
                    self.assertTrue(answer.code, answer)
                else:
                    # What it made is checked by tearDownClass.
                    self.sim.list("/" + path.split("/")[1])

    def torment_actions(self, kind, found, bodies):
        for command, body in bodies.items():
            self.torment("POST", f"/{kind}/{found['id']}/actions/{command}",
                         body)

    def test_ssh_keys(self):
        self.torment("POST", "/ssh_keys", {
            "name": "key", "public_key": PUBLIC_KEY, "labels": {"a": "b"}})

    def test_networks(self):
        subnet = {"type": "cloud", "network_zone": "eu-central",
                  "ip_range": "10.0.0.0/24"}
        route = {"destination": "10.9.0.0/16", "gateway": "10.0.0.2"}
        self.torment("POST", "/networks", {
            "name": "net", "ip_range": "10.0.0.0/16", "subnets": [subnet],
            "routes": [route], "expose_routes_to_vswitch": False,
            "labels": {}})
        net = self.sim.make_network("other")
        self.torment_actions("networks", net, {
            "add_subnet": subnet, "add_route": route, "delete_route": route,
            "delete_subnet": {"ip_range": "10.0.0.0/24"},
            "change_ip_range": {"ip_range": "10.0.0.0/8"},
            "change_protection": {"delete": False}})
        self.torment("PUT", f"/networks/{net['id']}", {
            "name": "new", "labels": {}, "expose_routes_to_vswitch": True})

    def test_servers(self):
        net = self.sim.make_network()
        group = self.sim.post("/placement_groups", {
            "name": "g", "type": "spread"})["placement_group"]
        wall = self.sim.post("/firewalls", {"name": "wall"})["firewall"]
        self.torment("POST", "/servers", server(
            networks=[net["id"]], firewalls=[{"firewall": wall["id"]}],
            public_net={"enable_ipv4": True, "enable_ipv6": True},
            placement_group=group["id"], ssh_keys=["key"], volumes=[1],
            labels={"a": "b"}, user_data="x", start_after_create=True))
        found = self.sim.make_server("other")
        self.torment_actions("servers", found, {
            "attach_to_network": {
                "network": net["id"], "ip": "10.0.0.9",
                "alias_ips": ["10.0.0.10"], "ip_range": "10.0.0.0/24"},
            "detach_from_network": {"network": net["id"]},
            "add_to_placement_group": {"placement_group": group["id"]},
            "remove_from_placement_group": {}, "poweroff": {}})

    def test_load_balancers(self):
        net = self.sim.make_network()
        found = self.sim.make_server(networks=[net["id"]])
        by_label = {"type": "label_selector", "label_selector": SELECTOR,
                    "use_private_ip": True}
        direct = {"type": "server", "server": {"id": found["id"]}}
        self.torment("POST", "/load_balancers", {
            "name": "lb", "load_balancer_type": "lb11", "location": "fsn1",
            "network": net["id"], "algorithm": {"type": "round_robin"},
            "services": [SERVICE], "targets": [by_label, direct],
            "public_interface": True, "labels": {}})
        made = self.sim.settle(self.sim.post("/load_balancers", {
            "name": "other", "load_balancer_type": "lb11",
            "location": "fsn1"}))["load_balancer"]
        self.torment_actions("load_balancers", made, {
            "add_service": SERVICE, "update_service": SERVICE,
            "delete_service": {"listen_port": 80}, "add_target": direct,
            "remove_target": direct, "attach_to_network": {
                "network": net["id"], "ip": "10.0.0.9"},
            "change_algorithm": {"type": "round_robin"}})

    def test_small_kinds(self):
        self.torment("POST", "/placement_groups", {
            "name": "g", "type": "spread", "labels": {}})
        rule = {"direction": "in", "protocol": "tcp", "port": "22",
                "source_ips": ["0.0.0.0/0"], "description": "x"}
        applied = {"type": "label_selector", "label_selector": SELECTOR}
        self.torment("POST", "/firewalls", {
            "name": "wall", "rules": [rule], "apply_to": [applied]})
        wall = self.sim.post("/firewalls", {"name": "other"})["firewall"]
        self.torment_actions("firewalls", wall, {
            "set_rules": {"rules": [rule]},
            "apply_to_resources": {"apply_to": [applied]},
            "remove_from_resources": {"remove_from": [applied]}})
        self.torment("POST", "/volumes", {
            "name": "disk", "size": 10, "location": "fsn1", "server": 1,
            "format": "ext4", "labels": {}})
        self.torment("POST", "/primary_ips", {
            "name": "ip", "type": "ipv4", "assignee_type": "server",
            "location": "fsn1", "auto_delete": True, "labels": {}})
        self.torment("POST", "/floating_ips", {
            "name": "float", "type": "ipv4", "home_location": "fsn1",
            "description": "x", "labels": {}})
        self.torment("POST", "/certificates", {
            "name": "web", "type": "managed", "domain_names": ["a.example"],
            "labels": {}})
        self.torment("POST", "/certificates", {
            "name": "own", "type": "uploaded", "certificate": "x",
            "private_key": "x", "labels": {}})


class RobustControl(SimCase):
    def test_wishes(self):
        for path, body in (
                ("faults", {"path": "/none", "status": 500, "nth": 1,
                            "times": 1, "when": "after", "message": "x"}),
                ("action_error", {"command": "none", "nth": 1}),
                ("sold_out", {"server_type": "a", "location": "b"}),
                ("quota", {"project": "p", "servers": 1}),
                ("rate_limit", {"project": "p", "limit": 1}),
                ("tokens", {"token": "t", "project": "p", "access": "ro"}),
                ("tokens/revoke", {"token": "t"}),
                ("protect", {"kind": "servers", "id": 1})):
            for place in places(body):
                for value in ODD:
                    self.sim.session.post(
                        f"{self.sim.base}/_sim/{path}",
                        json=replaced(body, place, value))
        self.sim.clear_faults()
        self.sim.rate_limit(limit=3600, remaining=3600)
        self.assertEqual(self.sim.get("/locations").status, 200)


if __name__ == "__main__":
    unittest.main()
