# SPDX-License-Identifier: MIT
"""Results kept over runs: what stands for a test, what has to run again; counts and tables of them."""

import re
from types import SimpleNamespace

import pytest

from xerig import errors, kept, options, oracles, paths, tally
from xerig.igt import IgtTest
from xerig.klog import Allowed, Entry
from xerig.result import Result

FACTS = {"base": "6.12", "side": "base", "kernel": "plain", "iommu": "on", "gpu": "lnl"}
SKIPS = [Allowed((), re.compile("has_vram"), "no VRAM")]
A, B, C = (IgtTest("xe_vm", s) for s in "abc")


@pytest.fixture
def cache(tmp_path):
    return paths.Cache(tmp_path)


def result(test, verdict="clean", **more):
    return Result(test, {**FACTS, **test.facts()}, verdict=verdict, **more)


def had(store, *tests, rules=(), skips=SKIPS, excuses=(), model="same"):
    return store.results(tests, FACTS, rules, skips, excuses, model)


def test_a_result_comes_back_as_it_was(cache):
    store = kept.Kept(cache, "igt-x", "m1")
    store.add(result(A, "dirty", seconds=2.5, leaked=3, findings=[oracles.Finding("program", "fail: x", "long text")],
                     replies=[("rcs0", "pass", 0.0)], held={"igt": "fail"}))
    store.add(result(B, "skip", skip="xe_has_vram(fd)"))
    back = had(kept.Kept(cache, "igt-x", "m1"), A, B, C)
    assert set(back) == {A, B}
    a = back[A]
    assert (a.verdict, a.seconds, a.leaked, a.oracles()) == ("dirty", 2.5, 3, ["program"])
    assert a.findings[0].summary == "fail: x"
    assert a.replies == [("rcs0", "pass", 0.0)] and a.facts["test"] == "xe_vm@a" and back[B].skip == "xe_has_vram(fd)"


def test_nothing_is_known_of_another_kernel_or_of_what_the_rig_failed_to_run(cache):
    store = kept.Kept(cache, "igt-x", "m1")
    store.add(result(A))
    store.add(result(B, "infra"))
    assert had(store, A, B).keys() == {A}
    assert not had(kept.Kept(cache, "igt-y", "m1"), A)


def test_a_line_that_was_cut_costs_one_result(cache):
    store = kept.Kept(cache, "igt-x", "m1")
    store.add(result(A))
    store.add(result(B))
    path = store.memo.path
    path.write_bytes(path.read_bytes()[:-9])
    assert had(store, A, B).keys() == {A}
    store.add(result(C))
    store.add(result(A, "dirty"))
    back = had(store, A, B, C)
    assert {t: r.verdict for t, r in back.items()} == {A: "dirty", C: "clean"}
    assert path.read_bytes().count(b"\n") == 4


def test_another_virtual_gpu_will_do_only_if_asked_for(cache):
    kept.Kept(cache, "igt-x", "m1").add(result(A))
    now = kept.Kept(cache, "igt-x", "m2")
    assert not had(now, A) and set(had(now, A, model="any")) == {A}


def test_what_rests_on_a_line_that_left_the_lists_runs_again(cache):
    store = kept.Kept(cache, "igt-x", "m1")
    res = result(A)
    res.entries = [Entry("line", 4, "xe: odd words", 0, [], allowed="known")]
    store.add(res)
    store.add(result(B, "skip", skip="xe_has_vram(fd)"))
    assert set(had(store, A, B, rules=[Allowed((), re.compile("odd"), "x")])) == {A, B}
    assert set(had(store, A, B)) == {B}
    assert not had(store, A, skips=[])


def test_what_rests_on_an_excuse_that_is_gone_runs_again(cache):
    store = kept.Kept(cache, "igt-x", "m1")
    store.add(result(A, held={"excused": {"ppgtt_fault: x": "xe_vm@b"}}))
    near = [Allowed((("test", ("xe_vm@b",)),), re.compile("ppgtt"), "x")]
    assert set(had(store, A, excuses=near)) == {A} and not had(store, A)


