# SPDX-License-Identifier: MIT
"""Kernel log: every warning, trace or report that the allow-list does not expect."""

from collections import Counter

from .. import klog
from . import Finding

NAME = "klog"


def check(ev):
    """One finding for what is said again and again; its text is the first of them."""
    mine = [e for e in ev.bad_entries if e.kind not in klog.OWNED]
    times = Counter((e.kind, e.title) for e in mine)
    first = {(e.kind, e.title): e for e in reversed(mine)}
    return [Finding(NAME, f"{kind}: {title}", (f"{count} times, first:\n" if count > 1 else "") + first[kind, title].text())
            for (kind, title), count in times.items()]
