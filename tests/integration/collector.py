"""A small collector of traces: takes OTLP over HTTP and keeps the spans."""

import http.server
import json
import threading


class Collector:
    """`spans` are as OTLP has them, with their attributes as a dictionary."""

    def __init__(self):
        self.spans = []
        self.resources = []
        self.status = 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.status == 200:
                    collector.take(self.path, self.headers, json.loads(body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def take(self, path, headers, request):
        assert path == "/v1/traces", path
        assert headers["Content-Type"] == "application/json"
        for group in request["resourceSpans"]:
            self.resources.append(attributes(group["resource"]))
            for scope in group["scopeSpans"]:
                self.spans += [span | {"attributes": attributes(span)}
                               for span in scope["spans"]]

    def of_trace(self, trace):
        return [span for span in self.spans if span["traceId"] == trace]

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def attributes(of):
    return {one["key"]: value(one["value"]) for one in of["attributes"]}


def value(tagged):
    (kind, found), = tagged.items()
    return int(found) if kind == "intValue" else found
