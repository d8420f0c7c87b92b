"""hcloud-sim: what servers may be, how they come about and how they go."""

import unittest

from sim import PRIVATE, server, wait_for
from sim_case import SimCase
from ssh_keys import PUBLIC_KEY


class Servers(SimCase):
    def create(self, name="server", **more):
        return self.sim.post("/servers", server(name, **more))

    def test_a_public_server_gets_primary_ips_and_a_password(self):
        answer = self.create()
        self.assertEqual(answer.status, 201)
        self.assertTrue(answer["root_password"])
        self.assertEqual(answer["server"]["status"], "initializing")
        self.assertTrue(answer["server"]["locked"])
        self.assertEqual(answer["server"]["datacenter"]["name"], "fsn1-dc14")
        self.sim.settle(answer)
        found = self.sim.get(f"/servers/{answer['server']['id']}")["server"]
        self.assertEqual((found["status"], found["locked"]),
                         ("running", False))
        addresses = self.sim.list("/primary_ips")
        self.assertEqual([ip["assignee_id"] for ip in addresses],
                         [found["id"]] * 2)
        self.assertEqual(found["public_net"]["ipv4"]["ip"],
                         addresses[0]["ip"])

    def test_with_an_ssh_key_there_is_no_password(self):
        self.assertCreated(self.sim.post("/ssh_keys", {
            "name": "key", "public_key": PUBLIC_KEY}))
        answer = self.create(ssh_keys=["key"])
        self.assertIsNone(self.assertCreated(answer)["root_password"])
        self.assertRefused(self.create("b", ssh_keys=["other"]),
                           422, "invalid_input", "ssh_keys")

    def test_actions_come_in_order(self):
        network = self.sim.make_network()
        answer = self.create(networks=[network["id"]])
        self.assertEqual(answer["server"]["private_net"], [])
        self.assertEqual(
            [action["command"] for action in answer["next_actions"]],
            ["attach_to_network", "start_server"])
        server_id = answer["server"]["id"]
        self.sim.settle(answer)
        commands = [action["command"] for action in self.sim.list(
            f"/servers/{server_id}/actions", sort="finished")]
        self.assertEqual(set(commands), {"create_server", "attach_to_network",
                                         "start_server"})
        found = self.sim.get(f"/servers/{server_id}")["server"]
        self.assertEqual(found["private_net"][0]["ip"], "10.0.0.2")

    def test_not_started_when_not_wanted(self):
        answer = self.create(start_after_create=False)
        self.assertEqual(answer["next_actions"], [])
        self.sim.settle(answer)
        found = self.sim.get(f"/servers/{answer['server']['id']}")["server"]
        self.assertEqual(found["status"], "off")

    def test_names_are_host_names_and_unique(self):
        for name in ("", "-a", "a-", "a_b", "a..b", "ä", "a" * 64, None):
            with self.subTest(name):
                self.assertRefused(self.create(name),
                                   422, "invalid_input", "name")
        self.assertCreated(self.create("a.b-c"))
        self.assertRefused(self.create("a.b-c"),
                           409, "uniqueness_error", "name")

    def test_unknown_things_are_refused_by_field(self):
        for field, value in (("server_type", "cx1"), ("image", "dos-6.22"),
                             ("location", "mars1"), ("networks", [4711]),
                             ("placement_group", 4711), ("volumes", [1])):
            with self.subTest(field):
                self.assertRefused(self.create(**{field: value}),
                                   422, "invalid_input", field)
        for field in ("server_type", "image"):
            self.assertRefused(self.create(**{field: None}),
                               422, "invalid_input", field)

    def test_a_type_is_not_offered_everywhere(self):
        self.assertRefused(self.create(location="ash"),
                           422, "invalid_input", "server_type")
        self.assertCreated(self.create(location="ash", server_type="ccx13"))

    def test_sold_out(self):
        self.sim.sold_out("cx23", "fsn1")
        self.assertRefused(self.create(), 412, "resource_unavailable")
        offers = self.sim.get("/server_types", name="cx23")
        available = {place["name"]: place["available"] for place
                     in offers["server_types"][0]["locations"]}
        self.assertEqual(available, {"fsn1": False, "nbg1": True,
                                     "hel1": True})
        self.assertCreated(self.create(location="nbg1"))
        self.sim.sold_out("cx23", "fsn1", False)
        self.assertCreated(self.create("second"))

    def test_quota(self):
        self.sim.quota(servers=1)
        self.addCleanup(self.sim.quota, servers=None)
        self.assertCreated(self.create("a"))
        self.assertRefused(self.create("b"), 403, "resource_limit_exceeded")

    def test_user_data_is_kept_and_limited(self):
        self.assertCreated(self.create(user_data="x" * 32768))
        self.assertEqual(len(self.sim.state()["servers"][0]["user_data"]),
                         32768)
        self.assertRefused(self.create("b", user_data="x" * 32769),
                           422, "invalid_input", "user_data")

    def test_a_network_must_reach_the_zone(self):
        network = self.sim.make_network(zone="us-east")
        self.assertRefused(self.create(networks=[network["id"]]),
                           422, "invalid_input", "networks")

    def test_a_private_server_has_no_firewall(self):
        network = self.sim.make_network()
        wall = self.sim.post("/firewalls", {"name": "wall"})["firewall"]
        answer = self.create(networks=[network["id"]], public_net=PRIVATE,
                             firewalls=[{"firewall": wall["id"]}])
        self.assertRefused(answer, 422, "private_net_only_server")
        found = self.sim.make_server(networks=[network["id"]],
                                     public_net=PRIVATE)
        self.assertIsNone(found["public_net"]["ipv4"])
        self.assertEqual(self.sim.list("/primary_ips"), [])
        answer = self.sim.post(
            f"/firewalls/{wall['id']}/actions/apply_to_resources",
            {"apply_to": [{"type": "server", "server": {"id": found["id"]}}]})
        self.assertRefused(answer, 422, "private_net_only_server")

    def test_ten_in_a_placement_group(self):
        group = self.sim.post("/placement_groups", {
            "name": "g", "type": "spread"})["placement_group"]
        for number in range(10):
            self.assertCreated(self.create(f"s{number}",
                                           placement_group=group["id"]))
        self.assertRefused(self.create("s10", placement_group=group["id"]),
                           422, "placement_error")
        found = self.sim.get(f"/placement_groups/{group['id']}")
        self.assertEqual(len(found["placement_group"]["servers"]), 10)

    def test_filter_by_status(self):
        found = self.sim.make_server()
        self.assertEqual(self.sim.list("/servers", status="off"), [])
        self.assertEqual(len(self.sim.list(
            "/servers", status=["off", "running"])), 1)
        self.sim.settle(self.sim.post(
            f"/servers/{found['id']}/actions/poweroff"))
        self.assertEqual(len(self.sim.list("/servers", status="off")), 1)

    def test_a_deleted_server_takes_its_own_along(self):
        network = self.sim.make_network()
        found = self.sim.make_server(networks=[network["id"]])
        volume = self.sim.settle(self.sim.post("/volumes", {
            "name": "disk", "size": 10, "server": found["id"]}))["volume"]
        path = f"/servers/{found['id']}"
        answer = self.sim.delete(path)
        self.assertEqual(answer.status, 200)
        self.sim.wait_action(answer["action"])
        self.assertRefused(self.sim.get(path), 404, "not_found")
        self.assertEqual(self.sim.list("/primary_ips"), [])
        kept = self.sim.get(f"/volumes/{volume['id']}")["volume"]
        self.assertIsNone(kept["server"])
        again = self.sim.make_server(networks=[network["id"]])
        self.assertEqual(again["private_net"][0]["ip"], "10.0.0.2")
        self.assertEqual(again["id"], found["id"] + 1)

    def test_protection(self):
        found = self.sim.make_server()
        path = f"/servers/{found['id']}"
        self.sim.settle(self.sim.post(path + "/actions/change_protection",
                                      {"delete": True, "rebuild": True}))
        self.assertRefused(self.sim.delete(path), 403, "protected")
        self.sim.protect("servers", found["id"], False)
        self.assertEqual(self.sim.delete(path).status, 200)


