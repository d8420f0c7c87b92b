"""hcloud-sim: SSH keys, firewalls, volumes and primary IPs."""

import unittest

from sim import server
from sim_case import SimCase
from ssh_keys import (FINGERPRINT, PUBLIC_KEY, RSA_FINGERPRINT,
                      RSA_PUBLIC_KEY)


class SshKeys(SimCase):
    def create(self, name="key", public_key=PUBLIC_KEY):
        return self.sim.post("/ssh_keys", {
            "name": name, "public_key": public_key})

    def test_fingerprints_are_those_of_ssh_keygen(self):
        made = self.assertCreated(self.create())["ssh_key"]
        self.assertEqual(made["fingerprint"], FINGERPRINT)
        self.assertEqual(made["public_key"], PUBLIC_KEY)
        made = self.assertCreated(self.create("rsa", RSA_PUBLIC_KEY))
        self.assertEqual(made["ssh_key"]["fingerprint"], RSA_FINGERPRINT)
        self.assertEqual(len(self.sim.list("/ssh_keys",
                                           fingerprint=FINGERPRINT)), 1)

    def test_name_and_key_are_unique(self):
        self.create()
        self.assertRefused(self.create(public_key=RSA_PUBLIC_KEY),
                           409, "uniqueness_error", "name")
        bare = " ".join(PUBLIC_KEY.split()[:2])
        self.assertRefused(self.create("other", bare),
                           409, "uniqueness_error", "public_key")

    def test_what_is_no_key(self):
        kind, blob, _ = PUBLIC_KEY.split()
        for wrong in ("", "x", kind, f"{kind} x", f"{kind} {blob[:-4]}!!!!",
                      f"ssh-rsa {blob}", blob, f"{kind} AAAA", None, 5):
            with self.subTest(wrong):
                self.assertRefused(self.create(public_key=wrong),
                                   422, "invalid_input", "public_key")

    def test_delete(self):
        made = self.create()["ssh_key"]
        answer = self.sim.delete(f"/ssh_keys/{made['id']}")
        self.assertEqual((answer.status, answer.text), (204, ""))
        self.assertRefused(self.sim.delete(f"/ssh_keys/{made['id']}"),
                           404, "not_found")


class Firewalls(SimCase):
    RULE = {"direction": "in", "protocol": "tcp", "port": "6443",
            "source_ips": ["0.0.0.0/0", "::/0"]}

    def create(self, name="wall", **more):
        return self.sim.post("/firewalls", {"name": name, **more})

    def act(self, wall, command, **body):
        return self.sim.post(f"/firewalls/{wall['id']}/actions/{command}",
                             body)

    def test_rules_are_checked(self):
        self.assertCreated(self.create(rules=[
            self.RULE, {"direction": "out", "protocol": "icmp",
                        "destination_ips": ["10.0.0.0/8"]}]))
        for change, field in (
                ({"direction": "up"}, "direction"),
                ({"protocol": "sctp"}, "protocol"),
                ({"port": None}, "port"), ({"port": "0"}, "port"),
                ({"port": "9-8"}, "port"), ({"port": "65536"}, "port"),
                ({"protocol": "icmp"}, "port"),
                ({"source_ips": []}, "source_ips"),
                ({"source_ips": ["10.0.0.1"]}, "source_ips"),
                ({"source_ips": ["::/129"]}, "source_ips")):
            with self.subTest(change):
                self.assertRefused(
                    self.create("bad", rules=[dict(self.RULE, **change)]),
                    422, "invalid_input", f"rules.0.{field}")

    def test_not_deleted_while_applied(self):
        found = self.sim.make_server()
        to_server = {"type": "server", "server": {"id": found["id"]}}
        wall = self.sim.settle(self.create(apply_to=[to_server]))["firewall"]
        path = f"/firewalls/{wall['id']}"
        self.assertRefused(self.sim.delete(path), 422, "resource_in_use")
        self.assertRefused(
            self.act(wall, "apply_to_resources", apply_to=[to_server]),
            422, "firewall_already_applied")
        shown = self.sim.get(f"/servers/{found['id']}")["server"]
        self.assertEqual(shown["public_net"]["firewalls"],
                         [{"id": wall["id"], "status": "applied"}])
        self.sim.settle(self.sim.delete(f"/servers/{found['id']}"))
        self.assertEqual(self.sim.delete(path).status, 204)

    def test_a_label_selector_holds_it_too(self):
        selected = {"type": "label_selector",
                    "label_selector": {"selector": "a=b"}}
        wall = self.sim.settle(self.create(apply_to=[selected]))["firewall"]
        path = f"/firewalls/{wall['id']}"
        found = self.sim.make_server(labels={"a": "b"})
        reached = self.sim.get(path)["firewall"]["applied_to"][0]
        self.assertEqual(reached["applied_to_resources"][0]["server"]["id"],
                         found["id"])
        self.sim.settle(self.sim.delete(f"/servers/{found['id']}"))
        self.assertRefused(self.sim.delete(path), 422, "resource_in_use")
        self.sim.settle(self.act(wall, "remove_from_resources",
                                 remove_from=[selected]))
        self.assertEqual(self.sim.delete(path).status, 204)

    def test_unknown_resources(self):
        nobody = {"type": "server", "server": {"id": 4711}}
        self.assertRefused(self.create(apply_to=[nobody]),
                           404, "firewall_resource_not_found")
        wall = self.create()["firewall"]
        self.assertRefused(
            self.act(wall, "apply_to_resources", apply_to=[nobody]),
            404, "firewall_resource_not_found")
        self.assertEqual(
            self.sim.get(f"/firewalls/{wall['id']}")["firewall"]
            ["applied_to"], [])

    def test_set_rules(self):
        wall = self.create()["firewall"]
        answer = self.sim.settle(self.act(wall, "set_rules",
                                          rules=[self.RULE]))
        self.assertEqual([action["command"] for action in answer["actions"]],
                         ["set_firewall_rules"])
        now = self.sim.get(f"/firewalls/{wall['id']}")["firewall"]
        self.assertEqual(now["rules"][0]["port"], "6443")
        self.assertRefused(self.act(wall, "set_rules"),
                           422, "invalid_input", "rules")


