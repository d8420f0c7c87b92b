"""hcloud-sim: load balancers, their services, targets and health."""

import unittest

from sim import PRIVATE, wait_for
from sim_case import SimCase

CHECK = {"protocol": "tcp", "port": 6443, "interval": 15, "timeout": 10,
         "retries": 3}


def service(listen_port=6443, **more):
    return {"protocol": "tcp", "listen_port": listen_port,
            "destination_port": 6443, "proxyprotocol": False,
            "health_check": CHECK, **more}


SELECTED = {"type": "label_selector", "use_private_ip": True,
            "label_selector": {"selector": "role=node"}}


class LoadBalancers(SimCase):
    def create(self, name="lb", **more):
        return self.sim.post("/load_balancers", {
            "name": name, "load_balancer_type": "lb11", "location": "fsn1",
            **more})

    def act(self, balancer, command, **body):
        return self.sim.post(
            f"/load_balancers/{balancer['id']}/actions/{command}", body)

    def get(self, balancer):
        return self.sim.get(
            f"/load_balancers/{balancer['id']}")["load_balancer"]

    def health(self, balancer):
        """{server id: {status of each service}} of the first target."""
        return {target["server"]["id"]: {status["status"] for status
                                         in target["health_status"]}
                for target in self.get(balancer)["targets"][0]["targets"]}

    def test_all_in_one_call(self):
        net = self.sim.make_network()
        answer = self.create(network=net["id"], services=[service()],
                             targets=[SELECTED], labels={"a": "b"})
        made = self.assertCreated(answer)["load_balancer"]
        self.assertEqual(answer["action"]["command"], "create_load_balancer")
        self.assertTrue(made["public_net"]["ipv4"]["ip"])
        self.assertEqual(made["private_net"], [])
        self.assertEqual(made["targets"], [dict(SELECTED, targets=[])])
        self.sim.settle(answer)
        self.assertEqual(self.get(made)["private_net"],
                         [{"network": net["id"], "ip": "10.0.0.2"}])
        found = self.sim.get(f"/networks/{net['id']}")["network"]
        self.assertEqual(found["load_balancers"], [made["id"]])

    def test_a_selector_picks_up_servers_as_they_come_and_go(self):
        net = self.sim.make_network()
        made = self.sim.settle(self.create(
            network=net["id"], services=[service()],
            targets=[SELECTED]))["load_balancer"]
        self.assertEqual(self.health(made), {})
        node = self.sim.make_server(
            labels={"role": "node"}, networks=[net["id"]], public_net=PRIVATE)
        self.sim.make_server("other", labels={"role": "bastion"})
        wait_for(lambda: self.health(made) == {node["id"]: {"healthy"}},
                 "a healthy node")
        self.assertEqual(
            self.sim.get(f"/servers/{node['id']}")["server"]
            ["load_balancers"], [made["id"]])
        self.sim.settle(self.sim.post(
            f"/servers/{node['id']}/actions/poweroff"))
        self.assertEqual(self.health(made), {node["id"]: {"unhealthy"}})
        self.sim.settle(self.sim.delete(f"/servers/{node['id']}"))
        self.assertEqual(self.health(made), {})

    def test_a_server_outside_the_network_is_not_reached(self):
        net = self.sim.make_network()
        made = self.sim.settle(self.create(
            network=net["id"], services=[service()],
            targets=[SELECTED]))["load_balancer"]
        node = self.sim.make_server(labels={"role": "node"})
        self.assertEqual(self.health(made), {node["id"]: {"unknown"}})

    def test_services(self):
        made = self.sim.settle(self.create())["load_balancer"]
        self.sim.settle(self.act(made, "add_service", **service()))
        self.assertRefused(self.act(made, "add_service", **service()),
                           422, "source_port_already_used")
        self.sim.settle(self.act(made, "update_service", listen_port=6443,
                                 destination_port=7443,
                                 health_check={"interval": 3}))
        now = self.get(made)["services"][0]
        self.assertEqual(now["destination_port"], 7443)
        self.assertEqual(now["health_check"], dict(CHECK, interval=3))
        self.sim.settle(self.act(made, "delete_service", listen_port=6443))
        self.assertRefused(
            self.act(made, "delete_service", listen_port=6443),
            404, "not_found")
        for wrong in ({"interval": 2}, {"interval": 61}, {"port": 0},
                      {"protocol": "udp"}, {"retries": 0}):
            with self.subTest(wrong):
                field = f"health_check.{list(wrong)[0]}"
                self.assertRefused(
                    self.act(made, "add_service",
                             **service(health_check=dict(CHECK, **wrong))),
                    422, "invalid_input", field)

    def test_five_services_at_most(self):
        ports = [service(port) for port in range(1, 7)]
        self.assertRefused(self.create(services=ports),
                           403, "resource_limit_exceeded")
        self.assertCreated(self.create(services=ports[:5]))

    def test_targets(self):
        net = self.sim.make_network()
        node = self.sim.make_server(public_net=PRIVATE,
                                    networks=[net["id"]])
        made = self.sim.settle(self.create())["load_balancer"]
        direct = {"type": "server", "server": {"id": node["id"]}}
        self.assertRefused(self.act(made, "add_target", **direct),
                           422, "missing_ipv4")
        self.assertRefused(self.act(made, "add_target", **SELECTED),
                           422, "load_balancer_not_attached_to_network")
        self.sim.settle(self.act(made, "attach_to_network",
                                 network=net["id"]))
        self.assertRefused(
            self.act(made, "attach_to_network", network=net["id"]),
            422, "load_balancer_already_attached")
        outsider = self.sim.make_server("outsider")
        self.assertRefused(
            self.act(made, "add_target", type="server", use_private_ip=True,
                     server={"id": outsider["id"]}),
            422, "server_not_attached_to_network")
        self.sim.settle(self.act(made, "add_target", use_private_ip=True,
                                 **direct))
        self.assertRefused(
            self.act(made, "add_target", use_private_ip=True, **direct),
            422, "target_already_defined")
        self.assertRefused(
            self.act(made, "add_target", type="label_selector",
                     label_selector={"selector": "a in"}),
            422, "invalid_input", "label_selector.selector")
        self.sim.settle(self.sim.delete(f"/servers/{node['id']}"))
        self.assertEqual(self.get(made)["targets"], [])

    def test_zone_instead_of_location(self):
        made = self.sim.post("/load_balancers", {
            "name": "lb", "load_balancer_type": "lb11",
            "network_zone": "us-east"})
        self.assertEqual(self.assertCreated(made)["load_balancer"]
                         ["location"]["name"], "ash")
        net = self.sim.make_network()
        self.assertRefused(self.create("other", location="hil",
                                       network=net["id"]),
                           422, "no_subnet_available")
        self.assertEqual(len(self.sim.list("/load_balancers")), 1)

    def test_delete_and_protect(self):
        made = self.sim.settle(self.create())["load_balancer"]
        self.assertRefused(self.create(), 409, "uniqueness_error", "name")
        path = f"/load_balancers/{made['id']}"
        self.sim.protect("load_balancers", made["id"])
        self.assertRefused(self.sim.delete(path), 403, "protected")
        self.sim.settle(self.act(made, "change_protection", delete=False))
        self.assertEqual(self.sim.delete(path).status, 204)
        self.assertRefused(self.sim.get(path), 404, "not_found")


class Booting(SimCase):
    time_scale = 60
    options = ("--boot-seconds", "60")

    def test_healthy_only_after_boot(self):
        net = self.sim.make_network()
        made = self.sim.settle(self.sim.post("/load_balancers", {
            "name": "lb", "load_balancer_type": "lb11", "location": "fsn1",
            "network": net["id"], "services": [service()],
            "targets": [SELECTED]}))["load_balancer"]
        self.sim.make_server(labels={"role": "node"}, networks=[net["id"]],
                             public_net=PRIVATE)

        def status():
            target = self.sim.get(f"/load_balancers/{made['id']}")
            reached = target["load_balancer"]["targets"][0]["targets"][0]
            return reached["health_status"][0]
        self.assertEqual(status(), {"listen_port": 6443,
                                    "status": "unhealthy"})
        wait_for(lambda: status()["status"] == "healthy", "the boot")


if __name__ == "__main__":
    unittest.main()
