# SPDX-License-Identifier: MIT
"""Unplug and plug again, many times in one boot, under a load that is never twice the same.

A cycle starts several programs at once, takes the device away while all of them hold what they hold, and brings it
back; ways and the ends of the programs take turns. What a single cell cannot show is what adds up: memory is
compared with the start of the boot, and so are mappings.
"""

import re
from dataclasses import dataclass

from . import cellrun, errors, options, run
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

    @property
    def name(self):
        return f"cycle@{self.n}"

    @property
    def state(self):
        """The states that are held together."""
        return "+".join(self.programs)

    @property
    def repeat(self):
        """What the moment of a close beside the removal goes by."""
        return self.n

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

    def _before(self):
        return self.usual or super()._before()


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
