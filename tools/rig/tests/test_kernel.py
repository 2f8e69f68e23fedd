# SPDX-License-Identifier: MIT
"""Kernel builds: what is rebuilt when, what is cached, how a compiler error reaches the user."""

import pytest

from sbkit import program, write
from xerig import buildtree, errors, kconfig, kernel, sources, tree

XE = "drivers/gpu/drm/xe/xe.c"
# Stands for kbuild: "compiles" every .c newer than its object, as make would.
MAKE = r"""
for a; do case "$a" in O=*) O=${a#O=};; INSTALL_MOD_PATH=*) I=${a#*=};; esac; prev=$last; last=$a; done
while [ "$1" != -C ]; do shift; done; S=$2
echo "$@" >> "$O/calls"
case "$*" in
*allnoconfig*) for a; do case "$a" in KCONFIG_ALLCONFIG=*) cp "${a#*=}" "$O/.config";; esac; done; exit 0;;
*modules_install*) M=$I/lib/modules/6.12.117; mkdir -p "$M/kernel"; cp "$O"/drivers/gpu/drm/xe/*.o "$M/kernel";
   ln -s "$S" "$I/lib/modules/6.12.117/build"; exit 0;;
*headers*) mkdir -p "$O/usr/include/drm"; echo u > "$O/usr/include/drm/xe_drm.h"; exit 0;;
esac
for c in "$S"/drivers/gpu/drm/xe/*.c; do
   o=$O/drivers/gpu/drm/xe/$(basename "$c" .c).o
   if [ ! -e "$o" ] || [ "$c" -nt "$o" ]; then
      if grep -q BROKEN "$c"; then
         echo "$c:1:2: error: unknown type name BROKEN" >&2; echo "make[3]: *** Error 1" >&2; exit 2
      fi
      mkdir -p "$O/drivers/gpu/drm/xe"
      cat "$c" > "$o"; echo "  CC [M]  $c"
      echo "deps := $c $S/include/drm/drm.h \\" > "$O/drivers/gpu/drm/xe/.$(basename "$o").cmd"
   fi
done
mkdir -p "$O/include/config" "$O/arch/x86/boot"
echo 6.12.117 > "$O/include/config/kernel.release"
: > "$O/vmlinux"; : > "$O/System.map"; echo drivers/gpu/drm/xe/xe.o > "$O/modules.order"
case "$*" in *bzImage*) echo image > "$O/arch/x86/boot/bzImage";; esac
"""


@pytest.fixture
def builds(world, monkeypatch):
    """kernel.ensure on the tiny kernel with a make that keeps count; overlay is world.overlay."""
    program(world.shims, "make", MAKE)
    monkeypatch.setattr(sources, "ensure", lambda base, cache: world.source)
    world.overlay = {}
    monkeypatch.setattr(tree, "overlay", lambda *a: (world.overlay, None if world.overlay else "no patches yet"))

    def ensure(side="base", variant="plain"):
        return kernel.ensure(world.base, variant, side, world.cache)
    world.ensure = ensure
    world.objects = lambda v="plain": next(world.cache.build.glob("6.12-*")) / v
    world.calls = lambda v="plain": (world.objects(v) / "calls").read_text().splitlines()
    world.compiled = lambda k: (k.modules / "kernel/xe.o").read_text()
    return world


def test_kernel_is_built_once_and_complete(builds, capsys):
    k = builds.ensure()
    for path in (k.bzimage, k.config, k.modules / "kernel/xe.o", k.uapi / "drm/xe_drm.h"):
        assert path.exists()
    assert k.release == "6.12.117" and not (k.modules / "build").is_symlink()
    count = len(builds.calls())
    assert builds.ensure() == k and len(builds.calls()) == count


