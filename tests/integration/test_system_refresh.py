"""After a rotation the new token gets into the clusters that run, through their
own API: a small HTTPS server plays the part of it that is needed."""

import http.server
import json
import ssl
import threading
import unittest

import yaml

from bootstrap_helpers import Keys
from sealing import unseal
from sim import wait_for
from system_case import SystemCase
from test_cluster_keys import TlsServer

ADDRESS = "127.77.0.1"  # on loopback, and on no one else's port 6443
SECRET = "/api/v1/namespaces/kube-system/secrets/hcloud"
DEPLOYMENTS = "/apis/apps/v1/namespaces/kube-system/deployments/"
READERS = ("hcloud-cloud-controller-manager", "hcloud-csi-controller")


class PatchHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        """All that is asked for has rolled out."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"spec": {"replicas": 1}, "status": '
                         b'{"updatedReplicas": 1, "availableReplicas": 1}}')

    def do_PATCH(self):
        subject = dict(part[0] for part in self.connection.getpeercert()["subject"])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path.split("?")[0], subject,
                                 self.headers, body.decode()))
        answer = self.server.answer(body) if self.server.answer else b"{}"
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *ignored):
        pass


def echo(body):
    """A verdict of Kubernetes' form that says which token was sent."""
    token = yaml.safe_load(body)["stringData"]["token"]
    return json.dumps({"kind": "Status", "message": token}).encode()


