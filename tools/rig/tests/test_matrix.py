# SPDX-License-Identifier: MIT
"""Selection of cells."""

import pytest

from xerig import eachpatch, errors, hunt, matrix, options, slices
from xerig.orders import ORDERS, UNMAPS
from xerig.states import STATES
from xerig.ways import CORE, WAYS


def test_lists_all_and_defaults():
    assert options.select("STATE", None, STATES, ["userptr"]) == ["userptr"]
    assert options.select("STATE", "userptr, idle-fd", STATES, []) == ["idle-fd", "userptr"]
    ways = options.select("WAY", "all", WAYS, [])
    assert ways[:3] == list(CORE) == ["unbind", "remove", "surprise"] and "pciehp" in ways
    assert {c.way for _, cells in matrix.default() for c in cells} == set(CORE)


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
    monkeypatch.setattr(slices.Slices, "run", lambda _self, _s, plan, _w: made.append(
        made.pop() + tuple(i for i, _ in plan)))
    monkeypatch.setattr(show, "verdict", lambda _s: ends[len(made) - 1])
    names = ("state", "way", "order", "side", "iommu", "repeat", "kernel", "gpu", "limit", "resume")
    return command.run(SimpleNamespace(**{**dict.fromkeys(names), "base": "6.12", "table": False, **args})), made


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
