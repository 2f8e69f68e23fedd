# SPDX-License-Identifier: MIT
"""Cells of the product state x way x order, and how a user selects them."""

import re
from dataclasses import dataclass

from . import errors
from .orders import ORDERS, UNMAPS
from .states import STATES
from .ways import CORE, WAYS


MOST_GPUS = 4


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

    def facts(self):
        """What expectations and oracles know a cell by."""
        return {"state": self.state, "way": self.way, "order": self.order}


def select(what, text, known, default):
    """Names of a comma list, in the order of known; `all` is everything; a wrong one is a UsageError."""
    if not text:
        return list(default)
    wanted = [t.strip() for t in text.split(",") if t.strip()]
    for name in wanted:
        if name not in known and name != "all":
            raise errors.UsageError(f"{what} {name} is unknown; known: {', '.join(known)}, all")
    if not wanted:
        raise errors.UsageError(f"{what} is empty; known: {', '.join(known)}, all")
    return [n for n in known if n in wanted or "all" in wanted]


def choice(what, text, known, default):
    """One name out of known, default where text is empty."""
    if not text:
        return default
    if text not in known:
        raise errors.UsageError(f"{what} {text} is unknown; known: {', '.join(known)}")
    return text


def gpus(text, known, default="lnl"):
    """GPU=: one name out of known, or several joined by "+" for a guest with all of them; the first is unplugged."""
    names = [choice("GPU", name.strip() or "(nothing)", known, default) for name in (text or default).split("+")]
    if len(names) > MOST_GPUS:
        raise errors.UsageError(f"GPU: {len(names)} in one guest, {MOST_GPUS} is the most")
    return "+".join(names)


def count(what, text, default=1, most=10000):
    """A positive number."""
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise errors.UsageError(f"{what} must be a number from 1 to {most}, not {text}")
    return int(text)


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
