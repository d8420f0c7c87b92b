"""How long a cluster has to take, whoever makes it: computed from what the
simulation recorded of it.

* Each phase makes changes, known by their label (mengi.cloud/phase). A change
  costs one call and the time until the last of its actions has ended; one more
  call sees that. A phase without labelled changes costs one call.
* Servers that run have to boot before `ready` can be true, and the cluster in
  them has to come up: that takes a part of the boot, as tests/kube has it.
* A phase begins when all it needs has ended, as byoc.phases has it; the end of
  the last one is the critical path. It is a lower bound: calls take no more in
  it than the simulation's latency, and nobody ever waits for anybody.

The record's times are whole seconds. So how long an action takes comes from a
table, in simulated seconds: the figures are those of tests/sim.
"""

import collections
import functools
import json

PHASE, CLUSTER = "mengi.cloud/phase", "mengi.cloud/cluster"
SECONDS = {"create_load_balancer": 3, "create_server": 3, "start_server": 6,
           "attach_to_network": 2}
OTHER_SECONDS = 1
# The API, joining, ready, initialised, rolled out: steps of a twentieth each.
BOOTS = 1 + 5 / 20


def action_seconds(answer):
    """Until all actions have ended that an answer to a change tells of."""
    one = answer.get("action")
    actions = ([one] if one else []) + answer.get("actions", []) + \
        answer.get("next_actions", [])
    return max((SECONDS.get(action["command"], OTHER_SECONDS)
                for action in actions), default=0)


def changes_of(recording, cluster):
    """{phase: [simulated seconds of each change's actions]}"""
    found = collections.defaultdict(list)
    with open(recording) as lines:
        for line in lines:
            call = json.loads(line)
            labels = (call["request"] or {}).get("labels") or {}
            if (call["method"] == "POST" and call["status"] == 201
                    and labels.get(CLUSTER) == cluster and PHASE in labels):
                found[labels[PHASE]].append(action_seconds(call["response"]))
    return found


def critical_path(recording, cluster, phases, scale, boot, latency):
    """Real seconds. `phases` are rows of byoc.phases: name, index, needs."""
    changes = changes_of(recording, cluster)
    names = {name: [index for other, index, _ in phases if other == name]
             for name, _, _ in phases}
    needs = {(name, index): needed for name, index, needed in phases}

    def length(name, index):
        made = changes.get(f"{name}-{index}") or changes.get(name) or []
        calls = len(made) + 1
        wait = BOOTS * boot if name == "ready" else 0
        return calls * latency + (sum(made) + wait) / scale

    @functools.cache
    def end(name, index):
        begin = max((end(needed, i) for needed in needs[name, index]
                     for i in names.get(needed, [])), default=0)
        return begin + length(name, index)

    return max(end(name, index) for name, index in needs)
