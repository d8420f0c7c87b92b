"""How long a cluster has to take, whoever makes or deletes it: computed from
what the simulation recorded of it.

* Each phase of a provisioning makes changes, known by their label
  (mengi.cloud/phase). A change costs one call and the time until the last of
  its actions has ended; one more call sees that. A phase without labelled
  changes costs one call.
* Servers that run have to boot before `ready` can be true, and the cluster in
  them has to come up: that takes a part of the boot, as tests/kube has it.
* A phase of a teardown looks and then deletes, known by the kind in the path.
  What does not depend on each other costs one call, however many there are; so
  do all the lists of the sweep. Servers take their time, and one more call sees
  that they are gone.
* A phase begins when all it needs has ended, as byoc.phases has it; the end of
  the last one is the critical path. It is a lower bound: calls take no more in
  it than the simulation's latency, and nobody ever waits for anybody.

The times in the record's answers are whole seconds. So how long an action takes
comes from a table, in simulated seconds: the figures are those of tests/sim.
"""

import collections
import functools
import json

PHASE, CLUSTER = "mengi.cloud/phase", "mengi.cloud/cluster"
SECONDS = {"create_load_balancer": 3, "create_server": 3, "start_server": 6,
           "attach_to_network": 2, "delete_server": 2}
OTHER_SECONDS = 1
# The API, joining, ready, initialised, rolled out: steps of a twentieth each.
BOOTS = 1 + 5 / 20
CONTROLLER = "hcloud-ccm/service-uid"
# Phases of a teardown that have to look before they delete, or afterwards.
LOOKING = {"load_balancers", "servers", "volumes", "networks", "sweep"}


def calls_of(recording):
    with open(recording) as lines:
        return [json.loads(line) for line in lines]


def action_seconds(answer):
    """Until all actions have ended that an answer to a change tells of."""
    one = answer.get("action")
    actions = ([one] if one else []) + answer.get("actions", []) + \
        answer.get("next_actions", [])
    return max((SECONDS.get(action["command"], OTHER_SECONDS)
                for action in actions), default=0)


def changes_of(calls, cluster):
    """{phase: [simulated seconds of each change's actions]}"""
    found = collections.defaultdict(list)
    for call in calls:
        labels = (call["request"] or {}).get("labels") or {}
        if (call["method"] == "POST" and call["status"] == 201
                and labels.get(CLUSTER) == cluster and PHASE in labels):
            found[labels[PHASE]].append(action_seconds(call["response"]))
    return found


def last_end(phases, length):
    """When the last phase ends. `phases` are rows of byoc.phases: name, index,
    needs; each takes length(name, index)."""
    names = {name: [index for other, index, _ in phases if other == name]
             for name, _, _ in phases}
    needs = {(name, index): needed for name, index, needed in phases}

    @functools.cache
    def end(name, index):
        begin = max((end(needed, i) for needed in needs[name, index]
                     for i in names.get(needed, [])), default=0)
        return begin + length(name, index)

    return max(end(name, index) for name, index in needs)


def provision_path(calls, cluster, phases, scale, boot, latency):
    """Real seconds, of a provisioning."""
    changes = changes_of(calls, cluster)

    def length(name, index):
        made = changes.get(f"{name}-{index}") or changes.get(name) or []
        wait = BOOTS * boot if name == "ready" else 0
        return (len(made) + 1) * latency + (sum(made) + wait) / scale

    return last_end(phases, length)


def teardown_path(calls, phases, scale, latency):
    """Real seconds, of a teardown; all calls are its own."""
    kinds = [(call["method"], call["path"].split("/")[1], call)
             for call in calls]
    seconds = collections.defaultdict(int)
    for method, kind, call in kinds:
        if method != "GET":
            seconds[kind] = max(seconds[kind],
                                action_seconds(call["response"] or {}))
    asks_controller = any(CONTROLLER in str(call["query"])
                          for _, _, call in kinds)

    def length(name, _):
        rounds = ((name in LOOKING) + (name in seconds)
                  + (name == "load_balancers" and asks_controller))
        return rounds * latency + seconds.get(name, 0) / scale

    return last_end(phases, length)