def test_reasons_of_skips_are_judged_by_todays_list(cache):
    store = kept.Kept(cache, "igt-x", "m1")
    known, unknown = result(A, "skip"), result(B, "dirty")
    known.skipped("xe_has_vram(fd)", SKIPS)
    unknown.skipped("the moon is full", SKIPS)
    store.add(known)
    store.add(unknown)
    back = had(store, A, B, skips=[Allowed((), re.compile("moon"), "x")])
    assert (back[A].verdict, back[A].oracles()) == ("dirty", ["program"])
    assert (back[B].verdict, back[B].oracles()) == ("skip", [])
    assert [r.verdict for r in had(store, A, B).values()] == ["skip", "dirty"]


def test_rounds_of_a_repeated_test_are_kept_apart(cache):
    store, again = kept.Kept(cache, "igt-x", "m1"), IgtTest("xe_vm", "a", 1)
    store.add(result(again))
    assert set(had(store, A, again)) == {again}


def test_the_model_is_known_by_its_sources(tmp_path):
    for name, text in (("a.c", "int x;"), ("a.h", ""), ("Makefile", "all:"), ("notes.txt", "1")):
        (tmp_path / name).write_text(text)
    first = kept.digest(tmp_path)
    (tmp_path / "notes.txt").write_text("2")
    assert kept.digest(tmp_path) == first
    (tmp_path / "a.c").write_text("int y;")
    assert kept.digest(tmp_path) != first


