"""Projects of their own in the simulation, for tests that delete many clusters
side by side."""

import string

from sim import server
from system_case import CLUSTER

LETTERS = string.ascii_letters + string.digits
CCM = {"hcloud-ccm/service-uid": "u"}
CSI = {"managed-by": "csi-driver"}


def token_of(text):
    """A token of the right form, one for each text."""
    return (text.replace("_", "") + LETTERS)[:64].ljust(64, "z")


class Project:
    """`hand` is the token of whoever sits at its console."""

    def __init__(self, case, name, hand):
        self.case, self.world, self.sim = case, case.world, case.sim
        self.name, self.hand = name, hand
        self.sim.add_token(hand, name)

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