class SlowServers(SimCase):
    """Slow enough that what goes on can be seen."""
    time_scale = 10

    def test_locked_while_it_is_created_and_while_it_is_deleted(self):
        answer = self.sim.post("/servers", server())
        path = f"/servers/{answer['server']['id']}"
        self.assertRefused(self.sim.post(path + "/actions/poweroff"),
                           423, "locked")
        self.assertRefused(self.sim.delete(path), 423, "locked")
        progress = self.sim.get(f"/actions/{answer['action']['id']}")
        self.assertIn(progress["action"]["progress"], range(100))
        self.assertEqual(progress["action"]["status"], "running")
        self.sim.settle(answer)
        self.assertEqual(self.sim.delete(path).status, 200)
        self.assertEqual(self.sim.get(path)["server"]["status"], "deleting")
        self.assertRefused(self.sim.delete(path), 423, "locked")
        wait_for(lambda: self.sim.get(path).status == 404, "the end")

    def test_states_follow_each_other(self):
        answer = self.sim.post("/servers", server())
        path = f"/servers/{answer['server']['id']}"
        seen = []

        def runs():
            status = self.sim.get(path)["server"]["status"]
            if status not in seen:
                seen.append(status)
            return status == "running"
        wait_for(runs, "the server to run")
        self.assertEqual(seen, ["initializing", "starting", "running"])

    def test_actions_can_be_asked_for_in_many_ways(self):
        answer = self.sim.post("/servers", server())
        first, second = answer["action"]["id"], answer["next_actions"][0]["id"]
        server_id = answer["server"]["id"]
        both = self.sim.get("/actions", id=[first, second, 4711])
        self.assertEqual([action["id"] for action in both["actions"]],
                         [first, second])
        for path in (f"/actions/{first}", f"/servers/actions/{first}",
                     f"/servers/{server_id}/actions/{first}"):
            self.assertEqual(self.sim.get(path)["action"]["id"], first)
        running = self.sim.list(f"/servers/{server_id}/actions",
                                status="running")
        self.assertEqual(len(running), 2)
        self.assertEqual(self.sim.list("/servers/actions", status="error"),
                         [])
        self.assertRefused(self.sim.get("/actions/4711"), 404, "not_found")
        self.assertRefused(self.sim.get("/servers/actions/4711"),
                           404, "not_found")
        self.sim.settle(answer)


if __name__ == "__main__":
    unittest.main()
