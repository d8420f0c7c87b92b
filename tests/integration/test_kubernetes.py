"""deploy/kubernetes/, as far as it can be checked without a cluster: it is put
together by kubectl, parts that belong together name each other, and a worker
may do no more than in docker-compose.yml."""

import pathlib
import re
import subprocess
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
LABELS = {"app.kubernetes.io/name": "byoc-worker"}
API = {"Namespace": "v1", "Service": "v1", "Deployment": "apps/v1",
       "PodDisruptionBudget": "policy/v1",
       "NetworkPolicy": "networking.k8s.io/v1",
       "ScaledObject": "keda.sh/v1alpha1",
       "TriggerAuthentication": "keda.sh/v1alpha1",
       "ServiceMonitor": "monitoring.coreos.com/v1"}


class Kubernetes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        built = subprocess.run(["kubectl", "kustomize", str(FOLDER)],
                               capture_output=True, text=True)
        if built.returncode != 0:
            raise AssertionError(built.stderr)
        objects = list(yaml.safe_load_all(built.stdout))
        cls.objects = {thing["kind"]: thing for thing in objects}
        assert len(cls.objects) == len(objects)
        cls.pod = cls.objects["Deployment"]["spec"]["template"]
        [cls.worker] = cls.pod["spec"]["containers"]
        [cls.keys] = cls.pod["spec"]["initContainers"]

    def test_every_object_is_there(self):
        self.assertEqual({kind: thing["apiVersion"]
                          for kind, thing in self.objects.items()}, API)
        files = {path.name for path in FOLDER.glob("*.yaml")}
        listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
        self.assertEqual(files - {"kustomization.yaml"},
                         set(listed["resources"]))
        for kind, thing in self.objects.items():
            if kind != "Namespace":
                self.assertEqual(thing["metadata"]["namespace"], "byoc", kind)

    def test_all_mean_the_same_pods(self):
        self.assertEqual(self.pod["metadata"]["labels"], LABELS)
        for kind, path in (("Deployment", ("selector", "matchLabels")),
                           ("Service", ("selector",)),
                           ("PodDisruptionBudget", ("selector", "matchLabels")),
                           ("NetworkPolicy", ("podSelector", "matchLabels")),
                           ("ServiceMonitor", ("selector", "matchLabels"))):
            found = self.objects[kind]["spec"]
            for key in path:
                found = found[key]
            self.assertEqual(found, LABELS, kind)
        self.assertEqual(self.objects["ScaledObject"]["spec"]["scaleTargetRef"],
                         {"name": self.objects["Deployment"]["metadata"]["name"]})
        self.assertNotIn("replicas", self.objects["Deployment"]["spec"])

    def test_a_worker_may_do_no_more_than_it_needs(self):
        pod = self.pod["spec"]
        self.assertEqual(pod["securityContext"], {
            "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001,
            "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}})
        for container in (self.worker, self.keys):
            self.assertEqual(container["securityContext"], {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]}})
        self.assertIs(pod["automountServiceAccountToken"], False)
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(name, pod)
        self.assertEqual(
            self.objects["Namespace"]["metadata"]["labels"],
            {"pod-security.kubernetes.io/enforce": "restricted"})

    def test_the_user_is_the_images(self):
        dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
        self.assertIn(f"USER {self.pod['spec']['securityContext']['runAsUser']}",
                      dockerfile)

    def test_secrets_are_files_that_are_mounted(self):
        mounts = {mount["name"]: mount["mountPath"]
                  for mount in self.worker["volumeMounts"] if mount["readOnly"]}
        secrets = {volume["name"]: volume["secret"]
                   for volume in self.pod["spec"]["volumes"]
                   if "secret" in volume}
        read = [mount["name"] for mount in self.keys["volumeMounts"]
                if mount.get("readOnly")] + ["settings"]
        self.assertEqual(set(read), set(secrets))
        for secret in secrets.values():
            self.assertEqual(secret["defaultMode"], 0o440)
        known = re.findall(r'^\t\{"(BYOC_\w+)"', (
            ROOT / "src" / "base" / "settings.c").read_text(), re.MULTILINE)
        for setting in self.worker["env"]:
            name = setting["name"]
            self.assertIn(name if name in known else name.removesuffix("_FILE"),
                          known)
            if setting["value"].startswith("/"):
                self.assertTrue(setting["value"].startswith(
                    tuple(mounts.values())), setting)
        for reference in self.objects["TriggerAuthentication"]["spec"][
                "secretTargetRef"]:
            self.assertEqual(reference["name"],
                             secrets["settings"]["secretName"])

    def test_probes_and_metrics_are_at_the_workers_port(self):
        [port] = self.worker["ports"]
        listen = {setting["name"]: setting["value"]
                  for setting in self.worker["env"]}["BYOC_HTTP_LISTEN"]
        self.assertEqual(listen, f"0.0.0.0:{port['containerPort']}")
        for probe, path in (("livenessProbe", "/healthz"),
                            ("readinessProbe", "/readyz")):
            self.assertEqual(self.worker[probe]["httpGet"],
                             {"path": path, "port": port["name"]})
        [service] = self.objects["Service"]["spec"]["ports"]
        [endpoint] = self.objects["ServiceMonitor"]["spec"]["endpoints"]
        self.assertEqual((service["targetPort"], endpoint["port"]),
                         (port["name"], service["name"]))
        [ingress] = self.objects["NetworkPolicy"]["spec"]["ingress"]
        self.assertEqual([entry["port"] for entry in ingress["ports"]],
                         [port["containerPort"]])

    def test_it_scales_on_the_job_queue(self):
        [trigger] = self.objects["ScaledObject"]["spec"]["triggers"]
        self.assertEqual(trigger["metadata"]["queueName"], "byoc.jobs")
        self.assertEqual(
            trigger["authenticationRef"]["name"],
            self.objects["TriggerAuthentication"]["metadata"]["name"])

    def test_a_worker_has_time_to_finish(self):
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        self.assertEqual(
            f"{self.pod['spec']['terminationGracePeriodSeconds']}s",
            compose["services"]["worker"]["stop_grace_period"])


if __name__ == "__main__":
    unittest.main()
