# SPDX-License-Identifier: MIT
"""IGT in the guest: names, batches, slices of the log, igt_runner's results, verdicts, boots."""

import contextlib
import json
import re
import threading
from types import SimpleNamespace

import pytest

from xerig import agent, errors, expect, igt, results, run
from xerig.igt import IgtTest
from xerig.klog import Allowed

FACTS = {"base": "6.12", "side": "base", "kernel": "plain", "iommu": "on", "gpu": "lnl"}
SKIPS = [Allowed((), re.compile("has_vram"), "no VRAM")]


def rec(text, level=6):
    return agent.Record(level, 0, 0, text)


def root(tmp_path, **programs):
    folder = tmp_path / igt.PROGRAMS.lstrip("/")
    folder.mkdir(parents=True)
    for name, subtests in programs.items():
        (folder / name).write_text("#!/bin/sh\n" + "".join(f"echo {s}\n" for s in subtests.split()))
        (folder / name).chmod(0o755)
    (folder / "test-list.txt").write_text("no program")
    return SimpleNamespace(path=tmp_path, program_argv=lambda: [])


def test_names_and_patterns(tmp_path):
    r = root(tmp_path, xe_a="one two", xe_b="", core_hotunplug="hot")
    names = [t.name for t in igt.choose(r, "xe_a@t*,xe_b,xe_a@one", ())]
    assert names == ["xe_a@one", "xe_a@two", "xe_b"]  # as the program runs them
    assert [t.name for t in igt.choose(r, "", ("core_*",))] == ["core_hotunplug@hot"]
    for bad in ("xe_nix", "xe_a@three", " , "):
        with pytest.raises(errors.UsageError, match="TESTS"):
            igt.choose(r, bad, ())


def test_batches_keep_programs_apart_and_what_removes_the_device_alone():
    tests = [IgtTest("xe_vm", str(n)) for n in range(igt.BATCH + 2)]
    tests += [IgtTest("xe_mmap", "a"), IgtTest("core_hotunplug", "x"), IgtTest("core_hotunplug", "y")]
    assert [len(b) for b in igt.batches(tests)] == [igt.BATCH, 2, 1, 1, 1]
    a, b = igt.halves(tests, 2)
    assert {t.program for t in a} == {"xe_vm"} and [t.subtest for t in b] == ["a", "x", "y"]


def test_the_log_is_cut_at_igts_own_markers():
    tests = [IgtTest("xe_vm", "a"), IgtTest("xe_vm", "b"), IgtTest("xe_huc_copy")]
    said = ("fixture", "[IGT] xe_vm: executing", "[IGT] xe_vm: starting subtest a", "of a",
            "[IGT] xe_vm: finished subtest a, SUCCESS", "late of a",
            "[IGT] xe_vm: starting subtest b", "[IGT] xe_huc_copy: executing", "of huc")
    logs = igt.slices([rec(s) for s in said], tests)
    assert [r.text for r in logs["xe_vm@a"]][0] == "fixture" and "late of a" in [r.text for r in logs["xe_vm@a"]]
    assert [r.text for r in logs["xe_huc_copy"]] == ["[IGT] xe_huc_copy: executing", "of huc"]
    assert len(logs["xe_vm@b"]) == 1


def result_file(**tests):
    return json.dumps({"tests": {f"igt@{k.replace('__', '@')}": v for k, v in tests.items()}})


def test_a_failed_dynamic_subtest_is_its_subtests_failure():
    seen = igt.read_results(result_file(xe_exec__once={"result": "pass", "time": {"start": 1, "end": 3.5}},
                                        xe_exec__once__rcs0={"result": "pass"},
                                        xe_exec__once__bcs0={"result": "fail", "err": "Failed assertion: 1"}))
    assert seen["xe_exec@once"]["result"] == "fail" and seen["xe_exec@once"]["seconds"] == 2.5
    assert seen["xe_exec@once"]["dynamic"] == {"rcs0": "pass", "bcs0": "fail"}
    assert igt.read_results("{") == {}


def test_subtests_that_lack_the_same_say_so_once():
    lacks = {"result": "skip", "out": "Test requirement: xe_has_vram(fd)\nSubtest one: SKIP"}
    silent = {"result": "skip", "out": "Subtest two: SKIP"}
    seen = igt.read_results(result_file(xe_a__one=lacks, xe_a__two=silent, xe_b__three=silent))
    assert [igt.why_skipped(seen[n]["text"]) for n in ("xe_a@one", "xe_a@two", "xe_b@three")] == \
        ["xe_has_vram(fd)", "xe_has_vram(fd)", "no reason given"]


