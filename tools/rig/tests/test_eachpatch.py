# SPDX-License-Identifier: MIT
"""Walks over a series patch by patch: what is built, what is remembered, where they stop."""

from types import SimpleNamespace

import pytest

from sbkit import commit, write
from xerig import base as bases
from xerig import check, checkout, eachpatch, kernel, lint, tree


@pytest.fixture
def walk(series, monkeypatch):
    """Walk() on three patches; world.built: numbers of the patches that were built, world.says: number -> its
    outcome."""
    series.built, series.says = [], {}
    monkeypatch.setattr(kernel, "ensure", lambda *a: None)

    def build(self, step, product=False):
        series.built.append(step.number)
        said = series.says.get(step.number, [])
        if isinstance(said, Exception):
            raise said
        return (step if product else None), said
    monkeypatch.setattr(eachpatch.Walk, "_build", build)
    series.walk = lambda late=lambda: False: eachpatch.Walk(bases.load("6.12"), series.source, series.cache, late)
    return series


def test_every_patch_is_built_once(walk):
    assert walk.walk().builds() == ([], "3 states of the series, 3 build now, 0 did before")
    assert walk.walk().builds() == ([], "3 states of the series, 0 build now, 3 did before")
    assert walk.built == [1, 2, 3]


def test_slices_go_on_where_the_last_one_ended(walk):
    found, note = walk.walk(lambda: len(walk.built) == 2).builds()
    assert found == ["1 states are still to be asked: run it again"]
    assert note == "3 states of the series, 2 build now, 0 did before"
    assert walk.walk().builds() == ([], "3 states of the series, 1 build now, 2 did before")
    assert walk.built == [1, 2, 3]


def test_first_patch_that_fails_ends_the_walk_and_is_asked_again(walk):
    walk.says = {2: kernel.BuildError("build failed")}
    found, note = walk.walk().builds()
    assert found == ["patch 2 (drm/xe/dma: Track mappings – all of them): build failed"] and note == "stopped at 2 of 3"
    walk.says = {2: ["xe.c: warning: unused"]}
    assert "unused" in walk.walk().builds()[0][0]
    walk.says = {}
    assert walk.walk().builds()[0] == [] and walk.built == [1, 2, 2, 2, 3]


def test_edit_of_a_patch_asks_for_it_and_what_follows(walk):
    walk.walk().builds()
    walk.built.clear()
    checkout.make(walk.base, walk.source, walk.cache)
    folder = tree.checkout_folder(walk.base)
    write(folder / "drivers/gpu/drm/xe/more.c", "int more;\n")
    commit(folder, "drm/xe: Add more")
    write(folder / "Documentation/gpu/xe/more.rst", "More\n====\n")
    commit(folder, "drm/xe/doc: Explain more")
    checkout.refresh(walk.base, walk.source, walk.cache)
    assert walk.walk().builds()[0] == []
    assert walk.built == [4], "a document changes no object, and patches before the edit were built"


def test_patch_that_stands_alone_is_built_without_the_others(walk):
    base = walk.base.dir / "base"
    base.write_text(base.read_text() + "alone drm/xe: Say what comes first\n")
    steps = walk.walk().steps()
    assert [(s.number, s.title) for s in steps[-1:]] == [(1, "drm/xe: Say what comes first alone")]
    assert steps[-1].key == steps[0].key, "the first patch alone is the first state of the series"


def test_boots_build_too_and_compare_with_the_unpatched_side(walk, monkeypatch):
    asked = []

    class Guest:
        def __init__(self, base, cache):
            pass

        def findings(self, built, name):
            asked.append(name)
            return ["idle-fd/unbind/close-after: klog: oops"] if name == "0003" else []
    monkeypatch.setattr(eachpatch, "Guest", Guest)
    monkeypatch.setattr(eachpatch, "content", lambda built: built.key)
    found, note = walk.walk().boots()
    assert asked == ["0001", "0002", "0003"] and "patch 3" in found[0] and note == "stopped at 3 of 3"
    assert walk.walk().builds() == ([], "3 states of the series, 0 build now, 3 did before")
    asked.clear()
    walk.walk().boots()
    assert asked == ["0003"], "what was fine is remembered, what was not is asked again"


