"""How much processor time and memory processes take, from /proc."""

import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")


def children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def family(pid):
    """A process and all that descend from it."""
    return [pid] + [one for child in children(pid) for one in family(child)]


def seconds_of(pid, with_dead):
    """Processor seconds of a process, and of its children that have ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return sum(map(int, fields[11:15 if with_dead else 13])) / TICKS


def peak_mib(pids):
    """The sum of the processes' own peaks."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text() \
                .splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1])
    return total / 1024


class Meter:
    """From its making until stop(): who used how much of the processors.

    `roles` names process ids, each of which stands for its whole family."""

    def __init__(self, roles):
        self.roles = roles
        self.begin = time.monotonic()
        self.before = self.look()

    def look(self):
        """{role: {pid: seconds}}"""
        return {role: {pid: seconds_of(pid, with_dead=pid in pids)
                       for first in pids for pid in family(first)}
                for role, pids in self.roles.items()}

    def stop(self):
        after = self.look()
        self.wall = time.monotonic() - self.begin
        self.used = {
            role: {pid: seconds - self.before[role].get(pid, 0)
                   for pid, seconds in processes.items()}
            for role, processes in after.items()}
        return self

    def seconds(self, role):
        return sum(self.used[role].values())

    def percent(self, role):
        """Of one processor."""
        return 100 * self.seconds(role) / self.wall

    def busiest(self):
        """The one process that was busy longest, as "role NN %"."""
        seconds, role = max((seconds, role)
                            for role, processes in self.used.items()
                            for seconds in processes.values())
        return f"{role} {100 * seconds / self.wall:.0f} %"
