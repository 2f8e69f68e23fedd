# SPDX-License-Identifier: MIT
"""Cells of the product state x way x order, and the lists of them that commands run."""

from dataclasses import dataclass

from .orders import UNMAPS
from .states import STATES
from .ways import CORE, WAYS


@dataclass(frozen=True)
class Cell:
    """One test. repeat counts from 0."""

    state: str
    way: str
    order: str
    repeat: int = 0

    @property
    def name(self):
        tail = f"#{self.repeat + 1}" if self.repeat else ""
        return f"{self.state}/{self.way}/{self.order}{tail}"

    @property
    def slot(self):
        """Whether the GPU leaves through pciehp."""
        return WAYS[self.way].slot

    def facts(self):
        """What expectations and oracles know a cell by."""
        return {"state": self.state, "way": self.way, "order": self.order}


def cells(states, ways, orders, repeat=1):
    """The product; orders that unmap only where a state has memory for it."""
    return [Cell(s, w, o, r) for r in range(repeat) for o in orders for s in states for w in ways
            if o not in UNMAPS or STATES[s].munmap]


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
