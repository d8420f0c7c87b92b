"""Every state that a deletion may begin in, times everything that may be left
over: each cell of the table is a cluster in a project of its own, they live and
die side by side, and each project is at the end what it was before."""

import concurrent.futures
import unittest
import uuid

from projects import CCM, CSI, Project, differences, token_of
from sim import server, wait_for
from system_case import CLUSTER, SystemCase

PATIENCE = 300
PAUSE = 0.5  # many wait beside each other


class Cell(Project):
    def __init__(self, case, start, leftover):
        name = f"{start}-{leftover}".replace("_", "-")
        super().__init__(case, name, token_of("h" + name.replace("-", "")))
        self.start, self.leftover = start, leftover
        self.token = token_of("t" + name.replace("-", ""))
        self.sim.add_token(self.token, name)

    def ours(self, kind, name=""):
        return next((thing for (of, _), thing in self.state().items()
                     if of == kind and name in thing["name"]
                     and thing["labels"].get(CLUSTER) == self.cluster), None)

    def network(self):
        return self.ours("networks")["id"]

    def node(self):
        return self.ours("servers")["id"]

    # Its life

    def live(self):
        self.prepare()
        self.create()
        START[self.start][0](self)
        LEFTOVERS[self.leftover][0](self)
        there = self.state()
        END.get(self.start, Cell.ask)(self)
        if self.leftover in RELEASES:
            RELEASES[self.leftover](self)
        self.wait("deleted")
        self.check(there)

    def prepare(self):
        """What strangers have, some of which comes to be in the way."""
        self.add_theirs()
        self.guest = self.post("/servers", server("guest"))["server"]["id"]
        self.own = self.post("/volumes", {
            "name": "own", "size": 10, "location": "fsn1"})["volume"]["id"]
        self.before = self.peace()

    def create(self):
        if self.start == "failed":
            self.sim.quota(self.name, servers=4)  # two are there
        for path in STOPS.get(self.start, ()):
            self.stop(path)
        self.credential = self.world.add_credential(self.token)
        self.cluster = str(uuid.uuid4())
        self.world.db(
            "INSERT INTO byoc.clusters (id, name, credential_id, location,"
            " type, workers) VALUES (%s, 'c', %s, 'fsn1', 'dedicated', 1)",
            self.cluster, self.credential)
        if self.start != "pending":
            self.world.db("SELECT byoc.enqueue('cluster.provision', %s)",
                          self.cluster)

    def stop(self, path):
        """Its worker gets no further than that; people do."""
        self.sim.fault(method="POST", path=path, token=self.token, times=0,
                       status=503, code="unavailable")

    def wait(self, *wanted):
        def reached():
            self.world.let_a_minute_pass(self.cluster)
            return set(wanted) & set(self.world.status(self.cluster)[:2])
        try:
            wait_for(reached, "", PATIENCE, PAUSE)
        except AssertionError:
            raise AssertionError(
                f"{self.name}: {self.world.status(self.cluster)}, wanted "
                f"{wanted}\n{self.world.phases(self.cluster)}") from None

    # How far it has come

    def nothing(self):
        pass

    def until(self, kind):
        wait_for(lambda: self.ours(kind), f"{self.name}: {kind}", PATIENCE,
                 PAUSE)

    def fail(self):
        self.wait("failed")
        self.sim.quota(self.name, servers=None)

    def run(self):
        self.wait("running")

    def change(self):
        self.run()
        self.delete("servers", self.ours("servers", "worker"))
        self.stop("/servers")
        self.world.byoc("cluster", "repair", self.cluster)
        wait_for(lambda: self.world.db(
            "SELECT goal FROM byoc.clusters WHERE id = %s", self.cluster)
            == [("repair",)], f"{self.name}: a repair", PATIENCE, PAUSE)

    def by_hand(self):
        self.run()
        for kind, name in (("servers", "control-plane"), ("ssh_keys", ""),
                           ("load_balancers", "")):
            self.delete(kind, self.ours(kind, name))

    def network_gone(self):
        self.run()
        self.delete("networks", self.ours("networks"))

    # What is left over

    def balancer(self):
        self.post("/load_balancers", {
            "name": "ccm", "load_balancer_type": "lb11", "location": "fsn1",
            "network": self.network(), "labels": CCM})

    def attached(self):
        self.post("/volumes", {"name": "pvc", "size": 10, "labels": CSI,
                               "server": self.node()})

    def loose(self):
        return self.post("/volumes", {
            "name": "pvc", "size": 10, "location": "fsn1",
            "labels": {CLUSTER: self.cluster, **CSI}})["volume"]

    def scaled(self):
        self.post("/servers", server("scaled", networks=[self.network()],
                                     labels={"hcloud/node-group": "g"}))

    def neighbour(self):
        self.at = self.network()
        self.post(f"/servers/{self.guest}/actions/attach_to_network",
                  {"network": self.at})

    def neighbour_leaves(self):
        self.wait("neighbours")
        self.post(f"/servers/{self.guest}/actions/detach_from_network",
                  {"network": self.at})

    def protected(self):
        self.held = self.loose()["id"]
        self.sim.protect("volumes", self.held)

    def protection_ends(self):
        self.wait("protected")
        self.sim.protect("volumes", self.held, False)
        self.ask()

    def floating(self):
        self.post("/floating_ips", {"name": "ingress", "type": "ipv4",
                                    "server": self.node()})

    def certificate(self):
        """The controller's, at a balancer of its own."""
        made = self.post("/certificates", {
            "name": "ccm", "type": "managed", "labels": CCM,
            "domain_names": ["shop.example.com"]})["certificate"]["id"]
        self.post("/load_balancers", {
            "name": "ccm", "load_balancer_type": "lb11", "location": "fsn1",
            "network": self.network(), "labels": CCM, "services": [{
                "protocol": "https", "listen_port": 443,
                "destination_port": 80, "proxyprotocol": False,
                "http": {"certificates": [made]}}]})

    def own_volume(self):
        self.post(f"/volumes/{self.own}/actions/attach",
                  {"server": self.node(), "automount": False})

    # How its deletion begins

    def ask(self):
        self.world.byoc("cluster", "delete", self.cluster)

    def rotate(self, project=None, *options):
        token = token_of(uuid.uuid4().hex)
        self.sim.add_token(token, project or self.name)
        self.world.byoc("credential", "rotate", self.credential, *options,
                        text=token)
        wait_for(lambda: self.world.db(
            "SELECT active_sealed_token = sealed_token AND status = 'ready'"
            " FROM byoc.credentials WHERE id = %s", self.credential)
            == [(True,)], f"{self.name}: a new token", PATIENCE, PAUSE)

    def rotate_and_ask(self):
        self.rotate()
        self.ask()

    def revoke_and_ask(self):
        self.sim.revoke(self.token)
        self.ask()
        self.wait("credential_invalid")
        self.rotate()

    def ask_elsewhere(self):
        self.rotate(f"not-{self.name}", "--any-project")
        before = self.state()
        self.ask()
        self.wait("other_project")
        self.case.assertEqual(differences(before, self.state()), [])
        self.rotate()
        self.ask()

    # What must be true

    def check(self, there):
        after = self.state()
        self.case.assertEqual(differences(self.before, after), [])
        self.case.assertEqual(self.world.resources(self.cluster), set())
        lines = self.world.byoc_json("cluster", "show", self.cluster)["receipt"]
        gone = {line["name"] for line in lines if line["fate"] != "kept"}
        kept = {line["name"] for line in lines if line["fate"] == "kept"}
        left = {thing["name"] for thing in after.values()}
        went = {thing["name"] for key, thing in there.items()
                if key not in after and not thing.get("auto_delete")}
        self.case.assertLessEqual(went, gone)
        self.case.assertFalse(gone & left)
        self.case.assertEqual(
            kept, {"own"} if self.leftover == "own_volume" else set())


