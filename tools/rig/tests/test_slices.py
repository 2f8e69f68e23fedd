# SPDX-License-Identifier: MIT
"""Lists in slices: RESUME and LIMIT of a session that only pretends to run, and a worker that stops in time."""

from types import SimpleNamespace

import pytest

from xerig import errors, expect, matrix, paths, run, slices
from xerig.matrix import Cell
from xerig.result import Result

A, B, C = (Cell(s, "unbind", "close-after") for s in ("idle-fd", "userptr", "bo-mmap"))
FACTS = {"base": "6.12", "kernel": "plain", "gpu": "lnl"}


class Session:
    """Runs what is not known; reach: how many cells there is time for; red: names that are not clean."""

    def __init__(self, cache, key="k", reach=99, red=()):
        self.cache, self.gpu, self.base, self.reach, self.red = cache, "lnl", SimpleNamespace(name="6.12"), reach, red
        self.sides = {"patched": SimpleNamespace(kernel=SimpleNamespace(key="of the build", content=key))}
        self.have, self.results, self.ran, self.notes = {}, [], [], []
        self.note = self.notes.append

    def facts(self, side, iommu):
        return {**FACTS, "side": side, "iommu": iommu}

    def run(self, plan, kind, worker):
        self.worker = worker
        for iommu, cells in plan:
            had = self.have.get(("patched", iommu), {})
            self.results += had.values()
            for c in [c for c in cells if c not in had][:self.reach]:
                self.ran.append((iommu, c.name))
                res = Result(c, {**self.facts("patched", iommu), **c.facts()},
                                 verdict="dirty" if c.name in self.red else "clean")
                self.results.append(res)
                self.keep(res)


@pytest.fixture
def walk(tmp_path, monkeypatch):
    """walk(plan, resume=..., limit=..., of a Session) -> (session, exit status of a command that was as expected)."""
    monkeypatch.setattr(expect, "load", lambda *_a: [])
    cache = paths.Cache(tmp_path)

    def go(plan, resume=None, limit=None, pack=None, each=lambda res: [res], **of):
        s, one = Session(cache, **of), slices.Slices(SimpleNamespace(resume=resume, limit=limit))
        one.run(s, plan, run.Worker, pack=pack, each=each)
        return s, one.status(errors.OK)
    return go


def test_the_next_slice_goes_on_where_one_ended(walk, capsys):
    plan = [("on", [A, B, C])]
    s, status = walk(plan, limit="5", reach=2)
    assert status == errors.CHECK_FAILED and "1 of 3 were not reached in time" in capsys.readouterr().err
    assert s.worker.until is not None and issubclass(s.worker, run.Worker)
    s, status = walk(plan, resume="same")
    assert status == errors.OK and s.ran == [("on", C.name)] and "2 of 3" in s.notes[0]
    assert len(walk(plan)[0].ran) == 3


def test_a_result_stands_for_its_kernel_and_vIOMMU_only(walk):
    walk([("on", [A])])
    assert walk([("on", [A]), ("off", [A])], resume="same")[0].ran == [("off", A.name)]
    assert walk([("on", [A])], resume="same", key="other")[0].ran == [("on", A.name)]


def test_what_was_not_as_expected_runs_again(walk):
    walk([("on", [A, B])], red=[B.name])
    assert walk([("on", [A, B])], resume="any")[0].ran == [("on", B.name)]


def test_another_model_is_another_result(walk, monkeypatch):
    walk([("on", [A])])
    monkeypatch.setattr(slices.kept, "digest", lambda *_a: "another-one!")
    assert walk([("on", [A])], resume="same")[0].ran and not walk([("on", [A])], resume="any")[0].ran


def test_wrong_options_are_one_line():
    for resume, limit, name in (("some", None, "RESUME"), (None, "0", "LIMIT")):
        with pytest.raises(errors.UsageError, match=name):
            slices.Slices(SimpleNamespace(resume=resume, limit=limit))


def test_states_held_together_are_packed_from_what_is_left_and_kept_one_by_one(walk):
    def go(plan, **kw):
        return walk(plan, pack=lambda left: matrix.together(left, 2), each=matrix.each, **kw)

    walk([("on", [A])])
    s, _ = go([("on", [A, B, C])], resume="same")
    both = "userptr+bo-mmap/unbind/close-after"
    assert s.ran == [("on", both)] and [r.cell.name for r in s.results] == [A.name, both]
    assert not walk([("on", [A, B, C])], resume="same")[0].ran
    s, _ = go([("on", [B, C])], red=[both])
    assert walk([("on", [B, C])], resume="same")[0].ran == [], "what stood before stands"
    assert go([("on", [B, A])], resume="same", key="new")[0].ran == [("on", "userptr+idle-fd/unbind/close-after")]
    walk([("on", [B])], key="newer")
    assert go([("on", [A, B, C])], resume="same", key="newer")[0].ran == [("on", "idle-fd+bo-mmap/unbind/close-after")]
    go([("off", [B, C])], red=[both])
    assert len(walk([("off", [B, C])], resume="same")[0].ran) == 2
