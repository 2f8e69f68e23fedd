# SPDX-License-Identifier: MIT
"""How long remove() takes under a load of everything at once: queues, buffers, userptrs and a stuck ioctl."""

from statistics import median

from .. import boot, errors, procs, session, ui
from ..ways import WAYS
from . import Figures, Limit
from .removal import hold

NAME = "load"
STATE = "mixed-load"
LIMITS = (("remove", 2000), ("surprise", 200))  # ms; a device that does not answer is not worth a wait
RUNS = 3
PATIENCE = 4  # times what a cell may take for anything


def measure(base, gpu, out):
    """The median of RUNS removals in each way, each in a boot of its own."""
    s = session.Session("bench", base, gpu=gpu).prepare(["base", "patched"])
    if "patched" not in s.sides:
        raise errors.UsageError(f"{base} has no patched side to look at")
    taken, waited = {}, []
    with procs.guard():
        for way, _ in LIMITS:
            taken[way] = []
            for n in range(RUNS):
                ui.say(f"{way} under {STATE}, {n + 1} of {RUNS}")
                machine = s.machine("patched", "on")
                machine.pace = PATIENCE
                with boot.Boot(machine, out / f"load-{way}-{n + 1}") as vm:
                    hold(vm, STATE, WAYS[way])
                    before = vm.held_up()
                    taken[way].append(WAYS[way].leave(vm) / 1e6)
                    waited.append(boot.waited(before, vm.held_up()) * 1e3)
    fig = figures(f"remove() under {STATE}, patched {base}", taken, s.versions)
    fig.rows.append(("QEMU and GPU were ready and the host ran others", f"{median(waited):.0f} ms",
                     "in all threads together"))
    fig.data["waited"] = waited
    return fig


def figures(title, taken, versions):
    """Figures of way -> ms of each run."""
    fig = Figures(title, data={"versions": versions, "remove": taken})
    for way, limit in LIMITS:
        ms = taken[way]
        fig.rows.append((f"{way} of {STATE}", f"{median(ms):.0f} ms", f"{min(ms):.0f} to {max(ms):.0f} ms"))
        fig.limits.append(Limit(f"{way} of {STATE}", median(ms), limit, "ms", f"median of {len(ms)}"))
    return fig
