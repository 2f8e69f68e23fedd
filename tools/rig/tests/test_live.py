# SPDX-License-Identifier: MIT
"""Live KUnit: cases out of the sources, KTAP of a case, verdicts."""

import re
from types import SimpleNamespace

import pytest

from xerig import agent, errors, live
from xerig.klog import Allowed
from xerig.live import LiveTest

FACTS = {"base": "6.12", "side": "base", "kernel": "plain", "iommu": "on", "gpu": "lnl"}

MODULE = """#include <x.h>
extern struct kunit_suite xe_bo_test_suite;
kunit_test_suite(xe_bo_test_suite);
#ifdef CONFIG_DRM_XE_DEBUG_PAGE_SIZE
kunit_test_suite(xe_size_suite);
#endif
"""
SUITES = """static struct kunit_case xe_bo_tests[] = {
	KUNIT_CASE_PARAM(xe_ccs, gen),
	KUNIT_CASE_PARAM_ATTR(xe_evict, gen,
		{.speed = KUNIT_SPEED_SLOW}),
	{}
};
struct kunit_suite xe_bo_test_suite = {
	.name = "xe_bo",
	.test_cases = xe_bo_tests,
};
static struct kunit_case xe_size_tests[] = {
	KUNIT_CASE(xe_size),
	{}
};
struct kunit_suite xe_size_suite = {
	.name = "xe_size",
	.test_cases = xe_size_tests,
};
"""


def source(tmp_path, module=MODULE):
    folder = tmp_path / live.TESTS
    folder.mkdir(parents=True)
    (folder / "xe_live_test_mod.c").write_text(module)
    (folder / "xe_bo.c").write_text(SUITES)
    return tmp_path


def test_cases_come_from_the_sources_and_the_configuration(tmp_path):
    src = source(tmp_path)
    assert [t.name for t in live.catalogue(src, "CONFIG_X=y", {})] == ["xe_bo.xe_ccs", "xe_bo.xe_evict"]
    assert "xe_size.xe_size" in [t.name for t in live.catalogue(src, "CONFIG_DRM_XE_DEBUG_PAGE_SIZE=y\n", {})]


def test_suites_of_the_series_are_known_to_its_side_alone(tmp_path, monkeypatch):
    mod = f"{live.TESTS}/xe_live_test_mod.c"
    ours = SUITES.replace("xe_bo", "xe_dma_live").encode()
    overlay = {f"{live.TESTS}/xe_dma_live.c": ours, f"{live.TESTS}/xe_gone.c": None, f"{live.TESTS}/note.txt": b"\xff",
               mod: (MODULE + "kunit_test_suite(xe_dma_live_test_suite);\n").encode()}
    config = tmp_path / "config"
    config.write_text("CONFIG_X=y")
    sides = {s: SimpleNamespace(kernel=SimpleNamespace(config=config)) for s in ("base", "patched")}
    session = SimpleNamespace(sides=sides, source=SimpleNamespace(path=source(tmp_path)), base=None, cache=None)
    monkeypatch.setattr(live.tree, "overlay", lambda *_: (overlay, None))
    assert {t.name: t.sides for t in live.of_session(session)} == {
        "xe_bo.xe_ccs": ("base", "patched"), "xe_bo.xe_evict": ("base", "patched"),
        "xe_dma_live.xe_ccs": ("patched",), "xe_dma_live.xe_evict": ("patched",)}


def test_a_suite_without_a_table_is_said(tmp_path):
    with pytest.raises(errors.InfraError, match="xe_new_suite"):
        live.catalogue(source(tmp_path, "kunit_test_suite(xe_new_suite);\n"), "", {})


def test_names(tmp_path):
    every = live.catalogue(source(tmp_path), "", {})
    assert live.choose(every, "") == every and live.choose(every, "xe_bo.*evict") == [LiveTest("xe_bo", "xe_evict")]
    for bad in ("xe_nix", ","):
        with pytest.raises(errors.UsageError):
            live.choose(every, bad)


PASS = ["    # Subtest: xe_bo", "        ok 1 0000:01:00.0", "    ok 1 xe_evict", "ok 1 xe_bo"]


@pytest.mark.parametrize("lines, want", [
    (PASS, ("pass", "")),
    (["        not ok 1 0000:01:00.0", "    not ok 1 xe_evict"], ("fail", "")),
    (["        ok 1 0000:01:00.0 # SKIP non-flat-ccs device", "    ok 1 xe_evict # SKIP "],
     ("skip", "non-flat-ccs device")),
    (["        ok 1 0000:01:00.0 # SKIP why", "    ok 1 xe_evict"], ("skip", "why")),
    (["    ok 1 xe_evict # SKIP no devices"], ("skip", "no devices")),
    (["    # Subtest: xe_bo"], (None, "")),
])
def test_ktap(lines, want):
    assert live.read_ktap(lines, "xe_evict") == want


class Guest:
    def __init__(self, lines, status=0, error=None):
        self.lines, self.status, self.error, self.records, self.did = lines, status, error, [], []

    def mark(self, text, *_a):
        self.records.append(agent.Record(6, 0, 0, text))
        return len(self.records) - 1

    def write(self, path, data):
        self.did.append(data)

    def run(self, argv, _timeout):
        self.did.append(argv[-1] if argv[0] == "modprobe" else f"rmmod {argv[-1]}")
        if argv[0] == "modprobe":
            self.records += [agent.Record(lv, 0, 0, t) for lv, t in self.lines]
            if self.error:
                raise self.error
        return SimpleNamespace(status=self.status, err=["no module"])

    def slice(self, begin, end=None):
        return self.records[begin:end]

    def settle_log(self, *_a):
        pass


def judged(lines, **kw):
    guest = Guest([x if isinstance(x, tuple) else (6, x) for x in lines], **kw)
    gpu = SimpleNamespace(command=lambda *_a, **_k: {"next": 0, "events": []})
    vm = SimpleNamespace(agent=guest, gpu=gpu, console_lines=list)
    skips = [Allowed((), re.compile("flat-ccs"), "off")]
    return guest, live.LiveRun(vm, LiveTest("xe_bo", "xe_evict"), FACTS, [], (0, 0), skips).run()


def test_verdicts_of_cases():
    guest, res = judged(PASS)
    assert (res.verdict, res.broken) == ("clean", False)
    assert guest.did == ["xe_bo.xe_evict", "xe_live_test", "rmmod xe_live_test"]  # never xe itself
    assert judged([*PASS, (4, "something odd")])[1].oracles() == ["klog"]
    _, res = judged([(3, "    # xe_evict: EXPECTATION FAILED at x.c:1"), "    not ok 1 xe_evict"])
    assert (res.verdict, res.oracles()) == ("dirty", ["program"]) and "x.c:1" in res.findings[0].summary
    assert judged([])[1].findings[0].summary == "no result"
    assert judged(["    ok 1 xe_evict # SKIP non-flat-ccs"])[1].verdict == "skip"
    assert judged(["    ok 1 xe_evict # SKIP tired"])[1].verdict == "dirty"
    assert judged([], status=1)[1].verdict == "infra"
    _, res = judged([], error=agent.GuestOops("BUG: x"))
    assert (res.verdict, res.broken) == ("dirty", True)
