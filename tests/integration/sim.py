"""hcloud-sim as a test fixture: start it, call its API, ask it for trouble.

    with Sim(time_scale=600) as sim:
        server = sim.make_server("web")
        sim.fault(method="POST", path="/servers", status=502)

The binary is $HCLOUD_SIM, or hcloud-sim in $BYOC_BUILD_DIR, or in the newest
build directory of the repository.
"""

import os
import pathlib
import signal
import subprocess
import time

import requests

TOKEN = "t" * 64
READ_ONLY_TOKEN = "r" * 64


def binary():
    if "HCLOUD_SIM" in os.environ:
        return os.environ["HCLOUD_SIM"]
    root = pathlib.Path(__file__).resolve().parents[2] / "build"
    root = pathlib.Path(os.environ.get("BYOC_BUILD_DIR", root))
    found = [path for path in root.rglob("hcloud-sim") if path.is_file()]
    if not found:
        raise FileNotFoundError(f"no hcloud-sim in {root}; set HCLOUD_SIM")
    return str(max(found, key=lambda path: path.stat().st_mtime))


def wait_for(condition, what="the condition", timeout=20, pause=0.05):
    """What the condition returns, as soon as that is true; looked at again
    after each pause."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        time.sleep(pause)


class Answer:
    """Status, headers and parsed body of one exchange; `code` of an error."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text
        try:
            self.body = response.json() if response.content else None
        except ValueError:
            self.body = None

    def __getitem__(self, key):
        return self.body[key]

    @property
    def error(self):
        return (self.body or {}).get("error", {})

    @property
    def code(self):
        return self.error.get("code")

    @property
    def fields(self):
        """The names of the fields that an error complains about."""
        return [field["name"] for field in self.error["details"]["fields"]]

    def __repr__(self):
        return f"<{self.status} {self.text[:300]}>"


