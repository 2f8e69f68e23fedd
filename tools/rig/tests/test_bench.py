# SPDX-License-Identifier: MIT
"""The verdicts of `make bench`: what is too slow is red, what the noise may have done is not."""

import json
import random
from types import SimpleNamespace

import pytest

from xerig import errors
from xerig.bench import Figures, Limit, driver, load
from xerig.commands import bench as command


def pairs(slower, noise, count=driver.PAIRS):
    """Pairs of a call that takes so many per cent longer, and varies by so many."""
    rng = random.Random(7)
    return [(100_000 * rng.gauss(1, noise / 100), 100_000 * (1 + slower / 100) * rng.gauss(1, noise / 100))
            for _ in range(count)]


@pytest.mark.parametrize("slower, noise, good", [
    (0, 0.2, True), (-5, 0.2, True), (0.9, 0.05, True), (1.5, 0.05, False), (3, 1, False),
    (2, 20, True),  # nobody knows
])
def test_a_call_is_slower_only_if_the_resamples_are_sure(slower, noise, good):
    _, low, _ = driver.ratio(pairs(slower, noise))
    assert driver.slower("bind", low).good is good


def test_the_limits_are_those_promised():
    judged = [(way, limit) for way, _, limit in load.CASES if limit]
    assert (driver.SLOWER, driver.GATE, judged) == (1.0, 1.25, [("remove", 2000), ("surprise", 200)])
    assert driver.slower("x", 1.0100001).good is False and driver.slower("x", 1.0099).good


LINE = "{} mappings: bare {} ns each, gate {} ns each (113 %); 9 late maps, 0 slept, longest 500 us"


def measured(monkeypatch, tmp_path, gate, slower=0.0):
    """Figures of the driver part, without a guest."""
    keys = [key for key, _ in driver.CALLS]
    calls = [({k: b for k in keys}, {k: p for k in keys}) for b, p in pairs(slower, 0.1)]
    monkeypatch.setattr(driver.session, "Session", lambda *_a, **_k: SimpleNamespace(
        prepare=lambda _sides: SimpleNamespace(sides=["base", "patched"], versions={})))
    monkeypatch.setattr(driver, "calls", lambda *_a: calls)
    monkeypatch.setattr(driver, "gate", lambda *_a: [
        tuple(map(int, driver._GATE.search(LINE.format(*g)).groups())) for g in gate])
    return driver.measure("6.12", "lnl", tmp_path)


def test_calls_and_gate_are_judged(monkeypatch, tmp_path):
    fig = measured(monkeypatch, tmp_path, [(1000, 100, 125), (10000, 100, 113)])
    assert all(x.good for x in fig.limits) and len(fig.limits) == len(driver.CALLS) + 2
    fig = measured(monkeypatch, tmp_path, [(1000, 100, 126), (10000, 100, 113)])
    assert [x.what for x in fig.limits if not x.good] == ["gate over 1000 mappings"]
    fig = measured(monkeypatch, tmp_path, [(1000, 100, 110)], slower=2.0)
    assert [x.what for x in fig.limits if not x.good] == [what for _, what in driver.CALLS]


@pytest.mark.parametrize("remove, surprise, bad", [
    ([1900, 1500, 2400], [150, 190, 900], []), ([2100, 2001, 1500], [1, 2, 3], ["remove of mixed-load, vIOMMU"]),
    ([1, 2, 3], [199, 201, 300], ["surprise of mixed-load, no vIOMMU"])])
def test_removal_under_load_is_judged_by_its_median(remove, surprise, bad):
    names = [load.name(way, iommu) for way, iommu, _ in load.CASES]
    fig = load.figures("x", dict(zip(names, (remove, surprise, [5000]))), {})
    assert [x.what for x in fig.limits if not x.good] == bad
    assert [row[0] for row in fig.rows] == names


def test_one_limit_that_is_broken_makes_the_command_fail(monkeypatch):
    said = []
    monkeypatch.setattr(command.ui, "say", said.append)
    good, bad = Limit("a", 1, 2, "ms"), Limit("b", 2.5, 2, "ms", "median of 3")
    quiet = {"gpu": Figures("g"), "load": Figures("l", limits=[good])}
    assert command.judge(quiet) == errors.OK
    assert command.judge({**quiet, "driver": Figures("d", limits=[good, bad])}) == errors.CHECK_FAILED
    assert said == ["verdict load: 1 of 1 limits kept"] * 2 + \
        ["verdict driver: 1 of 2 limits kept; b: 2.5, MORE than 2 ms (median of 3)"]


def test_json_has_the_limits():
    fig = Figures("x", limits=[Limit("a", 1.0, 2, "ms"), Limit("b", float("nan"), 2, "ms")])
    said = json.loads(json.dumps(fig.judged()))
    assert [(x["what"], x["good"]) for x in said] == [("a", True), ("b", False)]
    assert Figures("y").verdict() is None
