# SPDX-License-Identifier: MIT
"""Line coverage: counters out of a guest, through the real gcov, added up, measured against thresholds."""

import base64
import gzip
import json
import subprocess
from types import SimpleNamespace

import pytest

from xerig import agent, cover, errors, gcov, html, kernel
from xerig.gcov import File
from xerig.orders import ORDERS
from xerig.states import STATES
from xerig.ways import WAYS

CODE = """int twice(int v)
{
	if (v > 10)
		return 0;
	return v * 2;
}

int never(void)
{
	return 7;
}
int main(int argc, char **argv)
{
	(void)argv;
	return twice(argc) == 2 ? 0 : 1;
}
"""


@pytest.fixture
def ran(tmp_path):
    """A program built as kbuild names things, run once: (folder of notes, counters)."""
    folder = tmp_path / "objects/drivers/gpu/drm/xe"
    folder.mkdir(parents=True)
    source = tmp_path / "src/drivers/gpu/drm/xe/xe_dma.c"
    source.parent.mkdir(parents=True)
    source.write_text(CODE)
    subprocess.run(["gcc", "--coverage", "-c", source, "-o", "xe_dma.o"], cwd=folder, check=True)
    subprocess.run(["gcc", "--coverage", "xe_dma.o", "-o", "prog"], cwd=folder, check=True)
    subprocess.run(["./prog"], cwd=folder, check=True)
    return tmp_path / "objects", {"drivers/gpu/drm/xe/xe_dma": (folder / "xe_dma.gcda").read_bytes()}


def test_gcov_reads_what_ran_and_boots_add_up(ran):
    notes, counters = ran
    counts = gcov.read(counters, notes)
    lines = counts["drivers/gpu/drm/xe/xe_dma.c"]
    assert (lines[3], lines[4], lines[5], lines[10]) == (1, 0, 1, 0)
    gcov.add(counts, gcov.read(counters, notes))
    assert counts["drivers/gpu/drm/xe/xe_dma.c"][5] == 2
    assert gcov.read({"drivers/gpu/drm/xe/other": b""}, notes) == {}  # no notes: not one of ours


def test_counters_of_another_build_are_refused(ran, tmp_path):
    notes, counters = ran
    name = next(iter(counters))
    with pytest.raises(errors.InfraError, match="gcov"):
        gcov.read({name: b"no counters"}, notes)


class Guest:
    def __init__(self, out, status=0):
        self.out, self.status = out, status

    def run(self, argv, _timeout):
        assert argv[:3] == ["busybox", "sh", "-c"]
        return agent.GuestChild(7, out=self.out, status=self.status)


def test_pull_unpacks_what_the_guest_prints(ran):
    _, counters = ran
    name, data = next(iter(counters.items()))
    text = base64.b64encode(gzip.compress(data)).decode()
    lines = [text[i:i + 76] for i in range(0, len(text), 76)]
    out = [f"> ./somewhere/objects/{name}.gcda", *lines, "> ./elsewhere/kernel/fork.gcda", "AAAA", "> end"]
    assert gcov.pull(Guest(out)) == {name: data}
    for bad in (Guest(out[:-1]), Guest([], 1)):
        with pytest.raises(errors.InfraError, match="no line counters"):
            gcov.pull(bad)


def test_lines_of_the_series_and_ranges_that_never_ran():
    assert gcov.added(["a", "b", "c"], ["a", "x", "b", "C"]) == {2, 4}
    f = File("drivers/gpu/drm/xe/xe_bo.c", False, {1: 1, 3: 0, 4: 0, 9: 0, 10: 5, 12: 0}, {4, 10})
    assert f.missed() == [(3, 9), (12, 12)] and f.share() == (2, 6) and f.share(f.own) == (1, 2)


def test_files_are_the_code_of_the_series(tmp_path):
    xe = "drivers/gpu/drm/xe"
    (tmp_path / xe).mkdir(parents=True)
    (tmp_path / xe / "xe_bo.c").write_text("a\n")
    overlay = {f"{xe}/xe_bo.c": b"a\nb\n", f"{xe}/xe_dma.c": b"x\n", f"{xe}/xe_dma.h": b"y\n", f"{xe}/xe_map.h": b"z\n",
               f"{xe}/tests/xe_dma.c": b"t\n", "Documentation/gpu/xe/x.rst": b"d\n", f"{xe}/gone.c": None}
    found = gcov.files({f"{xe}/xe_bo.c": {1: 1, 2: 0}, f"{xe}/xe_dma.h": {1: 1}}, overlay, tmp_path)
    assert [(f.path.rsplit("/", 1)[1], f.new) for f in found] == [
        ("xe_bo.c", False), ("xe_dma.c", True), ("xe_dma.h", True)]
    assert found[0].own == {2}
    assert kernel.counting(overlay) == ["GCOV_PROFILE_xe_bo.o=y", "GCOV_PROFILE_xe_dma.o=y"]


@pytest.mark.parametrize("path, new, ran_lines, good", [
    ("xe_bo.c", False, 60, True), ("xe_bo.c", False, 59, False), ("xe_irq.c", False, 0, True),
    ("xe_dma.c", True, 90, True), ("xe_dma.c", True, 89, False)])
def test_thresholds(path, new, ran_lines, good):
    f = File(f"drivers/gpu/drm/xe/{path}", new, {n: int(n < ran_lines) for n in range(100)})
    assert cover.passed(f) is good


def test_a_new_file_that_was_never_built_does_not_pass():
    assert not cover.passed(File("drivers/gpu/drm/xe/xe_dma.c", True, {}))
    assert cover.passed(File("drivers/gpu/drm/xe/xe_dma.h", True, {}))


def test_the_plan_has_every_state_way_and_order():
    cells = [c for _, some in cover.plan() for c in some]
    assert {c.state for c in cells} == set(STATES)
    assert {c.way for c in cells} == set(WAYS) and {c.order for c in cells} == set(ORDERS)


def test_counters_are_taken_before_the_boot_ends(monkeypatch):
    import contextlib
    ends = []

    class Plain:
        @contextlib.contextmanager
        def _boot(self):
            yield vm, "boot-1", (0, 0)
            ends.append("boot")

    vm = SimpleNamespace(agent=SimpleNamespace(closed=lambda: False, fatal=None))
    monkeypatch.setattr(gcov, "pull", lambda _g: ends.append("pull") or {"x": b""})
    took = []
    with cover.counting(Plain, took)()._boot() as (got, name, _):
        assert got is vm and name == "boot-1"
    assert ends == ["pull", "boot"] and took == [{"x": b""}]
    vm.agent.fatal = (0, "BUG")
    with cover.counting(Plain, took)()._boot():
        pass
    assert len(took) == 1  # a broken guest is not asked


def test_the_page_shows_what_never_ran(tmp_path):
    f = File("drivers/gpu/drm/xe/xe_dma.c", True, {1: 3, 5: 0}, {5})
    rows = cover.source(f, ["one <1>", "two", "three", "four", "five <&>", "six"])
    assert [r[0] for r in rows] == [3, 4, 5, 6] and rows[2] == (5, 0, "five <&>", True)
    data = {"base": "6.12", "said": ["cells: 3 clean"], "files": {f.path: {
        "new": True, "lines": 2, "reached": 1, "own_lines": 1, "own_reached": 0, "threshold": 90, "passed": False}}}
    html.write_cover(tmp_path, json.loads(json.dumps(data)), {f.path: rows})
    page = (tmp_path / "cover.html").read_text()
    assert "five &lt;&amp;&gt;" in page and "one" not in page.split("<details")[1] and 'class="wrong">50' in page
