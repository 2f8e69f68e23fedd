# SPDX-License-Identifier: MIT
"""Static checks: what counts as new, what a reviewed list may hold, KUnit's results."""

import json

import pytest

from sbkit import commit, write
from xerig import allow, check, checkout, errors, klog, kunit, lint, paths, sources, tree

GCC = "/c/build/6.12-1/src/drivers/gpu/drm/xe/xe_bo.c:120:6: warning: unused variable 'x' [-Wunused-variable]"
SPARSE = "../drivers/gpu/drm/xe/xe_bo.c:12:6: warning: context imbalance in 'f' - wrong count at exit"
DOC = "drivers/gpu/drm/xe/xe_dma.c:7: warning: Function parameter 'a' not described in 'b'"


def test_findings_lose_path_and_line_numbers():
    text = "\n".join([GCC, SPARSE, DOC, "  120 |  int x;", "make: done", GCC.replace(":120:", ":130:"),
                      "drivers/gpu/drm/xe/xe_bo.c:1:1: note: in expansion"])
    found = lint.findings(text)
    assert len(found) == 4
    assert "drivers/gpu/drm/xe/xe_bo.c: warning: unused variable 'x' [-Wunused-variable]" in found
    assert lint.findings(text, {"drivers/gpu/drm/xe/xe_dma.c"}) == lint.findings(DOC)
    assert lint.findings("Warning: drivers/gpu/drm/xe/xe_dma.c:7 parameter 'a' not described in 'b'") == [
        "drivers/gpu/drm/xe/xe_dma.c: parameter 'a' not described in 'b'"]


def test_only_what_the_base_does_not_have_as_often_is_new():
    assert lint.fresh(["a", "a", "b"], ["a", "c"]) == ["a", "b"]


def test_reviewed_list_needs_reasons_and_forgets(tmp_path):
    write(tmp_path / "x.allow", "# comment\n6.12 one: text  # because\n* two  # why\n7.3 three  # why\n")
    allowed = allow.load("x", "6.12", tmp_path)
    assert allowed == {"one: text": "because", "two": "why"}
    assert allow.judge(["one: text", "new"], allowed) == (["new"], ["two"])
    write(tmp_path / "x.allow", "6.12 one\n")
    with pytest.raises(errors.UsageError, match="x.allow line 1: want `BASE text  # why`"):
        allow.load("x", "6.12", tmp_path)


def test_shipped_lists_are_in_order():
    for path in (paths.REPO / "tools/check").glob("*.allow"):
        if path != kunit.ALLOW:
            allow.load(path.stem, "6.12")
    assert klog.load_allowed(kunit.ALLOW)


def test_checkpatch_lines():
    text = ("0001-x.patch:12: WARNING:LONG_LINE: line length of 120 exceeds 100 columns\n"
            "0001-x.patch:13: CHECK:BIT_MACRO: Prefer\ntotal: 0 errors\n")
    assert check.checkpatch_findings(text, "m") == ["m:12: WARNING:LONG_LINE: line length of 120 exceeds 100 columns",
                                                    "m:13: CHECK:BIT_MACRO: Prefer"]


def run(world, *steps):
    return {s.name: s for s in check.run(world.base, world.cache, steps)}


def test_sound_series_applies_and_goes_through_git_am(series):
    done = run(series, "apply", "am")
    assert done["apply"].ok and done["am"].ok and "3 patches" in done["apply"].note


def test_patch_that_does_not_apply_stops_the_check(series):
    patch = series.base.patches()[0]
    patch.write_text(patch.read_text().replace(" int xe_a(void)", " int xe_other(void)"))
    done = run(series, "apply", "am")
    assert not done["apply"].ok and "does not apply" in done["apply"].findings[0] and "am" not in done


def test_checkpatch_findings_and_their_list(series):
    assert run(series, "checkpatch")["checkpatch"].findings[0].endswith("WARNING:SOMETHING: bad")
    write(series.tmp / "lists/checkpatch.allow", "* SOMETHING: bad  # is good here\n")
    assert run(series, "checkpatch")["checkpatch"].ok


