"""hcloud-sim: floating IPs, and the certificates of load balancers."""

import tempfile
import unittest

from certificates import Authority
from sim import https_service
from sim_case import SimCase


class FloatingIps(SimCase):
    def create(self, **more):
        return self.sim.post("/floating_ips", {"type": "ipv4", **more})

    def act(self, it, command, **body):
        return self.sim.post(
            f"/floating_ips/{it['id']}/actions/{command}", body)

    def shown(self, ip):
        return self.sim.get(f"/floating_ips/{ip['id']}")["floating_ip"]

    def test_goes_from_server_to_server(self):
        one, other = self.sim.make_server("a"), self.sim.make_server("b")
        made = self.assertCreated(self.create(
            home_location="fsn1", name="vip", labels={"a": "b"},
            description="of the shop"))["floating_ip"]
        self.assertEqual((made["server"], made["description"]),
                         (None, "of the shop"))
        self.sim.settle(self.act(made, "assign", server=one["id"]))
        self.assertEqual(self.shown(made)["server"], one["id"])
        server = self.sim.get(f"/servers/{one['id']}")["server"]
        self.assertEqual(server["public_net"]["floating_ips"], [made["id"]])
        self.assertRefused(self.act(made, "assign", server=other["id"]),
                           422, "floating_ip_assigned")
        self.assertRefused(self.sim.delete(f"/floating_ips/{made['id']}"),
                           422, "must_be_unassigned")
        self.sim.settle(self.act(made, "unassign"))
        self.sim.settle(self.act(made, "assign", server=other["id"]))
        self.sim.settle(self.sim.delete(f"/servers/{other['id']}"))
        self.assertIsNone(self.shown(made)["server"])
        self.assertEqual(
            [ip["name"] for ip in self.sim.list("/floating_ips",
                                                label_selector="a=b")],
            ["vip"])
        self.assertEqual(
            self.sim.delete(f"/floating_ips/{made['id']}").status, 204)

    def test_made_at_a_server_and_changed(self):
        found = self.sim.make_server()
        made = self.sim.settle(self.create(
            type="ipv6", server=found["id"]))["floating_ip"]
        self.assertEqual(made["home_location"]["name"], "fsn1")
        self.assertTrue(made["name"])
        changed = self.sim.put(f"/floating_ips/{made['id']}", {
            "name": "new", "description": "d", "labels": {"x": "y"}})
        self.assertEqual(changed["floating_ip"]["description"], "d")
        self.assertEqual(changed["floating_ip"]["name"], "new")
        self.sim.settle(self.act(made, "change_protection", delete=True))
        self.sim.settle(self.act(made, "unassign"))
        self.assertRefused(self.sim.delete(f"/floating_ips/{made['id']}"),
                           403, "protected")
        self.assertEqual(
            {action["command"] for action in self.sim.list(
                f"/floating_ips/{made['id']}/actions")},
            {"assign_floating_ip", "change_protection",
             "unassign_floating_ip"})

    def names(self, ip):
        return {one["ip"]: one["dns_ptr"] for one in self.shown(ip)["dns_ptr"]}

    def test_its_reverse_names(self):
        made = self.create(home_location="fsn1")["floating_ip"]
        address = made["ip"]
        self.assertIn("your-server.de", self.names(made)[address])
        self.sim.settle(self.act(made, "change_dns_ptr", ip=address,
                                 dns_ptr="shop.example"))
        self.assertEqual(self.names(made), {address: "shop.example"})
        for ip in ("192.0.2.1", "x", ""):
            self.assertRefused(
                self.act(made, "change_dns_ptr", ip=ip, dns_ptr="a.example"),
                422, "invalid_input", "ip")
        self.assertRefused(self.act(made, "change_dns_ptr", ip=address),
                           422, "invalid_input", "dns_ptr")

    def test_names_in_an_ipv6_network(self):
        made = self.create(type="ipv6", home_location="fsn1")["floating_ip"]
        network = made["ip"].split("::")[0]
        wanted = {f"{network}::{n}": f"n{n}.example" for n in (1, 2)}
        for ip, name in wanted.items():
            self.sim.settle(self.act(made, "change_dns_ptr", ip=ip,
                                     dns_ptr=name))
        self.assertEqual(self.names(made), wanted)
        self.assertRefused(self.act(made, "change_dns_ptr", ip="2001:db8::1",
                                    dns_ptr="a.example"),
                           422, "invalid_input", "ip")

    def test_reverse_names_of_a_primary_ip(self):
        made = self.assertCreated(self.sim.post("/primary_ips", {
            "name": "p", "type": "ipv4", "assignee_type": "server",
            "location": "fsn1"}))["primary_ip"]
        path = f"/primary_ips/{made['id']}"
        self.sim.settle(self.sim.post(f"{path}/actions/change_dns_ptr", {
            "ip": made["ip"], "dns_ptr": "p.example"}))
        self.assertEqual(self.sim.get(path)["primary_ip"]["dns_ptr"],
                         [{"ip": made["ip"], "dns_ptr": "p.example"}])

    def test_what_is_refused(self):
        for body, field in (({"type": "ipv5"}, "type"), ({}, "home_location"),
                            ({"home_location": "x"}, "home_location"),
                            ({"server": 4711}, "server")):
            with self.subTest(body):
                self.assertRefused(self.create(**body), 422, "invalid_input",
                                   field)
        ip = self.create(home_location="fsn1")["floating_ip"]
        self.assertRefused(self.act(ip, "unassign"), 422,
                           "floating_ip_not_assigned")


