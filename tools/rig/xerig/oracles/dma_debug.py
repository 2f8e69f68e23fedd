# SPDX-License-Identifier: MIT
"""DMA-API debugging: mappings left when the driver let go, and every other complaint of it."""

from .. import klog
from . import Finding

NAME = "dma-debug"


def leaked(ev):
    """Mappings the device had when remove() returned: the kernel's count, else the live counter; None if unknown."""
    count = klog.pending_dma(ev.entries)
    if count is not None:
        return count
    removed = ev.samples.get("removed")
    if removed is None or removed.dma_mappings is None:
        return None
    return max(0, removed.dma_mappings - ev.own_mappings)


def check(ev):
    out = []
    count = leaked(ev)
    if count:
        found = [e for e in ev.entries if e.kind == "dma-api"]
        out.append(Finding(NAME, f"{count} DMA mappings left when the driver had let go of the device",
                           "\n\n".join(e.text() for e in found)))
    for e in ev.bad_entries:
        if e.kind == "dma-api" and "pending DMA allocations" not in e.title:
            out.append(Finding(NAME, e.title, e.text()))
    closed = ev.samples.get("closed")
    if closed and closed.dma_mappings is not None and "reprobe" not in ev.facts["order"]:
        left = closed.dma_mappings - ev.own_mappings
        if left > 0:
            out.append(Finding(NAME, f"{left} DMA mappings never undone, all files closed"))
    return out
