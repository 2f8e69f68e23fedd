# SPDX-License-Identifier: MIT
"""Cells of the product state x way x order, and the lists of them that commands run."""

from dataclasses import dataclass

from .orders import BEFORE, UNMAPS, told
from .result import Result
from .states import STATES, find
from .ways import CORE, WAYS


@dataclass(frozen=True)
class Cell:
    """One test. state: one, or several joined by "+" that are held together; repeat counts from 0."""

    state: str
    way: str
    order: str
    repeat: int = 0

    @property
    def name(self):
        tail = f"#{self.repeat + 1}" if self.repeat else ""
        return f"{self.state}/{self.way}/{self.order}{tail}"

    @property
    def programs(self):
        """Names of the states, a program each."""
        return tuple(self.state.split("+"))

    @property
    def slot(self):
        """Whether the GPU leaves through pciehp."""
        return WAYS[self.way].slot

    def facts(self):
        """What expectations and oracles know a cell by."""
        return {"state": self.state, "way": self.way, "order": self.order}


def cells(states, ways, orders, repeat=1):
    """The product; orders that unmap only where a state has memory for it, ways that suspend where it lets them, and
    those that need files open or closed where they are; nobody calls a device that died asleep, or wakes one that is
    to leave asleep."""
    return [Cell(s, w, o, r) for r in range(repeat) for o in orders for s in states for w in ways
            if (o not in UNMAPS or find(s).munmap) and (find(s).sleeps or not WAYS[w].suspends)
            and WAYS[w].files in (None, o not in BEFORE)
            and not (told(o) == "close" and WAYS[w].asleep) and not (o in BEFORE and WAYS[w].suspends)]


def together(some, most):
    """The same states in fewer cells: up to most at once, those with the same way and order beside each other. Where
    the GPU has to be slow, that would be so for all of them.
    """
    alike = {}
    for cell in some:
        kind = cell.way, cell.order, cell.repeat, (find(cell.state).faults, find(cell.state).slow)
        alike.setdefault(kind, []).append(cell.state)
    out = []
    for (*rest, _), states in alike.items():
        count = -(-len(states) // most)
        cuts = [len(states) * n // count for n in range(count + 1)]
        out += [Cell("+".join(states[a:b]), *rest) for a, b in zip(cuts, cuts[1:])]
    return out


def each(res):
    """What a cell's result says: of several states held together that each of them was clean, or had to be left out;
    where something was found that is no other cell's affair."""
    if len(res.cell.programs) == 1 or res.verdict not in ("clean", "skip"):
        return [res]
    out = []
    for state in res.cell.programs:
        cell, why = Cell(state, res.cell.way, res.cell.order, res.cell.repeat), res.left_out.get(state, res.skip)
        out.append(Result(cell, {**res.facts, **cell.facts()}, verdict="skip" if why else "clean", skip=why,
                          held={"together": res.cell.state}, entries=res.entries, leaked=res.leaked,
                          seconds=res.seconds / len(res.cell.programs), boot=res.boot))
    return out


def default():
    """The table of `make hotunplug` as (iommu, cells): default states, the quick ways, closed after; userptr also
    unmapped after. A part is repeated without vIOMMU, where DMA-API debugging sees userptr pages on 7.3."""
    states = [s for s in STATES if STATES[s].default]
    return [("on", cells(states, CORE, ["close-after", "munmap-after"])),
            ("off", cells(["bo-bound", "userptr", "queue-idle"], ["remove"], ["close-after"]))]


def smoke():
    """The few cells `make test` runs on each base."""
    return cells(["idle-fd", "bo-bound", "userptr", "queue-idle"], ["unbind", "remove"], ["close-after"]) + \
        cells(["userptr"], ["remove"], ["munmap-after"]) + cells(["idle-fd"], ["surprise"], ["close-after"])
