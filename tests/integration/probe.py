"""Asks workers how they are, all the time, and keeps how long they took; and
somebody who has nothing else to do, to know how busy the machine is.

    with Probe(world.workers, world.sim) as probe:
        ...
    probe.check()
"""

import http.client
import threading
import time
import urllib.parse

PATHS = ("/healthz", "/readyz")
EVERY_S = 0.02
AT_ONCE_S = 0.1
GIVE_UP_S = 5


class Probe:
    def __init__(self, workers, idler, paths=PATHS):
        self.ports = [worker.port for worker in workers]
        self.idler = urllib.parse.urlsplit(idler.base).port
        self.paths = paths
        self.waits = []
        self.idlers_waits = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.ending.wait(EVERY_S):
            for port in self.ports:
                for path in self.paths:
                    self.waits.append(ask(port, path))
            self.idlers_waits.append(ask(self.idler, "/_sim/faults"))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def check(self):
        """All answers came at once, but for what the machine has to do besides;
        even then none was as late as one that had to wait for something."""
        most, last = lateness(self.waits)
        idlers_most, idlers_last = lateness(self.idlers_waits)
        assert most <= idlers_most + AT_ONCE_S and last < idlers_last + 1, (
            f"90 % of {len(self.waits)} answers within {most:.3f} s, the last"
            f" after {last:.3f} s; others need {idlers_most:.3f} s and"
            f" {idlers_last:.3f} s")


def lateness(waits):
    """What nine answers of ten needed, and the last one."""
    waits = sorted(waits)
    return waits[len(waits) * 9 // 10], waits[-1]


def ask(port, path):
    """Seconds until the answer; GIVE_UP_S when there was none."""
    begin = time.monotonic()
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=GIVE_UP_S)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except OSError:
        return GIVE_UP_S
    finally:
        connection.close()
    return time.monotonic() - begin