def test_a_cut_line_of_a_result_is_no_reason():
    for cut in ("Subtest two:", "Subtest two: SKIP (0.000s)", "two: SKIP (0.000s)", "SKIP (0.000s)", "KIP (0.000s)",
                "P (12.5s)", "(0.000s)", "000s)", "SKIP", "d: SUCCESS (9.996s)"):
        assert igt.why_skipped(f"Starting subtest: two\n{cut}") == igt.NO_REASON, cut
    assert igt.why_skipped("needs (2 GPUs)") == "needs (2 GPUs)"


def test_a_reason_that_was_cut_is_the_whole_one_of_another():
    def skip(text):
        return {"result": "skip", "out": "Test requirement: " + text}
    seen = igt.read_results(result_file(xe_a__one=skip("has_necessary_e"), xe_a__two=skip("has_necessary_engines"),
                                        xe_a__three=skip("other")))
    assert [igt.why_skipped(one["text"]) for one in seen.values()] == ["has_necessary_engines"] * 2 + ["other"]


def judged(result, text="", log=(), died=None, witness=()):
    seen = {"result": result, "seconds": 1.0, "text": text, "dynamic": {}} if result else None
    return igt.judge(IgtTest("xe_vm", "a"), FACTS, seen, list(log), list(witness), [], SKIPS, died)


CLEAN = {"result": "pass", "seconds": 1.0, "text": "", "dynamic": {}}


def test_verdicts():
    assert judged("pass").verdict == "clean"
    assert judged("dmesg-warn").verdict == "clean"  # what is in the log is for our own list to say
    assert judged("warn", "Starting subtest").verdict == "clean"
    res = judged("pass", log=[rec("something odd", 4)])
    assert (res.verdict, res.oracles(), res.broken) == ("dirty", ["klog"], False)
    res = judged("fail", "Failed assertion: fd >= 0\nerror: -1")
    assert res.verdict == "dirty" and res.findings[0].summary == "fail: Failed assertion: fd >= 0"
    assert judged("warn", "(xe_vm:1) x-WARNING: odd").verdict == "dirty"
    for result in ("abort", "dmesg-fail"):  # what the runner saw in the log, and nobody else
        assert judged(result).oracles() == ["program"]
    res = judged("timeout", "x")
    assert (res.verdict, res.broken) == ("hang", True)
    assert judged("pass", witness=[{"kind": "dma_after_unmap"}]).oracles() == ["witness"]


def test_what_the_runner_has_the_kernel_show_is_no_finding():
    begin = [rec("[IGT] Per-test timeout exceeded. Killing the current test with SIGQUIT.", 4),
             rec("sysrq: Show State"), rec("task:init            state:S stack:0     pid:1"), rec("Call Trace:"),
             rec("Sched Debug Version: v0.11, 7.3.4 #3", 4), rec(" S  init     1   90891264", 4)]
    end = [rec("sysrq: Show Memory"), rec("Mem-Info:", 4), rec("23877 pages reserved", 4)]
    assert judged("timeout", "x", [*begin, *end]).oracles() == ["program"]
    for said in ("xe 0000:01:00.0: [drm] *ERROR* GT0: reset failed", "[TTM] Buffer eviction failed",
                 "BUG: unable to handle page fault", "INFO: task xe_evict:90 blocked for more than 30 seconds."):
        assert "klog" in judged("timeout", "x", [*begin, rec(said, 3), *end]).oracles(), said
    assert "klog" in judged("timeout", "x", [*begin, *end, rec("something odd", 4)]).oracles()
    assert "klog" in judged("timeout", "x", begin).oracles()  # no end: nothing is known about what follows


def test_a_taint_that_is_allowed_fails_nothing():
    allowed = [Allowed((), re.compile("overlapping mappings"), "debugging counts no further")]
    log = [rec("DMA-API: exceeded 7 overlapping mappings of cacheline 0x1", 4),
           rec("[IGT] xe_vm: finished subtest a, SUCCESS")]

    def of(records, rules):
        seen = {**CLEAN, "result": "abort", "text": "x"}
        return igt.judge(IgtTest("xe_vm", "a"), FACTS, seen, records, [], rules, SKIPS)
    assert of(log, allowed).verdict == "clean" and of(log, []).verdict == "dirty"
    assert of(log[1:], allowed).verdict == "dirty"
    assert of([log[0], rec("[IGT] xe_vm: finished subtest a, FAIL")], allowed).oracles() == ["program"]
    assert not of(log, allowed).broken and of([rec("------------[ cut here ]------------", 4), *log], allowed).broken