class Sim:
    def __init__(self, time_scale=600, record=None, options=(),
                 tokens=(TOKEN, READ_ONLY_TOKEN + ":ro"),
                 listen="127.0.0.1:0"):
        self.command = [binary(), "--listen", listen,
                        "--time-scale", str(time_scale), *options]
        for token in tokens:
            self.command += ["--token", token]
        if record:
            self.command += ["--record", str(record)]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"hcloud-sim did not start: {self.command}")
        self.url = line.split()[-1]
        self.base = self.url.removesuffix("/v1")
        self.session = requests.Session()
        return self

    def stop(self):
        """Ends it and makes sure that it ended well."""
        if not self.process:
            return
        self.session.close()
        early = self.process.poll()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.process = None
        if early is not None:
            raise AssertionError(f"hcloud-sim was gone already: {early}")
        if status != 0:
            raise AssertionError(f"hcloud-sim ended with status {status}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # The API

    def call(self, method, path, body=None, token=TOKEN, query=None, **more):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Answer(self.session.request(
            method, self.url + path, json=body, params=query,
            headers=headers, timeout=30, **more))

    def get(self, path, token=TOKEN, **query):
        return self.call("GET", path, token=token, query=query)

    def post(self, path, body=None, token=TOKEN):
        return self.call("POST", path, body, token=token)

    def put(self, path, body, token=TOKEN):
        return self.call("PUT", path, body, token=token)

    def delete(self, path, token=TOKEN):
        return self.call("DELETE", path, token=token)

    def list(self, path, token=TOKEN, **query):
        """All entries of all pages."""
        entries, page = [], 1
        while page:
            answer = self.get(path, token=token, page=page, **query)
            entries += answer[path.strip("/").split("/")[-1]]
            page = answer["meta"]["pagination"]["next_page"]
        return entries

    def wait_action(self, action, token=TOKEN):
        """Waits until the action has ended and returns it."""
        return wait_for(
            lambda: self.ended(action["id"], token),
            f"action {action['command']} {action['id']}")

    def ended(self, action_id, token=TOKEN):
        action = self.get(f"/actions/{action_id}", token=token)["action"]
        return action if action["status"] != "running" else None

    def settle(self, answer, token=TOKEN):
        """Waits for all actions of an answer; returns the answer."""
        assert answer.status < 300, answer
        body = answer.body
        actions = [body.get("action")] + body.get("actions", [])
        for action in actions + body.get("next_actions", []):
            if action:
                done = self.wait_action(action, token)
                assert done["status"] == "success", done
        return answer

    def make_network(self, name="net", ip_range="10.0.0.0/16",
                     zone="eu-central"):
        return self.settle(self.post("/networks", {
            "name": name, "ip_range": ip_range, "subnets": [
                {"type": "cloud", "network_zone": zone,
                 "ip_range": ip_range.split("/")[0] + "/24"}],
        }))["network"]

    def make_server(self, name="server", **more):
        """A server that runs; its place in networks is up."""
        answer = self.settle(self.post("/servers", server(name, **more)))
        return self.get(f"/servers/{answer['server']['id']}")["server"]

    # The test's own door

    def control(self, method, path, body=None):
        answer = Answer(self.session.request(
            method, f"{self.base}/_sim{path}", json=body, timeout=30))
        assert answer.status < 300, answer
        return answer.body

    def state(self, project="default"):
        """{"servers": […], "networks": […], …} of a project."""
        return self.control("GET", f"/state?project={project}")[
            "projects"].get(project, {})

    def calls(self, pattern=None):
        """How often "POST /servers" was called, or {pattern: count}."""
        calls = self.control("GET", "/calls")["calls"]
        return calls.get(pattern, 0) if pattern else calls

    def reset_calls(self):
        self.control("POST", "/calls/reset")

    def fault(self, **wish):
        """method, path, nth, times, when, latency_ms, status, code, drop…"""
        return self.control("POST", "/faults", wish)["id"]

    def faults(self):
        return self.control("GET", "/faults")["faults"]

    def clear_faults(self):
        self.control("DELETE", "/faults")

    def clusters(self):
        """What lives in it: address, nodes, the Secret's token, calls."""
        return self.control("GET", "/clusters")["clusters"]

    def disturb(self, **decree):
        """Until clear_faults: a server's fate, or how the API behaves."""
        self.control("POST", "/clusters", decree)

    def action_error(self, command, **wish):
        return self.control(
            "POST", "/action_error", {"command": command, **wish})["id"]

    def sold_out(self, server_type, location, sold_out=True):
        self.control("POST", "/sold_out", {
            "server_type": server_type, "location": location,
            "sold_out": sold_out})

    def quota(self, project="default", **limits):
        self.control("POST", "/quota", {"project": project, **limits})

    def rate_limit(self, project="default", **bucket):
        self.control("POST", "/rate_limit", {"project": project, **bucket})

    def add_token(self, token, project="default", access="rw"):
        self.control("POST", "/tokens", {
            "token": token, "project": project, "access": access})

    def revoke(self, token):
        self.control("POST", "/tokens/revoke", {"token": token})

    def protect(self, kind, resource_id, protected=True):
        self.control("POST", "/protect", {
            "kind": kind, "id": resource_id, "protected": protected})

    def set_time_scale(self, time_scale):
        self.control("POST", "/time_scale", {"time_scale": time_scale})

    def clear(self):
        self.control("POST", "/clear")

    def start_over(self):
        """Nothing exists, is to go wrong or was ever called."""
        self.clear()
        self.clear_faults()
        self.reset_calls()


def server(name="server", **more):
    """The body of a request that creates a small server."""
    return {"name": name, "server_type": "cx23", "image": "ubuntu-24.04",
            "location": "fsn1", **more}


def https_service(*certificates):
    """A balancer's service that ends TLS with them."""
    return {"protocol": "https", "listen_port": 443, "destination_port": 80,
            "proxyprotocol": False,
            "health_check": {"protocol": "tcp", "port": 80, "interval": 15,
                             "timeout": 10, "retries": 3},
            "http": {"certificates": [one["id"] for one in certificates]}}


PRIVATE = {"enable_ipv4": False, "enable_ipv6": False}
