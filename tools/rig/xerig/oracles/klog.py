# SPDX-License-Identifier: MIT
"""Kernel log: every warning, trace or report that the allow-list does not expect."""

from .. import klog
from . import Finding

NAME = "klog"


def check(ev):
    """One finding for what is said again and again; its text is the first of them."""
    said = {}
    for e in ev.bad_entries:
        if e.kind not in klog.OWNED:
            said.setdefault(f"{e.kind}: {e.title}", []).append(e)
    return [Finding(NAME, line, (f"{len(es)} times, first:\n" if len(es) > 1 else "") + es[0].text())
            for line, es in said.items()]