def test_a_leak_at_unbind_ends_the_boot():
    log = [rec("------------[ cut here ]------------", 4),
           rec("DMA-API: pci 0000:01:00.0: device driver has pending DMA allocations while released from device "
               "[count=3]", 4),
           rec("---[ end trace 0 ]---", 4)]
    res = judged("abort", "", log)
    assert (res.verdict, res.oracles(), res.leaked, res.broken) == ("dirty", ["dma-debug"], 3, True)


def test_skips_need_a_listed_reason():
    text = "Test requirement not met in function f, file x.c:1:\nTest requirement: xe_has_vram(fd)\nSubtest a: SKIP"
    assert (judged("skip", text).verdict, judged("skip", text).skip) == ("skip", "xe_has_vram(fd)")
    res = judged("skip", "Test requirement: the moon is full")
    assert res.verdict == "dirty" and "moon" in res.findings[0].summary


def test_a_kernel_that_dies_is_not_the_programs_fault():
    res = judged(None, died="BUG: kernel NULL pointer dereference")
    assert (res.verdict, res.oracles(), res.broken) == ("dirty", ["rig"], True)


class Guest:
    """A guest whose igt_runner says what the script for the boot says: name -> result, or an exception."""

    def __init__(self, script):
        self.script, self.records, self.listed = script, [], []

    def mark(self, text, *_a, **_k):
        self.records.append(rec(text))
        return len(self.records) - 1

    def slice(self, begin, end=None):
        return self.records[begin:end]

    def run(self, argv, _timeout):
        if "printf" in argv[2]:
            self.listed = re.findall(r"igt@(\S+)", argv[3])
        return SimpleNamespace(status=0)

    def spawn(self, argv):
        assert argv[0].endswith("igt_runner")
        self.out = {}
        for name in self.listed:
            result = self.script.get(name, "pass")
            if result == "notrun":
                break
            cut = result == "cut"
            program, _, subtest = name.partition("@")
            self.records.append(rec(f"[IGT] {program}: starting subtest {subtest}"))
            if isinstance(result, Exception):
                self.error = result
                return 7
            self.out[f"igt@{name.lower()}"] = {"result": "incomplete" if cut else result, "out": "Failed assertion: x"}
            if cut:
                break
            self.records.append(rec(f"[IGT] {program}: finished subtest {subtest}, SUCCESS"))
        self.error = None
        return 7

    def child(self, _pid):
        return SimpleNamespace(ended=self.error is None, err=[], out=[])

    def wait_news(self, *_a):
        raise self.error

    def read(self, *_a):
        return json.dumps({"tests": self.out})

    def settle_log(self, *_a):
        pass

    def closed(self):
        return False


def go(monkeypatch, tests, scripts):
    boots, out = [], []

    class Fake(igt.Worker):
        @contextlib.contextmanager
        def _boot(self):
            boots.append(1)
            gpu = SimpleNamespace(command=lambda *_a, **_k: {"next": 0, "events": []})
            yield (SimpleNamespace(agent=Guest(scripts[min(len(boots), len(scripts)) - 1]), gpu=gpu,
                                   render_node=lambda: "x", console_lines=list), f"boot-{len(boots)}", (0, 0))

    job = run.Job(FACTS, None, tests, None, "base")
    w = Fake([job], [], out.append, lambda t: None, threading.Event())
    w.run()
    assert w.error is None, w.error
    return [(r.cell.subtest, r.verdict, r.boot) for r in out]


ABC = [IgtTest("xe_vm", s) for s in "abc"]


def test_what_the_runner_did_not_run_goes_on_in_a_fresh_boot(monkeypatch):
    assert go(monkeypatch, ABC, [{"xe_vm@b": "notrun"}, {}]) == \
        [("a", "clean", "boot-1"), ("b", "clean", "boot-2"), ("c", "clean", "boot-2")]


def test_an_oops_costs_the_test_that_ran_and_not_those_before_and_after(monkeypatch):
    oops = agent.GuestOops("BUG: kernel NULL pointer dereference")
    assert go(monkeypatch, ABC, [{"xe_vm@b": oops}, {}]) == \
        [("a", "clean", "boot-1"), ("b", "dirty", "boot-1"), ("c", "clean", "boot-2")]


def test_an_event_is_excused_only_of_the_test_that_provokes_it():
    fault = {"kind": "ppgtt_fault", "detail": "not present, level 1"}
    rules = [Allowed((("test", ("xe_vm@cat-*",)),), re.compile("^ppgtt_fault: not present, level 1$"), "unbound")]

    def of(test, event, near=()):
        return igt.judge(IgtTest("xe_vm", test), FACTS, CLEAN, [], [event], [], SKIPS, None, rules, near)
    res = of("cat-error", fault)
    assert not res.findings and res.held["excused"] == {"ppgtt_fault: not present, level 1": "xe_vm@cat-error"}
    assert of("a", fault).oracles() == ["witness"] and "excused" not in of("a", fault).held
    # The witness hears of a test a moment after its start.
    assert not of("a", fault, ["xe_vm@a", "xe_vm@cat-error"]).findings
    assert of("cat-error", {**fault, "detail": "not present, level 0"}).oracles() == ["witness"]
    assert of("cat-error", {"kind": "dma_after_unmap"}).oracles() == ["witness"]


