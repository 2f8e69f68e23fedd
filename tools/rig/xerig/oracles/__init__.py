# SPDX-License-Identifier: MIT
"""Oracles: each looks at the evidence of one cell and returns its findings, none when it is content.

A module has NAME and check(evidence) -> list of Finding. A cell is clean only if all are silent;
an exit status alone never decides.
"""

import importlib
import pkgutil
from dataclasses import asdict, dataclass, field


@dataclass
class Finding:
    """What an oracle has to say: one line, and text to look at."""

    oracle: str
    summary: str
    detail: str = ""

    def as_dict(self):
        """For JSON."""
        return asdict(self)


@dataclass
class Sample:
    """Memory of the guest at one moment. KiB, and live mappings known to DMA-API debugging (None: unknown)."""

    free_kib: int
    available_kib: int
    dma_mappings: int | None


@dataclass
class Evidence:
    """All that was seen of one cell, before anybody judged it."""

    facts: dict  # base, side, kernel, iommu ("on"/"off"), gpu, state, way, order
    entries: list = field(default_factory=list)  # klog.Entry, whole cell
    bad_entries: list = field(default_factory=list)  # those the allow-list does not know
    kernel_died: str | None = None  # first line that said the kernel is broken
    samples: dict = field(default_factory=dict)  # "before", "held", "removed", "closed", "after" -> Sample
    # Mappings and pages that stood before the cell without the driver: of other devices, or leaked for
    # ever by earlier cells of the boot. None where DMA-API debugging is absent.
    own_mappings: int | None = None
    own_pages: int = 0
    held: dict = field(default_factory=dict)  # facts the programs printed with "held", numbers added up
    replies: list = field(default_factory=list)  # (command, answer, seconds)
    stderr: list = field(default_factory=list)
    ends: list = field(default_factory=list)  # (who, status, signal) of each program whose end was seen
    killed: bool = False  # the order killed the programs on purpose
    skip: str | None = None
    gone: dict | None = None  # reply of the witness at the moment remove() had returned
    witness: list = field(default_factory=list)  # its events during the cell
    returns: int | None = None  # number of the first event of the next binding; None: there was none
    remove_seconds: float | None = None  # of remove(), and what the state allows
    remove_limit: float | None = None
    stuck: list = field(default_factory=list)  # what did not answer in time
    infra: list = field(default_factory=list)  # what failed in the rig itself
    wrong: list = field(default_factory=list)  # what the driver did on the way that it must not
    reprobe: str | None = None  # None: came back; else why not


def modules():
    """All oracle modules, in a fixed order."""
    return [importlib.import_module(f"{__name__}.{m.name}")
            for m in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name)]


def names():
    """Names of the oracles."""
    return [m.NAME for m in modules()]


def judge(evidence):
    """Every oracle's findings, in the order of modules()."""
    return [f for m in modules() for f in m.check(evidence)]
