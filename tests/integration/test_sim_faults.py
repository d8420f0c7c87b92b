"""hcloud-sim: tokens, the rate limit, and trouble on demand."""

import concurrent.futures
import time
import unittest

import requests

from sim import READ_ONLY_TOKEN, TOKEN, Sim, server, wait_for
from sim_case import SimCase

GROUP = {"name": "group", "type": "spread"}


class Tokens(SimCase):
    def test_each_token_may_do_its_own(self):
        empty = {"name": ""}
        for token in ("x" * 64, None, ""):
            self.assertRefused(self.sim.get("/locations", token=token),
                               401, "unauthorized")
        self.assertEqual(
            self.sim.get("/locations", token=READ_ONLY_TOKEN).status, 200)
        self.assertRefused(
            self.sim.post("/ssh_keys", empty, token=READ_ONLY_TOKEN),
            403, "token_readonly")
        self.assertRefused(self.sim.post("/ssh_keys", empty),
                           422, "invalid_input", "name")

    def test_added_and_revoked(self):
        self.sim.add_token("new", access="ro")
        self.assertEqual(self.sim.get("/locations", token="new").status, 200)
        self.sim.revoke("new")
        self.assertRefused(self.sim.get("/locations", token="new"),
                           401, "unauthorized")

    def test_projects_are_apart(self):
        self.sim.add_token("other", project="other")
        self.assertCreated(self.sim.post("/placement_groups", GROUP))
        self.assertCreated(self.sim.post("/placement_groups", GROUP,
                                         token="other"))
        mine = self.sim.list("/placement_groups")[0]["id"]
        theirs = self.sim.list("/placement_groups", token="other")[0]["id"]
        self.assertEqual(theirs, mine + 1)
        self.assertRefused(self.sim.get(f"/placement_groups/{theirs}"),
                           404, "not_found")
        self.assertEqual(len(self.sim.state("other")["placement_groups"]), 1)
        self.assertEqual(
            set(self.sim.control("GET", "/state?project=other")["projects"]),
            {"other"})

    def test_tokens_on_the_command_line(self):
        with Sim(tokens=["a@one", "b@two:ro", "c:ro"]) as sim:
            self.assertCreated(sim.post("/placement_groups", GROUP, "a"))
            self.assertEqual(sim.list("/placement_groups", token="b"), [])
            self.assertEqual(sim.list("/placement_groups", token="c"), [])
            for token in ("b", "c"):
                self.assertRefused(
                    sim.post("/placement_groups", GROUP, token),
                    403, "token_readonly")
            self.assertEqual(set(sim.control("GET", "/state")["projects"]),
                             {"one", "two", "default"})


class RateLimit(SimCase):
    def tearDown(self):
        self.sim.rate_limit(limit=3600, remaining=3600, refill_per_second=1)

    def test_headers_tell_when_the_bucket_is_full(self):
        self.sim.rate_limit(limit=100, remaining=90, refill_per_second=1)
        answer = self.sim.get("/locations")
        self.assertEqual(answer.headers["RateLimit-Limit"], "100")
        self.assertEqual(answer.headers["RateLimit-Remaining"], "89")
        full_in = int(answer.headers["RateLimit-Reset"]) - time.time()
        self.assertTrue(8 <= full_in <= 13, full_in)
        refused = self.sim.get("/locations", token="unknown")
        self.assertIn("RateLimit-Reset", refused.headers)

    def test_an_empty_bucket_refills(self):
        self.sim.rate_limit(remaining=2, refill_per_second=0)
        statuses = [self.sim.get("/locations").status for _ in range(3)]
        self.assertEqual(statuses, [200, 200, 429])
        self.assertRefused(self.sim.get("/locations"),
                           429, "rate_limit_exceeded")
        self.sim.rate_limit(refill_per_second=50)
        wait_for(lambda: self.sim.get("/locations").status == 200, "refill")

    def test_each_project_has_its_own(self):
        self.sim.add_token("other", project="other")
        self.sim.rate_limit(remaining=0, refill_per_second=0)
        self.assertEqual(self.sim.get("/locations").status, 429)
        self.assertEqual(self.sim.get("/locations", token="other").status,
                         200)


