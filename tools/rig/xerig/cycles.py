# SPDX-License-Identifier: MIT
"""Unplug and plug again, many times in one boot, under a load that is never twice the same.

A cycle starts several programs at once, takes the device away while all of them hold what they hold, and brings it
back; ways and the ends of the programs take turns. What a single cell cannot show is what adds up: memory is
compared with the start of the boot, and so are mappings.
"""

import re
import time
from dataclasses import dataclass

from . import agent, cellrun, errors, options, run
from .states import STATES
from .ways import CORE

KIND = "cycles"
# Always there: a GPU that is busy, and pages of the user.
BUSY = ("queue-endless", "userptr")
BESIDE = ("bo-bound", "dmabuf-open", "user-fence", "userptr-munmapped", "queue-idle", "bo-mmap", "preempt-vm",
          "dmabuf-closed", "fd-passed", "idle-fd", "syncobj-waiter")
ENDS = ("kill", "close-after", "close-after-reprobe", "during")
# Cycles of a boot before its memory is taken for the usual one: until then its caches still grow, by 2 to 3 MiB.
WARM = 20


@dataclass(frozen=True)
class Cycle:
    """The n-th cycle, from 1. What it does follows from its number, so that one can be repeated."""

    n: int

    state = BUSY[0]  # what expectations and the time of remove() go by

    @property
    def name(self):
        return f"cycle@{self.n}"

    @property
    def way(self):
        return CORE[self.n % len(CORE)]

    @property
    def order(self):
        return ENDS[self.n // len(CORE) % len(ENDS)]

    @property
    def programs(self):
        """Names of the states that are held."""
        first = self.n * 2 % len(BESIDE)
        return (*BUSY, BESIDE[first], BESIDE[(first + 1) % len(BESIDE)])

    def facts(self):
        """What expectations and oracles know a cycle by."""
        return {"kind": KIND, "test": self.name, "state": self.state, "way": self.way, "order": self.order}


def parse(text):
    """Cycles of a comma list of names: cycle@N, or cycle@N-M for all from N to M."""
    out = []
    for name in options.words("TESTS", text, "cycle@N or cycle@N-M"):
        m = re.fullmatch(r"cycle@([1-9][0-9]{0,5})(?:-([0-9]{1,6}))?", name)
        first, last = (int(m[1]), int(m[2] or m[1])) if m else (1, 0)
        if first > last:
            raise errors.UsageError(f"TESTS {name} is no cycle: want cycle@N or cycle@N-M")
        out += [Cycle(n) for n in range(first, last + 1)]
    return out


class CycleRun(cellrun.CellRun):
    """One cycle on a running boot. usual: the memory sample of an idle guest that has been through some, or None."""

    def __init__(self, machine, cycle, facts, rules, lingering, usual=None):
        super().__init__(machine, cycle, facts, rules, lingering)
        self.usual = usual
        self._pids = {}

    def _steps(self):
        self.ev.samples["before"] = self.usual or cellrun.sample(self.guest)
        self._start()
        self.way.prepare(self.boot)
        self._dead = self.way.dead
        if self.cell.order == "during":
            self._tell("close")
        self.time_leave(lambda: self.way.leave(self.boot))
        self._left = True
        self.ev.gone = self.gpu.command("gone", on=True)
        self._window = True
        self.ev.samples["removed"] = cellrun.sample(self.guest)
        if self.cell.order == "close-after-reprobe":
            self.back()
            self._end()
        else:
            self._end()
            self.back()
        self._settle()

    def _start(self):
        began = time.monotonic()
        self._pids = {name: self.guest.spawn(self.program(name)) for name in self.cell.programs}
        for name, pid in self._pids.items():
            line = self.guest.next_line(pid, STATES[name].held_seconds)
            self.ev.replies.append((f"{name}: hold", line, time.monotonic() - began))

    def _tell(self, line):
        for pid in self._pids.values():
            try:
                self.guest.call("send", pid=pid, line=line)
            except agent.AgentError:
                pass  # it has ended: its status tells

    def _end(self):
        """Ends the programs as the order says and waits until all they held is gone."""
        killed = self.cell.order == "kill"
        for pid in self._pids.values():
            if killed:
                self.guest.call("signal", pid=pid, sig=9)
        if not killed:
            self._tell("close")
            self._tell("exit")
        for name, pid in self._pids.items():
            child = self.guest.wait_exit(pid, cellrun.EXIT_TIME)
            if (child.status, child.signal) != ((None, 9) if killed else (0, None)):
                said = next((line for line in child.out if line.startswith("fail")),
                            f"fail ended with status {child.status}, signal {child.signal}")
                self.ev.replies.append((name, said, 0))
        self.pid, self.ev.killed = pid, killed
        self.wait_exit()


class Worker(run.Worker):
    """Runs cycles; a boot ends only when it is broken."""

    def _one_boot(self, cells):
        self._usual, self._seen = None, 0
        return super()._one_boot(cells)

    def cell_run(self, vm, cell, lingering):
        """As run.Worker."""
        cycle = CycleRun(vm, cell, self.job.facts, self.rules, lingering, self._usual)
        whole = cycle.run

        def counted():
            res = whole()
            self._seen += 1
            if self._seen == WARM:
                self._usual = res.samples.get("after")
            return res

        cycle.run = counted
        return cycle
