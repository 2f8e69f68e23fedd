# SPDX-License-Identifier: MIT
"""`make igt` from its options to its exit status, with a session that only pretends to run."""

import argparse
from types import SimpleNamespace

import pytest

from xerig import errors, expect, igt, paths, rootfs, session, show, tally
from xerig.commands import igt as command
from xerig.igt import IgtTest
from xerig.result import Result

TESTS = [IgtTest("xe_vm", s) for s in "abc"]


class Session:
    """Runs what is not known; fails holds names, reach how many tests there is time for."""

    fails, reach, ran = set(), 99, []

    def __init__(self, _what, base, _kernel, _gpu):
        self.base, self.cache = SimpleNamespace(name=base), paths.Cache()
        self.sides, self.versions, self.notes = {}, {"xe-unplug": "abc"}, []
        self.root, self.have, self.results, self.gpu = None, {}, [], "lnl"

    def set_up(self):
        return self

    def prepare(self, sides):
        self.sides = {s: SimpleNamespace(kernel=SimpleNamespace(key=f"key-{s}", content=f"key-{s}"), programs=None)
                      for s in sides}
        return self

    def facts(self, side, iommu):
        return {"base": self.base.name, "side": side, "kernel": "plain", "iommu": iommu, "gpu": "lnl"}

    note = staticmethod(print)

    def run(self, plan, _kind, worker):
        Session.worker, Session.ran = worker, []
        for iommu, tests in plan:
            for side in self.sides:
                have = self.have.get((side, iommu), {})
                self.results += have.values()
                for t in [t for t in tests if t not in have][:self.reach]:
                    res = Result(t, {**self.facts(side, iommu), **t.facts()}, expected="expected")
                    if t.name in self.fails:
                        res.verdict, res.expected = "dirty", "unexpected"
                    self.ran.append(t.name)
                    self.results.append(res)
                    self.keep(res)


@pytest.fixture
def go(monkeypatch, tmp_path):
    """go(options...) -> exit status of the command."""
    monkeypatch.setenv("CACHE", str(tmp_path))
    for name in ("BASE", "TESTS", "SIDE", "GPU", "REPEAT", "RESUME", "LIMIT", "CPUS", "KERNEL", "IOMMU"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(rootfs, "ensure", lambda _cache: None)
    monkeypatch.setattr(igt, "choose", lambda *_a: list(TESTS))
    monkeypatch.setattr(igt, "own_folders", lambda _s: [])
    monkeypatch.setattr(show, "verdict", lambda s: int(any(r.expected == "unexpected" for r in s.results)))
    monkeypatch.setattr(Session, "fails", set())
    monkeypatch.setattr(Session, "reach", 99)

    def call(*options):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return command.run(parser.parse_args(options))
    return call


def test_a_slice_says_that_it_is_one_and_the_next_goes_on(go, monkeypatch, capsys):
    monkeypatch.setattr(Session, "reach", 2)
    assert go("--side", "base", "--limit", "5") == errors.CHECK_FAILED and Session.ran == ["xe_vm@a", "xe_vm@b"]
    assert "1 were not reached" in capsys.readouterr().err
    assert go("--side", "base", "--resume", "same") == errors.OK and Session.ran == ["xe_vm@c"]
    assert "3 of 3 subtests that do not skip pass (100.0 %)" in capsys.readouterr().err
    assert go("--table") == errors.OK
    out = capsys.readouterr().out
    assert "``xe_vm``" in out and "3/3" in out and "not run" in out


def test_what_was_not_as_expected_is_run_again(go, monkeypatch):
    monkeypatch.setattr(Session, "fails", {"xe_vm@b"})
    assert go("--side", "base") == errors.CHECK_FAILED
    monkeypatch.setattr(Session, "fails", set())
    assert go("--side", "base", "--resume", "any") == errors.OK and Session.ran == ["xe_vm@b"]
    assert go("--side", "base") == errors.OK and len(Session.ran) == 3


def test_the_whole_list_has_to_reach_the_limit(go, monkeypatch, capsys):
    monkeypatch.setattr(tally, "below", lambda *_a: "too few")
    assert go("--side", "base") == errors.CHECK_FAILED and "too few" in capsys.readouterr().err
    assert go("--side", "base", "--tests", "xe_vm") == errors.OK


def test_what_the_expectations_leave_out_is_a_skip_of_the_whole_list(go, monkeypatch, capsys):
    lines = expect.parse("skip xe_vm@c real power is excluded", "x", cells=False)
    monkeypatch.setattr(expect, "load", lambda *_a: lines)
    monkeypatch.setattr(Session, "reach", 2)
    go("--side", "base")
    assert go("--table") == errors.OK
    out = capsys.readouterr().out
    assert "2/2 1 s" in out and next(s for s in out.splitlines() if s.startswith("not run")).split()[2:] == ["0"]


def test_rounds_share_a_process(go, capsys):
    assert go("--side", "patched", "--repeat", "2") == errors.OK
    assert Session.worker.alone == () and len(Session.ran) == 6
    assert "2 of 2 rounds without a finding, 6 of 6 subtests clean" in capsys.readouterr().err
    go("--side", "patched")
    assert Session.worker.alone == igt.ALONE and Session.worker.until is None


def test_wrong_options_are_one_line(go):
    for options, name in ((("--resume", "some"), "RESUME"), (("--limit", "0"), "LIMIT"), (("--repeat", "x"), "REPEAT")):
        with pytest.raises(errors.UsageError, match=name):
            go(*options)


def test_the_guest_has_as_many_processors_as_were_asked_for(go):
    for options, cpus in ((), 2), (("--cpus", "1"), 1):
        assert go(*options) == errors.OK
        machine = Session.worker.tune(SimpleNamespace(memory_mib=0, kernel_args=()),
                                      SimpleNamespace(root=SimpleNamespace(path="/root")), "base")
        assert machine.cpus == cpus
    with pytest.raises(errors.UsageError, match="CPUS"):
        go("--cpus", "0")