class Faults(SimCase):
    def groups(self):
        return len(self.sim.state()["placement_groups"])

    def post(self, name="group"):
        return self.sim.post("/placement_groups", dict(GROUP, name=name))

    def test_an_error_before_has_no_effect(self):
        self.sim.fault(method="POST", path="/placement_groups", status=503,
                       code="unavailable", message="try again")
        refused = self.assertRefused(self.post(), 503, "unavailable")
        self.assertEqual(refused.error["message"], "try again")
        self.assertEqual(self.groups(), 0)
        self.assertCreated(self.post())

    def test_an_error_after_has_its_effect(self):
        self.sim.fault(method="POST", path="/placement_groups",
                       when="after", status=504, code="timeout")
        self.assertRefused(self.post(), 504, "timeout")
        self.assertEqual(self.groups(), 1)
        self.assertRefused(self.post(), 409, "uniqueness_error", "name")

    def test_the_status_follows_from_the_code(self):
        self.sim.fault(path="/locations", code="maintenance")
        self.assertRefused(self.sim.get("/locations"), 503, "maintenance")

    def test_the_nth_call_and_those_after_it(self):
        self.sim.fault(path="/locations", nth=2, times=2, status=500)
        statuses = [self.sim.get("/locations").status for _ in range(4)]
        self.assertEqual(statuses, [200, 500, 500, 200])
        self.assertEqual(self.sim.faults()[0]["seen"], 4)
        self.sim.clear_faults()
        self.sim.fault(path="/loc*", times=0, status=500)
        statuses = [self.sim.get("/locations").status for _ in range(3)]
        self.assertEqual(statuses, [500] * 3)

    def test_only_what_matches(self):
        self.sim.fault(method="POST", path="/servers/*", status=500)
        self.sim.fault(path="*", token=READ_ONLY_TOKEN, status=502)
        self.sim.fault(path="*", project="other", status=502)
        self.assertCreated(self.sim.post("/servers", server()))
        self.assertEqual(self.sim.get("/servers/1").status, 404)
        self.assertEqual(self.sim.post("/servers/1/actions/poweron").status,
                         500)
        self.assertEqual(
            self.sim.get("/locations", token=READ_ONLY_TOKEN).status, 502)

    def test_a_page_that_is_no_json(self):
        self.sim.fault(path="/locations", status=502,
                       body_text="<h1>Bad Gateway</h1>")
        answer = self.sim.get("/locations")
        self.assertEqual((answer.status, answer.text),
                         (502, "<h1>Bad Gateway</h1>"))
        self.assertEqual(answer.headers["Content-Type"], "text/html")

    def test_dropped_connections(self):
        for when, left in (("before", 0), ("after", 1)):
            self.sim.fault(method="POST", path="/placement_groups",
                           drop=True, when=when)
            with self.assertRaises(requests.ConnectionError):
                self.post()
            self.assertEqual(self.groups(), left)

    def test_a_slow_call_holds_up_nobody_else(self):
        self.sim.fault(method="POST", path="/placement_groups",
                       latency_ms=600)
        self.sim.fault(method="POST", path="/placement_groups", nth=2,
                       latency_ms=600, when="after")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            url = self.sim.url + "/placement_groups"
            headers = {"Authorization": f"Bearer {TOKEN}"}
            begin = time.monotonic()
            slow = [pool.submit(requests.post, url, headers=headers,
                                json=dict(GROUP, name=name))
                    for name in ("first", "second")]
            wait_for(lambda: self.groups() == 1, "the effect of the one")
            self.assertLess(time.monotonic() - begin, 0.5)
            self.assertEqual([call.result().status_code for call in slow],
                             [201, 201])
            self.assertGreater(time.monotonic() - begin, 0.55)
        self.assertEqual(self.groups(), 2)

    def test_slow_and_then_dropped(self):
        self.sim.fault(path="/locations", latency_ms=50, drop=True)
        with self.assertRaises(requests.ConnectionError):
            self.sim.get("/locations")

    def give_up_on_post(self):
        """A client that does not wait for the answer."""
        with self.assertRaises(requests.Timeout):
            requests.post(self.sim.url + "/placement_groups", json=GROUP,
                          headers={"Authorization": f"Bearer {TOKEN}"},
                          timeout=0.2)

    def test_what_a_gateway_holds_back_arrives_late(self):
        for wish in ({"hold_ms": 500}, {"latency_ms": 500}):
            with self.subTest(wish):
                self.sim.clear()
                self.sim.fault(method="POST", path="/placement_groups", **wish)
                self.give_up_on_post()
                self.assertEqual(self.groups(), 0)
                wait_for(lambda: self.groups() == 1, "the effect")

    def test_what_a_gateway_holds_back_is_never_answered(self):
        self.sim.fault(method="POST", path="/placement_groups", hold_ms=100)
        with self.assertRaises(requests.ConnectionError):
            self.post()
        self.assertEqual(self.groups(), 1)

    def test_bad_wishes_are_refused(self):
        for path, body in (("/faults", None), ("/faults", {"command": "x"}),
                           ("/faults", {"path": "/servers"}),
                           ("/faults", {"pth": "/servers", "status": 500}),
                           ("/action_error", {}), ("/sold_out", {}),
                           ("/tokens", {}), ("/tokens/revoke", {}),
                           ("/protect", {"kind": "servers", "id": 1})):
            with self.subTest(path), self.assertRaises(AssertionError):
                self.sim.control("POST", path, body)