def test_patched_side_builds_modules_only_and_base_stays(builds):
    base = builds.ensure()
    builds.overlay = {XE: b"int patched;\n"}
    patched = builds.ensure("patched")
    assert builds.compiled(patched) == "int patched;\n" and "return 1" in builds.compiled(base)
    last = [c for c in builds.calls() if "modules_install" not in c][-1]
    assert "modules" in last and "bzImage" not in last
    assert patched.key != base.key
    assert (builds.kernel / XE).read_text() == builds.compiled(base), "pristine sources were written to"


def test_empty_series_is_the_base_and_says_so(builds):
    assert builds.ensure("patched").key == builds.ensure().key
    assert builds.ensure("patched").note == "no patches yet"


def test_sides_alternating_never_give_stale_objects(builds):
    for variant in ("plain", "debug"):
        builds.overlay = {XE: b"int one;\n", "drivers/gpu/drm/xe/new.c": b"int new;\n"}
        assert "return 1" in builds.compiled(builds.ensure("base", variant))
        assert builds.compiled(builds.ensure("patched", variant)) == "int one;\n"
    builds.overlay = {XE: b"int two;\n"}
    assert builds.compiled(builds.ensure("patched", "plain")) == "int two;\n"
    # base again, but not from the cache of kernels: only the object folders know
    for old in builds.cache.kernels.iterdir():
        (old / "kernel.json").unlink()
    assert "return 1" in builds.compiled(builds.ensure("base", "plain"))
    assert builds.compiled(builds.ensure("patched", "debug")) == "int two;\n"
    assert builds.compiled(builds.ensure("patched", "plain")) == "int two;\n"


def test_header_rebuilds_what_includes_it_and_nothing_else(builds):
    builds.ensure()
    objects = builds.objects() / "drivers/gpu/drm/xe"
    write(objects / "other.o", "kept")
    write(objects / ".other.o.cmd", "deps := /x/src/drivers/gpu/drm/xe/other.c")
    builds.overlay = {"include/drm/drm.h": b"#define DRM 3\n"}
    built = buildtree.BuildTree(builds.cache, builds.base, builds.source)
    built.lay(builds.overlay, "plain")
    assert not (objects / "xe.o").exists() and (objects / "other.o").exists()


def test_one_object_folder_does_not_age_another(builds):
    builds.overlay = {XE: b"int one;\n"}
    for variant in ("plain", "debug"):
        builds.ensure("patched", variant)
    before = (builds.objects() / "drivers/gpu/drm/xe/xe.o").stat().st_mtime_ns
    builds.overlay = {XE: b"int two;\n"}
    builds.ensure("patched", "debug")
    builds.overlay = {XE: b"int one;\n", "Documentation/gpu/xe/new.rst": b"x\n"}
    builds.ensure("patched", "plain")
    assert (builds.objects() / "drivers/gpu/drm/xe/xe.o").stat().st_mtime_ns == before


def test_change_outside_the_modules_builds_the_image_again(builds):
    builds.ensure()
    builds.overlay = {"include/drm/drm.h": b"#define DRM 2\n"}
    builds.ensure("patched")
    assert any("bzImage" in c for c in builds.calls()[-3:])
    assert kernel.needs_vmlinux([XE, "Documentation/gpu/xe/x.rst"]) is False
    assert kernel.needs_vmlinux(["drivers/iommu/dma-iommu.c"]) is True


def test_compiler_error_is_shown_and_mended(builds, capsys):
    builds.ensure()
    builds.overlay = {XE: b"BROKEN x;\n"}
    with pytest.raises(kernel.BuildError) as e:
        builds.ensure("patched")
    said = capsys.readouterr().err
    assert e.value.status == 1 and "error: unknown type name BROKEN" in said and "make[3]" not in said
    builds.overlay = {XE: b"int good;\n"}
    assert builds.compiled(builds.ensure("patched")) == "int good;\n"


