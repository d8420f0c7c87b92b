"""Projects of their own in the simulation, for tests that delete many clusters
side by side."""

import string

from sim import server, wait_for
from system_case import CLUSTER, KINDS

LETTERS = string.ascii_letters + string.digits
CCM = {"hcloud-ccm/service-uid": "u"}
CSI = {"managed-by": "csi-driver"}


def token_of(text):
    """A token of the right form, one for each text."""
    return (text.replace("_", "") + LETTERS)[:64].ljust(64, "z")


def differences(before, after):
    """Everything that is not as it was: (kind and id, what, before, after)."""
    return [(key, what, old, new)
            for key in sorted(before.keys() | after.keys())
            for was, now in [(before.get(key, {}), after.get(key, {}))]
            for what in sorted(was.keys() | now.keys())
            for old, new in [(was.get(what), now.get(what))] if old != new]


class Project:
    """`hand` is the token of whoever sits at its console."""

    def __init__(self, case, name, hand):
        self.case, self.world, self.sim = case, case.world, case.sim
        self.name, self.hand = name, hand
        self.sim.add_token(hand, name)

    def state(self):
        """All there is, whole, by its kind and id; but a server's type is a
        page of Hetzner's catalogue, and not the project's."""
        state = self.sim.state(self.name)
        return {(kind, thing["id"]): {
            what: value["name"] if what == "server_type" else value
            for what, value in thing.items()}
                for kind in KINDS for thing in state.get(kind, [])}

    def peace(self):
        """All there is, once nothing is on its way any more."""
        wait_for(lambda: all(
            thing.get("status") in (None, "running", "available")
            for thing in self.state().values()), f"{self.name}: peace", 60, 0.5)
        return self.state()

    def post(self, path, body):
        return self.sim.settle(self.sim.post(path, body, self.hand), self.hand)

    def delete(self, kind, thing):
        answer = self.sim.delete(f"/{kind}/{thing['id']}", self.hand)
        if answer.body:
            self.sim.settle(answer, self.hand)

    def add_theirs(self):
        """What strangers have, and bears such labels as what is to go."""
        theirs = self.post("/networks", {
            "name": "theirs", "ip_range": "10.0.0.0/16", "subnets": [
                {"type": "cloud", "network_zone": "eu-central",
                 "ip_range": "10.0.0.0/24"}]})["network"]
        self.post("/servers", server("theirs", networks=[theirs["id"]]))
        self.post("/load_balancers", {
            "name": "theirs", "load_balancer_type": "lb11",
            "location": "fsn1", "network": theirs["id"], "labels": CCM})
        self.post("/volumes", {
            "name": "theirs", "size": 10, "location": "fsn1",
            "labels": {CLUSTER: "another", **CSI}})
