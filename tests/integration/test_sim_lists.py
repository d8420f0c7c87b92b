"""hcloud-sim: lists, their filters, order and pages; names and labels."""

import unittest

from sim_case import SimCase


class Lists(SimCase):
    def make_groups(self, count, **labels):
        for number in range(count):
            self.assertCreated(self.sim.post("/placement_groups", {
                "name": f"g{number:03}", "type": "spread",
                "labels": {"number": str(number), **labels}}))

    def names(self, **query):
        answer = self.sim.get("/placement_groups", **query)
        self.assertEqual(answer.status, 200, answer)
        return [group["name"] for group in answer["placement_groups"]]

    def test_pages_are_25_long_and_50_at_most(self):
        self.make_groups(60)
        first = self.sim.get("/placement_groups")
        self.assertEqual(len(first["placement_groups"]), 25)
        self.assertEqual(first["meta"]["pagination"], {
            "page": 1, "per_page": 25, "previous_page": None, "next_page": 2,
            "last_page": 3, "total_entries": 60})
        last = self.sim.get("/placement_groups", page=2, per_page=99)
        self.assertEqual(len(last["placement_groups"]), 10)
        self.assertEqual(last["meta"]["pagination"], {
            "page": 2, "per_page": 50, "previous_page": 1, "next_page": None,
            "last_page": 2, "total_entries": 60})
        self.assertEqual(len(self.sim.list("/placement_groups")), 60)

    def test_a_page_beyond_the_last_is_empty(self):
        self.assertEqual(self.names(page=9), [])
        for wrong in ("0", "-1", "x", "99999999999999999999"):
            self.assertRefused(
                self.sim.get("/placement_groups", page=wrong),
                400, "invalid_input", "page")

    def test_sort_by_several_keys(self):
        self.make_groups(3)
        self.assertEqual(self.names(sort="name:desc"),
                         ["g002", "g001", "g000"])
        self.assertEqual(self.names(sort=["created", "id:desc"])[-1], "g000")
        self.assertRefused(self.sim.get("/placement_groups", sort="size"),
                           400, "invalid_input", "sort")
        self.assertRefused(self.sim.get("/placement_groups", sort="id:up"),
                           400, "invalid_input", "sort")

    def test_by_name(self):
        self.make_groups(3)
        self.assertEqual(self.names(name="g001"), ["g001"])
        self.assertEqual(self.names(name="g"), [])

    def test_label_selectors(self):
        for name, labels in {
                "a": {"env": "prod", "tier": "web"},
                "b": {"env": "test", "mengi.cloud/cluster": "x"},
                "c": {"tier": "db", "empty": ""},
        }.items():
            self.assertCreated(self.sim.post("/placement_groups", {
                "name": name, "type": "spread", "labels": labels}))
        for selector, expected in {
                "env=prod": "a", "env==prod": "a", "env!=prod": "bc",
                "env": "ab", "!env": "c", "env in (prod,test)": "ab",
                "env in (prod)": "a", "env notin (prod)": "bc",
                "env,tier": "a", "env=prod,tier=db": "", "empty=": "c",
                "mengi.cloud/cluster=x": "b", "mengi.cloud/cluster": "b",
                " env = prod , tier != db ": "a", "": "abc",
        }.items():
            with self.subTest(selector):
                self.assertEqual(
                    "".join(self.names(label_selector=selector)), expected)

    def test_a_bad_selector_is_refused(self):
        for selector in ("env=", "=x", "env in prod", "env in (a", "a b",
                         "env=prod,", "env==a==b", "!", "a=-x"):
            with self.subTest(selector):
                answer = self.sim.get("/placement_groups",
                                      label_selector=selector)
                if selector == "env=":
                    self.assertEqual(answer.status, 200)
                else:
                    self.assertRefused(answer, 400, "invalid_input",
                                       "label_selector")

    def test_labels_are_checked(self):
        good = {"a": "", "a.b/c": "x", "A-_.9": "a" * 63,
                "p" * 63 + ".example/" + "k" * 63: "v"}
        self.assertCreated(self.sim.post("/placement_groups", {
            "name": "good", "type": "spread", "labels": good}))
        for key, value in (("", "x"), ("-a", "x"), ("a/", "x"), ("/a", "x"),
                           ("a" * 64, "x"), ("a", "b" * 64), ("a", "-"),
                           ("a", "b c"), ("hetzner.cloud/a", "x"),
                           ("a", 1), ("a", None)):
            with self.subTest(key=key, value=value):
                self.assertRefused(self.sim.post("/placement_groups", {
                    "name": "bad", "type": "spread",
                    "labels": {key: value}}), 422, "invalid_input", "labels")

    def test_names_and_labels_change(self):
        self.make_groups(2)
        first = self.sim.get("/placement_groups")["placement_groups"][0]
        path = f"/placement_groups/{first['id']}"
        changed = self.sim.put(path, {"name": "new", "labels": {"a": "b"}})
        self.assertEqual(changed["placement_group"]["labels"], {"a": "b"})
        kept = self.sim.put(path, {"name": "new"})["placement_group"]
        self.assertEqual((kept["name"], kept["labels"]), ("new", {"a": "b"}))
        self.assertRefused(self.sim.put(path, {"name": "g001"}),
                           409, "uniqueness_error", "name")
        self.assertRefused(self.sim.put(path, {"name": ""}),
                           422, "invalid_input", "name")


class Catalog(SimCase):
    def test_locations_and_zones(self):
        zones = {location["name"]: location["network_zone"]
                 for location in self.sim.list("/locations")}
        self.assertEqual(zones, {
            "fsn1": "eu-central", "nbg1": "eu-central", "hel1": "eu-central",
            "ash": "us-east", "hil": "us-west", "sin": "ap-southeast"})

    def test_every_catalog_entry_can_be_read(self):
        for kind in ("locations", "server_types", "load_balancer_types",
                     "images"):
            for entry in self.sim.list(f"/{kind}"):
                answer = self.sim.get(f"/{kind}/{entry['id']}")
                self.assertEqual(answer[kind[:-1]], entry)

    def test_images_by_architecture(self):
        answer = self.sim.get("/images", name="ubuntu-24.04",
                              architecture="arm", include_deprecated="true")
        self.assertEqual([image["architecture"] for image in answer["images"]],
                         ["arm"])

    def test_empty_kinds(self):
        self.assertEqual(self.sim.list("/certificates"), [])
        self.assertEqual(self.sim.list("/floating_ips"), [])

    def test_what_is_gone_and_what_never_was(self):
        self.assertRefused(self.sim.get("/datacenters"),
                           410, "deprecated_api_endpoint")
        self.assertRefused(self.sim.get("/actions"),
                           410, "deprecated_api_endpoint")
        self.assertRefused(self.sim.get("/nonsense"), 404, "not_found")
        self.assertRefused(self.sim.get("/servers/4711"), 404, "not_found")
        self.assertRefused(self.sim.get("/servers/x"), 404, "not_found")
        self.assertRefused(self.sim.delete("/networks/1"), 404, "not_found")

    def test_a_body_that_is_no_json(self):
        answer = self.sim.call("POST", "/networks", data="{'name'")
        self.assertRefused(answer, 400, "json_error")
        for text in ("{} x", "[1", '{"a": 01}', '{"a": 1,}', "nul"):
            answer = self.sim.call("POST", "/networks", data=text)
            self.assertRefused(answer, 400, "json_error")
        self.assertRefused(self.sim.post("/networks"), 400, "json_error")
        self.assertRefused(self.sim.post("/networks", []), 400, "json_error")


if __name__ == "__main__":
    unittest.main()
