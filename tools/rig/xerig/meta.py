# SPDX-License-Identifier: MIT
"""Meta-tests: every oracle is seen red, on a driver known to be bad or by a fault put in on purpose."""

from dataclasses import dataclass
from typing import Callable

from . import errors
from .matrix import Cell


@dataclass(frozen=True)
class Meta:
    """oracle must speak for the cell and say text; fault(cell_run) is called when remove() has returned."""

    oracle: str
    base: str
    cell: Cell
    text: str
    why: str
    iommu: str = "on"
    side: str = "base"
    fault: Callable | None = None

    @property
    def name(self):
        return f"{self.oracle}: {self.why}"


def _log(text, level=3):
    def fault(cell_run):
        cell_run.guest.call("kmsg", text=f"<{level}>{text}")
    return fault


def _leak_memory(cell_run):
    """Eats guest memory that nobody gives back."""
    child = cell_run.guest.run(["dd", "if=/dev/zero", "of=/run/eaten", "bs=1M", "count=128"], 20)
    if child.status:
        raise errors.InfraError("dd in the guest: " + " ".join(child.err))


def _lose_guest(cell_run):
    cell_run.boot._qemu.stop(grace=0)


TESTS = (
    Meta("dma-debug", "6.12", Cell("bo-bound", "remove", "close-after"), "DMA mappings left",
         "an unpatched 6.12 leaves buffers mapped"),
    Meta("dma-debug", "7.3", Cell("userptr", "remove", "close-after"), "DMA mappings left",
         "an unpatched 7.3 leaves userptr pages mapped, seen without vIOMMU", iommu="off"),
    Meta("witness", "6.12", Cell("bo-bound", "unbind", "close-after"), "pages still mapped",
         "the GPU still sees pages of an unpatched 6.12"),
    Meta("memory", "6.12", Cell("many-bos", "remove", "close-after"), "not freed by remove()",
         "an unpatched 6.12 keeps buffers until close"),
    Meta("program", "6.12", Cell("queue-endless", "remove", "close-after"), "gone:",
         "programs of an unpatched 6.12 do not get what the contract says"),
    Meta("klog", "7.3", Cell("userptr", "remove", "munmap-after"), "dma_iova_unlink",
         "an unpatched 7.3 oopses at munmap after remove"),
    Meta("rig", "7.3", Cell("userptr", "remove", "munmap-after"), "kernel is broken",
         "an oops ends the boot"),
    Meta("klog", "6.12", Cell("idle-fd", "unbind", "close-after"), "line: a stray warning",
         "a warning put into the log", fault=_log("a stray warning")),
    Meta("iommu", "6.12", Cell("idle-fd", "unbind", "close-after"), "DMAR:",
         "a fault line put into the log",
         fault=_log("DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000")),
    Meta("memory", "6.12", Cell("idle-fd", "unbind", "close-after"), "less free than before",
         "memory eaten on purpose", fault=_leak_memory),
    Meta("summary", "6.12", Cell("idle-fd", "unbind", "close-after"), "1 removals, 2 lines",
         "the driver's last word said twice", side="patched",
         fault=_log("xe 0000:01:00.0: [drm] unplugged in 1 ms: nothing", 6)),
    Meta("rig", "6.12", Cell("idle-fd", "unbind", "close-after"), "infra:",
         "QEMU killed in the middle of a test", fault=_lose_guest),
)


def judge(meta, res):
    """None if the oracle was red for the right reason, else what it said."""
    mine = [f for f in res.findings if f.oracle == meta.oracle]
    said = [f"{f.oracle}: {f.summary}" for f in mine]
    if any(meta.text in s or meta.text in f.detail for s, f in zip(said, mine)):
        return None
    free = ", ".join(f"{when} {s.free_kib}" for when, s in res.samples.items())
    return "; ".join(said) or (f"silent (verdict {res.verdict}, spoke: {' '.join(res.oracles()) or 'nobody'}; "
                               f"KiB free: {free or 'not asked'})")
