# SPDX-License-Identifier: MIT
"""Steps of make test: what did not run is not green."""

from types import SimpleNamespace

import pytest

from xerig import check, errors, paths, results, setup, steps
from xerig.commands import test
from xerig.matrix import Cell
from xerig.result import Result

CELL = Cell("idle-fd", "unbind", "close-after")


@pytest.fixture
def cache(tmp_path):
    env = {"TESTS": "rig", "PATH": "/usr/bin:/bin"}
    return SimpleNamespace(programs=lambda name: tmp_path / name, environ=lambda: env)


@pytest.mark.parametrize("status, text, counts", [
    (0, "vgpu: 7 tests passed, 0 failed, 9 ms", (7, 0)), (0, "make: Nothing to be done", (0, 1)),
    (0, "vgpu: 0 tests passed, 0 failed, 0 ms", (0, 1)), (2, "vgpu: 7 tests passed, 0 failed, 9 ms", (7, 1)),
    (2, "x.c:1: error: no", (0, 1)), (1, "vgpu: 7 tests passed, 2 failed, 9 ms", (7, 2))])
def test_units_of_the_virtual_gpu(cache, tmp_path, monkeypatch, status, text, counts):
    monkeypatch.setattr(steps, "program", lambda *_a: (status, text))
    o = steps.vgpu_units(cache, tmp_path)
    assert (o.passed, o.failed) == counts and bool(o.lines) == bool(counts[1])


def test_programs_do_not_hear_what_make_test_was_told(cache, tmp_path):
    assert steps.program(["sh", "-c", "echo ${TESTS-nothing}"], tmp_path / "log", cache.environ()) == (0, "nothing\n")


def test_a_rig_error_is_a_failure_with_its_text():
    def step():
        raise errors.UsageError("no network")

    o = steps.timed(step)
    assert (o.passed, o.failed, o.lines) == (0, 1, ["no network"])


def test_a_step_in_which_nothing_happened_is_no_success():
    assert (steps.timed(steps.Outcome).failed, steps.timed(lambda: steps.Outcome(skipped=1)).failed) == (1, 0)


@pytest.mark.parametrize("verdicts, counts", [
    (["clean", "skip"], (1, 0, 1)), (["skip", "skip"], (0, 1, 2)), ([], (0, 1, 0))])
def test_tests_that_all_skip_themselves_are_no_success(monkeypatch, verdicts, counts):
    class Session:
        def __init__(self, *_a):
            self.results = []

        def prepare(self, _sides):
            return self

        def run(self, *_a):
            self.results = [Result(CELL, {}, verdict=v, expected="expected") for v in verdicts]

    monkeypatch.setattr(steps.session, "Session", Session)
    o = steps._tests("6.12", "live", "live", None, lambda _s: [])
    assert (o.passed, o.failed, o.skipped) == counts


def test_the_plan_is_cheap_first_and_goes_base_by_base():
    titles = [title for title, _, _ in steps.plan(["6.12", "7.3"], steps.NAMES)]
    assert titles[:5] == ["vgpu", "rig", "programs 6.12", "programs 7.3", "smoke 6.12"] and len(titles) == 22
    assert titles[5:11] == ["meta 6.12", "igt 6.12", "live 6.12", "sweep 6.12", "smoke 7.3", "meta 7.3"]
    assert steps.plan(["7.3"], ["rig", "mutant"]) == [("rig", steps.rig_units, ()), ("mutant 7.3", steps.mutant, ("7.3",))]


def test_every_static_check_has_its_method():
    assert all(callable(check.Check.method(name)) for name in check.STEPS)


def test_the_end_of_a_run_says_what_failed(tmp_path, monkeypatch, capsys):
    class Cache:
        def read_state(self, _name):
            return {}

        def write_state(self, _name, _what):
            pass

    plan = [("good", lambda *_a: steps.Outcome(passed=1, lines=["skipped x"]), []),
            ("bad", lambda *_a: steps.Outcome(passed=1, failed=1, lines=["one red thing"]), [])]
    monkeypatch.setattr(steps, "plan", lambda *_a: plan)
    for module, name, fake in ((setup, "ensure_all", lambda *_a: None), (paths, "Cache", Cache),
                               (results, "new_run_dir", lambda _n: tmp_path)):
        monkeypatch.setattr(module, name, fake)
    args = SimpleNamespace(base="6.12", tests=None)
    assert test.run(args) == errors.CHECK_FAILED
    *_, told, verdict = capsys.readouterr().out.splitlines()
    assert (told, verdict) == ("bad: one red thing", "2 passed, 1 failed, 0 skipped")
