# SPDX-License-Identifier: MIT
"""Memory: what remove() did not give back, and what nobody gives back."""

from .. import facts
from . import Finding

NAME = "memory"

# The guest's free memory moves by itself by less than this between two idle moments (KiB).
NOISE_KIB = 4096
# What the first run of each further program leaves in the guest's slabs and page tables: up to 250 KiB were seen.
PROGRAM_KIB = 512
# KASAN keeps what was freed for a while, as large as a 32nd of the guest's memory; kmemleak is exact there.
QUARANTINE_KIB = 65536
# Of the pages of buffers that nobody shares, and of page tables, remove() has to give back so many (percent).
RETURNED = 95
# remove() is only asked about buffers that cannot drown in that noise.
BIG_KIB = 16384
# Slab pages that one object of thousands still keeps, for each thing a program had (bytes). Counted where a
# load was repeated in one guest: the first time costs that much, the others next to nothing.
SLAB_BYTES = {"bos": 256, "userptrs": 1024, "queues": 8192}


def noise_kib(ev):
    """How much less may be free after a cell than before it (KiB)."""
    quarantine = QUARANTINE_KIB if ev.facts.get("kernel") == "debug" else 0
    slabs = sum(ev.held.get(what, 0) * each for what, each in SLAB_BYTES.items())
    further = len(facts.values(ev.facts, "state")) - 1
    return NOISE_KIB + quarantine + slabs // 1024 + further * PROGRAM_KIB


def check(ev):
    out = []
    before, after = ev.samples.get("before"), ev.samples.get("after")
    lost = before.free_kib - after.free_kib if before and after else 0
    if lost > noise_kib(ev):
        out.append(Finding(NAME, f"{lost} KiB less free than before, all closed and bound again"))
    removed, closed = ev.samples.get("removed"), ev.samples.get("closed")
    bo_kib = (ev.held.get("bo_bytes", 0) + ev.held.get("table_bytes", 0)) // 1024
    # Shared buffers survive an orderly removal by contract; the rest belongs to nobody any more. What only
    # the close gave back was kept; with the driver bound again in between, that cannot be told apart.
    shared = any(state.startswith("dmabuf") for state in facts.values(ev.facts, "state"))
    if removed and closed and bo_kib >= BIG_KIB and not shared and "reprobe" not in ev.facts["order"]:
        kept = closed.free_kib - removed.free_kib
        # What is left of a buffer without its pages is as large as a small buffer: it does not count where
        # removal gave back as much as was in the buffers.
        held = ev.samples.get("held")
        returned = removed.free_kib - held.free_kib if held else 0
        if kept > noise_kib(ev) and returned < bo_kib * RETURNED // 100 - noise_kib(ev):
            out.append(Finding(NAME, f"{kept} KiB of {bo_kib} KiB in buffers and page tables not freed by remove(), but "
                               "by the last close"))
    return out
