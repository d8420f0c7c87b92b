"""k3s makes new certificates only when it starts: the weekly look at those that
end soon, with certificates made by openssl where k3s keeps its own."""

import os
import unittest

from bootstrap_helpers import require, run
from bootstrap_node import NodeCase

TLS = "/var/lib/rancher/k3s/server/tls"
AGENT = "/var/lib/rancher/k3s/agent"


class CertificatesTest(NodeCase):
    @classmethod
    def setUpClass(cls):
        require("openssl")
        super().setUpClass()

    def make(self, node, days, *paths):
        for path in paths:
            os.makedirs(os.path.dirname(node.root + path), exist_ok=True)
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=k3s", "-days",
                str(days), "-keyout", f"{node.root}/key", "-out",
                node.root + path)

    def started(self, node):
        """What the unit starts has done."""
        unit = node.read("/etc/systemd/system/mengi-certificates.service")
        command = next(line for line in unit.splitlines()
                       if line.startswith("ExecStart=")).split("=", 1)[1].split()
        node.enter(*command)
        return node.log()

    def test_certificates_of_a_year_are_left_alone(self):
        node = self.node(*self.FIRST)
        self.make(node, 365, f"{TLS}/client-admin.crt", f"{TLS}/etcd/client.crt",
                  f"{AGENT}/client-kubelet.crt")
        self.assertEqual(self.started(node), [])

    def test_one_that_ends_soon_restarts_k3s_once(self):
        for path in (f"{TLS}/serving-kube-apiserver.crt",
                     f"{TLS}/etcd/peer-server-client.crt",
                     f"{TLS}/kube-scheduler/kube-scheduler.crt",
                     f"{AGENT}/serving-kubelet.crt"):
            with self.subTest(path):
                node = self.node(*self.FIRST)
                self.make(node, 365, f"{TLS}/client-admin.crt")
                self.make(node, 89, path, f"{TLS}/client-controller.crt")
                self.assertEqual(self.started(node), ["restart k3s.service"])

    def test_the_limit_is_ninety_days(self):
        node = self.node(*self.FIRST)
        self.make(node, 91, f"{TLS}/client-admin.crt")
        self.assertEqual(self.started(node), [])

    def test_a_worker_restarts_its_own_service(self):
        node = self.node("ha", "worker", 9)
        self.make(node, 1, f"{AGENT}/client-kubelet.crt")
        self.assertEqual(self.started(node), ["restart k3s-agent.service"])

    def test_what_no_start_would_renew_restarts_nothing(self):
        node = self.node(*self.FIRST)
        self.make(node, 1, f"{TLS}/server-ca.crt", f"{TLS}/etcd/peer-ca.crt",
                  f"{TLS}/server-ca.nochain.crt", f"{AGENT}/client-ca.crt",
                  f"{TLS}/temporary-certs/apiserver.crt")
        self.assertEqual(self.started(node), [])

    def test_a_server_without_k3s_is_no_failure(self):
        self.assertEqual(self.started(self.node("ha", "worker", 9)), [])


if __name__ == "__main__":
    unittest.main()