def test_guest_is_asked_once_about_the_same_modules(walk, monkeypatch):
    asked = []
    guest = SimpleNamespace(findings=lambda built, name: asked.append(name) or [])
    monkeypatch.setattr(eachpatch, "Guest", lambda *a: guest)
    monkeypatch.setattr(eachpatch, "content", lambda built: "same")
    assert walk.walk().boots() == ([], "3 states of the series, 3 boot now, 0 did before")
    assert asked == ["0001"]


def test_content_of_a_kernel_is_what_runs(tmp_path):
    built = SimpleNamespace(bzimage=write(tmp_path / "bzImage", "image"), modules=tmp_path / "lib")
    module, index = write(tmp_path / "lib/drm/xe.ko", "one"), write(tmp_path / "lib/modules.dep", "a")
    first = eachpatch.content(built)
    index.write_text("b")
    assert eachpatch.content(built) == first
    module.write_text("two")
    assert eachpatch.content(built) != first


def test_an_option_is_asked_for_from_the_patch_on_that_brings_it(series, monkeypatch):
    sides = {"base": {"CONFIG_DRM_XE": "m"}, "patched": {"CONFIG_DRM_XE": "m", "CONFIG_DRM_XE_NEW": "m"}}
    monkeypatch.setattr(eachpatch.kconfig, "options", lambda variant, base, side: sides[side])
    checkout.make(series.base, series.source, series.cache)
    folder = tree.checkout_folder(series.base)
    write(folder / "drivers/gpu/drm/xe/Kconfig.new", "config DRM_XE_NEW\n\ttristate\n")
    commit(folder, "drm/xe: Add an option")
    checkout.refresh(series.base, series.source, series.cache)
    steps = eachpatch.Walk(series.base, series.source, series.cache).steps()
    assert [s.asked for s in steps] == [sides["base"]] * 3 + [sides["patched"]]


def test_objects_of_a_walk_begin_anew_only_when_the_unpatched_kernel_does(tmp_path):
    built = SimpleNamespace(folder=tmp_path)
    write(tmp_path / "plain/vmlinux", "")
    objects = eachpatch.folder(built, "CONFIG_A=y\n")
    write(objects / "kept.o", "")
    write(tmp_path / "plain/asked.config", "CONFIG_A=y\nCONFIG_OF_THE_SERIES=m\n")
    assert (eachpatch.folder(built, "CONFIG_A=y\n") / "kept.o").exists()
    assert not (eachpatch.folder(built, "CONFIG_B=y\n") / "kept.o").exists()


def test_make_test_leaves_slow_steps_out():
    assert set(check.QUICK) < set(check.USUAL) < set(check.STEPS)
    assert not {"applies", "clang", "each-patch-boots", "each-patch-builds"} & set(check.QUICK)


def test_files_the_guest_kernel_leaves_out_are_compiled_alone(series, monkeypatch):
    asked = []

    class Linter:
        def __init__(self, cache, base, source):
            pass

        def compile(self, overlay, files):
            asked.append(files)
            return {"w1": ["drivers/gpu/drm/xe/xe_dma.c: warning: unused"] if overlay else []}
    monkeypatch.setattr(lint, "Linter", Linter)
    walk = eachpatch.Walk(series.base, series.source, series.cache)
    second = walk.steps()[1]
    objects = series.tmp / "objects"
    write(objects / "drivers/gpu/drm/xe/xe.o", "")
    assert walk._left_out(second, objects) == ["drivers/gpu/drm/xe/xe_dma.c: warning: unused"]
    assert asked == [["drivers/gpu/drm/xe/xe_dma.c"]] * 2
    write(objects / "drivers/gpu/drm/xe/xe_dma.o", "")
    assert walk._left_out(second, objects) == []
