# SPDX-License-Identifier: MIT
"""What remove() takes over the number of buffers that are held, on both sides of the series."""

import itertools

from .. import boot, errors, procs, session, ui
from ..options import SIDES
from ..ways import WAYS
from . import Figures, expect, plot

NAME = "removal"
# State, ways, numbers of buffers. Unpatched, a busy long-running VM is waited for once a buffer: minutes.
CURVES = (("many-bos", ("remove", "surprise"), (1000, 10000, 30000)),
          ("preempt-many", ("remove",), (1000, 10000, 100000)))
WORDS = {"many-bos": "bound BOs", "preempt-many": "BOs of a busy long-running VM"}
MEMORY_MIB = 4096   # 100,000 buffers are 2 GiB with what is kept of each
PATIENCE = 40       # times what a cell may take for anything
STEP_TIME = 600     # seconds for one step of the program


def measure(base, gpu, out):
    """The curves of remove(), and a plot of them."""
    s = session.Session("bench", base, gpu=gpu).prepare(["base", "patched"])
    if len(s.sides) < 2:
        raise errors.UsageError(f"{base} has no patched side to compare with")
    fig = Figures(f"remove() over what is held, {base}", data={"versions": s.versions})
    curve = fig.data["remove"] = removal(s, out)
    for state, ways, _ in CURVES:
        for way, side in itertools.product(ways, s.sides):
            points = points_of(curve, state, way, side)
            fig.rows.append((f"{way} with {points[-1][0]} {WORDS[state]}, {side}", f"{points[-1][1]:.0f} ms",
                             "; ".join(f"{n}: {ms:.0f} ms" for n, ms in points[:-1])))
    fig.plots.append(drawn(curve, out / "remove.svg", base))
    return fig


def removal(s, out):
    """(state, way, side, BOs, ms) of remove() with that many buffers held."""
    found = []
    with procs.guard():
        for state, ways, counts in CURVES:
            for way, side, count in itertools.product(ways, s.sides, counts):
                ui.say(f"{way}, {side}, {count} {WORDS[state]}")
                machine = s.machine(side, "on")
                machine.memory_mib, machine.pace = MEMORY_MIB, PATIENCE
                with boot.Boot(machine, out / f"{state}-{way}-{side}-{count}") as vm:
                    ns = one_removal(vm, state, WAYS[way], "--count", str(count))
                    found.append((state, way, side, count, ns / 1e6))
    return found


def one_removal(vm, state, way, *options):
    """Nanoseconds of remove() with a program's state held; options: the program's."""
    hold(vm, state, way, *options)
    return way.leave(vm)


def hold(vm, state, way, *options):
    """Everything before the driver is told."""
    vm.load_xe()
    pid = vm.agent.spawn([f"/scenarios/{state}", "--device", vm.render_node(), *options,
                          "--watchdog", str(STEP_TIME)])
    expect(vm.agent.next_line(pid, STEP_TIME), "held")
    way.prepare(vm)


def points_of(curve, state, way, side):
    """(BOs, ms) of one line."""
    return [(n, ms) for st, w, sd, n, ms in curve if (st, w, sd) == (state, way, side)]


def drawn(curve, path, base):
    """remove() over the number of BOs."""
    styles = {("many-bos", "remove"): "-", ("many-bos", "surprise"): "--", ("preempt-many", "remove"): ":"}
    colours = {"base": "tab:red", "patched": "tab:green"}
    lines = [(points_of(curve, state, way, side), style, colours[side], f"{name}, {way}, {WORDS[state]}")
             for (state, way), style in styles.items() for side, name in SIDES.items()]
    return plot(path, lines, "BOs held", "remove() in the guest, ms", f"xe of Linux {base}: cost of unplug")