class Refresh(SystemCase):
    workers = 2
    tokens = iter(f"{number:064d}" for number in range(1000, 2000))

    def new_token(self):
        token = next(self.tokens)
        self.sim.add_token(token)
        return token

    def rotate(self, credential):
        token = self.new_token()
        self.world.byoc("credential", "rotate", credential, text=token)
        self.world.wait_credential(credential, "ready")
        return token

    def make_cluster(self, **options):
        """(credential, cluster) with the load balancer on loopback."""
        credential = self.world.add_credential(self.new_token())
        cluster = self.world.create_cluster(credential=credential, **options)
        self.world.wait_status(cluster, "running")
        self.move_to_loopback(cluster)
        return credential, cluster

    def move_to_loopback(self, cluster):
        self.world.db("UPDATE byoc.resources SET public_address = %s"
                      " WHERE cluster_id = %s AND kind = 'load_balancer'",
                      ADDRESS, cluster)

    def keys_of(self, cluster):
        (sealed,), = self.world.db(
            "SELECT sealed_authorities FROM byoc.clusters WHERE id = %s",
            cluster)
        keys = Keys.of(unseal(self.world.environment["BYOC_KEY_DIR"],
                              f"cluster:{cluster}:authorities",
                              sealed).decode())
        self.addCleanup(keys.remove)
        return keys

    def serve(self, keys, certificate_keys=None):
        """The Kubernetes API of the cluster; stops with the returned call."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            *(certificate_keys or keys).make_server_certificate(ADDRESS))
        context.load_verify_locations(f"{keys.unpack()}/client-ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        server = TlsServer((ADDRESS, 6443), PatchHandler)
        server.context, server.seen, server.status = context, [], 200
        server.answer = None
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()

        def stop():
            server.shutdown()
            server.server_close()
            thread.join()
        return server, stop

    def wait_refreshed(self, cluster, times=1):
        def refreshed():
            return [event for event in self.world.events.of(cluster)
                    if event["type"].endswith("phase.done")
                    and event["data"]["phase"] == "hcloud_secret"]
        wait_for(lambda: len(refreshed()) == times, "the cluster's refresh", 60)
        self.assertEqual(self.world.db(
            "SELECT status, goal, active FROM byoc.clusters WHERE id = %s",
            cluster), [("running", "provision", False)])

    def check_seen(self, server, token):
        """The new token, from one of our workers, then two restarts."""
        paths = [path for path, *_ in server.seen]
        self.assertEqual(
            paths[-3:], [SECRET, *(DEPLOYMENTS + name for name in READERS)])
        _, subject, headers, body = server.seen[-3]
        self.assertEqual(subject["organizationName"], "mengi:workers")
        self.assertEqual(headers["Content-Type"], "application/apply-patch+yaml")
        self.assertNotIn("Authorization", headers)
        manifest = yaml.safe_load(body)
        self.assertEqual(manifest["metadata"]["name"], "hcloud")
        self.assertEqual(manifest["stringData"]["token"], token)
        for _, _, headers, body in server.seen[-2:]:
            self.assertEqual(headers["Content-Type"],
                             "application/merge-patch+json")
            self.assertIn("refreshed-by-run", body)
            self.assertNotIn(token, body)

    def test_a_new_token_gets_into_the_cluster(self):
        credential, cluster = self.make_cluster()
        server, stop = self.serve(self.keys_of(cluster))
        self.addCleanup(stop)
        token = self.rotate(credential)
        self.wait_refreshed(cluster)
        self.check_seen(server, token)
        self.assertEqual(len(server.seen), 3)
        token = self.rotate(credential)
        self.wait_refreshed(cluster, 2)
        self.check_seen(server, token)
        self.end_well(cluster)

    def test_only_a_new_token_is_told(self):
        credential, cluster = self.make_cluster()
        self.world.byoc("credential", "validate", credential, "--wait")
        self.world.wait_idle()
        self.assertEqual(self.world.db(
            "SELECT goal, run, requested_goal FROM byoc.clusters"
            " WHERE id = %s", cluster), [("provision", 1, None)])
        self.end_well(cluster)

    def test_a_cluster_that_does_not_answer_is_asked_again(self):
        credential, cluster = self.make_cluster()
        token = self.rotate(credential)
        self.wait_failures(cluster, 2)
        server, stop = self.serve(self.keys_of(cluster))
        self.addCleanup(stop)
        self.wait_refreshed(cluster)
        self.check_seen(server, token)
        self.end_well(cluster)

    def wait_failures(self, cluster, count):
        wait_for(lambda: self.world.db(
            "SELECT failures FROM byoc.phases WHERE cluster_id = %s"
            " AND phase = 'hcloud_secret' AND failures >= %s",
            cluster, count), "attempts that failed")

    def test_no_one_else_is_told_the_token(self):
        credential, cluster = self.make_cluster()
        keys, other = self.keys_of(cluster), Keys()
        self.addCleanup(other.remove)
        server, stop = self.serve(keys, certificate_keys=other)
        token = self.rotate(credential)
        self.wait_failures(cluster, 2)
        stop()
        self.assertEqual(server.seen, [])
        server, stop = self.serve(keys)
        self.addCleanup(stop)
        self.wait_refreshed(cluster)
        self.check_seen(server, token)
        self.end_well(cluster)

    def test_what_the_cluster_refuses_harms_no_credential(self):
        credential, cluster = self.make_cluster()
        server, stop = self.serve(self.keys_of(cluster))
        self.addCleanup(stop)
        server.status = 401
        server.answer = echo
        token = self.rotate(credential)
        self.wait_failures(cluster, 2)
        for worker in self.world.workers:
            self.assertNotIn(token, worker.log())
        self.assertIn("HTTP status 401", self.reason(cluster))
        self.assertNotIn(token, self.reason(cluster))
        server.answer = lambda _: b"[" + 300000 * b"{}," + b"{}]"
        wait_for(lambda: "too large" in self.reason(cluster), "a long answer")
        server.status, server.answer = 200, None
        self.wait_refreshed(cluster)
        self.check_seen(server, token)
        self.assertHistory(credential, "ready", "ready")
        self.end_well(cluster)

    def reason(self, cluster):
        (reason,), = self.world.db(
            "SELECT coalesce(reason, '') FROM byoc.phases"
            " WHERE cluster_id = %s AND phase = 'hcloud_secret'", cluster)
        return reason

    def test_a_rotation_while_the_cluster_is_made(self):
        credential = self.world.add_credential(self.new_token())
        self.sim.fault(method="POST", path="/servers", latency_ms=1500)
        cluster = self.world.create_cluster(credential=credential)
        wait_for(lambda: self.sim.calls("POST /servers") >= 1, "a server")
        token = self.rotate(credential)
        self.world.wait_status(cluster, "running")
        self.wait_refreshed(cluster)
        self.assertEqual(self.sim.clusters()[0]["token"], token)
        self.end_well(cluster)

    def test_a_cluster_can_be_deleted_while_it_is_refreshed(self):
        credential, cluster = self.make_cluster()
        self.rotate(credential)
        self.wait_failures(cluster, 1)
        self.end_well(cluster)


if __name__ == "__main__":
    unittest.main()
