# SPDX-License-Identifier: MIT
"""Kernel log: every warning, trace or report that the allow-list does not expect."""

from .. import klog
from . import Finding

NAME = "klog"


def check(ev):
    return [Finding(NAME, f"{e.kind}: {e.title}", e.text())
            for e in ev.bad_entries if e.kind not in klog.OWNED]