class ActionErrors(SimCase):
    def test_a_server_that_is_not_created(self):
        self.sim.action_error("create_server", code="no_host",
                              message="no host was found")
        net = self.sim.make_network()
        answer = self.sim.post("/servers", server(networks=[net["id"]]))
        failed = self.sim.wait_action(answer["action"])
        self.assertEqual(failed["status"], "error")
        self.assertEqual(failed["error"], {"code": "no_host",
                                           "message": "no host was found"})
        for action in answer["next_actions"]:
            self.assertEqual(self.sim.wait_action(action)["status"], "error")
        left = self.sim.get(f"/servers/{answer['server']['id']}")["server"]
        self.assertEqual((left["status"], left["private_net"], left["locked"]),
                         ("initializing", [], False))
        self.sim.settle(self.sim.delete(f"/servers/{left['id']}"))

    def test_the_nth_action(self):
        self.sim.action_error("attach_to_network", nth=2)
        net = self.sim.make_network()
        self.sim.make_server("a", networks=[net["id"]])
        answer = self.sim.post("/servers", server("b", networks=[net["id"]]))
        states = {action["command"]: self.sim.wait_action(action)["status"]
                  for action in answer["next_actions"]}
        self.assertEqual(states, {"attach_to_network": "error",
                                  "start_server": "success"})
        path = f"/servers/{answer['server']['id']}"
        self.assertEqual(self.sim.get(path)["server"]["private_net"], [])
        self.sim.settle(self.sim.post(path + "/actions/attach_to_network",
                                      {"network": net["id"]}))

    def test_a_server_that_is_not_deleted(self):
        found = self.sim.make_server()
        self.sim.action_error("delete_server")
        answer = self.sim.delete(f"/servers/{found['id']}")
        self.assertEqual(self.sim.wait_action(answer["action"])["status"],
                         "error")
        self.assertEqual(
            self.sim.get(f"/servers/{found['id']}")["server"]["status"],
            "running")


class Calls(SimCase):
    def test_counted_by_pattern(self):
        found = self.sim.make_server()
        self.sim.reset_calls()
        for _ in range(3):
            self.sim.get(f"/servers/{found['id']}")
        self.sim.get("/nonsense")
        self.sim.get("/locations", token="unknown")
        self.assertEqual(self.sim.calls(), {
            "GET /servers/{id}": 3, "GET unknown": 1, "GET /locations": 1})
        self.assertEqual(self.sim.control("GET", "/calls")["total"], 5)

    def test_clear_empties_all(self):
        self.sim.make_network()
        self.sim.post("/servers", server())
        self.sim.clear()
        self.assertEqual({kind: found for kind, found
                          in self.sim.state().items() if found}, {})


class Latency(SimCase):
    options = ("--latency-ms", "100")

    def test_every_call_takes_its_time(self):
        begin = time.monotonic()
        self.sim.get("/locations")
        self.assertGreaterEqual(time.monotonic() - begin, 0.099)
        begin = time.monotonic()
        self.sim.state()
        self.assertLess(time.monotonic() - begin, 0.09)

    def test_it_ends_while_calls_wait(self):
        with Sim(options=("--latency-ms", "5000")) as sim:
            with self.assertRaises(requests.Timeout):
                requests.get(sim.url + "/locations", timeout=0.2)


if __name__ == "__main__":
    unittest.main()
