# SPDX-License-Identifier: MIT
"""Results of the matrix in the repository: what stands on another machine, and what does not."""

import re

import pytest

from xerig import kept, klog, paths, walked
from xerig.klog import Allowed
from xerig.matrix import Cell
from xerig.result import Result

FACTS = {"base": "6.12", "side": "patched", "kernel": "plain", "gpu": "bmg", "iommu": "on"}
QUIET = Allowed((("way", ("wedged", "pull")),), re.compile(r"^reset failed \(-125\)"), "why")
OTHER = Allowed((), re.compile("never said"), "why")
SKIP = "the GPU has no local memory"
A, B, C = (Cell(*n.split("/")) for n in ("userptr/wedged/kill", "userptr/pull/during", "vram-mmap/unbind/close-after"))
DIRTY, AGAIN = Cell("userptr", "remove", "kill"), Cell("userptr", "unbind", "kill", 1)


@pytest.fixture
def save(tmp_path, monkeypatch):
    monkeypatch.setattr(walked, "FOLDER", tmp_path / "walked")

    def go(model=lambda c: "m-" + c.state, allowed=("reset failed (-125) of GT0",)):
        results = {c: Result(c, {**FACTS, **c.facts()}, expected="expected") for c in (A, B, C, DIRTY, AGAIN)}
        results[C].verdict, results[C].skip = "skip", SKIP
        results[DIRTY].verdict = "dirty"
        return walked.save(FACTS, "k1", results, model, [QUIET, OTHER], allowed)
    return go


def test_what_is_clean_or_skips_stands_on_another_machine(save, tmp_path):
    assert save() == 3
    store = kept.Kept(paths.Cache(tmp_path), "cells-x", lambda c: "m-" + c.state, walked.load(FACTS, "k1", [QUIET]))
    skips = [Allowed((), re.compile("no local memory"), "why")]
    back = store.results([A, B, C, DIRTY], FACTS, [QUIET], skips)
    assert set(back) == {A, B, C} and (back[A].verdict, back[C].verdict, back[C].skip) == ("clean", "skip", SKIP)
    store.add(Result(A, {**FACTS, **A.facts()}, verdict="dirty"))
    assert store.results([A], FACTS, [QUIET], skips)[A].verdict == "dirty", "this machine knows better"


def test_another_kernel_program_or_allow_list_knows_nothing(save, tmp_path):
    save()
    assert not walked.load(FACTS, "k2", [QUIET]) and not walked.load({**FACTS, "iommu": "off"}, "k1", [QUIET])
    assert not walked.load(FACTS, "k1", [OTHER]), "a line that results rest on is gone"
    assert walked.load(FACTS, "k1", [QUIET])
    store = kept.Kept(paths.Cache(tmp_path), "cells-x", lambda c: "new" if c == A else "m-" + c.state,
                      walked.load(FACTS, "k1", [QUIET]))
    assert set(store.results([A, B], FACTS, [QUIET], [])) == {B}


def test_a_way_that_came_later_voids_nothing(save, monkeypatch):
    save()
    before = walked.load(FACTS, "k1", [QUIET])
    monkeypatch.setattr(walked, "WAYS", ["new", *walked.WAYS, "newer"])
    assert walked.load(FACTS, "k1", [QUIET]) == before and before[C.name]["skip"] == SKIP
    save()
    assert walked.load(FACTS, "k1", [QUIET]) == before
    path = walked.path_of(FACTS)
    path.write_text(re.sub("# ways:.*\n", "", path.read_text()))
    assert not walked.load(FACTS, "k1", [QUIET]), "nobody knows whose the letters are"


def test_what_an_earlier_machine_rested_on_stays(save):
    save()
    save(allowed=())
    assert walked.load(FACTS, "k1", [QUIET]) and not walked.load(FACTS, "k1", [OTHER])


def test_nothing_is_written_where_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(walked, "FOLDER", tmp_path / "walked")
    assert walked.save(FACTS, "k1", {}, str, [], ()) == 0 and not (tmp_path / "walked").exists()


def test_the_lists_of_the_repository_can_be_told_apart():
    rules = klog.load_allowed()
    assert len({walked._line(r) for r in rules}) == len(rules)
