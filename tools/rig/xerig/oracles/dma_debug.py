# SPDX-License-Identifier: MIT
"""DMA-API debugging: mappings left when the driver let go, and every other complaint of it."""

from .. import klog
from . import Finding

NAME = "dma-debug"


def leaked(ev):
    """Mappings this cell's driver instance still had when remove() returned; None if unknown.

    The live counter is preferred to the "[count=N]" of the kernel log, because that one counts again
    what an earlier test of the boot has leaked for ever. Mappings of other devices that the program
    holds on purpose ("foreign_mappings") are none of the driver's.
    """
    removed = ev.samples.get("removed")
    if removed is not None and removed.dma_mappings is not None and ev.own_mappings is not None:
        return max(0, removed.dma_mappings - ev.own_mappings - ev.held.get("foreign_mappings", 0))
    return klog.pending_dma(ev.entries)


def check(ev):
    out = []
    count = leaked(ev)
    pending = klog.pending_dma(ev.entries)
    if count:
        found = [e for e in ev.entries if e.kind == "dma-api"]
        out.append(Finding(NAME, f"{count} DMA mappings left when the driver had let go of the device",
                           "\n\n".join(e.text() for e in found)))
    elif pending and (ev.samples.get("removed") is None or pending > (ev.own_mappings or 0)):
        # More than could be left of earlier cells: undone after the driver was unbound, and so too late.
        out.append(Finding(NAME, f"the kernel reports {pending} pending DMA mappings at driver unbind"))
    for e in ev.bad_entries:
        if e.kind == "dma-api" and "pending DMA allocations" not in e.title:
            out.append(Finding(NAME, e.title, e.text()))
    closed = ev.samples.get("closed")
    if closed and closed.dma_mappings is not None and ev.own_mappings is not None \
            and "reprobe" not in ev.facts["order"]:
        left = closed.dma_mappings - ev.own_mappings
        if left > 0:
            out.append(Finding(NAME, f"{left} DMA mappings never undone, all files closed"))
    return out
