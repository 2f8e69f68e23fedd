# SPDX-License-Identifier: MIT
"""Mutants: what can be taken out of a series, and what counts as noticed."""

import os
import threading
from types import SimpleNamespace

import pytest

from xerig import base as bases
from xerig import boot, errors, expect, hunt, kernel, mutants, paths, sources, tree, walked
from xerig import past as pasts
from xerig.mutants import Mutant
from xerig.oracles import Finding
from xerig.result import Result
from xerig.states import STATES

OLD = b"".join(b"line %d\n" % n for n in range(1, 41))
DIFF = b"""diff --git a/d/xe_bo.c b/d/xe_bo.c
index 1..2 100644
--- a/d/xe_bo.c
+++ b/d/xe_bo.c
@@ -1,5 +1,6 @@ ctx
 line 1
 line 2
+first
 line 3
 line 4
 line 5
@@ -30,5 +31,5 @@ ctx
 line 30
 line 31
-line 32
+second
 line 33
 line 34
"""
NEW = OLD.replace(b"line 2\n", b"line 2\nfirst\n").replace(b"line 32\n", b"second\n")


def test_each_hunk_comes_out_alone():
    parts = mutants.hunks(DIFF)
    assert [(p, n) for p, n, _ in parts] == [("d/xe_bo.c", 1), ("d/xe_bo.c", 2)]
    without = [mutants.reverted({"d/xe_bo.c": NEW, "x": b"1"}, d) for _, _, d in parts]
    assert without[0]["d/xe_bo.c"] == NEW.replace(b"first\n", b"") and without[0]["x"] == b"1"
    assert without[1]["d/xe_bo.c"] == NEW.replace(b"second\n", b"line 32\n")
    assert mutants.reverted({"d/xe_bo.c": NEW}, DIFF)["d/xe_bo.c"] == OLD


def test_what_later_patches_stand_on_does_not():
    later = NEW.replace(b"first\n", b"first, and changed\n")
    assert mutants.reverted({"d/xe_bo.c": later}, mutants.hunks(DIFF)[0][2]) is None
    assert mutants.reverted({}, DIFF) is None


SOURCE = b"""int f(void)
{
\tif (a)
\t\tstop_bus_master(x,
\t\t\t\ty);
\tlockdep_assert_held(&l);
\tstop_bus_master(z);
\treturn g(1);
}
"""


def test_calls_leave_an_empty_statement():
    found = mutants.calls(SOURCE)
    assert [(c, n) for c, n, _ in found] == [("stop_bus_master", 1), ("stop_bus_master", 2)]
    assert b"if (a)\n\t;\n\tlockdep" in found[0][2] and b"z" not in found[1][2]


@pytest.mark.parametrize("callee", ["cond_resched", "WARN_ON", "might_lock", "fs_reclaim_acquire", "dev_info",
                                    "KUNIT_STATIC_STUB_REDIRECT", "lockdep_assert_held", "__release"])
def test_no_mutant_where_a_call_changes_nothing(callee):
    assert [c for c, _, _ in mutants.calls(f"\t{callee}(x);\n\tsmp_mb();\n".encode())] == ["smp_mb"]