def test_interrupted_build_is_not_taken_for_done(builds, monkeypatch):
    builds.ensure()
    builds.overlay = {XE: b"int cut;\n"}
    monkeypatch.setattr(buildtree.BuildTree, "built", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        builds.ensure("patched")
    monkeypatch.undo()
    monkeypatch.setattr(sources, "ensure", lambda base, cache: builds.source)
    monkeypatch.setattr(tree, "overlay", lambda *a: ({XE: b"int other;\n"}, None))
    monkeypatch.setenv("PATH", f"{builds.shims}:/usr/bin:/bin")
    assert builds.compiled(builds.ensure("patched")) == "int other;\n"


def test_content_is_of_what_went_in_whatever_the_cache_says(builds):
    suite = "drivers/gpu/drm/xe/tests/xe.c"
    builds.overlay = {XE: b"int a;\n", suite: b"int test;\n"}
    first = builds.ensure("patched")
    builds.overlay[suite] = b"int other;\n"
    second = builds.ensure("patched")
    assert second.key != first.key and second.content == first.content
    (second.bzimage.parent / "kernel.json").write_text('{"release": "6.12.117", "content": "of an older rig"}')
    count = len(builds.calls())
    assert kernel.find(builds.base, "plain", "patched", builds.cache).content == first.content
    assert len(builds.calls()) == count
    mutant = kernel.of_overlay(builds.base, "plain", {**builds.overlay, XE: b"\t;\n"}, builds.cache)
    assert len({first.content, mutant.content, builds.ensure("base").content}) == 3
    built = buildtree.BuildTree(builds.cache, builds.base, builds.source)
    done = kernel.product(builds.cache, builds.base, built, "plain", builds.overlay, "0123")
    assert done.content == first.content


def test_unknown_variant(builds):
    with pytest.raises(errors.UsageError, match="unknown KERNEL 'fast': there is plain, debug"):
        builds.ensure(variant="fast")


def test_old_kernels_leave_the_cache(builds, monkeypatch):
    monkeypatch.setattr(kernel, "KEEP", 2)
    for i in range(4):
        builds.overlay = {XE: b"int n%d;\n" % i}
        last = builds.ensure("patched")
    left = [p.name for p in builds.cache.kernels.iterdir()]
    assert len(left) == 2 and any(last.key in n for n in left)


def test_a_kernel_that_a_run_has_stays(builds, monkeypatch):
    monkeypatch.setattr(kernel, "KEEP", 1)

    def patched(n):
        builds.overlay = {XE: b"int n%d;\n" % n}
        return builds.ensure("patched")
    mine = patched(1)
    for n in range(2, 4):
        patched(n)
    assert mine.bzimage.exists() and len(list(builds.cache.kernels.iterdir())) == 2
    assert patched(1) == mine  # not built again
    del mine
    patched(4)
    assert len(list(builds.cache.kernels.iterdir())) == 1


def test_a_kernel_that_is_pruned_in_this_moment_is_built(builds):
    k = builds.ensure()
    folder = k.bzimage.parent
    assert kernel._hold(folder) and not kernel._hold(folder / "nowhere")
    opened = open

    def pruned_meanwhile(path, mode):
        f = opened(path, mode)
        path.unlink()
        return f
    kernel.open = pruned_meanwhile
    try:
        assert kernel._hold(folder) is None
    finally:
        del kernel.open
    assert builds.ensure() == k and (folder / "kernel.json").exists()


def test_every_option_has_a_reason_and_a_known_condition():
    for variant in kconfig.VARIANTS:
        for name in ("6.12", "7.3"):
            assert kconfig.options(variant, name, "base")["CONFIG_DRM_XE"] == "m"
    with pytest.raises(errors.UsageError, match="config line 1"):
        kconfig.parse("CONFIG_X=y\n", ())


def test_conditions_of_config_lines():
    text = 'CONFIG_A=y  # why\nCONFIG_B=m  # [7.3] why\nCONFIG_C="x y"  # [7.3 patched] why\n'
    assert kconfig.parse(text, ("6.12", "base")) == {"CONFIG_A": "y"}
    assert kconfig.parse(text, ("7.3", "patched")) == {"CONFIG_A": "y", "CONFIG_B": "m", "CONFIG_C": '"x y"'}


def test_option_the_kernel_drops_is_an_error(builds, monkeypatch):
    asked = {"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_C": "m"}
    assert kconfig.refused(asked, "CONFIG_A=y\nCONFIG_C=y\n") == ["CONFIG_C=m"]
    program(builds.shims, "make", MAKE.replace('cp "${a#*=}" "$O/.config"', ': > "$O/.config"'))
    with pytest.raises(errors.InfraError, match="did not take CONFIG_64BIT=y"):
        builds.ensure()


def test_the_kernel_that_counts_begins_as_a_copy_of_the_plain_one(builds):
    builds.overlay = {XE: b"int patched;\n"}
    builds.ensure("patched")
    note = builds.objects() / "drivers/gpu/drm/xe/xe.gcno"
    write(note, "notes")
    builds.overlay = {XE: b"int other;\n"}
    k = builds.ensure("patched", "cover")
    assert builds.compiled(k) == "int other;\n"  # the copy knows what it was built from
    mine = builds.calls("cover")[len(builds.calls()):]
    assert any("GCOV_PROFILE_xe.o=y" in c and "bzImage" in c for c in mine)
    assert not any("GCOV" in c for c in builds.calls())
    assert (k.bzimage.parent / "gcno/drivers/gpu/drm/xe/xe.gcno").read_text() == "notes"
    note.with_name("xe.o").write_text("stale")
    assert builds.compiled(builds.ensure("patched", "cover")) == "int other;\n"  # copied once


def test_compiler_is_asked_once_for_what_it_has_seen(builds, monkeypatch):
    monkeypatch.delenv("CCACHE_DIR", raising=False)
    monkeypatch.setattr(kernel, "CCACHE", builds.tmp / "ccache")
    built = buildtree.BuildTree(builds.cache, builds.base, builds.source)
    objects = built.objects("plain")
    assert "ccache" not in kernel.Make(builds.cache, built.src, objects).env["PATH"], "there is no ccache"
    write(builds.tmp / "ccache/gcc", "")
    first = kernel.Make(builds.cache, built.src, objects).env
    assert "CCACHE_DIR" not in first, "a first build fills it with nothing of use"
    write(objects / "vmlinux", "")
    env = kernel.Make(builds.cache, built.src, objects).env
    assert env["PATH"].startswith(f"{builds.tmp}/ccache:") and env["CCACHE_DIR"] == str(builds.cache.ccache)


def test_modules_after_a_change_of_the_image_build_the_image(builds):
    builds.ensure()
    built = buildtree.BuildTree(builds.cache, builds.base, builds.source)
    objects, asked = built.objects("plain"), kconfig.options("plain", "6.12", "patched")

    def last():
        return builds.calls()[-1].split()
    kernel.modules(builds.cache, built, objects, "plain", asked, {XE: b"int a;\n"}, "x")
    assert last()[-1] == "modules"
    kernel.modules(builds.cache, built, objects, "plain", asked, {XE: b"int b;\n"}, "x")
    assert last()[-1] == "drivers/gpu/drm/xe/xe.ko", "by name: no walk through the whole kernel"
    kernel.modules(builds.cache, built, objects, "plain", asked, {"drivers/gpu/drm/xe/Makefile": b"#\n"}, "x")
    assert last()[-1] == "modules" and "bzImage" not in last(), "a rule may bring another module"
    kernel.modules(builds.cache, built, objects, "plain", asked, {"include/drm/drm.h": b"#define DRM 9\n"}, "x")
    assert "bzImage" in last()
    kernel.modules(builds.cache, built, objects, "plain", asked, {XE: b"int b;\n"}, "x")
    assert "bzImage" in last(), "the image still had the other header"
    k = kernel.product(builds.cache, builds.base, built, "plain", {XE: b"int b;\n"}, "0123")
    assert k.bzimage.exists() and k.modules.exists() and k.key == "0123"
