"""The dashboard's page over plain HTTP, with the login of byoc_dashboard: who
may ask, and a cluster made and deleted."""

import http.client
import json
import time
import unittest
import uuid

import yaml

from dashboard_case import DashboardCase
from services import free_port
from sim import TOKEN, wait_for


class Dashboard(DashboardCase):
    cookie = csrf = None

    def ask(self, method, path, body=None, port=None, **headers):
        """(status, headers, text) of an answer, which never shows a token."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.port, timeout=10)
        self.addCleanup(connection.close)
        if self.cookie:
            headers.setdefault("Cookie", self.cookie)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.assertNotIn(TOKEN, text)
        self.assertIn("default-src 'none'",
                      answer.headers["Content-Security-Policy"])
        return answer.status, answer.headers, text

    def enter(self):
        status, headers, _ = self.ask("GET", f"/?token={self.login}")
        self.assertEqual((status, headers["Location"]), (303, "/"))
        self.assertRegex(headers["Set-Cookie"], "; HttpOnly; SameSite=Strict$")
        self.cookie = headers["Set-Cookie"].split(";")[0]
        self.csrf = json.loads(self.ask("GET", "/api/session")[2])["csrf"]

    def change(self, what, status=200, **body):
        found, _, text = self.ask("POST", f"/api/{what}", json.dumps(body),
                                  **{"X-BYOC-CSRF": self.csrf})
        self.assertEqual(found, status, text)
        return json.loads(text)

    def send_token(self, path, token=TOKEN, status=200):
        found, _, text = self.ask("POST", f"/api/{path}", token,
                                  **{"X-BYOC-CSRF": self.csrf})
        self.assertEqual(found, status, text)
        return json.loads(text)

    def answer(self, what, cluster):
        """That of the event for a job."""
        which = {"id": cluster, **self.change(what, id=cluster)}
        return which, wait_for(lambda: self.change("answer", **which),
                               f"the answer to {what}")

    def test_only_whoever_logged_in_may_ask(self):
        for path in ("/", "/app.js", "/api/overview", "/?token=" + "0" * 64):
            self.assertEqual(self.ask("GET", path)[0], 401, path)
        self.enter()
        self.assertEqual(self.ask("GET", "/")[0], 200)
        used = self.ask("GET", f"/?token={self.login}", Cookie="")[0]
        self.assertEqual(used, 401)
        host = self.ask("GET", "/", Host=f"evil.example:{self.port}")[0]
        self.assertEqual(host, 403)
        for headers in ({}, {"X-BYOC-CSRF": "0" * 64}):
            self.assertEqual(
                self.ask("POST", "/api/delete", "{}", **headers)[0], 403)

    def test_it_can_be_served_to_other_machines(self):
        port = free_port()
        process = self.start("--listen", f"0.0.0.0:{port}", "--host",
                             "byoc.example", said=r"byoc: .* plain HTTP.*\n")
        address, login = self.read_address(process)
        self.assertEqual(address, f"http://byoc.example/?token={login}")
        for host, status in (("byoc.example", 401), ("BYOC.example", 401),
                             (f"localhost:{port}", 401),
                             (f"byoc.example:{port}", 403),
                             (f"0.0.0.0:{port}", 403), ("evil.example", 403)):
            with self.subTest(host):
                self.assertEqual(
                    self.ask("GET", "/", port=port, Host=host)[0], status)
        self.assertEqual(self.ask("GET", f"/?token={login}", port=port,
                                  Host="byoc.example")[0], 303)

    def test_bad_requests_get_a_sentence(self):
        self.enter()
        self.assertEqual(self.change("delete", 400)["code"], "bad_json")
        nobody = {"id": str(uuid.uuid4()), "name": "nobody"}
        for what, code in (("delete", "not_found"), ("receipt", "not_found"),
                           ("repair", "not_running"),
                           ("retry", "unknown_record"),
                           ("audit", "unknown_record")):
            self.assertEqual(self.change(what, 400, **nobody)["code"], code)
        self.change("create", 413, name="x" * 17000)
        self.change("nothing", 404)

    def test_a_cluster_is_made_and_deleted(self):
        credential = self.world.credential()
        self.enter()
        wish = {"name": "paged", "credential_id": credential, "workers": 1,
                "location": "fsn1", "type": "dedicated",
                "server_type": "cx33", "api_sources": ["203.0.113.0/24"],
                "ssh_sources": ["198.51.100.7", "2001:db8::/32"],
                "ingress": "traefik", "pod_security": "restricted"}
        cost = self.change("cost", **wish)
        self.assertGreater(float(cost["price_month"]), 0)
        self.assertIn("cx33", {line["name"] for line in cost["lines"]})
        cluster = self.change("create", **wish)["id"]
        self.world.wait_status(cluster, "running")
        shown, = [one for one in
                  json.loads(self.ask("GET", "/api/overview")[2])["clusters"]
                  if one["id"] == cluster]
        self.assertEqual(
            (shown["status"], shown["server_type"], shown["api_sources"],
             shown["ssh_sources"], shown["ingress"], shown["pod_security"]),
            ("running", "cx33", ["203.0.113.0/24"],
             ["198.51.100.7/32", "2001:db8::/32"], "traefik", "restricted"))
        self.assertEqual({phase["status"] for phase in shown["phases"]},
                         {"done"})
        self.assertEqual(len(shown["nodes"]), 4)
        self.assertGreater(float(shown["cost"]["price_month"]), 0)
        _, plan = self.answer("plan", cluster)
        self.assertEqual(len(plan["goes"]), 8)
        self.assertIn("has not failed",
                      self.change("retry", 400, id=cluster)["text"])
        self.change("delete", 400, id=cluster, name="another")
        self.change("delete", id=cluster, name="paged", keep_volumes=True,
                    all_gone=True)
        self.world.wait_status(cluster, "deleted")
        self.assertEqual(self.world.db(
            "SELECT removal FROM byoc.clusters WHERE id = %s", cluster),
            [({"keep_volumes": True, "all_gone": True},)])
        receipt = self.change("receipt", id=cluster)
        self.assertEqual({line["fate"] for line in receipt["lines"]},
                         {"deleted"})
        [gone] = [one for one in
                  json.loads(self.ask("GET", "/api/overview")[2])["deleted"]
                  if one["id"] == cluster]
        self.assertEqual(gone["swept_at"], receipt["swept_at"])
        self.assertIsNotNone(gone["swept_at"])

    def test_a_token_is_stored_sealed(self):
        self.enter()
        added = self.send_token("credential?name=by%20page")["id"]
        self.world.wait_credential(added, "ready")
        self.assertEqual(self.send_token("credential?name=by%20page",
                                         status=400)["code"], "name_taken")
        self.send_token(f"token?id={added}", "x" * 64)
        self.world.wait_credential(added, "invalid")
        self.send_token(f"token?id={added}", TOKEN + "\n")
        self.world.wait_credential(added, "ready")
        for path, code in (("credential?name=none", "token_empty"),
                           ("credential", "bad_request"),
                           ("token", "bad_request")):
            self.assertEqual(
                self.send_token(path, token="", status=400)["code"], code)

    def test_a_kubeconfig_is_opened(self):
        self.enter()
        credential = self.send_token("credential?name=opened")["id"]
        self.world.wait_credential(credential, "ready")
        cluster = self.world.create_cluster("opened", credential)
        self.world.wait_status(cluster, "running")
        which, answer = self.answer("kubeconfig", cluster)
        self.assertNotIn("sealed_kubeconfig", answer)
        status, headers, text = self.ask(
            "POST", "/api/open", json.dumps(which),
            **{"X-BYOC-CSRF": self.csrf})
        self.assertEqual((status, headers["Content-Type"]),
                         (200, "application/yaml"))
        self.assertEqual(yaml.safe_load(text)["current-context"], "opened")
        self.change("open", 400, id=cluster, job=str(uuid.uuid4()))
        self.world.delete_cluster(cluster)

    def test_what_cannot_be_is_refused_with_a_sentence(self):
        self.enter()
        wish = {"name": "fine", "credential_id": self.world.credential(),
                "workers": 1, "location": "fsn1", "type": "dedicated"}
        for wrong, word in (({"name": "Not Fine"}, "small letters"),
                            ({"workers": 91}, "0 to 90"),
                            ({"location": "moon"}, "fsn1"),
                            ({"type": "huge"}, "dedicated_ha"),
                            ({"server_type": "C X"}, "cx33"),
                            ({"ingress": "nginx"}, "traefik"),
                            ({"pod_security": "lax"}, "restricted"),
                            ({"api_sources": ["moon"]}, "203.0.113.0/24"),
                            ({"ssh_sources": ["10.0.0.1/8"]}, "10.0.0.0/8"),
                            ({"ssh_sources": ["10.0.0.1"] * 11}, "at most 10"),
                            ({"api_sources": "10.0.0.1"}, "at most 10")):
            text = self.change("create", 400, **{**wish, **wrong})["text"]
            self.assertIn(word, text)
            self.assertNotIn("constraint", text)

    def test_a_name_is_given_twice_only_on_purpose(self):
        """Who asks twice, because the first answer was lost, would pay twice."""
        self.enter()
        wish = {"name": "twice", "credential_id": self.world.credential(),
                "workers": 0, "location": "fsn1", "type": "dedicated"}
        made = [self.change("create", **wish)["id"]]
        refused = self.change("create", 400, **wish)
        self.assertEqual(refused["code"], "name_taken")
        self.assertIn("a cluster 'twice' already", refused["text"])
        made.append(self.change("create", **wish, same_name=True)["id"])
        for cluster in made:
            self.world.delete_cluster(cluster)

    def test_it_does_not_start_where_it_cannot_serve(self):
        for options, word in (
                (("--listen", "9480"), "ADDRESS:PORT"),
                (("--listen", "127.0.0.1:0"), "ADDRESS:PORT"),
                (("--host", "http://here"), "address bar"),
                (("--listen", f"127.0.0.1:{self.port}"), "not free"),
                (("--recipient-key", "/nowhere"), "/nowhere.pub")):
            refused = self.world.byoc("dashboard", *options, check=False)
            self.assertIn(refused.returncode, (1, 2))
            self.assertEqual(refused.stdout, "")
            self.assertIn(word, refused.stderr)

    def listen(self):
        """The stream of one tab, which is open."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/events",
                           headers={"Cookie": self.cookie})
        stream = connection.getresponse()
        self.assertEqual(stream.readline(), b":\n")
        return stream

    def test_two_tabs_hear_of_a_cluster(self):
        self.enter()
        tabs = [self.listen(), self.listen()]
        cluster = self.world.create_cluster()
        deadline = time.monotonic() + 20
        for tab in tabs:
            while not (line := tab.readline()).startswith(b"data: {") or (
                    json.loads(line[6:]).get("subject") != cluster):
                self.assertNotEqual(line, b"")
                self.assertLess(time.monotonic(), deadline)
        self.world.wait_status(cluster, "running")
        self.world.delete_cluster(cluster)

    def test_a_lost_database_is_healed(self):
        self.enter()
        self.world.close_connections()
        deadline = time.monotonic() + 10
        while (found := self.ask("GET", "/api/overview"))[0] != 200:
            self.assertEqual(found[0], 503, found[2])
            self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    unittest.main()
