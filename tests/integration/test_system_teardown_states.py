"""Teardown from any state: every row is a cluster in a project of its own, all
live and die side by side, and each project is at the end what it was before."""

import unittest
import uuid

from projects import Project, token_of
from sim import server, wait_for
from system_case import CLUSTER, KINDS, SystemCase


class Row(Project):
    """A cluster, how far it comes, and what happens to it before its end. It
    has the token of whoever sits at the console."""

    def __init__(self, case, start, *befalls):
        name = "-".join((start, *befalls)).replace("_", "-")
        super().__init__(case, name, token_of(name.replace("-", "")))
        self.start, self.befalls = start, befalls
        self.credential = self.world.add_credential(self.hand, status=None)

    def lists(self):
        return self.sim.state(self.name)

    def existing(self):
        return {(kind, thing["id"], thing["name"]) for kind in KINDS
                for thing in self.lists().get(kind, [])}

    def thing(self, kind, name=""):
        return next(thing for thing in self.lists()[kind]
                    if thing["labels"].get(CLUSTER) == self.cluster
                    and name in thing["name"])

    # Its life

    def begin(self):
        self.add_theirs()
        self.before = self.existing()
        self.world.wait_credential(self.credential, "ready")
        if self.start == "failed":
            self.sim.quota(self.name, servers=2)
        if self.start == "half_made":
            self.sim.fault(method="POST", path="/servers", project=self.name,
                           latency_ms=1500, times=9)
        if self.start == "pending":
            self.cluster = str(uuid.uuid4())
            self.world.db(
                "INSERT INTO byoc.clusters (id, name, credential_id, location,"
                " type) VALUES (%s, 'c', %s, 'fsn1', 'dedicated')",
                self.cluster, self.credential)
        else:
            self.cluster = self.world.create_cluster(
                credential=self.credential, workers=1)

    def reach(self):
        if self.start == "half_made":
            wait_for(lambda: any(thing["labels"].get(CLUSTER) == self.cluster
                                 for thing in self.lists()["networks"]),
                     f"{self.name}: a network", 60)
        elif self.start != "pending":
            self.world.wait_status(self.cluster, self.start)
        for what in self.befalls:
            getattr(self, what)()

    # What befalls it

    def kubernetes(self):
        network, worker = self.thing("networks"), self.thing("servers", "work")
        gateway = self.thing("servers", "gateway")
        made_by = {"hcloud-ccm/service-uid": "u"}
        front = {"load_balancer_type": "lb11", "location": "fsn1",
                 "labels": made_by}
        self.post("/load_balancers", {
            "name": "inside", "network": network["id"], **front})
        self.post("/load_balancers", {
            "name": "outside", "targets": [
                {"type": "server", "server": {"id": gateway["id"]}}], **front})
        driver = {"managed-by": "csi-driver"}
        for name, labels in (("pvc-1", {CLUSTER: self.cluster, **driver}),
                             ("pvc-2", driver)):
            self.post("/volumes", {"name": name, "size": 10, "labels": labels,
                                   "server": worker["id"]})
        self.post("/servers", server("scaled", networks=[network["id"]],
                                     labels={"hcloud/node-group": "g"}))

    def by_hand(self):
        self.delete("servers", self.thing("servers", "control-plane"))
        self.delete("load_balancers", self.thing("load_balancers"))
        self.delete("ssh_keys", self.thing("ssh_keys"))

    def network_gone(self):
        self.delete("networks", self.thing("networks"))

    def all_gone(self):
        for kind in ("load_balancers", "servers", "networks", "firewalls",
                     "ssh_keys"):
            for thing in self.lists()[kind]:
                if thing["labels"].get(CLUSTER) == self.cluster:
                    self.delete(kind, thing)

    def relabelled(self):
        for kind in ("servers", "firewalls", "networks"):
            self.sim.put(f"/{kind}/{self.thing(kind)['id']}",
                         {"labels": {"mine": "now"}}, self.hand)

    def resized(self):
        """A worker that was detached, another one that was added by hand."""
        network, worker = self.thing("networks"), self.thing("servers", "work")
        self.post(f"/servers/{worker['id']}/actions/detach_from_network",
                  {"network": network["id"]})
        self.post("/servers", server("more", networks=[network["id"]],
                                     labels={CLUSTER: self.cluster}))

    def rotated(self):
        self.hand = token_of("new" + self.hand)
        self.sim.add_token(self.hand, self.name)
        self.world.byoc("credential", "rotate", self.credential,
                        text=self.hand)

    def revoked(self):
        self.sim.revoke(self.hand)
        self.revoked_one = True

    def end(self):
        self.world.byoc("cluster", "delete", self.cluster)
        if "revoked" in self.befalls and self.start != "pending":
            wait_for(lambda: self.world.status(self.cluster)[1]
                     == "credential_invalid", f"{self.name}: to stop", 60)
            self.rotated()

    def check(self):
        self.case.assertEqual(self.existing(), self.before)
        self.case.assertEqual(self.world.resources(self.cluster), set())


ROWS = (
    ("pending",), ("pending", "revoked"), ("half_made",),
    ("half_made", "rotated"), ("failed",), ("failed", "network_gone"),
    ("failed", "rotated"), ("running",), ("running", "kubernetes"),
    ("running", "kubernetes", "by_hand"), ("running", "network_gone"),
    ("running", "all_gone"), ("running", "relabelled"), ("running", "resized"),
    ("running", "rotated"), ("running", "kubernetes", "rotated"),
    ("running", "revoked"), ("running", "by_hand", "revoked"))


class TeardownFromAnyState(SystemCase):
    workers = 2
    records = False

    def test_every_state(self):
        rows = [Row(self, *row) for row in ROWS]
        for row in rows:
            row.begin()
        for row in rows:
            row.reach()
        for row in rows:
            row.end()
        for row in rows:
            with self.subTest(row.name):
                wait_for(lambda row=row: self.over(row), row.name, 90)
                row.check()

    def over(self, row):
        self.world.let_a_minute_pass(row.cluster)
        status = self.world.status(row.cluster)
        if status[0] == "failed":
            self.world.byoc("cluster", "delete", row.cluster)
        return status[0] == "deleted"


if __name__ == "__main__":
    unittest.main()