def test_catalogue(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/xe_bo.c").write_bytes(OLD)
    overlay = {"d/xe_bo.c": NEW, "d/xe_unplug.c": SOURCE, "d/tests/t.c": SOURCE, "Documentation/x.rst": b"x"}
    doc = b"diff --git a/D/x.rst b/D/x.rst\n--- a/D/x.rst\n+++ b/D/x.rst\n@@ -1 +1 @@\n-a\n+x\n"
    series = [SimpleNamespace(name="0001-a.patch", diff=DIFF), SimpleNamespace(name="0002-doc.patch", diff=doc)]
    names = [m.name for m in mutants.catalogue(series, overlay, tmp_path)]
    assert names == ["0001@all@1", "0001@xe_bo.c@1", "0001@xe_bo.c@2", "xe_unplug.c@stop_bus_master@1",
                     "xe_unplug.c@stop_bus_master@2"]


def test_choice():
    every = {Mutant("0001", "xe_bo.c", n): {} for n in range(1, 10)}
    assert [m.number for m in mutants.choose(every, "0001@*@3")] == [3]
    assert [m.number for m in mutants.choose(every, "*@2,0001@xe_bo.c@[89]")] == [2, 8, 9]
    with pytest.raises(errors.UsageError, match="no mutant"):
        mutants.choose(every, "0002@*")


LONG = b"".join(b"line %d;\n" % n for n in range(40))


def test_a_mutant_is_known_by_what_it_takes_out():
    series = {"d/a.c": LONG, "d/b.c": b"b"}

    def without(n, data=LONG):
        return {**series, "d/a.c": data.replace(b"line %d;\n" % n, b"")}
    first = mutants.identity(series, without(9))
    assert mutants.identity(series, None) is None and first != mutants.identity(series, without(10))
    # The same hunk after a change of the series elsewhere, and after one beside it.
    far, near = (LONG.replace(b"line %d;" % n, b"else") for n in (30, 11))
    assert mutants.identity({**series, "d/a.c": far}, without(9, far)) == first
    assert mutants.identity({**series, "d/a.c": near}, without(9, near)) != first
    assert mutants.identity({**series, "d/b.c": b"c"}, {**without(9), "d/b.c": b"c"}) == first


@pytest.fixture(name="folder", autouse=True)
def _folder(tmp_path, monkeypatch):
    """In place of what the repository has."""
    monkeypatch.setattr(walked, "FOLDER", tmp_path / "walked")


def test_a_kill_outlives_a_change_of_the_series_and_a_survivor_does_not(tmp_path):
    cache = paths.Cache(tmp_path)
    past = pasts.Past(cache, "6.12", "k1")
    for ident, verdict in (("i1", "clean"), ("i2", "dirty"), ("i3", "skip")):
        past.add(ident, verdict, "why")
    assert set(past.known("same")) == {"i1", "i2", "i3"}
    later = pasts.Past(cache, "6.12", "k2")
    assert later.known("same") == {} and later.known("any") == {"i1": ["clean", "why"]}
    assert not pasts.Past(cache, "7.3", "k1").known()
    every = {Mutant("0001", "x.c", n): {} for n in range(1, 5)} | {Mutant("0001", "all"): None}
    idents = {m: f"i{m.number}" if every[m] is not None else None for m in every}
    assert "3 were run so far: 1 of 2 killed (50 %)" in pasts.standing(every, idents, past.known(), {})


KILLED, SURVIVED, GONE = (c * 20 for c in "abc")


def test_what_is_recorded_is_known_on_another_machine(tmp_path):
    here = pasts.Past(paths.Cache(tmp_path), "6.12", "k1")
    here.add(KILLED, "clean", "idle-fd/unbind: dma: leaked\n  twice")
    here.add(SURVIVED, "dirty", "survives 3 tests")
    here.add(GONE, "clean", "was about a line that has left")
    assert here.save(iter([KILLED, SURVIVED])) == 2
    there = pasts.Past(paths.Cache(tmp_path / "new"), "6.12", "k1")
    assert there.known() == {KILLED: ["clean", "idle-fd/unbind: dma: leaked twice"],
                             SURVIVED: ["dirty", "survives 3 tests"]}
    later = pasts.Past(paths.Cache(tmp_path / "new"), "6.12", "k2")
    assert set(later.known("any")) == {KILLED} and not later.known("same")
    assert not pasts.Past(paths.Cache(tmp_path / "new"), "7.3", "k1").known()


def test_what_this_machine_knows_counts_more_than_what_is_recorded(tmp_path):
    past = pasts.Past(paths.Cache(tmp_path), "6.12", "k1")
    past.add(KILLED, "dirty", "survives")
    past.save([KILLED])
    past.add(KILLED, "clean", "a new test")
    assert past.known() == {KILLED: ["clean", "a new test"]}
    assert past.save([]) == 0 and "dirty" in past.path.read_text(), "nothing known, nothing written"


class FakeBoot:
    def __init__(self, machine, *_a, gpu=True):
        self.agent, self.arguments = None, machine.kernel_args

    def __enter__(self):
        return self

    def __exit__(self, *_a):
        pass

    def load_others(self):
        pass

    def load_xe(self):
        FakeBoot.no_probe -= 1
        if FakeBoot.no_probe >= 0:
            raise errors.InfraError("xe did not probe")


@pytest.fixture
def hunter(monkeypatch, tmp_path):
    def make(red=(), kunit_ok=True, no_probe=0, same=False, left="", silent=()):
        FakeBoot.no_probe = no_probe

        class FakeRun:
            lingering = (0, 0)

            def __init__(self, vm, cell, facts, *_a):
                self.cell, self.facts, self.dry = cell, facts, "xe.mutant_dry=1" in vm.arguments

            def run(self):
                asked.append((self.facts["gpu"], self.cell.name))
                bad = (f"{self.cell.name} dry" if self.dry else self.cell.name) in red
                good = "skip" if self.cell.name in silent else "clean"
                return Result(self.cell, {**self.facts, **self.cell.facts()}, "dirty" if bad else good,
                                  [Finding("klog", "splat")] if bad else [])

        monkeypatch.setattr(hunt, "same_code", lambda *_a: same)
        monkeypatch.setattr(hunt.boot, "Boot", FakeBoot)
        monkeypatch.setattr(hunt.cellrun, "CellRun", FakeRun)
        monkeypatch.setattr(hunt, "Stalled", FakeRun)
        monkeypatch.setattr(hunt.cellrun, "sample", lambda _g: SimpleNamespace(dma_mappings=0))
        monkeypatch.setattr(hunt.results, "save_cell", lambda *_a: None)
        monkeypatch.setattr(hunt.expect, "load", lambda *_a: [])
        monkeypatch.setattr(hunt.unload, "look", lambda *_a: [Finding("rig", left)] if left else [])
        monkeypatch.setattr(hunt.guest_kunit, "on_machine",
                            lambda *_a: SimpleNamespace(ok=kunit_ok, problems=lambda: ["failed s.case"]))
        facts = {"base": "6.12", "side": "patched", "kernel": "plain", "iommu": "on", "gpu": "lnl"}
        machine = boot.Machine([], None, None, None)
        s = SimpleNamespace(base=SimpleNamespace(name="6.12"), variant="plain", cache=None, gpu="lnl",
                            facts=lambda *_a: facts, machine=lambda *_a: machine, machine_of=lambda *_a: machine,
                            with_stall=lambda m, _side, _kernel: m, sides={"patched": SimpleNamespace(kernel=None)})
        return hunt.Hunt(s, [], lambda _t: None, tmp_path)
    return make


M = Mutant("0001", "all")
HMM = ["drivers/gpu/drm/xe/xe_hmm.c"]
asked = []


def built():
    return SimpleNamespace(key="k")


def broken():
    raise kernel.BuildError("no")


def test_a_red_cell_kills(hunter):
    res = hunter(red=["many-bos/unbind/kill"]).run(M, built, HMM)
    assert res.verdict == "clean" and res.held["killed_by"].startswith("many-bos/unbind/kill: klog: splat")


def test_kunit_and_a_driver_that_does_not_probe_kill(hunter):
    assert "s.case" in hunter(kunit_ok=False).run(M, built, HMM).held["killed_by"]
    # Two boots with the mutant fail, the one without does not.
    assert "did not probe" in hunter(no_probe=2).run(M, built, HMM).held["killed_by"]


def test_a_guest_that_never_comes_up_kills_nothing(hunter):
    assert hunter(no_probe=99).run(M, built, HMM).verdict == "infra"


def test_one_boot_that_fails_kills_nothing(hunter):
    assert hunter(no_probe=1).run(M, built, HMM).verdict == "dirty"


def test_what_a_boot_leaves_behind_kills(hunter):
    res = hunter(left="xe is not unloaded").run(M, built, HMM)
    assert res.verdict == "clean" and "rig: xe is not unloaded" in res.held["killed_by"]


def test_who_knows_the_file_is_asked_first_and_in_the_end_everybody(hunter):
    asked.clear()
    res = hunter().run(M, built, HMM)
    assert res.verdict == "dirty" and f"survives {len(asked)} cells" in res.findings[0].summary
    assert asked[0] == ("lnl", "userptr/unbind/close-after") and len(set(asked)) == len(asked)
    assert {name for _, name in asked} >= {"/".join(c) for c in hunt.BATTERY + hunt.LOCAL}
    assert {gpu for gpu, name in asked if name.startswith("vram")} == {"bmg"}


def test_the_first_that_fits_knows_a_file():
    first, then = hunt.battery_for(["drivers/gpu/drm/xe/xe_wait_user_fence.c"])
    assert {c.state for c in first} == {"user-fence"} and len(first) + len(then) >= len(hunt.BATTERY)
    assert not hunt.battery_for(["Documentation/x.rst"], ())[0]
    assert all(s in STATES for _, known in hunt.KNOWS for s in known)


def test_what_cannot_be_built_or_taken_out_or_changes_nothing_is_a_skip(hunter):
    assert hunter().run(M, broken, HMM).skip == "does not build"
    assert "alone" in hunter().run(M, None, HMM).skip
    assert "configuration" in hunter(same=True).run(M, built, HMM).skip


def test_modules_are_compared_to_the_byte(tmp_path):
    a, b = (SimpleNamespace(modules=tmp_path / n) for n in "ab")
    for k in (a, b):
        (k.modules / "kernel").mkdir(parents=True)
        (k.modules / "kernel/xe.ko").write_bytes(b"code")
        (k.modules / "modules.dep").write_text(str(k))
    assert hunt.same_code(a, b)
    (b.modules / "kernel/xe.ko").write_bytes(b"cide")
    assert not hunt.same_code(a, b)


VRAM = "vram-mmap/surprise/close-after"
SECONDS = {"userptr/unbind/close-after": 1, "idle-fd/remove/close-after-reprobe": 2, VRAM: 3, "KUnit xe_dma": 1}


def switched(hunting, monkeypatch, names=SECONDS, trouble=(), mutant=M):
    """Hunt.switched() of a mutant that the named tests come by; trouble: tests of KUnit that fail."""
    def run_suite(_base, _vm, suite, _cache, limit):
        assert limit == hunt.HANGS
        asked.append(("KUnit", suite))
        return SimpleNamespace(failed=list(trouble), splats=[], suites={suite: 1})

    monkeypatch.setattr(hunt.guest_kunit, "run_suite", run_suite)
    reach = SimpleNamespace(who=lambda n, some: [t for t in some if t in names and n == 7], seconds=SECONDS.get,
                            suites=lambda: ["KUnit xe_dma"])
    asked.clear()
    return hunting.switched(mutant, SimpleNamespace(kernel=None, numbers={mutant: 7}), reach, HMM[0])


def test_in_a_kernel_with_switches_only_who_comes_by_is_asked(hunter, monkeypatch):
    hunting = hunter(red=[VRAM])
    res = switched(hunting, monkeypatch)
    assert res.verdict == "clean" and res.held["killed_by"].startswith(f"{VRAM}: klog: splat")
    assert asked == [("lnl", "userptr/unbind/close-after"), ("lnl", "idle-fd/remove/close-after-reprobe"), ("bmg", VRAM)]
    switched(hunting, monkeypatch, mutant=Mutant("0002", "all"))
    assert asked == [("bmg", VRAM)], "who killed a neighbour is asked first"


def test_a_mutant_behind_a_switch_that_nobody_notices_survives(hunter, monkeypatch):
    res = switched(hunter(), monkeypatch)
    assert (res.verdict, res.findings[0].summary) == (
        "dirty", "survives 4 tests that reach it, and 33 with a task stalled at it")
    assert asked[3] == ("KUnit", "xe_dma")
    res = switched(hunter(), monkeypatch, names=())
    assert (res.verdict, res.findings[0].summary, asked) == ("dirty", "no test reaches it", [])


def test_a_task_that_is_stalled_at_a_mutant_is_asked_last(hunter, monkeypatch):
    point = "userptr@close@call@xe_mutant_here"
    res = switched(hunter(red=[point]), monkeypatch)
    assert res.verdict == "clean" and res.held["killed_by"].startswith(f"{point}: klog: splat")
    assert [n for _, n in asked[4:]] == ["userptr@work@call@xe_mutant_here", point, point], "and once more without it"
    # What goes wrong without the mutant as well says nothing of it.
    res = switched(hunter(red=[point, f"{point} dry"]), monkeypatch)
    assert res.verdict == "dirty" and ("lnl", "userptr@remove@call@xe_mutant_here") in asked
    assert res.findings[0].summary == "survives 4 tests that reach it, and 32 with a task stalled at it"
    assert {gpu for gpu, name in asked if name.startswith("vram")} == {"bmg"}
    mine = [n.partition("@")[2] for _, n in asked if n.startswith("userptr@")]
    assert [n for n in mine if "@call@" not in n] == [
        *(f"{phase}@lost@xe_mutant_here" for phase in ("work", "close", "reset", "remove")),
        "close@unload@xe_mutant_here", "work@reset@xe_mutant_here", "close@reset@xe_mutant_here"]


def test_where_nobody_comes_to_a_mutant_it_is_not_asked_in_other_ways(hunter, monkeypatch):
    switched(hunter(silent=["userptr@close@call@xe_mutant_here"]), monkeypatch)
    mine = [n.partition("@")[2] for _, n in asked if n.startswith("userptr@close@")]
    assert mine == ["close@call@xe_mutant_here"] and ("lnl", "userptr@work@lost@xe_mutant_here") in asked
    # Nor is a guest booted where nothing else is left.
    point = "idle-fd@remove@lost@xe_mutant_here"
    res = switched(hunter(silent=[f"idle-fd@{phase}@call@xe_mutant_here" for phase in ("work", "close")],
                          red=[point, f"{point} dry"]), monkeypatch)
    assert res.verdict == "dirty" and [n for _, n in asked if n.startswith("idle-fd@")][-1] == point


def test_suites_kill_behind_switches_and_a_guest_that_never_comes_up_does_not(hunter, monkeypatch):
    res = switched(hunter(), monkeypatch, names=["KUnit xe_dma"], trouble=["xe_dma.gate"])
    assert res.held["killed_by"] == "KUnit xe_dma: failed xe_dma.gate" and asked == [("KUnit", "xe_dma")]
    assert switched(hunter(no_probe=99), monkeypatch).verdict == "infra"


def test_mutants_that_share_a_kernel_are_run_side_by_side():
    both, seen = threading.Barrier(2, timeout=5), []

    def one(m):
        if m < 2:
            both.wait()
        return -m

    hunt.side_by_side([0, 1, 2, 3], one, lambda m, res: seen.append((m, res)), 2, lambda: False)
    assert sorted(seen) == [(m, -m) for m in range(4)]
    hunt.side_by_side([0, 1], one, None, 2, lambda: True)


def test_what_ends_one_of_them_ends_all():
    def one(m):
        if m == 1:
            raise errors.InfraError("no more guests")
        return m

    seen = []
    with pytest.raises(errors.InfraError, match="no more guests"):
        hunt.side_by_side([0, 1, 2], one, lambda m, _res: seen.append(m), 1, lambda: False)
    assert seen == [0]


def test_the_unmutated_series_has_to_pass_first(hunter):
    hunter().start(HMM)
    with pytest.raises(errors.InfraError, match="not clean"):
        hunter(red=["many-bos/unbind/kill"]).start(HMM)
    assert hunter().asks(HMM) != hunter().asks([])


def test_one_is_built_while_another_runs(monkeypatch):
    made, many = [], [Mutant("0001", "xe_bo.c", n) for n in range(1, 5)]
    monkeypatch.setattr(hunt.kernel, "of_overlay", lambda _b, _v, overlay, _c: made.append(overlay) or overlay)
    every = {m: {"n": m.number} for m in many}
    every[many[1]] = None
    with hunt.Ahead(SimpleNamespace(base=None, variant="plain", cache=None), many, every) as ahead:
        assert ahead.take(many[0])() == {"n": 1} and ahead.take(many[1]) is None
        assert ahead.take(many[2])() == {"n": 3}
    assert [o["n"] for o in made] == [1, 3, 4]


@pytest.mark.parametrize("name", ["6.12", "7.3"])
def test_the_mutant_of_make_test_is_one(name):
    parts = [Mutant(p.name[:4], path.rsplit("/", 1)[1], n) for p in tree.read_series(bases.load(name))
             for path, n, _ in mutants.hunks(p.diff)]
    assert len(mutants.choose(parts, mutants.META)) == 1


A, B = "0123456789abcdef0123", "ff23456789abcdef0123"
WHY = f"# why\n\n{A} xe_bo.c@move nobody waits by then\n{B} a.c@usleep_range@1 it only burns time\n"


def written(tmp_path, text):
    (tmp_path / "mutants-6.12.txt").write_text(text)
    return expect.mutants("6.12", tmp_path)


def test_a_survivor_that_is_explained_is_as_expected(tmp_path, monkeypatch):
    written(tmp_path, WHY)
    monkeypatch.setattr(expect, "FOLDER", tmp_path)
    lines = expect.load("6.12", "patched", mutants.KIND)
    survives = [Finding("rig", "survives 3 tests that reach it")]

    def became(verdict, ident, *findings):
        res = Result(M, {"base": "6.12", **M.facts(), "takes": ident}, verdict, list(findings))
        return expect.apply(lines, res), res.reason

    assert became("dirty", A, *survives) == ("expected", "nobody waits by then")
    assert became("clean", A)[0] == "must-leave"
    assert became("infra", A, *survives)[0] == "unexpected"
    assert became("dirty", "0" * 20, *survives) == became("dirty", None, *survives) == ("unexpected", None)
    assert became("clean", None)[0] == "expected" and expect.mutants("7.3", tmp_path) == []


@pytest.mark.parametrize("text, why", [
    (f"{A} xe_bo.c@move", "want"), ("0021 xe_bo.c@move why", "want"), (f"{A} move why", "want"),
    (f"{A} a.c@x why\n{A} a.c@x why", "explained in mutants-6.12.txt:1"),
])
def test_bad_explanations_name_their_place(tmp_path, text, why):
    with pytest.raises(errors.UsageError, match=f"mutants-6.12.txt:[12]: .*{why}"):
        written(tmp_path, text)


def test_explained_survivors_are_counted_apart(tmp_path):
    idents = {Mutant("0001", "x.c", n): i for n, i in enumerate((A, B, "c" * 20, "d" * 20))}
    known = {A: ["dirty", ""], B: ["clean", ""], "c" * 20: ["dirty", ""], "d" * 20: ["skip", ""]}
    told = pasts.standing({m: {} for m in idents}, idents, known, pasts.explained(written(tmp_path, WHY)))
    assert "1 of 3 killed (33 %), 1 survive unexplained; 1 are explained; 1 make no difference" in told
    # Also one that was not run with this state of the series.
    del known[A]
    told = pasts.standing({m: {} for m in idents}, idents, known, pasts.explained(written(tmp_path, WHY)))
    assert "1 of 2 killed (50 %), 1 survive unexplained; 1 are explained;" in told


def test_a_line_that_explains_no_mutant_is_stray(tmp_path):
    series = {"d/a.c": LONG}
    every = {Mutant("0001", "a.c"): {"d/a.c": LONG.replace(b"line 9;\n", b"")}, Mutant("0001", "all"): None}
    ident = mutants.identity(series, every[Mutant("0001", "a.c")])
    lines = written(tmp_path, f"{ident} a.c@f why\n{B} a.c@f why\n")
    assert mutants.stray(lines, series, every) == ["mutants-6.12.txt:2"]
    assert mutants.stray(written(tmp_path, f"{ident} b.c@f why"), series, every) == ["mutants-6.12.txt:1"]


@pytest.mark.parametrize("name", ["6.12", "7.3"])
def test_the_explanations_of_the_repository_fit_the_series(name):
    base, cache, lines = bases.load(name), paths.Cache(), expect.mutants(name)
    if os.environ.get("BASE_SRC") or not sources.present(base, cache):
        pytest.skip("kernel sources are not in the cache (make setup)")
    if not lines:
        return
    source = sources.ensure(base, cache)
    series, _ = tree.overlay(base, source, cache)
    assert not mutants.stray(lines, series, mutants.catalogue(tree.read_series(base), series, source.path))


def test_who_knows_the_file_is_asked_however_long_that_takes(hunter):
    hunting = hunter()
    reach = SimpleNamespace(who=lambda _n, some: list(some), suites=list,
                            seconds=lambda n: 99 if n.startswith("hang-fault") else 1)
    names = [c.name for c in hunting.tests("d/xe_devcoredump.c", reach, 7, hunt.Counter())]
    assert len(names) == hunt.CELLS and names[-1].startswith("hang-fault")
    assert {f"hang-fault/{way}/close-after" for way in hunt.ASKED} <= set(names)
