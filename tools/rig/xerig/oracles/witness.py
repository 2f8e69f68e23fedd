# SPDX-License-Identifier: MIT
"""The GPU's own view: what it was asked to do that no living driver may ask, and what it was left with."""

import json

from ..ways import WAYS
from . import Finding

NAME = "witness"
DEAD = [w.name for w in WAYS.values() if w.dead]


def check(ev):
    out = []
    kinds = {}
    for event in ev.witness:
        # A recoverable fault that is under way when the device goes is refused by the driver, and rightly.
        if event["kind"] == "ppgtt_fault" and ev.held.get("faults"):
            continue
        kinds.setdefault(event["kind"], []).append(event)
    for kind, events in kinds.items():
        first = events[0]
        where = f" at {first['iova']:#x}" if first.get("iova") is not None and "dma" in kind else ""
        out.append(Finding(NAME, f"{kind}: {len(events)} x, first{where} {first.get('detail', '')}".rstrip(),
                           "\n".join(json.dumps(e) for e in events[:50])))
    gone = ev.gone or {}
    # Without a vIOMMU the whole memory of the guest is one mapping that is not the driver's.
    pages = gone.get("live_dma_pages", 0) - ev.own_pages
    if ev.facts["iommu"] == "on" and pages > 0:
        out.append(Finding(NAME, f"{pages} pages still mapped for the device after remove()"))
    if ev.facts.get("way") not in DEAD:
        # A dead device cannot be told to stop; what it still believes to run is not the driver's fault.
        if gone.get("jobs_running"):
            out.append(Finding(NAME, f"{gone['jobs_running']} jobs still running after remove()"))
        if gone.get("contexts"):
            out.append(Finding(NAME, f"{gone['contexts']} contexts still registered after remove()"))
        if gone.get("bus_master"):
            out.append(Finding(NAME, "bus mastering still on after remove()"))
    return out