# A state, and what a leftover can be at: (n)etwork, (s)erver.
START = {
    "pending": (Cell.nothing, ""),
    "no_network": (lambda cell: cell.until("ssh_keys"), ""),
    "no_balancer": (lambda cell: cell.until("networks"), "n"),
    "no_server": (lambda cell: cell.until("load_balancers"), "n"),
    "failed": (Cell.fail, "ns"),
    "running": (Cell.run, "ns"),
    "changing": (Cell.change, "ns"),
    "by_hand": (Cell.by_hand, "ns"),
    "network_gone": (Cell.network_gone, "s"),
    "rotated": (Cell.run, "ns"),
    "revoked": (Cell.run, "ns"),
    "other_project": (Cell.run, "ns"),
}
STOPS = {"no_network": ("/networks",), "no_balancer": ("/load_balancers",),
         "no_server": ("/servers",)}
END = {"rotated": Cell.rotate_and_ask, "revoked": Cell.revoke_and_ask,
       "other_project": Cell.ask_elsewhere}

# A leftover, and what it needs.
LEFTOVERS = {
    "nothing": (Cell.nothing, ""),
    "balancer": (Cell.balancer, "n"),
    "attached": (Cell.attached, "s"),
    "loose": (Cell.loose, "n"),
    "scaled": (Cell.scaled, "n"),
    "neighbour": (Cell.neighbour, "n"),
    "protected": (Cell.protected, "n"),
    "floating": (Cell.floating, "s"),
    "certificate": (Cell.certificate, "n"),
    "own_volume": (Cell.own_volume, "s"),
}
RELEASES = {"neighbour": Cell.neighbour_leaves,
            "protected": Cell.protection_ends}


class DeletionTable(SystemCase):
    workers = 2
    records = False

    def test_every_state_with_every_leftover(self):
        cells = [Cell(self, start, leftover)
                 for start, (_, has) in START.items()
                 for leftover, (_, needs) in LEFTOVERS.items()
                 if set(needs) <= set(has)]
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            lives = [(cell, pool.submit(cell.live)) for cell in cells]
        for cell, life in lives:
            with self.subTest(cell.name):
                life.result()


if __name__ == "__main__":
    unittest.main()
