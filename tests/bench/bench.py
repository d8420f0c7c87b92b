"""The benchmark: see run.sh. Prints the Markdown of README's "Measuring"."""

import os
import pathlib
import signal
import sys

import clusters
import cycle
import plain
from ground import Failure, Ground

# Worker: jobs in flight in each process, processes, jobs. Clusters: how many,
# and whether they share one project. Deletions: how many of each kind.
FULL = {
    "worker": [(1, 1, 600), (16, 1, 3000), (64, 1, 8000), (256, 1, 24000),
               (1024, 1, 24000), (256, 2, 24000), (256, 4, 24000)],
    "limit": 10000, "go": 3000, "goroutines": (64, 256), "celery": 600,
    "beside": 10000,
    "clusters": [(1, False), (10, False), (100, False), (400, False),
                 (10, True), (100, True), (400, True)],
    "deletions": 12,
}
QUICK = {
    "worker": [(1, 1, 60), (64, 1, 1000), (256, 1, 2000), (256, 2, 2000)],
    "limit": 2000, "go": 600, "goroutines": (64,), "celery": 100,
    "beside": 2000,
    "clusters": [(1, False), (10, False), (10, True)],
    "deletions": 5,
}
PARTS = {"worker": cycle.run, "limit": plain.limit, "peers": plain.peers,
         "clusters": clusters.run}


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines
                  if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} processors ({model})"


def run_parts(ground, parts, sizes):
    """The names of those that failed."""
    failed = []
    for name in parts:
        try:
            PARTS[name](ground, sizes)
        except Exception as problem:
            print(f"bench: {name} failed: {type(problem).__name__}: {problem}",
                  file=sys.stderr, flush=True)
            failed.append(name)
        finally:
            ground.stop(*ground.programs)
    return failed


def main(words):
    quick = "--quick" in words
    parts = [word for word in words if word != "--quick"] or list(PARTS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    command = " ".join(["tests/bench/run.sh", *words])
    with Ground() as ground:
        print(f"One run of `{command}`, everything on one machine with "
              f"{machine()}:\n", flush=True)
        return 1 if run_parts(ground, parts, QUICK if quick else FULL) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failure, KeyboardInterrupt) as problem:
        sys.exit(f"bench: {problem or 'interrupted'}")
