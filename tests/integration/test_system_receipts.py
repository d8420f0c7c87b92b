"""What goes with a cluster and what stays, and what is told of it: neighbours,
what is protected, what Kubernetes made, kept volumes, tokens of other projects.
One World; each test has clusters of its own."""

import unittest

import contract
from sim import https_service, wait_for
from system_case import CLUSTER, SystemCase

OTHER = "0" * 32 + "other" * 6 + "ab"
NEWER = "0" * 32 + "newer" * 6 + "ab"


class Receipts(SystemCase):
    workers = 1
    time_scale = 600

    def running(self, **wish):
        cluster = self.world.create_cluster(**wish)
        self.world.wait_status(cluster, "running")
        return cluster

    def thing(self, cluster, kind, name=""):
        return next(
            thing for thing in self.sim.state()[kind]
            if thing["labels"].get(CLUSTER) == cluster
            and name in thing["name"])

    def balancer(self, name, **more):
        made = self.sim.post("/load_balancers", {
            "name": name, "load_balancer_type": "lb11", "location": "fsn1",
            **more})
        self.sim.settle(made)
        return made["load_balancer"]

    def volume(self, name, **more):
        made = self.sim.post("/volumes", {"name": name, "size": 10, **more})
        self.sim.settle(made)
        return made["volume"]

    def address(self, name, **more):
        made = self.sim.post("/floating_ips", {
            "name": name, "type": "ipv4", **more})
        self.sim.settle(made)
        return made["floating_ip"]

    def certificate(self, name, service):
        made = self.sim.post("/certificates", {
            "name": name, "type": "managed", "domain_names": ["a.example"],
            "labels": {"hcloud-ccm/service-uid": service}})
        self.sim.settle(made)
        return made["certificate"]

    def receipt(self, cluster):
        """{(fate, kind, name)} as the operator sees it."""
        shown = self.world.byoc_json("cluster", "show", cluster)
        return {(line["fate"], line["kind"], line["name"])
                for line in shown["receipt"]}

    def delete(self, cluster, *options):
        self.world.byoc("cluster", "delete", cluster, *options)

    def wait_code(self, cluster, code):
        def told():
            return self.world.status(cluster)[:2] == ("deleting", code)
        try:
            wait_for(told, code, 60)
        except AssertionError:
            raise AssertionError(
                f"{self.world.status(cluster)}\n{self.world.phases(cluster)}"
                f"\n{self.world.logs()}") from None

    def names(self):
        return {name for _, _, name in self.existing()}

    def last(self, cluster, name):
        self.world.wait_idle()
        events = [event for event in self.world.events.of(cluster)
                  if event["type"].endswith(f"cluster.{name}")]
        for event in events:
            self.assertIsNone(contract.problem(contract.EVENTS, event))
        return events[-1]["data"]

    def test_a_receipt_names_all_that_went_and_why(self):
        before = self.make_foreign_things()
        cluster = self.running(workers=1)
        worker = self.thing(cluster, "servers", "worker")
        gateway = self.thing(cluster, "servers", "gateway")
        network = self.thing(cluster, "networks")
        made = {name for _, _, name in self.existing() - before}
        # Those go with their servers; the gateway's is the cluster's own.
        addresses = {ip["name"] for ip in self.sim.state()["primary_ips"]
                     if ip["auto_delete"]}
        self.balancer("ccm-target", labels={"hcloud-ccm/service-uid": "1"},
                      targets=[{"type": "server",
                                "server": {"id": gateway["id"]}}])
        self.balancer("ccm-empty", labels={"hcloud-ccm/service-uid": "2"},
                      network=network["id"])
        self.volume("pvc-ours", server=worker["id"],
                    labels={CLUSTER: cluster, "managed-by": "csi-driver"})
        self.volume("pvc-bare", server=worker["id"],
                    labels={"managed-by": "csi-driver"})
        self.volume("own", server=worker["id"], labels={"theirs": "yes"})
        self.sim.make_server("scaled", networks=[network["id"]],
                             labels={"hcloud/node-group": "pool"})
        self.sim.reset_calls()
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        left = {name for _, _, name in self.existing() - before}
        self.assertEqual(left, {"own"})
        receipt = self.receipt(cluster)
        self.assertIn(("kept", "volume", "own"), receipt)
        deleted = {name for fate, _, name in receipt if fate == "deleted"}
        self.assertEqual(
            deleted, (made - addresses)
            | {"ccm-target", "ccm-empty", "pvc-ours", "pvc-bare", "scaled"})
        told = self.last(cluster, "deleted")["receipt"]
        self.assertEqual({line["name"] for line in told["deleted"]}, deleted)
        self.assertEqual([line["name"] for line in told["kept"]], ["own"])
        self.assertIn("swept_at", told)
        self.assertEqual(self.world.resources(cluster), set())

    def test_addresses_and_certificates_that_are_lent(self):
        """A floating IP goes with the servers that it is at, a certificate
        with the balancers of the Service that it was made for."""
        before = self.make_foreign_things()
        cluster = self.running(workers=1)
        worker = self.thing(cluster, "servers", "worker")
        network = self.thing(cluster, "networks")
        self.address("vip", server=worker["id"])
        kept = self.address("kept", server=worker["id"])
        made = self.certificate("made", "of-ours")
        shared = self.certificate("shared", "of-ours")
        own = self.certificate("own", "of-nobody")
        self.balancer("ccm", labels={"hcloud-ccm/service-uid": "of-ours"},
                      network=network["id"],
                      services=[https_service(made, shared, own)])
        self.balancer("elsewhere", services=[https_service(shared)])
        self.sim.protect("floating_ips", kept["id"])
        plan = self.plan(cluster)
        goes = {line["name"]: line["price_month"] for line in plan["goes"]}
        self.assertEqual((goes["vip"], goes["made"]), ("3.0000", "0.0000"))
        self.assertEqual({line["name"] for line in plan["stays"]},
                         {"kept", "shared", "own"})
        self.delete(cluster)
        self.wait_code(cluster, "protected")
        self.assertIn("kept", self.last(cluster, "stalled")["reason"])
        self.sim.protect("floating_ips", kept["id"], False)
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertEqual({name for _, _, name in self.existing() - before},
                         {"shared", "own", "elsewhere"})
        receipt = self.receipt(cluster)
        self.assertLessEqual(
            {("deleted", "floating_ip", "vip"),
             ("deleted", "floating_ip", "kept"),
             ("deleted", "certificate", "made")}, receipt)
        self.assertEqual({name for fate, _, name in receipt if fate == "kept"},
                         {"shared", "own"})
        self.assertEqual(self.world.resources(cluster), set())

    def test_neighbours_keep_the_network_until_they_leave(self):
        cluster = self.running()
        network = self.thing(cluster, "networks")
        bastion = self.sim.make_server("bastion", networks=[network["id"]])
        self.balancer("front", network=network["id"])
        self.delete(cluster)
        self.wait_code(cluster, "neighbours")
        told = self.last(cluster, "stalled")
        self.assertEqual(told["status"], "deleting")
        self.assertIn("bastion", told["reason"])
        self.assertEqual({line["name"] for line in told["receipt"]["kept"]},
                         {"bastion", "front"})
        wait_for(lambda: self.of_cluster(cluster) == {"networks": 1},
                 "all else to go")
        self.sim.settle(self.sim.delete(f"/servers/{bastion['id']}"))
        front = next(b for b in self.sim.state()["load_balancers"])
        self.sim.settle(self.sim.post(
            f"/load_balancers/{front['id']}/actions/detach_from_network",
            {"network": network["id"]}))
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.names(), {"front"})
        self.assertEqual(
            {line for line in self.receipt(cluster) if line[0] == "kept"},
            set())
        self.assertIn("stalled", self.world.events.statuses(cluster))

    def test_neighbours_go_when_it_is_asked_for(self):
        cluster = self.running()
        network = self.thing(cluster, "networks")
        self.sim.make_server("bastion", networks=[network["id"]])
        self.sim.make_server("elses", networks=[network["id"]],
                             labels={CLUSTER: "another"})
        self.delete(cluster)
        self.wait_code(cluster, "neighbours")
        self.delete(cluster, "--with-neighbours")
        wait_for(lambda: "bastion" not in self.names(), "the neighbour to go")
        self.assertIn("elses", self.names())
        elses = next(s for s in self.sim.state()["servers"]
                     if s["name"] == "elses")
        self.sim.settle(self.sim.delete(f"/servers/{elses['id']}"))
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.existing(), set())

    def test_a_network_without_its_label_keeps_its_neighbours(self):
        cluster = self.running()
        network = self.thing(cluster, "networks")
        self.sim.make_server("bastion", networks=[network["id"]])
        path = f"/networks/{network['id']}"
        self.sim.put(path, {"labels": {}})
        plan = self.plan(cluster)
        self.assertEqual({line["name"] for line in plan["stays"]}, {"bastion"})
        self.assertIn(network["name"], {line["name"] for line in plan["goes"]})
        self.delete(cluster)
        self.wait_code(cluster, "neighbours")
        wait_for(lambda: self.of_cluster(cluster) == {}, "all else to go")
        self.assertEqual(len(self.sim.get(path)["network"]["servers"]), 1)
        bastion = self.sim.state()["servers"][0]
        self.sim.settle(self.sim.delete(f"/servers/{bastion['id']}"))
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.existing(), set())

    def test_what_is_protected_holds_up_nothing_else(self):
        cluster = self.running(workers=1)
        worker = self.thing(cluster, "servers", "worker")
        volume = self.volume("pvc", server=worker["id"],
                             labels={CLUSTER: cluster})
        self.sim.protect("servers", worker["id"])
        self.sim.protect("volumes", volume["id"])
        self.delete(cluster)
        self.wait_code(cluster, "protected")
        wait_for(lambda: self.of_cluster(cluster)
                 == {"servers": 1, "networks": 1, "volumes": 1},
                 "all else to go")
        self.sim.protect("servers", worker["id"], False)
        self.sim.protect("volumes", volume["id"], False)
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)

    def test_a_balancer_that_is_made_anew_in_the_end(self):
        """By a controller whose server is gone before it has put that on the
        network: the Service alone tells whose it is."""
        service = {"hcloud-ccm/service-uid": "anew-1"}
        before = self.make_foreign_things()
        cluster = self.running()
        network = self.thing(cluster, "networks")
        self.balancer("web", labels=service, network=network["id"])
        address = self.thing(cluster, "primary_ips")["id"]
        self.sim.protect("primary_ips", address)
        self.delete(cluster)
        self.wait_code(cluster, "protected")
        wait_for(lambda: not self.names() & {"web", network["name"]},
                 "all else to go")
        self.balancer("web-anew", labels=service)
        other = self.balancer("web-elsewhere", labels={
            "hcloud-ccm/service-uid": "elsewhere"})
        self.sim.protect("primary_ips", address, False)
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertEqual({name for _, _, name in self.existing() - before},
                         {"web-elsewhere"})
        self.assertIn(("deleted", "load_balancer", "web-anew"),
                      self.receipt(cluster))
        self.sim.delete(f"/load_balancers/{other['id']}")

    def test_volumes_are_kept_when_it_is_asked_for(self):
        cluster = self.running(workers=1)
        worker = self.thing(cluster, "servers", "worker")
        self.volume("pvc", server=worker["id"],
                    labels={CLUSTER: cluster, "managed-by": "csi-driver"})
        self.delete(cluster, "--keep-volumes")
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.names(), {"pvc"})
        volume = self.sim.state()["volumes"][0]
        self.assertEqual(volume["labels"], {
            "managed-by": "csi-driver", "mengi.cloud/kept-from": cluster})
        self.assertIsNone(volume["server"])
        self.assertIn(("kept", "volume", "pvc"), self.receipt(cluster))

    def test_a_token_of_another_project_deletes_nothing(self):
        self.sim.add_token(OTHER, "elsewhere")
        self.sim.add_token(NEWER)
        credential = self.world.add_credential()
        cluster = self.running(credential=credential)
        before = self.existing()
        self.world.byoc("credential", "rotate", credential, "--any-project",
                        text=OTHER)
        wait_for(lambda: self.world.db(
            "SELECT active_sealed_token = sealed_token FROM byoc.credentials"
            " WHERE id = %s", credential) == [(True,)], "the new token")
        self.delete(cluster)
        self.wait_code(cluster, "other_project")
        self.assertEqual(self.existing(), before)
        self.world.byoc("credential", "rotate", credential, text=NEWER)
        self.world.wait_credential(credential, "ready")
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)

    def test_what_was_deleted_by_hand_is_told_so(self):
        cluster = self.running()
        network = self.thing(cluster, "networks")
        for server in self.sim.state()["servers"]:
            self.sim.settle(self.sim.delete(f"/servers/{server['id']}"))
        self.sim.delete(f"/networks/{network['id']}")
        self.delete(cluster)
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)
        self.assertIn(("gone", "network", network["name"]),
                      self.receipt(cluster))

    def test_a_refused_token_stalls_and_a_good_one_goes_on(self):
        self.sim.add_token(NEWER)
        token = NEWER[:-2] + "cd"
        self.sim.add_token(token)
        credential = self.world.add_credential(token)
        cluster = self.running(credential=credential)
        self.sim.revoke(token)
        self.delete(cluster)
        self.wait_code(cluster, "credential_invalid")
        self.assertEqual(self.last(cluster, "stalled")["code"],
                         "credential_invalid")
        self.world.byoc("credential", "rotate", credential, text=NEWER)
        self.world.wait_status(cluster, "deleted")
        self.assertGone(cluster)
        self.world.wait_idle()
        self.assertEqual(self.world.events.statuses(cluster)[-4:],
                         ["deleting", "stalled", "deleting", "deleted"])

    def test_what_never_began_needs_no_token(self):
        credential = self.world.add_credential("x" * 64, status="invalid")
        cluster = self.insert_cluster(credential)
        self.world.wait_status(cluster, "failed")
        self.delete(cluster)
        wait_for(lambda: self.world.status(cluster)[0] == "deleted", "its end")
        self.last(cluster, "deleted")
        self.world.byoc("credential", "delete", credential)

    def plan(self, cluster, *options):
        """The list before, in which nothing was changed."""
        before = self.existing()
        plan = self.world.byoc_json("cluster", "delete", cluster, "--dry-run",
                                    *options)
        self.assertEqual(self.existing(), before)
        return plan

    def test_the_list_before_is_what_goes(self):
        cluster = self.running(workers=1)
        network = self.thing(cluster, "networks")
        worker = self.thing(cluster, "servers", "worker")
        self.sim.make_server("bastion", networks=[network["id"]])
        self.volume("pvc", server=worker["id"],
                    labels={CLUSTER: cluster, "managed-by": "csi-driver"})
        recorded = {row[1] for row in self.world.resources(cluster)}
        plan = self.plan(cluster, "--keep-volumes")
        self.assertEqual({line["name"] for line in plan["stays"]},
                         {"bastion", "pvc"})
        plan = self.plan(cluster)
        self.assertEqual({line["name"] for line in plan["goes"]},
                         recorded | {"pvc"})
        self.assertEqual({line["name"] for line in plan["stays"]}, {"bastion"})
        prices = {line["name"]: line["price_month"] for line in plan["goes"]}
        self.assertEqual(prices["pvc"], "0.4400")
        self.assertEqual(plan["currency"], "EUR")
        self.assertAlmostEqual(sum(map(float, prices.values())),
                               float(plan["price_month"]))
        self.assertEqual(self.world.status(cluster)[0], "running")
        self.assertEqual({row[1] for row in self.world.resources(cluster)},
                         recorded)
        shown = self.world.byoc("cluster", "delete", cluster, "--dry-run")
        self.assertIn("bastion", shown.stdout)
        self.delete(cluster, "--with-neighbours")
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.plan(cluster)["goes"], [])
        self.last(cluster, "deletion_planned")

    def test_no_list_of_what_does_not_stand_still(self):
        cluster = self.running()
        network = self.thing(cluster, "networks")
        self.sim.make_server("bastion", networks=[network["id"]])
        self.delete(cluster)
        self.wait_code(cluster, "neighbours")
        result = self.world.byoc("cluster", "delete", cluster, "--dry-run",
                                 check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("stands still", result.stderr)
        self.delete(cluster, "--with-neighbours")
        self.world.wait_status(cluster, "deleted")

    def test_fewest_calls(self):
        for most, wish, balancers, volumes in (
                (16, {}, 0, 0),
                (30, {"type": "dedicated_ha", "workers": 2}, 2, 5)):
            cluster = self.running(**wish)
            network = self.thing(cluster, "networks")
            node = self.thing(cluster, "servers", "control-plane")
            for i in range(balancers):
                self.balancer(f"ccm-{i}", network=network["id"],
                              labels={"hcloud-ccm/service-uid": str(i)})
            for i in range(volumes):
                self.volume(f"pvc-{i}", server=node["id"],
                            labels={CLUSTER: cluster,
                                    "managed-by": "csi-driver"})
            self.sim.reset_calls()
            self.delete(cluster)
            self.world.wait_status(cluster, "deleted")
            calls = self.sim.calls()
            self.assertLessEqual(sum(calls.values()), most, calls)
            self.assertGone(cluster)


if __name__ == "__main__":
    unittest.main()
