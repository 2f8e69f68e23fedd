# SPDX-License-Identifier: MIT
"""Selection of cells."""

import pytest

from xerig import eachpatch, errors, expect, hunt, klog, matrix, options, slices
from xerig.orders import ORDERS, UNMAPS
from xerig.result import Result
from xerig.states import STATES, find
from xerig.ways import CORE, WAYS


def test_only_what_lets_the_device_sleep_is_removed_in_its_sleep():
    some = matrix.cells(["idle-fd", "user-fence", "queue-endless", "fault-svm", "idle-fd+user-fence",
                         "idle-fd+queue-endless", "idle-fd+userptr"], ["remove", "suspend-surprise"], ["kill"])
    assert {c.state for c in some if c.way == "suspend-surprise"} == {"idle-fd", "idle-fd+userptr"}
    assert len({c.state for c in some if c.way == "remove"}) == 7


def test_lists_all_and_defaults():
    assert options.select("STATE", None, STATES, ["userptr"]) == ["userptr"]
    assert options.select("STATE", "userptr, idle-fd", STATES, []) == ["idle-fd", "userptr"]
    ways = options.select("WAY", "all", WAYS, [])
    assert ways[:3] == list(CORE) == ["unbind", "remove", "surprise"] and "pciehp" in ways
    assert {c.way for _, cells in matrix.default() for c in cells} == set(CORE)


def test_nobody_closes_beside_the_removal_of_a_device_that_died_asleep():
    names = {c.name for c in matrix.cells(["idle-fd"], WAYS, ORDERS)}
    assert "idle-fd/suspend-surprise/during" not in names
    assert not {f"idle-fd/{way}/close-before" for way in WAYS if WAYS[way].suspends} & names
    assert {"idle-fd/suspend-surprise/kill", "idle-fd/suspend-remove/during", "idle-fd/surprise/during",
            "idle-fd/surprise/close-before"} <= names


def test_files_are_open_or_closed_where_a_way_needs_them_so():
    names = {c.name for c in matrix.cells(["idle-fd"], ["rmmod", "unload"], ORDERS)}
    assert {"idle-fd/rmmod/close-after", "idle-fd/rmmod/during", "idle-fd/unload/close-before"} <= names
    assert len(names) == len(matrix.cells(["idle-fd"], ["unbind"], ORDERS))


def test_unknown_name_is_one_line_with_the_known_ones():
    with pytest.raises(errors.UsageError) as e:
        options.select("WAY", "unbind,eject", WAYS, [])
    assert "eject" in str(e.value) and "surprise" in str(e.value) and "\n" not in str(e.value)
    assert e.value.status == 2


def product(monkeypatch, ends, **args):
    """Runs the command with sessions that only take down what they are; ends: exit status of each."""
    from types import SimpleNamespace

    from xerig import session, show
    from xerig.commands import matrix as command
    made = []

    class Session:
        def __init__(self, _what, base, kernel, gpu):
            made.append((base, kernel, gpu))

        def prepare(self, _sides):
            return self

    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(slices.Slices, "run", lambda _self, _s, plan, _w, **_kw: made.append(
        made.pop() + tuple(i for i, _ in plan)))
    monkeypatch.setattr(show, "verdict", lambda _s: ends[len(made) - 1])
    names = ("state", "way", "order", "side", "iommu", "repeat", "kernel", "gpu", "limit", "resume", "together")
    return command.run(SimpleNamespace(**{**dict.fromkeys(names), "base": "6.12", "table": False, "record": False, **args})), made


def test_configurations_are_a_product(monkeypatch):
    status, made = product(monkeypatch, [0, 0, 0, 0], kernel="debug,plain", gpu="lnl,lnl+bmg", iommu="on,off")
    assert status == 0 and made == [("6.12", k, g, "on", "off") for k in ("plain", "debug") for g in ("lnl", "lnl+bmg")]
    assert product(monkeypatch, [0, 1], base="6.12,7.3")[0] == errors.CHECK_FAILED
    assert product(monkeypatch, [0, 77], base="all")[0] == errors.OK
    assert product(monkeypatch, [77])[0] == errors.SKIPPED
    assert len(product(monkeypatch, [0], gpu="lnl,lnl", base="6.12,6.12")[1]) == 1
    status, made = product(monkeypatch, [0, 0], gpu="lnl,bmg", limit="1000000")
    assert status == 0 and len(made) == 2
    monkeypatch.setattr(slices.Slices, "late", lambda _self: True)
    status, made = product(monkeypatch, [], gpu="lnl,bmg")
    assert status == errors.CHECK_FAILED and not made
    for bad in ({"limit": "x"}, {"resume": "some"}, {"kernel": "fast"}, {"gpu": "lnl,dg2"}, {"gpu": ","},
                {"base": "5.10"}, {"base": ","}, {"state": "all,nix"}):
        with pytest.raises(errors.UsageError):
            product(monkeypatch, [0], **bad)


def test_gpus_of_one_guest():
    known = ("bmg", "lnl")
    assert options.gpus(None, known) == options.gpus("", known) == "lnl"
    assert options.gpus("bmg", known) == "bmg"
    assert options.gpus("lnl + bmg", known) == "lnl+bmg"
    assert options.gpus("bmg+bmg", known) == "bmg+bmg"


