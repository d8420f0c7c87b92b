"""What may lie between a worker and a service, and fail without a word: a wire
that passes nothing on, a nameserver that does not answer."""

import contextlib
import socket
import socketserver
import threading


class Wire:
    """Passes a port's bytes on to a service. While it is cut, connections stay
    open, new ones are taken, and nothing comes through; while it is muted,
    nothing comes back on the first one."""

    def __init__(self, service, port=0):
        self.service = service
        self.whole = threading.Event()
        self.whole.set()
        self.heard = threading.Event()
        self.heard.set()
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        spawn(self.accept)

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return  # stopped
            far = socket.create_connection(self.service)
            first = not self.sockets
            self.sockets += [near, far]
            spawn(self.pump, near, far, [self.whole])
            spawn(self.pump, far, near,
                  [self.whole, self.heard] if first else [self.whole])

    def pump(self, source, sink, gates):
        try:
            while data := source.recv(65536):
                for gate in gates:
                    gate.wait()
                sink.sendall(data)
            self.whole.wait()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # an end is gone, and the other one learns of it
            sink.close()

    def cut(self):
        self.whole.clear()

    def mute(self):
        self.heard.clear()

    def mend(self):
        self.whole.set()
        self.heard.set()

    def stop(self):
        """Breaks all off; nothing listens there any more. May be repeated."""
        if self.listener.fileno() < 0:
            return
        self.mend()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.sockets:
            with contextlib.suppress(OSError):  # it is closed already
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Question(socketserver.BaseRequestHandler):
    def handle(self):
        query, answers = self.request
        if not self.server.awake.is_set():
            return
        end = query.index(b"\0", 12) + 5  # of the only question
        is_a = query[end - 4:end - 2] == b"\0\1"
        header = query[:2] + b"\x81\x80\0\1" + (
            b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
        address = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(
            "127.0.0.1")
        answers.sendto(header + query[12:end] + (address if is_a else b""),
                       self.client_address)


class Nameserver(socketserver.ThreadingUDPServer):
    """Once awake it says of every name that it is here; until then nothing."""

    def __init__(self, address):
        super().__init__((address, 53), Question)
        self.awake = threading.Event()
        spawn(self.serve_forever, 0.05)

    def stop(self):
        self.shutdown()
        self.server_close()


def spawn(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()
