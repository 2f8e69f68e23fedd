# SPDX-License-Identifier: MIT
"""How a session spreads tests over guests, and leaves out what earlier runs have told."""

from types import SimpleNamespace

import pytest

from xerig import errors, igt, matrix, run, session
from xerig.igt import IgtTest
from xerig.result import Result

TESTS = [IgtTest("xe_vm", "a"), IgtTest("xe_vm", "b"), IgtTest("xe_mmap", "c")]


class Worker(igt.Worker):
    @staticmethod
    def tune(machine, _session, _side):
        return machine


@pytest.fixture
def two(monkeypatch, tmp_path):
    """A session of both sides that has nothing but their names."""
    monkeypatch.delenv("JOBS", raising=False)
    s = session.Session("igt", "6.12", cache=SimpleNamespace())
    s.sides = {side: SimpleNamespace() for side in ("base", "patched")}
    s.run_dir = tmp_path
    monkeypatch.setattr(s, "machine", lambda side, iommu: (side, iommu))
    return s


def lanes(s):
    got, total = s._lanes([("on", TESTS)], {"base": [], "patched": []}, Worker)
    return [[(j.facts["side"], [t.name for t in j.cells]) for j in lane] for lane in got], total


ALL = ["xe_vm@a", "xe_vm@b", "xe_mmap@c"]


def test_a_guest_a_side(two):
    assert lanes(two) == ([[("base", ALL)], [("patched", ALL)]], 6)


def test_one_after_the_other_with_one_job(two):
    two.jobs = 1
    assert lanes(two) == ([[("base", ALL), ("patched", ALL)]], 6)


def test_the_only_side_is_split_among_the_jobs(two):
    del two.sides["base"]
    assert lanes(two) == ([[("patched", ALL[:2])], [("patched", ALL[2:])]], 3)
    two.jobs = 1
    assert lanes(two) == ([[("patched", ALL)]], 3)


@pytest.mark.parametrize("variant, want", [
    ("plain", ["pull", "unbind", "failed-probe", "pciehp", "remove"]),
    ("debug", ["unbind", "remove", "pull", "failed-probe", "pciehp"])])
def test_what_ends_lockdep_is_last_of_a_boot(two, variant, want):
    del two.sides["base"]
    two.jobs, two.variant = 1, variant
    cells = [matrix.Cell("idle-fd", way, "close-after") for way in ("pull", "unbind", "failed-probe", "pciehp", "remove")]
    ((job,),), _ = two._lanes([("on", cells)], {"patched": []}, run.Worker)
    assert [c.way for c in job.cells] == want


def test_jobs_are_read_before_anything_is_built(monkeypatch):
    monkeypatch.setenv("JOBS", "3")
    assert session.Session("igt", "6.12").jobs == 3
    for wrong in ("0", "x", "-1", "65"):
        monkeypatch.setenv("JOBS", wrong)
        with pytest.raises(errors.UsageError, match="JOBS"):
            session.Session("igt", "6.12")


def test_what_is_known_does_not_run_and_is_a_result(two):
    known = Result(TESTS[0], {"side": "base"})
    two.have["base", "on"] = {TESTS[0]: known}
    got, total = lanes(two)
    assert got == [[("base", ALL[1:])], [("patched", ALL)]] and total == 5 and two.results == [known]
