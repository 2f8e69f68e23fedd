# SPDX-License-Identifier: MIT
"""The rig itself: what hung or took too long, a GPU that does not come back, and what failed on our side."""

from . import Finding

NAME = "rig"


def check(ev):
    out = [Finding(NAME, f"stuck: {s}") for s in ev.stuck]
    out += [Finding(NAME, s) for s in ev.wrong]
    if ev.remove_limit and ev.remove_seconds and ev.remove_seconds > ev.remove_limit:
        out.append(Finding(NAME, f"remove() took {ev.remove_seconds:.1f} s, more than {ev.remove_limit:g} s"))
    if ev.kernel_died:
        out.append(Finding(NAME, f"the kernel is broken: {ev.kernel_died}"))
    if ev.reprobe:
        out.append(Finding(NAME, f"the driver did not bind again: {ev.reprobe}"))
    out += [Finding(NAME, f"infra: {s}") for s in ev.infra]
    return out
