# SPDX-License-Identifier: MIT
"""The GPU's own view: what it was asked to do that no living driver may ask, and what it was left with."""

import re

from ..orders import told
from ..ways import WAYS
from . import Finding

NAME = "witness"
DEAD = [w.name for w in WAYS.values() if w.dead]
RUNS_ON = [w.name for w in WAYS.values() if w.runs_on]


def clock(us):
    """A time as the kernel log shows it."""
    return f"[{us // 1000000:5d}.{us % 1000000:06d}]"


def accesses(before, shift=0):
    """What the device saw, a line each; shift: from the times of the device to those of the lines."""
    return [f"{clock(max(0, b['time_us'] + shift))}     {b['kind']} {b['addr']:#x}"
            f"{' ' + b['what'] if b['what'] else ''} = {b['val']:#x}" for b in before]


def story(event):
    """An event for people, a line; before it what the device saw, where that is known. Times are the guest's, if
    known."""
    shift = event["guest_us"] - event["time_us"] if "guest_us" in event else 0
    lines = accesses(event.get("before", ()), shift)
    who = f" by {event['engine']}" if event.get("engine") else ""
    if event.get("guc_id", -1) >= 0:
        who += f", context {event['guc_id']}"
    where = f" at {event['iova']:#x}, {event.get('len', 0)} bytes" if event.get("iova") is not None else ""
    when = clock(max(0, event["time_us"] + shift)) + " " if "time_us" in event else ""
    lines.append(f"{when}{event['kind']}{who}{where}: {event.get('detail', '')}".rstrip(": "))
    return "\n".join(lines)


def of_running_job(event):
    """xe_vm_close() empties the root of the page tables, so that a job that still runs faults and ends at once; one
    whose process unmaps memory faults at the page."""
    return event.get("kind") == "ppgtt_fault" and event.get("detail") in ("not present, level 4", "not present, level 0")


def kept_from_memory(event):
    """What an engine meets whose device may not access memory any more: its page tables are memory as well."""
    return event["kind"] == "dma_no_bus_master" or \
        event["kind"] == "ppgtt_fault" and event.get("detail") == "page table not readable"


def of_next_binding(ev, event):
    """Whether an event came when the driver was bound again, or might have been."""
    return ev.returns is not None and event["seq"] >= ev.returns


def closes_beside(facts):
    """Whether the program closes or unmaps while the driver is there and its jobs run."""
    return told(facts.get("order")) is not None or facts.get("phase") == "close" or \
        facts.get("phase") in ("remove", "reset") and bool(re.search("@(call|lost)@", facts.get("test", "")))


def resets(facts):
    """Whether the rig asks for a GT reset."""
    way = WAYS.get(facts.get("way"))
    return bool(way and way.resets) or facts.get("phase") == "reset" or "@reset@" in facts.get("test", "")


def of_reset_fault(event):
    """A fault that was being served when the GT was reset: the driver answers it to the new GuC."""
    return event.get("detail", "").startswith("page fault response nobody waits for")


def check(ev):
    out = []
    kinds = {}
    beside = closes_beside(ev.facts)
    for event in ev.witness:
        if beside and of_running_job(event):
            continue
        if resets(ev.facts) and of_reset_fault(event):
            continue
        # What cannot be stopped is kept from memory, and the GPU says that it tried.
        if ev.facts.get("way") in RUNS_ON and kept_from_memory(event) and not of_next_binding(ev, event):
            continue
        # The programs of a cell that skips after all are killed under their jobs, with the driver there.
        if event["kind"] == "ppgtt_fault" and ev.skip:
            continue
        # A recoverable fault that is under way when the device goes is refused by the driver, and rightly.
        if event["kind"] == "ppgtt_fault" and ev.held.get("faults"):
            continue
        kinds.setdefault(event["kind"], []).append(event)
    for kind, events in kinds.items():
        first = events[0]
        where = f" at {first['iova']:#x}" if first.get("iova") is not None and "dma" in kind else ""
        out.append(Finding(NAME, f"{kind}: {len(events)} x, first{where} {first.get('detail', '')}".rstrip(),
                           "\n".join(story(e) for e in events[:50])))
    gone = ev.gone or {}
    # Without a vIOMMU the whole memory of the guest is one mapping that is not the driver's.
    pages = gone.get("live_dma_pages", 0) - ev.own_pages
    if ev.facts["iommu"] == "on" and pages > 0:
        out.append(Finding(NAME, f"{pages} pages still mapped for the device after remove()"))
    # Such a device cannot be told to stop; what it still believes to run is not the driver's fault.
    if ev.facts.get("way") not in DEAD + RUNS_ON:
        if gone.get("jobs_running"):
            out.append(Finding(NAME, f"{gone['jobs_running']} jobs still running after remove()"))
        if gone.get("contexts"):
            left = [f"context {c['guc_id']} of {c['engine']}: {c['state']}" for c in gone.get("context_list", ())]
            out.append(Finding(NAME, f"{gone['contexts']} contexts still registered after remove()",
                               "\n".join(left + accesses(gone.get("before", ()), gone.get("guest_shift_us", 0)))))
    if ev.facts.get("way") not in DEAD and gone.get("bus_master"):
        out.append(Finding(NAME, "bus mastering still on after remove()"))
    return out
