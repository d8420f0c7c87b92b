"""A byoc-worker that runs beside the test."""

import functools
import json
import pathlib
import re
import signal
import subprocess

import requests

from sim import TOKEN, wait_for

PATIENCE = 60


class Worker:
    """One byoc-worker, and what it logs."""

    def __init__(self, number, environment, folder, command):
        self.log_path = pathlib.Path(folder, f"worker-{number}.log")
        self.killed = False
        self.may_be_denied = False  # when a test takes rights away
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**environment, "BYOC_HTTP_LISTEN": "127.0.0.1:0"})

    @functools.cached_property
    def port(self):
        """Of its metrics; it says so when it starts."""
        def said():
            if self.process.poll() is not None:
                raise AssertionError(f"a worker ended:\n{self.log()}")
            return re.search(r'"event":"metrics.on","port":(\d+)', self.log())
        return int(wait_for(said, "a worker's metrics", PATIENCE)[1])

    def get(self, path):
        """The answer's (status, text), or (0, "") when there is none."""
        try:
            answer = requests.get(
                f"http://127.0.0.1:{self.port}{path}", timeout=10)
        except (requests.ConnectionError, requests.Timeout):
            return 0, ""
        return answer.status_code, answer.text

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"a worker ended:\n{self.log()}")
            return self.get("/readyz")[0] == 200
        try:
            wait_for(ready, "", PATIENCE)
        except AssertionError:
            raise AssertionError(
                f"a worker is not ready: {self.get('/readyz')}\n"
                f"{self.tail()}") from None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def events(self, name):
        """The log lines with that event word, as dictionaries."""
        lines = [json.loads(line) for line in self.log().splitlines()
                 if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it and makes sure that it ended well."""
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"a worker did not stop:\n{self.tail()}")
        log = self.log()
        if status != 0 and not self.killed:
            raise AssertionError(f"a worker ended {status}:\n{log[-8000:]}")
        if TOKEN in log:
            raise AssertionError(f"the token is in {self.log_path}")
        denied = "permission denied" in log and not self.may_be_denied
        if denied or "ACCESS_REFUSED" in log:
            raise AssertionError(f"a right is missing:\n{log[-8000:]}")

    def tail(self):
        return "\n".join(self.log().splitlines()[-25:])
