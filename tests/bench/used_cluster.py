"""What Kubernetes makes for who uses a cluster."""

LABEL = "mengi.cloud/cluster"


def things_of_use(there, cluster, balancers, volumes):
    """[(path, body)] to be posted; `there` is the project's state."""
    network, node = (
        next(thing["id"] for thing in there[kind]
             if thing["labels"].get(LABEL) == cluster
             and name in thing["name"])
        for kind, name in (("networks", ""), ("servers", "control-plane")))
    return [("/load_balancers", {
        "name": f"ccm-{n}", "load_balancer_type": "lb11",
        "location": "fsn1", "network": network,
        "targets": [{"type": "server", "server": {"id": node},
                     "use_private_ip": True}],
        "labels": {"hcloud-ccm/service-uid": str(n)}})
        for n in range(balancers)
    ] + [("/volumes", {
        "name": f"pvc-{n}", "size": 10, "server": node,
        "labels": {LABEL: cluster, "managed-by": "csi-driver"}})
        for n in range(volumes)]