class Volumes(SimCase):
    def create(self, name="disk", **more):
        return self.sim.post("/volumes", {"name": name, "size": 10, **more})

    def act(self, volume, command, **body):
        return self.sim.post(f"/volumes/{volume['id']}/actions/{command}",
                             body)

    def test_rules(self):
        self.assertRefused(self.create(), 422, "invalid_input", "location")
        self.assertRefused(self.create(location="fsn1", size=9),
                           422, "invalid_input", "size")
        self.assertRefused(self.create("-", location="fsn1"),
                           422, "invalid_input", "name")
        made = self.assertCreated(self.create(location="fsn1"))["volume"]
        self.assertEqual(made["status"], "creating")
        self.assertIn(str(made["id"]), made["linux_device"])

    def test_attached_ones_stay(self):
        found = self.sim.make_server()
        made = self.sim.settle(self.create(server=found["id"]))["volume"]
        path = f"/volumes/{made['id']}"
        self.assertRefused(self.sim.delete(path), 422, "service_error")
        self.assertRefused(self.act(made, "attach", server=found["id"]),
                           422, "volume_already_attached")
        shown = self.sim.get(f"/servers/{found['id']}")["server"]
        self.assertEqual(shown["volumes"], [made["id"]])
        self.sim.settle(self.act(made, "detach"))
        self.assertEqual(self.sim.delete(path).status, 204)

    def test_only_in_the_same_location(self):
        found = self.sim.make_server()
        made = self.sim.settle(self.create(location="nbg1"))["volume"]
        self.assertRefused(self.act(made, "attach", server=found["id"]),
                           422, "invalid_input", "server")
        self.assertRefused(self.sim.post("/servers", server(
            "b", volumes=[made["id"]])), 422, "invalid_input", "volumes")

    def test_a_server_is_born_with_one(self):
        made = self.sim.settle(self.create(location="fsn1"))["volume"]
        found = self.sim.make_server(volumes=[made["id"]])
        self.assertEqual(found["volumes"], [made["id"]])


class PrimaryIps(SimCase):
    def create(self, name="ip", **more):
        return self.sim.post("/primary_ips", {
            "name": name, "type": "ipv4", "assignee_type": "server", **more})

    def act(self, address, command, **body):
        return self.sim.post(
            f"/primary_ips/{address['id']}/actions/{command}", body)

    def test_assigned_only_to_what_is_off(self):
        found = self.sim.make_server(
            public_net={"enable_ipv4": False, "enable_ipv6": True})
        made = self.assertCreated(self.create(location="fsn1"))["primary_ip"]
        to_server = {"assignee_id": found["id"], "assignee_type": "server"}
        self.assertRefused(self.act(made, "assign", **to_server),
                           422, "server_not_stopped")
        self.sim.settle(self.sim.post(
            f"/servers/{found['id']}/actions/poweroff"))
        self.sim.settle(self.act(made, "assign", **to_server))
        self.assertRefused(self.sim.delete(f"/primary_ips/{made['id']}"),
                           422, "must_be_unassigned")
        self.assertRefused(self.create("more", assignee_id=found["id"]),
                           422, "server_has_ipv4")
        self.sim.settle(self.sim.delete(f"/servers/{found['id']}"))
        left = self.sim.list("/primary_ips")
        self.assertEqual([address["id"] for address in left], [made["id"]])
        self.assertEqual(
            self.sim.delete(f"/primary_ips/{made['id']}").status, 204)

    def test_brought_along(self):
        made = self.create(location="fsn1")["primary_ip"]
        with_own = {"public_net": {"ipv4": made["id"]}}
        found = self.sim.make_server(**with_own)
        self.assertEqual(found["public_net"]["ipv4"]["ip"], made["ip"])
        self.assertRefused(self.sim.post("/servers", server("b", **with_own)),
                           422, "primary_ip_assigned")


if __name__ == "__main__":
    unittest.main()
