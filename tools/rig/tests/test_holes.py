# SPDX-License-Identifier: MIT
"""The list of holes names each of the audit's, and its judge is red for anything but the listed failure."""

from types import SimpleNamespace

import pytest

from xerig import errors, holes, paths
from xerig.matrix import Cell
from xerig.oracles import Finding

LINE = "F2 userptr/remove/munmap-after iommu=off klog /dma_iova_unlink/ late unmap"


def res(side, *findings, cell=None, verdict=None, iommu="off"):
    return SimpleNamespace(facts={"side": side, "iommu": iommu, "base": "7.3"}, findings=list(findings), skip=None,
                           cell=cell or Cell("userptr", "remove", "munmap-after"),
                           verdict=verdict or ("dirty" if findings else "clean"))


def oops():
    return Finding("klog", "oops: NULL", "[ 1.0] RIP: x\n[ 1.0]  dma_iova_unlink+0x2b\n[ 1.0] R10: 0")


def test_all_of_the_audit():
    names = {h.name.split(".")[0] for h in holes.load("7.3")}
    assert names == {f"F{n}" for n in range(1, 19)}


def test_lines():
    text = f"# comment\n{LINE}\nF2 idle-fd/unbind/kill repeat=3 rig /a\\/b/ why\nF12 none no display\n"
    one, two, none = holes.parse(text, "f")
    assert (one.name, two.name, none.name) == ("F2.1", "F2.2", "F12")
    assert one.setting("iommu") == "off" and one.where == ("plain", "lnl", "")
    assert two.pattern.pattern == "a/b" and two.setting("repeat") == "3"
    assert none.cell is None and none.reason == "no display"


@pytest.mark.parametrize("line", [
    "F1", "F1 userptr/remove rig /x/ y", "F1 userptr/remove/kill nobody /x/ y", "F1 userptr/remove/kill rig /(/ y",
    "F1 userptr/remove/kill rig x y", "F1 userptr/remove/kill colour=red rig /x/ y", "F1 userptr/remove/kill rig /x/",
    "F1 userptr/remove/kill gpu=adl rig /x/ y", "F1 userptr/remove/kill repeat=0 rig /x/ y"])
def test_bad_lines(line):
    with pytest.raises(errors.UsageError):
        holes.parse(line, "f")


def test_select():
    every = holes.parse(f"{LINE}\n{LINE}\nF3 none x\n", "f")
    assert [h.name for h in holes.select(every, "F2")] == ["F2.1", "F2.2"]
    assert [h.name for h in holes.select(every, "F2.2,F3")] == ["F2.2", "F3"]
    assert holes.select(every, None) == every
    with pytest.raises(errors.UsageError):
        holes.select(every, "F4")


def test_plan_has_no_doubles():
    every = holes.parse(f"{LINE}\n{LINE}\nF3 userptr/unbind/kill repeat=2 rig /x/ y\n", "f")
    assert holes.plan(every) == [("on", [Cell("userptr", "unbind", "kill"), Cell("userptr", "unbind", "kill", 1)]),
                                 ("off", [Cell("userptr", "remove", "munmap-after")])]


def test_judge():
    h, = holes.parse(LINE, "f")
    assert holes.judge(h, [res("base", oops()), res("patched")]) is None
    assert "does not fail as listed" in holes.judge(h, [res("base"), res("patched")])
    assert "does not fail as listed" in holes.judge(h, [res("base", Finding("rig", "dma_iova_unlink")), res("patched")])
    assert "does not fail as listed" in holes.judge(h, [res("base", oops(), iommu="on"), res("patched")])
    assert "patched is dirty" in holes.judge(h, [res("base", oops()), res("patched", Finding("rig", "slow"))])
    assert "patched is skip" in holes.judge(h, [res("base", oops()), res("patched", verdict="skip")])
    assert "patched was not run" in holes.judge(h, [res("base", oops())])


def test_excerpt_has_no_registers_and_no_times():
    h, = holes.parse(LINE, "f")
    text = holes.excerpt(h, [res("base", oops())])
    assert "dma_iova_unlink" in text and "late unmap" in text
    assert "R10" not in text and "1.0" not in text


@pytest.mark.parametrize("hole", [h for h in holes.load("7.3") if h.cell], ids=lambda h: h.name)
def test_what_was_kept_is_what_is_listed(hole):
    head, _, body = holes.kept("7.3", hole).read_text().partition("\n\n")
    said = [line.removeprefix(f"{hole.oracle}: ") for line in head.splitlines() if line.startswith(f"{hole.oracle}: ")]
    assert any(hole.pattern.search(f"{line}\n{body}") for line in said)


def test_nothing_else_is_kept():
    names = {h.name for h in holes.load("7.3") if h.cell}
    assert {p.stem for p in (paths.EXPECT / "holes-7.3").iterdir()} == names