class Certificates(SimCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            files = Authority(folder).sign(
                "web", "DNS:shop.example,DNS:www.shop.example")
            cls.certificate, cls.key = (file.read_text() for file in files)

    def upload(self, name="web", **more):
        return self.sim.post("/certificates", {
            "name": name, "certificate": self.certificate,
            "private_key": self.key, **more})

    def manage(self, name="managed", **more):
        return self.sim.post("/certificates", {
            "name": name, "type": "managed",
            "domain_names": ["shop.example"], **more})

    def shown(self, made):
        return self.sim.get(f"/certificates/{made['id']}")["certificate"]

    def balancer(self, *certificates):
        return self.sim.settle(self.sim.post("/load_balancers", {
            "name": "front", "load_balancer_type": "lb11", "location": "fsn1",
            "services": [https_service(*certificates)]}))["load_balancer"]

    def test_uploaded_ones_are_read(self):
        answer = self.assertCreated(self.upload(labels={"a": "b"}))
        made = answer["certificate"]
        self.assertIsNone(answer["action"])
        self.assertEqual(made["domain_names"],
                         ["shop.example", "www.shop.example"])
        self.assertLess(made["not_valid_before"], made["not_valid_after"])
        self.assertEqual(len(made["fingerprint"].split(":")), 20)
        self.assertIsNone(made["status"])
        for change, field in (({"certificate": "x"}, "certificate"),
                              ({"private_key": "x"}, "private_key"),
                              ({"private_key": None}, "private_key"),
                              ({"type": "found"}, "type")):
            with self.subTest(change):
                self.assertRefused(self.upload("other", **change), 422,
                                   "invalid_input", field)
        self.assertEqual(
            len(self.sim.list("/certificates", type="uploaded")), 1)
        self.assertEqual(self.sim.list("/certificates", type="managed"), [])

    def test_managed_ones_are_issued(self):
        answer = self.assertCreated(self.manage())
        self.assertEqual(answer["certificate"]["status"]["issuance"],
                         "pending")
        self.sim.settle(answer)
        made = self.shown(answer["certificate"])
        self.assertEqual(made["status"], {
            "issuance": "completed", "renewal": "scheduled", "error": None})
        self.assertRefused(
            self.sim.post(f"/certificates/{made['id']}/actions/retry"),
            422, "service_error")

    def test_what_was_not_issued_is_tried_again(self):
        self.sim.action_error("create_certificate")
        answer = self.manage()
        self.assertEqual(self.sim.wait_action(answer["action"])["status"],
                         "error")
        made = self.shown(answer["certificate"])
        self.assertEqual(made["status"]["issuance"], "failed")
        self.assertIsNotNone(made["status"]["error"])
        self.sim.settle(self.sim.post(
            f"/certificates/{made['id']}/actions/retry"))
        self.assertEqual(self.shown(made)["status"]["issuance"], "completed")

    def test_one_in_use_stays(self):
        made = self.upload()["certificate"]
        front = self.balancer(made)
        self.assertEqual(self.shown(made)["used_by"],
                         [{"id": front["id"], "type": "load_balancer"}])
        path = f"/certificates/{made['id']}"
        self.assertRefused(self.sim.delete(path), 422, "service_error")
        changed = self.sim.put(path, {"name": "new", "labels": {"x": "y"}})
        self.assertEqual(changed["certificate"]["labels"], {"x": "y"})
        self.sim.delete(f"/load_balancers/{front['id']}")
        self.assertEqual(self.sim.delete(path).status, 204)

    def test_a_service_names_only_what_there_is(self):
        answer = self.sim.post("/load_balancers", {
            "name": "front", "load_balancer_type": "lb11", "location": "fsn1",
            "services": [https_service({"id": 4711})]})
        self.assertRefused(answer, 422, "invalid_input")


if __name__ == "__main__":
    unittest.main()