def test_what_is_beside_a_test_has_run():
    skip = {**CLEAN, "result": "skip"}
    tests = [IgtTest("xe_vm", s) for s in "abcde"]
    seen = {"xe_vm@a": CLEAN, "xe_vm@b": skip, "xe_vm@c": skip, "xe_vm@d": CLEAN, "xe_vm@e": CLEAN}
    assert igt.beside(tests, seen, 2) == ["xe_vm@a", "xe_vm@d"]
    assert igt.beside(tests, seen, 0) == ["xe_vm@d"] and igt.beside(tests, seen, 4) == ["xe_vm@d"]


def test_rounds_do_not_share_a_runner_and_keep_igts_names():
    tests = igt.repeated(ABC, 2)
    assert [[t.name for t in b] for b in igt.batches(tests)] == \
        [["xe_vm@a", "xe_vm@b", "xe_vm@c"], ["xe_vm@a#2", "xe_vm@b#2", "xe_vm@c#2"]]
    hot = igt.repeated([IgtTest("core_hotunplug", "x"), IgtTest("core_hotunplug", "y")], 2)
    assert [len(b) for b in igt.batches(hot)] == [1] * 4 and [len(b) for b in igt.batches(hot, ())] == [2, 2]
    assert {t.facts()["test"] for t in tests} == {"xe_vm@a", "xe_vm@b", "xe_vm@c"}


def test_a_second_round_is_run_and_told_apart(monkeypatch):
    out = go(monkeypatch, igt.repeated(ABC[:2], 2), [{}])
    assert out == [("a", "clean", "boot-1"), ("b", "clean", "boot-1")] * 2


def test_a_run_that_is_late_begins_nothing(monkeypatch):
    monkeypatch.setattr(igt.Worker, "until", 0.0)
    assert go(monkeypatch, ABC, [{}]) == []


def test_what_was_broken_off_for_lack_of_time_did_not_run(monkeypatch):
    late = iter([False] * 2 + [True] * 10)
    monkeypatch.setattr(igt.Worker, "_late", lambda self: next(late))
    assert go(monkeypatch, ABC, [{"xe_vm@b": "cut"}]) == [("a", "clean", "boot-1")]


def test_what_the_runner_lost_and_igt_said_has_ended(monkeypatch):
    assert go(monkeypatch, ABC, [{"xe_vm@a": "fail", "xe_vm@b": "incomplete"}]) == \
        [("a", "dirty", "boot-1"), ("b", "clean", "boot-1"), ("c", "clean", "boot-1")]


def test_a_runner_that_never_runs_anything_is_infra(monkeypatch):
    got = go(monkeypatch, ABC, [{"xe_vm@a": "notrun"}, {}])
    assert [(v, b) for _, v, b in got] == [("infra", "boot-1"), ("clean", "boot-2"), ("clean", "boot-2")]


def test_runners_that_run_nothing_end_the_list(monkeypatch):
    tests = [IgtTest("xe_vm", str(n)) for n in range(9)]
    got = go(monkeypatch, tests, [{t.name: "notrun" for t in tests}])
    assert [v for _, v, _ in got] == ["infra"] * 9 and got[-1][2] == ""


def test_names_with_capitals_are_the_runners_small_ones(monkeypatch):
    assert go(monkeypatch, [IgtTest("xe_vm", "Invalid-x")], [{}]) == [("Invalid-x", "clean", "boot-1")]


def test_expectations_of_named_tests():
    lines = expect.parse("fail xe_vm@a* gpu=lnl program known\nflake core_hotunplug@* rig sometimes", "igt.txt",
                         cells=False)
    res = judged("fail", "Failed assertion: x")
    assert expect.apply(lines, res) == "expected"
    assert expect.apply(lines, judged("pass")) == "must-leave"
    res = judged("fail", "x")
    res.facts["gpu"] = "bmg"
    assert expect.apply(lines, res) == "unexpected"
    assert results.repeat_command(res) == "make igt BASE=6.12 SIDE=base TESTS='xe_vm@a' GPU=bmg"


def test_the_lists_of_the_repository_are_good():
    igt.load_skips()
    igt.load_excuses()
    for path in sorted(expect.FOLDER.glob("igt*[!s].txt")):
        expect.parse(path.read_text(), path.name, cells=False)
