# SPDX-License-Identifier: MIT
"""What a boot has left behind shows when the driver is unloaded."""

from types import SimpleNamespace

import pytest
from test_run import FACTS, worker

from xerig import agent, run, unload
from xerig.matrix import Cell
from xerig.oracles import Finding

LEAK = "Memory manager not clean during takedown."


class Guest:
    """said: what its kernel says while xe is unloaded; end: status, or what is raised then; dumps: in sysfs."""

    pace, fatal = 1, None

    def __init__(self, said=(), end=0, dumps=(), programs=()):
        self.said, self.outcome, self.dumps, self.programs = said, end, list(dumps), programs
        self.did, self.records = [], []

    def closed(self):
        return False

    def running(self):
        return list(self.programs)

    def mark(self, text):
        self.records.append(agent.Record(6, 0, 0, text))
        return len(self.records) - 1

    def slice(self, begin, end=None):
        return self.records[begin:end]

    def call(self, _op, path):
        return {"names": [".", *self.dumps]}

    def write(self, path, data):
        self.did.append((path, data))

    def run(self, argv, _limit):
        self.did.append(argv[-1])
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.records += [agent.Record(3, 0, 0, t) for t in self.said]
        return SimpleNamespace(status=self.outcome, err=["rmmod: in use"])


@pytest.mark.parametrize("said, end, oracles, words", [
    ((), 0, [], ""), (("[drm] *ERROR* " + LEAK,), 0, ["klog"], LEAK), ((), 1, ["rig"], "in use"),
    ((), agent.GuestTimeout("rmmod"), ["rig"], "not unloaded 10 s"),
    ((), agent.GuestOops("BUG: kernel NULL pointer"), ["klog"], "NULL pointer")])
def test_a_driver_that_cannot_go_or_complains_is_found(said, end, oracles, words):
    found = unload.look(Guest(said, end), [], FACTS)
    assert [f.oracle for f in found] == oracles and all(words in f.summary and "since boot" in f.summary for f in found)


def test_a_dump_that_nobody_has_read_holds_no_module():
    guest = Guest(dumps=["devcd1", "disabled"])
    assert not unload.look(guest, [], FACTS)
    assert guest.did == [("/sys/class/devcoredump/devcd1/data", "0"), "xe"]


def test_nothing_is_taken_from_under_a_program():
    guest = Guest(end=1, programs=[17])
    assert not unload.look(guest, [], FACTS) and not guest.did


@pytest.mark.parametrize("side, verdicts", [("patched", ["clean", "dirty"]), ("base", ["clean", "clean"])])
def test_the_last_cell_of_a_boot_says_what_it_has_left(monkeypatch, tmp_path, side, verdicts):
    monkeypatch.setattr(run.unload, "look", lambda *_a: [Finding("rig", "xe is not unloaded")])
    monkeypatch.setitem(FACTS, "side", side)
    cells = [Cell(s, "remove", "close-after") for s in ("idle-fd", "bo-mmap")]
    results, _ = worker(monkeypatch, set(), cells)(tmp_path)
    assert [r.verdict for r in results] == verdicts
