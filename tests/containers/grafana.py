#!/usr/bin/python3
"""What the test of the containers asks of Grafana, and no more: it reads the
same files of provisioning, and answers the same requests of its HTTP API. It
draws nothing. The test does not know which of the two it asks."""

import base64
import hmac
import http.server
import json
import os
import pathlib
import urllib.error
import urllib.request

import yaml

PROVISIONING = pathlib.Path("/etc/grafana/provisioning")


def provisioned(kind, key):
    """The entries of all files of a kind."""
    return [entry for path in sorted(PROVISIONING.glob(f"{kind}/*.yaml"))
            for entry in yaml.safe_load(path.read_text())[key]]


def dashboards():
    """{uid: dashboard}"""
    folders = [pathlib.Path(provider["options"]["path"])
               for provider in provisioned("dashboards", "providers")]
    found = [json.loads(path.read_text())
             for folder in folders for path in sorted(folder.glob("*.json"))]
    return {dashboard["uid"]: dashboard for dashboard in found}


SOURCES = {source["uid"]: source
           for source in provisioned("datasources", "datasources")}
DASHBOARDS = dashboards()
PASSWORD = pathlib.Path(
    os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text().strip()
LOGIN = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()


def ask(source, rest):
    """(status, body) of what the datasource says."""
    try:
        with urllib.request.urlopen(f"{source['url']}/{rest}",
                                    timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError as failed:
        return 502, json.dumps({"message": str(failed)}).encode()


def answer(path):
    """(status, body) for whoever has logged in."""
    match path.removeprefix("/api/").split("/", 4):
        case ["dashboards", "uid", uid] if uid in DASHBOARDS:
            return 200, json.dumps({"dashboard": DASHBOARDS[uid]}).encode()
        case ["datasources"]:
            return 200, json.dumps(list(SOURCES.values())).encode()
        case ["datasources", "proxy", "uid", uid, rest] if uid in SOURCES:
            return ask(SOURCES[uid], rest)
    return 404, b'{"message": "not found"}'


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/api/health":
            self.reply(200, b'{"database": "ok"}')
        elif hmac.compare_digest(self.headers.get("Authorization", ""), LOGIN):
            self.reply(*answer(self.path))
        else:
            self.reply(401, b'{"message": "log in"}')

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
