# SPDX-License-Identifier: MIT
"""Faults of the translating vIOMMU in the kernel log: the device reached for what is not mapped."""

from . import Finding

NAME = "iommu"


def check(ev):
    return [Finding(NAME, e.title, e.text()) for e in ev.bad_entries if e.kind == "iommu"]