def test_kernel_doc_counts_new_complaints_only(series):
    assert run(series, "kernel-doc")["kernel-doc"].ok
    checkout.make(series.base, series.source, series.cache)
    folder = tree.checkout_folder(series.base)
    for name in ("xe.c", "xe_dma.c"):
        file = folder / "drivers/gpu/drm/xe" / name
        file.write_text("/* undocumented */\n" + file.read_text())
    commit(folder, "drm/xe: Explain nothing")
    checkout.refresh(series.base, series.source, series.cache)
    assert run(series, "kernel-doc")["kernel-doc"].findings == [
        "drivers/gpu/drm/xe/xe.c: warning: not described", "drivers/gpu/drm/xe/xe_dma.c: warning: not described"]


@pytest.mark.parametrize("step, script", [
    ("kernel-doc", "scripts/kernel-doc"), ("checkpatch", "scripts/checkpatch.pl")])
def test_a_tool_that_breaks_is_no_pass(series, step, script):
    write(series.kernel / script, "#!/bin/sh\nexit 2\n" if step == "kernel-doc" else "die 'broken';", 0o755)
    with pytest.raises(errors.InfraError, match="did not run"):
        run(series, step)


def test_kernel_doc_that_is_not_understood_is_no_pass(series):
    write(series.kernel / "scripts/kernel-doc", "#!/bin/sh\nfor f; do echo \"$f, at line 3: bad\" >&2; done\n", 0o755)
    with pytest.raises(errors.InfraError, match="not understood"):
        run(series, "kernel-doc")


def test_coccinelle_against_the_reviewed_list(series, monkeypatch):
    monkeypatch.setattr(check, "RULES", [write(series.tmp / "drmm.cocci", "// Options: --x\n")])
    assert run(series, "coccinelle")["coccinelle"].findings == ["drivers/gpu/drm/xe/xe.c: drmm action f calls g"]
    write(series.tmp / "lists/drmm.allow",
          "6.12 drivers/gpu/drm/xe/xe.c: drmm action f calls g  # fine\n6.12 gone  # old\n")
    assert run(series, "coccinelle")["coccinelle"].findings == ["drmm.allow: nothing says any more: gone"]


def test_empty_series_passes_and_says_so(world, monkeypatch):
    monkeypatch.setattr(sources, "ensure", lambda base, cache: world.source)
    done = check.run(world.base, world.cache)
    assert [s.ok for s in done] == [True] and "no patches yet" in done[0].note


def test_stray_file_is_a_finding(series):
    write(series.repo / "drivers/gpu/drm/xe/xe_lost.c", "")
    assert run(series, "apply")["apply"].findings == ["drivers/gpu/drm/xe/xe_lost.c is in no patch (line `Adds: "
                                                      "drivers/gpu/drm/xe/xe_lost.c`)"]


def test_table_and_json(series):
    results = {"6.12": check.run(series.base, series.cache, ("apply",))}
    assert "ok" in check.table(results)[1] and check.passed(results) == 0
    check.write(results)
    data = json.loads((series.repo / "out/check/results.json").read_text())
    assert data["6.12"][0]["ok"] is True
    results["6.12"][0].findings.append("x")
    assert check.passed(results) == 1


REPORT = {"name": "KUnit Test Group", "sub_groups": [
    {"name": "xe_dma", "test_cases": [{"name": "a", "status": "PASS"}, {"name": "b", "status": "FAIL"}]},
    {"name": "xe_pci", "sub_groups": [{"name": "param", "test_cases": [{"name": "p1", "status": "SKIP"},
                                                                      {"name": "p2", "status": "PASS"}]}],
     "test_cases": []}]}


def test_kunit_results_are_counted_per_suite():
    o = kunit.parse("uml", json.dumps(REPORT))
    assert o.suites["xe_pci"] == {"PASS": 1, "FAIL": 0, "SKIP": 1, "ERROR": 0}
    assert o.failed == ["xe_dma.b"] and not o.ok
    assert kunit.table(o)[1].startswith("xe_dma") and kunit.table(o)[-1].split() == ["total", "2", "1", "1"]


def good():
    """Outcome of a suite that passes."""
    return kunit.Outcome("uml", {"s": dict.fromkeys(kunit.STATUSES, 0) | {"PASS": 1}})


