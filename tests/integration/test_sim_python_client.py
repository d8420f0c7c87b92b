"""hcloud-sim: Debian's python3-hcloud, unmodified, works with every kind."""

import unittest

from hcloud import APIException, Client
from hcloud.firewalls.domain import (FirewallResource,
                                     FirewallResourceLabelSelector,
                                     FirewallRule)
from hcloud.images.domain import Image
from hcloud.load_balancer_types.domain import LoadBalancerType
from hcloud.load_balancers.domain import (LoadBalancerAlgorithm,
                                          LoadBalancerHealthCheck,
                                          LoadBalancerService,
                                          LoadBalancerTarget,
                                          LoadBalancerTargetLabelSelector)
from hcloud.locations.domain import Location
from hcloud.networks.domain import NetworkRoute, NetworkSubnet
from hcloud.server_types.domain import ServerType
from hcloud.servers.domain import ServerCreatePublicNetwork

from sim import TOKEN, wait_for
from sim_case import SimCase
from ssh_keys import PUBLIC_KEY

FALKENSTEIN = Location(name="fsn1")


class PythonClient(SimCase):
    def setUp(self):
        super().setUp()
        self.client = self.make_client(TOKEN)

    def make_client(self, token):
        client = Client(token=token, api_endpoint=self.sim.url,
                        poll_interval=0.01)
        self.addCleanup(client._requests_session.close)
        return client

    def finish(self, *actions):
        for action in actions:
            if action:
                action.wait_until_finished()

    def make_network(self):
        return self.client.networks.create(
            name="net", ip_range="10.0.0.0/16",
            subnets=[NetworkSubnet(type="cloud", network_zone="eu-central",
                                   ip_range="10.0.1.0/24")],
            routes=[NetworkRoute(destination="0.0.0.0/0",
                                 gateway="10.0.1.2")],
            labels={"a": "b"})

    def make_server(self, name="node", **more):
        made = self.client.servers.create(
            name=name, server_type=ServerType(name="cx23"),
            image=Image(name="ubuntu-24.04"), location=FALKENSTEIN, **more)
        self.finish(made.action, *made.next_actions)
        return self.client.servers.get_by_id(made.server.id)

    def test_catalog(self):
        self.assertEqual(self.client.locations.get_by_name("hel1")
                         .network_zone, "eu-central")
        self.assertEqual(self.client.server_types.get_by_name("cax11")
                         .cores, 2)
        self.assertEqual(self.client.load_balancer_types.get_by_name("lb11")
                         .max_targets, 25)
        self.assertEqual(self.client.images.get_by_name("debian-12")
                         .os_flavor, "debian")

    def test_ssh_key(self):
        key = self.client.ssh_keys.create("key", PUBLIC_KEY, {"a": "b"})
        found = self.client.ssh_keys.get_by_fingerprint(key.fingerprint)
        self.assertEqual(found.id, key.id)
        self.assertEqual(key.update(name="other").name, "other")
        self.assertTrue(key.delete())
        self.assertEqual(self.client.ssh_keys.get_all(), [])

    def test_network(self):
        network = self.make_network()
        self.finish(network.add_route(NetworkRoute(
            destination="10.9.0.0/16", gateway="10.0.1.3")))
        self.finish(network.add_subnet(NetworkSubnet(
            type="cloud", network_zone="us-east", ip_range="10.0.2.0/24")))
        network.reload()
        self.assertEqual([len(network.routes), len(network.subnets)], [2, 2])
        self.finish(network.delete_route(network.routes[1]))
        self.finish(network.delete_subnet(network.subnets[1]))
        network.reload()
        self.assertEqual([len(network.routes), len(network.subnets)], [1, 1])
        self.assertTrue(network.delete())

    def test_placement_group_and_arm_server(self):
        group = self.client.placement_groups.create("group", "spread")
        made = self.client.servers.create(
            name="arm", server_type=ServerType(name="cax11"),
            image=Image(name="ubuntu-24.04"), location=FALKENSTEIN,
            placement_group=group.placement_group)
        self.finish(made.action, *made.next_actions)
        server = self.client.servers.get_by_name("arm")
        self.assertEqual(server.server_type.name, "cax11")
        self.assertEqual(server.placement_group.id, group.placement_group.id)
        self.assertEqual(
            self.client.placement_groups.get_by_name("group").servers,
            [server.id])
        self.finish(server.delete())
        self.assertTrue(group.placement_group.delete())

    def test_firewall(self):
        made = self.client.firewalls.create(
            "wall", rules=[FirewallRule(direction="in", protocol="tcp",
                                        port="22", source_ips=["0.0.0.0/0"])],
            resources=[FirewallResource(
                "label_selector",
                label_selector=FirewallResourceLabelSelector("a=b"))])
        wall = made.firewall
        server = self.make_server(labels={"a": "b"})
        self.assertEqual([entry.firewall.id
                          for entry in server.public_net.firewalls], [wall.id])
        with self.assertRaises(APIException) as refused:
            wall.delete()
        self.assertEqual(refused.exception.code, "resource_in_use")
        self.finish(*wall.remove_from_resources(wall.applied_to))
        self.finish(*wall.set_rules([]))
        self.assertTrue(wall.delete())

    def test_private_server(self):
        network = self.make_network()
        server = self.make_server(
            networks=[network], user_data="#cloud-config\n",
            public_net=ServerCreatePublicNetwork(enable_ipv4=False,
                                                 enable_ipv6=False))
        self.assertIsNone(server.public_net.ipv4)
        self.assertEqual(server.private_net[0].ip, "10.0.1.1")
        self.finish(server.power_off())
        self.finish(server.detach_from_network(network))
        self.finish(server.attach_to_network(network, ip="10.0.1.50"))
        server.reload()
        self.assertEqual(server.private_net[0].ip, "10.0.1.50")
        self.assertEqual(server.status, "off")
        self.finish(server.power_on())
        self.finish(server.delete())
        self.assertEqual(self.client.servers.get_all(), [])

    def test_load_balancer(self):
        network = self.make_network()
        server = self.make_server(networks=[network], labels={"a": "b"})
        check = LoadBalancerHealthCheck(
            protocol="tcp", port=6443, interval=15, timeout=10, retries=3)
        made = self.client.load_balancers.create(
            name="lb", load_balancer_type=LoadBalancerType(name="lb11"),
            location=FALKENSTEIN, network=network,
            algorithm=LoadBalancerAlgorithm("round_robin"),
            services=[LoadBalancerService(
                protocol="tcp", listen_port=6443, destination_port=6443,
                proxyprotocol=False, health_check=check)],
            targets=[LoadBalancerTarget(
                type="label_selector", use_private_ip=True,
                label_selector=LoadBalancerTargetLabelSelector("a=b"))])
        self.finish(made.action)
        balancer = made.load_balancer

        def health():
            balancer.reload()
            return balancer.data_model.targets[0]
        wait_for(health, "targets")
        self.assertEqual(balancer.private_net[0].ip, "10.0.1.2")
        self.finish(balancer.add_target(LoadBalancerTarget(
            type="server", server=server, use_private_ip=True)))
        self.finish(balancer.remove_target(LoadBalancerTarget(
            type="server", server=server)))
        service = LoadBalancerService(
            protocol="tcp", listen_port=6443, destination_port=7000)
        self.finish(balancer.update_service(service))
        self.finish(balancer.delete_service(service))
        self.finish(balancer.detach_from_network(network))
        self.assertTrue(balancer.delete())

    def test_volume(self):
        server = self.make_server()
        made = self.client.volumes.create(
            size=10, name="disk", location=FALKENSTEIN, format="ext4")
        self.finish(made.action)
        self.finish(made.volume.attach(server))
        made.volume.reload()
        self.assertEqual(made.volume.server.id, server.id)
        self.finish(made.volume.detach())
        self.finish(made.volume.resize(20))
        self.assertTrue(made.volume.delete())

    def test_primary_ips(self):
        server = self.make_server()
        addresses = self.client.primary_ips.get_all()
        self.assertEqual({address.assignee_id for address in addresses},
                         {server.id})
        self.assertTrue(all(address.auto_delete for address in addresses))
        self.finish(server.delete())
        self.assertEqual(self.client.primary_ips.get_all(), [])

    def test_errors(self):
        for token, code in (("x" * 64, "unauthorized"),
                            ("r" * 64, "token_readonly")):
            client = self.make_client(token)
            with self.assertRaises(APIException) as refused:
                client.ssh_keys.create("", "")
            self.assertEqual(refused.exception.code, code)


if __name__ == "__main__":
    unittest.main()
