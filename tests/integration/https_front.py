"""An HTTPS server in front of hcloud-sim, whose certificate can be changed
while it runs, and which can send its callers elsewhere."""

import http.server
import ssl
import threading

import requests


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        front = self.server
        front.requests.append(
            (self.command, self.path, self.headers.get("Authorization")))
        if front.redirect:
            self.send_response(302)
            self.send_header("Location", front.redirect + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = requests.request(
            self.command, front.target + self.path, data=body, timeout=30,
            headers={name: value for name, value in self.headers.items()
                     if name in ("Authorization", "Content-Type")})
        self.send_response(found.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(found.content)))
        self.end_headers()
        self.wfile.write(found.content)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Front(http.server.ThreadingHTTPServer):
    """Every request comes on a connection of its own, with a handshake."""

    daemon_threads = True

    def __init__(self, certificate):
        self.target = None
        self.redirect = None
        self.connections = 0
        self.requests = []
        self.present(certificate)
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"https://localhost:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def present(self, certificate):
        """From now on; a session under another one is not resumed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.context = context

    def get_request(self):
        connection, address = super().get_request()
        self.connections += 1
        return self.context.wrap_socket(
            connection, server_side=True,
            do_handshake_on_connect=False), address

    def handle_error(self, *_):
        pass  # a caller that does not like the certificate

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()