def test_kunit_without_a_pass_or_with_a_splat_is_not_ok(tmp_path):
    assert not kunit.Outcome("uml").ok and good().ok
    rules = write(tmp_path / "kunit.allow", "where=uml /^WARNING at .*virt-pci/ why\nbase=7.3 /ttm_device/ why\n"
                                            "/preallocated/ why\n")
    warnings = ("CPU: 0 PID: 9 at arch/um/drivers/virt-pci.c:1005 f+0x1",
                "drivers/gpu/drm/ttm/ttm_device.c:192 at g+0x2, CPU#0: kunit/1",
                "CPU: 0 PID: 9 at drivers/gpu/drm/xe/xe_dma.c:7 h+0x3")
    lines = [s for w in warnings
             for s in ("------------[ cut here ]------------", f"WARNING: {w}", "---[ end trace 0 ]---", "ok 1 a")]
    lines += ["DMA-API: preallocated 65536 debug entries", "BUG: KASAN: slab-use-after-free in k"]
    log = "".join(f"[    1.{n:06}] {s}\n" for n, s in enumerate(lines))
    o = good()
    o.hear(log, "7.3", rules)
    assert len(o.splats) == 2 and "xe_dma.c" in o.splats[0] and "KASAN" in o.splats[1] and not o.ok and not o.idle
    o.hear(log, "6.12", rules)
    assert len(o.splats) == 3 and "ttm_device" in o.splats[0]


def test_a_line_of_kunits_list_that_nothing_says_any_more_has_to_leave(tmp_path):
    rules = write(tmp_path / "kunit.allow", "where=uml /gone/ why\nwhere=x86 /elsewhere/ why\nbase=7.3 /later/ why\n")
    o = good()
    o.hear("[    1.000000] all quiet\n", "6.12", rules)
    assert o.idle == ["gone"] and not o.ok and "nothing says any more: gone" in o.problems()[0]


def test_a_suite_of_the_series_that_vanishes_or_skips_itself_is_missed(world):
    tests = "drivers/gpu/drm/xe/tests"
    for name in ("xe_a", "xe_b_live_test"):
        write(world.repo / f"{tests}/{name}.c",
              f'static struct kunit_suite s = {{\n\t.init = i,\n\t.name = "{name}",\n}};\n')
    write(world.base.dir / "0001-a.patch",
          f"Subject: [PATCH] a\n\nAdds: {tests}/xe_a.c\nAdds: {tests}/xe_b_live_test.c\n---\n")
    assert kunit.suites_of(world.base) == ["xe_a"]
    o = good()
    o.expect(["s"])
    assert o.ok
    o.expect(["s", "xe_a"])
    assert o.missing == ["xe_a"] and not o.ok and "xe_a is missing" in o.problems()[0]
    o.suites["xe_a"] = dict.fromkeys(kunit.STATUSES, 0) | {"SKIP": 3}
    o.expect(["xe_a"])
    assert o.missing == ["xe_a"]
    o.expect(["xe_a"], skips=True)
    assert o.ok


@pytest.mark.parametrize("build", [
    "drivers/gpu/drm/xe/xe_dma.c:3:1: error: expected ';'", "CONFIG_X is not in .config"])
def test_kunit_build_error_shows_the_cause(series, capsys, build):
    from xerig import kernel
    write(series.kernel / "tools/testing/kunit/kunit.py",
          f"import sys\nprint('Building KUnit Kernel ...')\nprint({build!r}, file=sys.stderr)\nsys.exit(1)\n")
    with pytest.raises(kernel.BuildError, match="KUnit 6.12: the UML kernel was not built"):
        kunit.run_uml(series.base, "patched", series.cache)
    assert build in capsys.readouterr().err


def test_a_suite_inside_another_file_is_compiled_with_it():
    tests = "drivers/gpu/drm/xe/tests"
    overlay = {"drivers/gpu/drm/xe/xe_a.c": b'int a;\n#include "tests/xe_a.c"\n#include "tests/old.c"\n',
               f"{tests}/xe_a.c": b"", f"{tests}/xe_b_test.c": b"", "drivers/gpu/drm/xe/xe_gone.c": None}
    assert lint.parts(overlay) == {f"{tests}/xe_a.c": "drivers/gpu/drm/xe/xe_a.c"}
    overlay[f"{tests}/xe_a.c"] = b'#include "tests/xe_more.c"\n'
    overlay[f"{tests}/xe_more.c"] = b""
    assert lint.parts(overlay) == dict.fromkeys((f"{tests}/xe_a.c", f"{tests}/xe_more.c"),
                                                "drivers/gpu/drm/xe/xe_a.c")
