# SPDX-License-Identifier: MIT
"""How long remove() takes under a load of everything at once: queues, buffers, userptrs and a stuck ioctl."""

from statistics import median

from .. import boot, errors, procs, session, ui
from ..ways import WAYS
from . import Figures, Limit
from .removal import hold

NAME = "load"
STATE = "mixed-load"
# Way, vIOMMU, ms at most; a device that does not answer is not worth a wait. With QEMU's vIOMMU each of its 11,000
# unmaps is a trap into QEMU, which the driver cannot do without: that is measured, but not judged.
CASES = (("remove", "on", 2000), ("surprise", "off", 200), ("surprise", "on", None))
RUNS = 3
WITHOUT = ("dma_debug=off",)  # it costs more than what it watches, and no user has it
PATIENCE = 4  # times what a cell may take for anything


def measure(base, gpu, out):
    """The median of RUNS removals of each case, each in a boot of its own."""
    s = session.Session("bench", base, gpu=gpu, kernel_args=WITHOUT).prepare(["base", "patched"])
    if "patched" not in s.sides:
        raise errors.UsageError(f"{base} has no patched side to look at")
    taken, waited = {}, []
    with procs.guard():
        for way, iommu, _ in CASES:
            what = name(way, iommu)
            taken[what] = []
            for n in range(RUNS):
                ui.say(f"{what}, {n + 1} of {RUNS}")
                machine = s.machine("patched", iommu)
                machine.pace = PATIENCE
                with boot.Boot(machine, out / f"load-{way}-{iommu}-{n + 1}") as vm:
                    hold(vm, STATE, WAYS[way])
                    before = vm.held_up()
                    taken[what].append(WAYS[way].leave(vm) / 1e6)
                    waited.append(boot.waited(before, vm.held_up()) * 1e3)
    fig = figures(f"remove() under {STATE}, patched {base}", taken, s.versions)
    fig.rows.append(("QEMU and GPU were ready and the host ran others", f"{median(waited):.0f} ms",
                     "in all threads together"))
    fig.data["waited"] = waited
    return fig


def name(way, iommu):
    """What a case is called."""
    return f"{way} of {STATE}, {'vIOMMU' if iommu == 'on' else 'no vIOMMU'}"


def figures(title, taken, versions):
    """Figures of name -> ms of each run."""
    fig = Figures(title, data={"versions": versions, "remove": taken})
    for way, iommu, limit in CASES:
        what = name(way, iommu)
        ms = taken[what]
        fig.rows.append((what, f"{median(ms):.0f} ms", f"{min(ms):.0f} to {max(ms):.0f} ms"))
        if limit:
            fig.limits.append(Limit(what, median(ms), limit, "ms", f"median of {len(ms)}"))
    return fig