@pytest.mark.parametrize("text", ["dg2", "+", "lnl+", "lnl,bmg", "lnl+dg2", "+".join(["lnl"] * 5)])
def test_wrong_gpus_are_refused(text):
    with pytest.raises(errors.UsageError) as e:
        options.gpus(text, ("bmg", "lnl"))
    assert "GPU" in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("text", [",", " , "])
def test_empty_list_is_refused(text):
    with pytest.raises(errors.UsageError):
        options.select("WAY", text, WAYS, [])


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "99999999", "\u00b2", "1\n", "9" * 30])
def test_bad_repeat_is_refused(text):
    with pytest.raises(errors.UsageError):
        options.count("REPEAT", text)


def test_munmap_after_only_where_there_is_memory_to_unmap():
    for order in ("munmap-after", "munmap-during"):
        states = {c.state for c in matrix.cells(STATES, ["remove"], [order])}
        assert {"userptr", "userptr-munmapped"} <= states and "idle-fd" not in states


def test_default_table_is_the_promised_one():
    (on, cells), (off, few) = matrix.default()
    assert (on, off) == ("on", "off")
    assert {(c.state, c.way) for c in cells if c.order == "close-after"} == \
        {(s, w) for s in STATES if STATES[s].default for w in CORE}
    assert any(c.state == "userptr" and c.order == "munmap-after" for c in cells)
    assert "userptr" in {c.state for c in few}


@pytest.mark.parametrize("rows", [eachpatch.CELLS, hunt.BATTERY, hunt.LOCAL, hunt.META_BATTERY], ids=lambda r: r[0][0])
def test_cells_that_are_named_elsewhere_exist(rows):
    for state, way, order in rows:
        assert state in STATES and way in WAYS and order in ORDERS
        assert order not in UNMAPS or STATES[state].munmap


def test_names_are_unique_with_repeats():
    cells = matrix.cells(["idle-fd"], ["remove"], ["kill"], 3)
    assert len({c.name for c in cells}) == 3


def test_several_states_together_are_the_same_cells_in_fewer():
    every = matrix.cells(STATES, WAYS, ORDERS, 2)
    for most in (2, 8, len(STATES)):
        packed = matrix.together(every, most)
        assert [len(c.programs) for c in packed if not 1 <= len(c.programs) <= most] == []
        names = [r.cell.name for c in packed for r in matrix.each(Result(c, c.facts()))]
        assert sorted(names) == sorted(c.name for c in every)
        assert not [c for c in packed if len({(STATES[p].faults, STATES[p].slow) for p in c.programs}) > 1]
    assert len(matrix.together(every, 8)) < len(every) / 5
    assert all(find(c.state).munmap for c in packed if c.order in UNMAPS)


def test_what_is_found_where_several_are_held_is_no_single_cells_affair():
    cell = matrix.Cell("userptr+vram-mmap", "remove", "kill")
    good, skipped = matrix.each(Result(cell, cell.facts(), left_out={"vram-mmap": "no VRAM"}))
    assert (good.verdict, good.cell.name, good.facts["state"]) == ("clean", "userptr/remove/kill", "userptr")
    assert (skipped.verdict, skipped.skip, skipped.held) == ("skip", "no VRAM", {"together": cell.state})
    missing = matrix.each(Result(cell, cell.facts(), verdict="skip", skip="no slot"))
    assert [(r.verdict, r.skip) for r in missing] == [("skip", "no slot")] * 2
    dirty = Result(cell, cell.facts(), verdict="dirty")
    assert matrix.each(dirty) == [dirty]


def test_states_are_joined_by_name():
    assert options.together("STATE", None, STATES) == list(STATES)
    assert options.together("STATE", "userptr+idle-fd, bo-mmap", STATES) == ["bo-mmap", "userptr+idle-fd"]
    for bad in ("userptr+", "userptr+nothing", "userptr+userptr", "nothing"):
        with pytest.raises(errors.UsageError, match="STATE"):
            options.together("STATE", bad, STATES)


def test_what_is_held_together_is_judged_by_what_each_state_may_do():
    both = find("queue-endless+userptr+mixed-load")
    assert [s.name for s in both.each()] == ["userptr", "queue-endless", "mixed-load"]
    assert not both.munmap and both.remove_seconds == STATES["mixed-load"].remove_seconds
    assert find("dmabuf-imported+dmabuf-second").modules == ("vgem",)
    assert find("userptr+fault-userptr").munmap
    facts = {"state": "userptr+mixed-load", "way": "pull", "order": "during", "gpu": "lnl+bmg"}
    rule, = (r for r in klog.load_allowed() if "No forward process" in r.pattern.pattern)
    assert rule.applies(facts) and not rule.applies({**facts, "state": "userptr+idle-fd"})
    lines = expect.parse("fail mixed-load/pull/* gpu=lnl klog why", "x")
    assert lines[0].applies(facts) and not lines[0].applies({**facts, "gpu": "bmg+lnl"})
    assert not lines[0].applies({**facts, "state": "userptr"})
