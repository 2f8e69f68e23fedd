# SPDX-License-Identifier: MIT
"""What the series costs: daily calls in pairs of guests that live side by side, the DMA gate beside bare unmaps."""

import contextlib
import json
import random
import re
from statistics import median

from .. import boot, errors, kunit, live, procs, session, ui
from . import Figures, Limit, expect

NAME = "driver"
PAIRS = 40
CALLS = (("bind_bo_ns", "bind and unbind of a BO"), ("bind_userptr_ns", "bind and unbind of a userptr"),
         ("bo_ns", "create, bind, unbind, close of a BO"), ("exec_ns", "exec of an empty batch"))
SLOWER = 1.0  # per cent that a call may take longer, as far as the resamples are sure of it
GATE = 1.25  # times that the gate may take what bare unmaps take

_GATE = re.compile(r"(\d+) mappings: bare (\d+) ns each, gate (\d+) ns each .*; "
                   r"(\d+) late maps, (\d+) slept, longest (\d+) us")


def measure(base, gpu, out):
    """Ratios patched/unpatched of the calls, and what the gate costs."""
    s = session.Session("bench", base, gpu=gpu).prepare(["base", "patched"])
    if len(s.sides) < 2:
        raise errors.UsageError(f"{base} has no patched side to compare with")
    pairs = calls(s, out)
    fig = Figures(f"driver, patched against unpatched {base}", data={"versions": s.versions, "pairs": pairs})
    for key, what in CALLS:
        mid, low, high = ratio([(b[key], p[key]) for b, p in pairs])
        fig.rows.append((what, f"{mid:.3f} x", f"95 % of resamples {low:.3f} to {high:.3f}; {PAIRS} pairs, "
                         f"unpatched {median(b[key] for b, _ in pairs) / 1000:.0f} us"))
        fig.limits.append(slower(what, low))
    fig.data["gate"] = gate(s, out)
    for n, bare, closed, late, slept, longest in fig.data["gate"]:
        fig.rows.append((f"DMA gate closed over {n} mappings / bare unmaps", f"{closed / bare:.2f} x",
                         f"{closed} ns / {bare} ns each; {late} maps meanwhile refused, {slept} of them slept, "
                         f"the longest took {longest} us"))
        fig.limits.append(Limit(f"gate over {n} mappings", closed / bare, GATE, "times bare unmaps"))
    return fig


def slower(what, low):
    """The limit of a call whose ratio is at least low, with what is sure to be no noise."""
    return Limit(what, (low - 1) * 100, SLOWER, "% slower", "at least, by 95 % of the resamples")


def calls(s, out):
    """PAIRS times (unpatched, patched): medians of bench-calls, the order within a pair alternating."""
    with procs.guard(), contextlib.ExitStack() as stack:
        guests = {}
        for side in ("base", "patched"):
            vm = stack.enter_context(boot.Boot(s.machine(side, "on"), out / f"calls-{side}"))
            vm.load_xe()
            pid = vm.agent.spawn(["/scenarios/bench-calls", "--device", vm.render_node()])
            expect(vm.agent.next_line(pid, 30), "held")
            guests[side] = (vm.agent, pid)
        pairs = []
        progress = ui.Progress("pairs of calls", PAIRS)
        for n in range(-2, PAIRS):  # the first two warm the caches up
            one = {side: once(*guests[side]) for side in (("base", "patched") if n % 2 else ("patched", "base"))}
            if n >= 0:
                pairs.append((one["base"], one["patched"]))
                progress.step()
        progress.done()
        return pairs


def gate(s, out):
    """(mappings, ns of a bare unmap, ns each of the gate, late maps, those that slept, us of the longest) as the live
    suite xe_dma_live finds them on the virtual GPU, in one boot."""
    machine = live.Worker.tune(s.machine("patched", "on"), s, "patched")
    ui.say("the DMA gate beside bare unmaps")
    with procs.guard(), boot.Boot(machine, out / "gate") as vm:
        vm.load_xe()
        first = vm.agent.mark("xe-unplug: gate: begin")
        vm.agent.write(kunit.GLOB, f"{live.TIMES}.*")
        vm.agent.run(["modprobe", live.MODULE], 300)
        lines = [r.text for r in vm.agent.slice(first, vm.agent.mark("xe-unplug: gate: end"))]
    found = [tuple(map(int, m.groups())) for m in map(_GATE.search, lines) if m]
    if not found:
        raise errors.InfraError(f"the live suite {live.TIMES} said nothing; the guest's log is in {out / 'gate'}")
    return found


def once(guest, pid):
    """One measurement of the program."""
    guest.call("send", pid=pid, line="verify")
    return json.loads(expect(guest.next_line(pid, 60), "ok"))


def ratio(pairs, rounds=2000):
    """(median, low, high) of patched/unpatched; low and high hold 95 % of bootstrap medians."""
    values = [p / b for b, p in pairs]
    rng = random.Random(1)
    found = sorted(median(rng.choices(values, k=len(values))) for _ in range(rounds))
    return median(values), found[int(rounds * 0.025)], found[int(rounds * 0.975) - 1]
