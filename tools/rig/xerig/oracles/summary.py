# SPDX-License-Identifier: MIT
"""The one line in which the patched driver says what it took away and what is still held: there once for each removal,
and what it says can be true."""

import re

from .. import facts
from ..boot import BDF
from ..orders import told
from ..ways import WAYS
from . import Finding

NAME = "summary"

# However somebody words the rest of it, this is the beginning
ANY = re.compile(rf"^xe {re.escape(BDF)}: \[drm\] (surprise )?unplugged\b")
LINE = re.compile(ANY.pattern + r" in (?P<ms>\d+) ms: (?P<queues>\d+) queues killed, (?P<jobs>\d+) jobs lost; "
                  r"unmapped (?P<bos>\d+) buffers \((?P<bos_kib>\d+) KiB\) and (?P<userptrs>\d+) userptrs "
                  r"\((?P<userptrs_kib>\d+) KiB\); freed (?P<freed_kib>\d+) KiB; still held by (?P<files>\d+) open "
                  r"files, (?P<kept>\d+) shared or mapped buffers \((?P<kept_kib>\d+) KiB\)$")
# What says that a device was bound. It is when a cell begins and when it ends, so that it went as often as it came.
BOUND = re.compile(rf"^\[drm\] Initialized xe \S+ for {re.escape(BDF)} on minor")
BEGIN = re.compile(r"^xe-unplug: .*: begin$")  # what is before it is the boot's, or the cell's before
PAGE_KIB = 4
NO_FILE = ("debugfs-forcewake",)  # holds another file than the device's
# No state of the rig has more of anything; a count that fell below zero has.
MOST = 1 << 31


def check(ev):
    # Of tests that are no cells nobody knows what is held, and after a death in the middle not what was said
    if ev.facts.get("side") != "patched" or ev.facts.get("kind") not in (None, "cycles") or ev.skip or \
            ev.reprobe or ev.stuck or ev.infra or ev.kernel_died or "after" not in ev.samples:
        return []
    titles = [e.title for e in ev.entries]
    titles = titles[max((n for n, t in enumerate(titles) if BEGIN.match(t)), default=0):]
    said = [t for t in titles if ANY.match(t)]
    went = sum(bool(BOUND.match(t)) for t in titles)
    if len(said) != went or not went:
        return [Finding(NAME, f"{went} removals, {len(said)} lines that say what was unplugged", "\n".join(said))]
    out = []
    for number, line in enumerate(said):
        m = LINE.match(line)
        wrong = _wrong(m, ev, not number) if m else ["it is not worded as the documents have it"]
        out += [Finding(NAME, what, line) for what in wrong]
    return out


def _wrong(m, ev, first):
    """What cannot be true of a line. first: it is of the removal that the cell is about, with its programs alive."""
    n = {key: int(text) for key, text in m.groupdict().items()}
    out = [f"{key} is {value}: it fell below zero" for key, value in n.items() if value >= MOST]
    out += [f"{n[what]} {words}, and {n[f'{what}_kib']} KiB in them"
            for what, words in (("bos", "buffers unmapped"), ("userptrs", "userptrs unmapped"),
                                ("kept", "buffers kept"))
            if (n[what] == 0) != (n[f"{what}_kib"] == 0) or n[f"{what}_kib"] < n[what] * PAGE_KIB]
    way = WAYS[ev.facts["way"]]
    if bool(m[1]) != (way.dead and first):
        out.append("surprise unplugged, and the device was there" if m[1] else "unplugged, and the device was dead")
    if not first:
        return out
    # What closes or is unmapped before the removal or beside it may be gone when the line counts
    early = told(ev.facts["order"])
    if early != "close":
        holders = sum(line is not None and line.startswith("held") and command.endswith("hold")
                      for command, line, _ in ev.replies)
        holders -= sum(state in NO_FILE for state in facts.values(ev.facts, "state"))
        # What is in local memory is not mapped
        bos = 0 if facts.values(ev.facts, "gpu") == ["bmg"] else ev.held.get("bos", 0)
        out += [f"{n[what]} {words}, and {least} are held" for what, words, least in (
            ("files", "open files", holders), ("bos", "buffers unmapped", bos),
            ("userptrs", "userptrs unmapped", 0 if early else ev.held.get("userptrs", 0)),
            ("queues", "queues killed", ev.held.get("queues", 0))) if n[what] < least]
    if not way.slot and ev.remove_seconds is not None and n["ms"] > ev.remove_seconds * 1000 + 1:
        out.append(f"{n['ms']} ms, and remove() took {ev.remove_seconds * 1000:.0f} ms")
    return out
