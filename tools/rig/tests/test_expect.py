# SPDX-License-Identifier: MIT
"""Expectation files."""

from types import SimpleNamespace

import pytest

from xerig import errors, expect


def result(verdict, *oracles, name="userptr/remove/munmap-after", **facts):
    state, way, order = name.split("/")
    return SimpleNamespace(verdict=verdict, oracles=lambda: list(oracles), expected=None, reason=None,
                           facts={"state": state, "way": way, "order": order, "iommu": "on", **facts})


LINES = expect.parse("""# comment
fail userptr/*/munmap-after klog,rig    the notifier unmaps late
flake idle-fd/remove/kill   memory      counter moves
skip many-bos/surprise/*                too slow here
fail userptr/*/* iommu=off dma-debug    seen without vIOMMU only
fail bo-mmap/*/* gpu=bmg program        of the GPU that is unplugged
""", "x.txt")


@pytest.mark.parametrize("res, want", [
    (result("dirty", "klog"), "expected"),
    (result("dirty", "klog", "witness"), "unexpected"),
    (result("clean"), "must-leave"),
    (result("hang", "rig"), "expected"),
    (result("infra", "rig"), "unexpected"),
    (result("dirty", "dma-debug"), "unexpected"),
    (result("dirty", "dma-debug", iommu="off"), "expected"),
    (result("dirty", "klog", name="bo-bound/remove/kill"), "unexpected"),
    (result("clean", name="bo-bound/remove/kill"), "expected"),
    (result("clean", name="idle-fd/remove/kill"), "expected"),
    (result("dirty", "memory", name="idle-fd/remove/kill"), "flake"),
    (result("skip"), "expected"),
    (result("dirty", "program", name="bo-mmap/remove/kill", gpu="bmg"), "expected"),
    (result("dirty", "program", name="bo-mmap/remove/kill", gpu="bmg+lnl"), "expected"),
    (result("dirty", "program", name="bo-mmap/remove/kill", gpu="lnl+bmg"), "unexpected"),
    (result("dirty", "program", name="bo-mmap/remove/kill", gpu="lnl"), "unexpected"),
])
def test_verdicts_against_the_list(res, want):
    assert expect.apply(LINES, res) == want


def test_reason_is_kept():
    res = result("dirty", "klog")
    expect.apply(LINES, res)
    assert res.reason == "the notifier unmaps late"


def test_skips():
    assert expect.skipped(LINES, result("x", name="many-bos/surprise/kill").facts) == "too slow here"
    assert expect.skipped(LINES, result("x").facts) is None


@pytest.mark.parametrize("line, why", [
    ("fails userptr/remove/kill klog reason", "want"),
    ("fail userptr/remove/eject klog reason", "no cell"),
    ("fail userptr/remove/kill nobody reason", "oracles are"),
    ("fail userptr/remove/kill klog", "want"),
    ("fail userptr/remove/kill iommu=on klog", "reason is missing"),
    ("skip userptr/remove/kill", "want"),
])
def test_bad_lines_name_their_place(line, why):
    with pytest.raises(errors.UsageError, match=f"x.txt:1: .*{why}"):
        expect.parse(line, "x.txt")


@pytest.mark.parametrize("path", sorted(expect.FOLDER.glob("[0-9]*-*.txt")), ids=lambda p: p.name)
def test_the_files_of_the_repository_are_good(path):
    expect.parse(path.read_text(), path.name)


def test_named_tests_have_a_list_for_all_and_one_a_side(tmp_path, monkeypatch):
    monkeypatch.setattr(expect, "FOLDER", tmp_path)
    (tmp_path / "igt.txt").write_text("fail xe_a@x program why\n")
    (tmp_path / "igt-6.12-base.txt").write_text("flake xe_b klog why\n")
    assert [line.verb for line in expect.load("6.12", "base", "igt")] == ["fail", "flake"]
    assert [line.verb for line in expect.load("6.12", "patched", "igt")] == ["fail"]
    assert expect.load("6.12", "base") == []


def test_a_line_whose_oracles_are_silent_in_all_its_cells_is_named():
    def run(*said):
        lines = expect.parse("fail */unbind/* dma-debug all\nfail userptr/*/* klog one state\n"
                             "fail idle-fd/*/* rig other", "x.txt")
        for oracles in said:
            expect.apply(lines, result("dirty", *oracles, name="userptr/unbind/kill"))
        return expect.idle(lines)

    assert run(["program"], ["dma-debug"]) == ["x.txt:2"]
    assert run(["program"], ["klog"]) == [] and run(["program"]) == []
