# SPDX-License-Identifier: MIT
"""Cycles: what each does, and that what adds up over a boot is seen."""

from types import SimpleNamespace

import pytest

from guestkit import FakeGpu, FakeGuest
from xerig import agent, cellrun, cycles, errors, oracles, run
from xerig.cycles import Cycle
from xerig.states import STATES
from xerig.ways import CORE, WAYS

FACTS = {"base": "6.12", "side": "base", "kernel": "plain", "iommu": "on", "gpu": "lnl"}


def test_every_way_meets_every_end_and_every_program():
    some = [Cycle(n) for n in range(1, 133)]
    assert {(c.way, c.order) for c in some} == {(w, e) for w in CORE for e in cycles.ENDS}
    programs = cycles.BUSY + cycles.BESIDE
    assert {(c.way, p) for c in some for p in c.programs} == {(w, p) for w in CORE for p in programs}
    assert all(p in STATES for c in some for p in c.programs) and all(c.way in WAYS for c in some)
    assert all(len(set(c.programs)) == 4 for c in some)


def test_names():
    assert cycles.parse("cycle@3, cycle@12") == [Cycle(3), Cycle(12)]
    assert [c.n for c in cycles.parse("cycle@9-11,cycle@2")] == [9, 10, 11, 2]
    for bad in ("cycle", "cycle@0", "cell@3", "cycle@x", "cycle@3-", "cycle@5-4", "cycle@1-99999999999",
                "cycle@\u0663"):
        with pytest.raises(errors.UsageError, match="no cycle"):
            cycles.parse(bad)


class Guest(FakeGuest):
    """Programs that hold at once; eats memory with every removal if told so."""

    def __init__(self, status=0, eats=0):
        super().__init__()
        self.children, self.status, self.eats = {}, status, eats

    def write(self, path, data, _timeout=0):
        if path.endswith(("unbind", "/remove")):
            self.free -= self.eats
        return super().write(path, data)

    def spawn(self, argv):
        pid = 5 + len(self.children)
        self.children[pid] = agent.GuestChild(pid)
        self.did.append("spawn")
        return pid

    def next_line(self, *_a):
        return "held {}"

    def call(self, op, *_a, pid=None, line=None, sig=None, **_kw):
        self.did.append(line or op)
        if sig and not self.status:
            self.children[pid].signal = sig

    def child(self, pid):
        return self.children[pid]

    def wait_exit(self, pid, *_a):
        child = self.children[pid]
        child.ended, child.status = True, None if child.signal else self.status
        return child


def machine(guest):
    gpu = FakeGpu()
    return SimpleNamespace(agent=guest, gpu=gpu, gpus=[gpu], render_node=lambda *_a: "/dev/dri/renderD128",
                           console_lines=list, held_up=dict)


GONE, CLOSE = ["gone"] * 4, ["close"] * 4 + ["exit"] * 4


@pytest.mark.parametrize("n, did", [
    (3, ["unbind", *GONE, *CLOSE, "bind"]),
    (1, ["remove", *GONE, *["signal"] * 4, "rescan"]),
    (6, ["unbind", *GONE, "bind", *CLOSE]),
    (9, ["unbind", *CLOSE, "bind"]),
])
def test_all_programs_hold_and_end_as_the_cycle_says(n, did):
    guest = Guest()
    res = cycles.CycleRun(machine(guest), Cycle(n), FACTS, [], (3, 0)).run()
    assert res.verdict == "clean", res.findings
    assert guest.did == ["spawn"] * 4 + ["verify"] * 4 + did


@pytest.mark.parametrize("n, status", [(3, 1), (3, 77), (1, 1), (1, 77)])
def test_a_program_that_does_not_end_well_is_a_finding(n, status):
    res = cycles.CycleRun(machine(Guest(status=status)), Cycle(n), FACTS, [], (3, 0)).run()
    assert (res.verdict, res.oracles()) == ("dirty", ["program"])


def test_little_by_little_is_seen(monkeypatch):
    monkeypatch.setattr(cellrun, "IDLE_TIME", 0.0)
    guest = Guest(eats=oracles.memory.NOISE_KIB // 4)
    worker = cycles.Worker([run.Job(FACTS, None, [], None, "x")], [], None, None, None)
    worker.job, worker._usual, worker._seen = worker.jobs[0], None, 0
    verdicts = [worker.cell_run(machine(guest), Cycle(n), (3, 0)).run().verdict for n in range(1, cycles.WARM + 7)]
    assert verdicts[:cycles.WARM + 3] == ["clean"] * (cycles.WARM + 3) and verdicts[-1] == "dirty"
