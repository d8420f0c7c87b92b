"""A customer's project in a storm: clusters that are being deleted, what the
customer has beside them, and what befalls both. Whoever makes or deletes
something in here is no worker."""

from projects import CSI, Project, differences, token_of
from sim import server, wait_for
from system_case import CLUSTER

SCALER = {"hcloud/node-group": "g"}
MADE = ("load_balancers", "volumes", "servers")  # by controllers
FAULTS = (
    {"method": "*", "status": 503, "code": "unavailable"},
    {"method": "GET", "status": 502, "body_text": "<h1>Bad Gateway</h1>"},
    {"method": "GET", "latency_ms": 1500},
    {"method": "*", "status": 429, "code": "rate_limit_exceeded"},
    {"method": "DELETE", "drop": True, "when": "before"},
    {"method": "DELETE", "drop": True, "when": "after"},
    {"method": "DELETE", "status": 502, "when": "after"},
    {"method": "DELETE", "hold_ms": 1500},
    {"method": "DELETE", "code": "locked", "path": "/servers/*"},
    {"method": "DELETE", "code": "resource_in_use", "path": "/networks/*"},
)


class Tenant(Project):
    def __init__(self, case, number):
        super().__init__(case, f"storm-{number}", token_of(f"h{number}"))
        self.token = token_of(f"t{number}")
        self.sim.add_token(self.token, self.name)
        self.known = {}  # all that ever was, by kind and id
        self.made_for = {}  # the cluster for which a controller made it
        self.by_hand = set()  # what somebody has deleted

    def begin(self, clusters):
        """What the customer has, and so many clusters; every fourth is large.
        """
        self.add_theirs()
        self.bastion = self.post("/servers", server("bastion"))["server"]["id"]
        self.own = self.post("/volumes", {
            "name": "own", "size": 10, "location": "fsn1"})["volume"]["id"]
        self.front = self.post("/load_balancers", {
            "name": "front", "load_balancer_type": "lb11",
            "location": "fsn1"})["load_balancer"]["id"]
        self.before = self.peace()
        credential = self.world.add_credential(self.token)
        self.clusters = [cluster for cluster, in self.world.db(
            "INSERT INTO byoc.clusters (name, credential_id, location, type,"
            " workers) SELECT 'c' || n, %s, 'fsn1', CASE n %% 4 WHEN 0"
            " THEN 'dedicated_ha' ELSE 'dedicated' END, (n %% 4 = 0)::int"
            " FROM generate_series(1, %s) n RETURNING id::text",
            credential, clusters)]

    def look(self):
        there = self.state()
        self.known.update(there)
        return there

    # The customer

    def move_in(self):
        """Onto the first cluster's network, and to the last one's server."""
        self.networks = {
            thing["labels"].get(CLUSTER): key
            for (kind, key), thing in self.look().items() if kind == "networks"}
        self.move("attach_to_network")
        self.host = min(self.servers(self.clusters[-1]))
        self.post(f"/volumes/{self.own}/actions/attach", {
            "server": self.host, "automount": False})

    def move_out(self):
        self.move("detach_from_network")

    def move(self, action):
        for kind, key in (("servers", self.bastion),
                          ("load_balancers", self.front)):
            self.post(f"/{kind}/{key}/actions/{action}",
                      {"network": self.networks[self.clusters[0]]})

    def somebody_deletes(self, dice):
        """Not what alone tells of other things."""
        keys = sorted(key for key in self.look().keys() - self.before.keys()
                      if key[0] != "networks" and key != ("servers", self.host))
        if keys:
            self.remove(*dice.choice(keys))

    def remove(self, kind, key):
        """Is it gone? Others may be about to delete it as well."""
        status = self.sim.delete(f"/{kind}/{key}", self.hand).status
        if status < 300:
            self.by_hand.add((kind, key))
        return status < 300 or status == 404

    # What befalls its clusters

    def befall(self, dice):
        dice.choice((self.controllers_make, self.controllers_make,
                     self.somebody_deletes, self.api_fails))(dice)

    def api_fails(self, dice):
        self.sim.fault(**{"path": "*", **dice.choice(FAULTS)},
                       token=self.token, times=dice.randint(1, 4),
                       nth=dice.randint(1, 9))

    def controllers_make(self, dice):
        self.make(dice.choice(MADE), dice.choice(self.clusters))

    def servers(self, cluster):
        """Those on which a controller of the cluster may run."""
        network = self.networks[cluster]
        return {key for (kind, key), thing in self.look().items()
                if kind == "servers" and key != self.bastion
                and any(net["network"] == network
                        for net in thing["private_net"])}

    def has_lost_balancer(self, cluster):
        """One that a worker has deleted, so that it knows the Service."""
        there = self.look()
        return any(kind == "load_balancers" and owner == cluster
                   and (kind, key) not in there
                   and (kind, key) not in self.by_hand
                   for (kind, key), owner in self.made_for.items())

    def make(self, kind, cluster):
        """While there is a server that can have done it. A new one is on the
        network before the last of those goes, or none could tell whose it is:
        but for a balancer that takes a lost one's place.
        """
        servers = self.servers(cluster)
        if not servers:
            return
        network, name = self.networks[cluster], f"made-{len(self.made_for)}"
        anew = kind == "load_balancers" and self.has_lost_balancer(cluster)
        place = {} if anew else {"network": network}
        made = self.case.at_once(lambda: self.ended(self.sim.post(f"/{kind}", {
            "load_balancers": {
                "name": name, "load_balancer_type": "lb11", "location": "fsn1",
                "labels": {"hcloud-ccm/service-uid": cluster}, **place},
            "volumes": {"name": name, "size": 10, "location": "fsn1",
                        "labels": {CLUSTER: cluster, **CSI}},
            "servers": server(name, networks=[network], labels=SCALER),
        }[kind], self.hand)))
        if made.status != 201:
            return  # the network is gone
        key = made[kind.removesuffix("s")]["id"]
        self.made_for[kind, key] = cluster
        if not servers & self.servers(cluster):
            wait_for(lambda: self.remove(kind, key), f"{kind} {key} to go")

    def ended(self, answer):
        """The answer, once all that it began has ended, well or not."""
        body = answer.body if answer.status == 201 else {}
        for action in [body.get("action"), *body.get("next_actions", ())]:
            if action:
                self.sim.wait_action(action, self.hand)
        return answer

    # What must be true

    def check(self, receipts, deleted):
        """By the receipts of its clusters, and what the API has deleted."""
        after = self.state()
        self.case.assertEqual([thing["name"] for key, thing in after.items()
                               if key not in self.before], [])
        self.case.assertEqual(differences(self.before, after), [])
        told = [key for receipt in receipts.values()
                for fate in ("deleted", "gone") for key in receipt[fate]]
        self.case.assertEqual(len(told), len(set(told)), sorted(told))
        self.case.assertEqual(set(told) - self.known.keys(), set())
        self.case.assertEqual(after.keys() & set(told), set())
        went = deleted & self.known.keys() | {
            key for key, thing in self.known.items()
            if key not in after and not thing.get("auto_delete")}
        self.case.assertEqual(went - self.by_hand - set(told), set())
        for cluster, receipt in receipts.items():
            own = cluster == self.clusters[-1]
            self.case.assertEqual(receipt["kept"],
                                  [("volumes", self.own)] if own else [])
