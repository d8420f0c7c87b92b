"""A server over TLS that sends back all that it was sent, as it came and as a
cluster's API returns a Secret: in base64."""

import base64
import http.server
import json
import re
import ssl
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are used again

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers,
                                 body.decode()))
        self.server.protocols.add(
            self.connection.selected_alpn_protocol() or "http/1.1")
        said = json.dumps(self.server.say(self, body)).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *ignored):
        pass


def as_it_came(handler, body):
    return {"line": handler.requestline, "headers": str(handler.headers),
            "body": body.decode()}


def as_kubernetes_does(handler, body):
    """The Secret, in full whatever was asked for: the worst there can be; and
    what asks after a rollout finds it done."""
    tokens = re.findall(r"\b[0-9A-Za-z]{64}\b", body.decode())
    return {"kind": "Secret", "message": body.decode(),
            "spec": {"replicas": 1},
            "status": {"updatedReplicas": 1, "availableReplicas": 1}, "data": {
        f"token{number}": base64.b64encode(token.encode()).decode()
        for number, token in enumerate(tokens)}}


class Echo(http.server.ThreadingHTTPServer):
    """Wants a certificate of `client_authority`, if there is one."""

    daemon_threads = True

    def __init__(self, address, certificate, say, client_authority=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        if client_authority:
            self.context.load_verify_locations(client_authority)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.say, self.status = say, 200
        self.seen, self.protocols, self.connections = [], set(), 0
        super().__init__(address, Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def finish_request(self, request, client_address):
        self.connections += 1
        request.settimeout(30)
        with self.context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, client_address)

    def handle_error(self, *ignored):
        pass  # a caller that went away

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()