def test_folders_count_and_what_no_result_rests_on_does_not(tmp_path):
    for name in ("hw/a.c", "tests/t.c", "fuzz/f.c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("int x;")
    first = kept.digest(tmp_path)
    (tmp_path / "tests/t.c").write_text("int y;")
    (tmp_path / "fuzz/f.c").write_text("int y;")
    assert kept.digest(tmp_path) == first
    (tmp_path / "hw/a.c").write_text("int y;")
    assert kept.digest(tmp_path) != first


def test_a_cell_depends_on_its_own_program_and_on_what_all_share(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "SCENARIOS", tmp_path)
    (tmp_path / "lib").mkdir()
    for name, text in (("userptr.c", '#include "mem.h"'), ("idle-fd.c", "1"), ("lib/main.c", '#include "xe.h"'),
                       ("lib/xe.h", "1"), ("lib/xe.c", "1"), ("lib/xe_sync.c", "1"), ("lib/mem.h", '#include "sub.h"'),
                       ("lib/sub.h", "1"), ("lib/sub.c", "1"), ("lib/lone.h", "1"), ("lib/lone.c", "1"),
                       ("Makefile", "include states.mk"), ("states.mk", "1")):
        (tmp_path / name).write_text(text)

    def contents():
        known = kept.Content()
        return [known(SimpleNamespace(state=s)) for s in ("userptr", "idle-fd")] + [
            known(SimpleNamespace(state="userptr", programs=("userptr", "idle-fd")))]
    a, b, both = contents()
    for name in ("userptr.c", "lib/mem.h", "lib/sub.c"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "\n// 2")
        changed = contents()
        assert changed[0] != a and changed[1] == b and changed[2] != both
        a, b, both = changed
    for name in ("states.mk", "lib/lone.h", "lib/lone.c"):
        (tmp_path / name).write_text("2")
        assert contents() == changed
    for name in ("lib/xe.c", "lib/main.c", "lib/xe_sync.c", "Makefile"):
        (tmp_path / name).write_text("2")
        assert all(x != y for x, y in zip(contents(), changed))
        changed = contents()


def judged(test, verdict, expected="expected", **more):
    return result(test, verdict, expected=expected, **more)


MIXED = [judged(A, "clean", seconds=2), judged(B, "skip"), judged(C, "dirty"),
         judged(IgtTest("xe_bo", "a"), "dirty", "flake"), judged(IgtTest("xe_bo", "b"), "clean", "must-leave"),
         judged(IgtTest("xe_bo", "c"), "clean", "flake")]


def test_shares_are_of_what_does_not_skip():
    counts = tally.by_program(MIXED)
    assert (counts["xe_vm"].passed, counts["xe_vm"].skipped, counts["xe_vm"].known, counts["xe_vm"].ran) == (1, 1, 1, 2)
    assert (counts["xe_bo"].passed, counts["xe_bo"].flake, counts["xe_bo"].bad) == (1, 1, 1)
    assert tally.total(counts.values()).share == pytest.approx(40.0)
    assert tally.Counts(skipped=3).share == 100.0
    text = tally.line(MIXED, "6.12", "base", "lnl", 7)
    assert "2 of 5 subtests that do not skip pass (40.0 %)" in text
    assert "1 NOT as expected" in text and "7 were not" in text


def test_a_round_with_one_finding_is_not_clean():
    again = IgtTest("xe_vm", "a", 1)
    assert tally.rounds([judged(A, "clean")]) is None
    assert tally.rounds([judged(A, "clean"), judged(again, "dirty", "flake")]).startswith("1 of 2 rounds")


def subtests(program, count):
    return [IgtTest(program, str(n)) for n in range(count)]


def test_the_table_has_the_list_as_far_as_it_ran(cache):
    assert tally.table(cache) == ""
    tally.remember(cache, MIXED, "7.3", "base", "lnl", [*subtests("xe_vm", 6), *subtests("xe_bo", 3)], "k1")
    tally.remember(cache, MIXED[:1], "6.12", "base", "bmg", subtests("xe_vm", 1), "k2")
    lines = tally.table(cache).splitlines()
    assert lines[1].split() == ["program", "6.12", "unpatched", "bmg", "7.3", "unpatched", "lnl"]
    row = next(s for s in lines if s.startswith("``xe_vm``"))
    assert row.split()[1:] == ["1/1", "1/2", "1", "s", "1", "x"]
    assert any(s.startswith("pass") and "100.0 %" in s and "40.0 %" in s for s in lines)
    assert next(s for s in lines if s.startswith("not run")).split()[2:] == ["0", "3"]
    assert [s for s in lines if "not run:" in s] == ["* 7.3 unpatched lnl, not run: xe_vm 3 of 6"]
    assert len({len(s) for s in lines if set(s) <= {"=", " "} and s}) == 1


def test_each_side_has_a_table_of_its_own(cache):
    tally.remember(cache, MIXED[:1], "6.12", "patched", "bmg", subtests("xe_vm", 1), "k2")
    tally.remember(cache, MIXED[:1], "6.12", "base", "lnl", subtests("xe_vm", 1), "k1")
    heads = [s.split()[1:] for s in tally.table(cache).splitlines() if s.startswith("program")]
    assert heads == [["6.12", "unpatched", "lnl"], ["6.12", "patched", "bmg"]]


def test_too_few_that_pass_are_named_once_the_whole_list_has_run(cache):
    half = [judged(A, "clean"), judged(B, "dirty")]
    assert tally.below(cache, "base", "lnl") is None
    every = subtests("xe_vm", 3)
    tally.remember(cache, half, "7.3", "base", "lnl", every, "k1")
    assert tally.below(cache, "base", "lnl") is None  # one has not run
    tally.remember(cache, [*half, judged(C, "skip")], "7.3", "base", "lnl", every, "k1")
    assert tally.below(cache, "base", "lnl").startswith("igt unpatched lnl: 50.0 % ")
    assert tally.below(cache, "base", "bmg") is None and tally.below(cache, "patched", "lnl") is None
    many = [judged(IgtTest("xe_vm", str(n)), "clean") for n in range(18)]
    tally.remember(cache, many, "6.12", "base", "lnl", subtests("xe_vm", 18), "k2")
    assert tally.below(cache, "base", "lnl") is None  # 19 of 20: the limit is of a GPU, not of a kernel


def test_bad_choices_are_usage_errors():
    with pytest.raises(errors.UsageError, match="RESUME"):
        options.choice("RESUME", "some", kept.CHOICES, None)
