# SPDX-License-Identifier: MIT
"""The rig itself: what hung, a GPU that does not come back, and what failed on our side."""

from . import Finding

NAME = "rig"


def check(ev):
    out = [Finding(NAME, f"stuck: {s}") for s in ev.stuck]
    if ev.kernel_died:
        out.append(Finding(NAME, f"the kernel is broken: {ev.kernel_died}"))
    if ev.reprobe:
        out.append(Finding(NAME, f"the driver did not bind again: {ev.reprobe}"))
    out += [Finding(NAME, f"infra: {s}") for s in ev.infra]
    return out
