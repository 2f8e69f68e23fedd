# SPDX-License-Identifier: MIT
"""Packages of the patched driver: what is in them, what they refuse."""

import subprocess

import pytest

from sbkit import develop, program, write
from xerig import base as bases
from xerig import checkout, debian, errors, kernel, outoftree, paths, sources, tree

XE = "drivers/gpu/drm/xe"


@pytest.fixture
def packing(world, monkeypatch):
    """The tiny kernel with i915, a DRM Makefile and a series; world.overlay() is its files."""
    monkeypatch.setattr(sources, "ensure", lambda base, cache: world.source)
    monkeypatch.setattr(checkout, "identity", lambda: ("Pack Er", "pack@example.org"))
    write(world.kernel / XE / "Makefile", "xe-y += xe.o\nccflags-y += -I$(srctree)/drivers/gpu/drm/i915/display\n")
    for name in ("display/intel_a.c", "soc/intel_s.c", "i915_reg.h", "gem/other.c", "i915_driver.c"):
        write(world.kernel / "drivers/gpu/drm/i915" / name, "x\n")
    write(world.kernel / "drivers/gpu/drm/Makefile",
          "drm_gpusvm_helper-y := \\\n\tdrm_gpusvm.o\ndrm_gpusvm_helper-$(CONFIG_ZONE_DEVICE) += \\\n\tdrm_pagemap.o\n"
          "obj-$(CONFIG_DRM_GPUSVM) += drm_gpusvm_helper.o\n")
    for name in ("drivers/gpu/drm/drm_gpusvm.c", "drivers/gpu/drm/drm_pagemap.c", "include/drm/drm_gpusvm.h",
                 "include/drm/drm_pagemap.h", "include/uapi/drm/drm.h"):
        write(world.kernel / name, "old\n")
    checkout.make(world.base, world.source, world.cache)
    folder = tree.checkout_folder(world.base)
    develop(folder)
    subprocess.run(["git", "-C", folder, "rm", "-q", "--sparse", "scripts/new.sh"], check=True)
    subprocess.run(["git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--amend",
                    "--no-edit"], check=True)
    checkout.refresh(world.base, world.source, world.cache)
    return world


def test_series_names_the_modules_it_changes():
    def names(*changed):
        return [m.name for m in outoftree.modules(changed)]
    assert names(f"{XE}/xe_bo.c", "Documentation/x.rst", "MAINTAINERS", "drivers/gpu/drm/Kconfig.debug",
                 "drivers/gpu/drm/tests/drm_gpusvm_test.c") == ["xe"]
    assert names("include/drm/drm_gpusvm.h", f"{XE}/xe_bo.c") == ["xe", "drm_gpusvm_helper"]
    assert names("drivers/gpu/drm/ttm/ttm_bo.c") == ["xe", "ttm"]
    with pytest.raises(errors.UsageError, match="drivers/gpu/drm/drm_drv.c, which is in no module"):
        outoftree.modules([f"{XE}/xe.c", "drivers/gpu/drm/drm_drv.c"])


def test_tree_has_the_series_and_finds_i915_beside_it(packing, tmp_path):
    overlay = {f"{XE}/xe.c": b"new\n", f"{XE}/gone.c": None, "include/drm/drm_gpusvm.h": b"new\n",
               "Documentation/d.rst": b"d\n"}
    write(packing.kernel / XE / "gone.c", "x")
    into = tmp_path / "tree"
    wanted = outoftree.lay(packing.source, overlay, into)
    assert [m.name for m in wanted] == ["xe", "drm_gpusvm_helper"]
    assert (into / XE / "xe.c").read_text() == "new\n" and not (into / XE / "gone.c").exists()
    assert (into / "include/drm/drm_gpusvm.h").read_text() == "new\n" and not (into / "Documentation").exists()
    assert not (into / "include/drm/drm_pagemap.h").exists(), "a header the series leaves alone is the target kernel's"
    assert "-I$(src)/../i915/display" in (into / XE / "Makefile").read_text()
    i915 = into / "drivers/gpu/drm/i915"
    assert (i915 / "display/intel_a.c").exists() and (i915 / "i915_reg.h").exists()
    assert not (i915 / "gem").exists() and not (i915 / "i915_driver.c").exists()
    kbuild = (into / "drivers/gpu/drm/Kbuild").read_text()
    assert "obj-m += xe/\n" in kbuild and "obj-m += drm_gpusvm_helper.o\n" in kbuild
    assert "drm_gpusvm_helper-$(CONFIG_ZONE_DEVICE) += drm_pagemap.o" in kbuild
    assert (packing.kernel / XE / "Makefile").read_text().count("srctree") == 1, "the pristine sources were written to"


def test_user_header_that_changes_brings_what_it_includes(packing, tmp_path):
    outoftree.lay(packing.source, {"include/uapi/drm/xe_drm.h": b"#include \"drm.h\"\n"}, tmp_path / "tree")
    assert (tmp_path / "tree/include/uapi/drm/drm.h").exists()


def test_driver_that_looks_elsewhere_for_i915_is_told(packing, tmp_path):
    write(packing.kernel / XE / "Makefile", "xe-y += xe.o\n")
    with pytest.raises(errors.InfraError, match="has to learn this version"):
        outoftree.lay(packing.source, {}, tmp_path / "tree")


@pytest.mark.parametrize("release, fits", [
    ("6.12.117+deb13-amd64", True), ("6.12.117", True), ("6.12.117-amd64", True), ("6.12.1170+deb13-amd64", False),
    ("6.12.11", False), ("6.12.117.1-x", False), ("7.3.4+deb13-amd64", False)])
def test_release_of_the_same_point_release(release, fits):
    assert outoftree.fits(release, "6.12.117-1") is fits
    assert outoftree.point_release("7.3.4-1~bpo13+1") == "7.3.4"


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], capture_output=True, text=True, check=True).stdout.strip()


def unpacked(deb, into):
    subprocess.run(["dpkg-deb", "-R", deb, into], check=True)
    return into


def test_dkms_package(packing, tmp_path):
    other = write(paths.OUT / "packages/xe-unplug-7.3-dkms_1_all.deb", "")
    old = write(paths.OUT / "packages/xe-unplug-6.12-dkms_1_all.deb", "")
    deb = debian.dkms(bases.load("6.12"), packing.cache)
    assert deb.parent == paths.OUT / "packages" and not old.exists() and other.exists()
    version = field(deb, "Version")
    assert version.startswith("6.12.117+") and field(deb, "Architecture") == "all" and "dkms" in field(deb, "Depends")
    assert field(deb, "Maintainer") == "Pack Er <pack@example.org>"
    root = unpacked(deb, tmp_path / "root")
    where = root / "usr/src" / f"xe-unplug-6.12-{version}"
    assert "/* first */" in (where / XE / "xe.c").read_text() and (where / XE / "xe_dma.c").exists()
    script = f". {where}/dkms.conf && printf '%s|' " \
        "\"$PACKAGE_VERSION\" \"${BUILT_MODULE_NAME[0]}\" \"$BUILD_EXCLUSIVE_KERNEL\""
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True,
                          env={"PATH": "/usr/bin:/bin", "kernel_source_dir": "/k", "dkms_tree": "/d"}).stdout.split("|")
    assert said[:3] == [version, "xe", r"^6\.12\.117([^0-9.].*)?$"]
    for name in ("postinst", "prerm"):
        assert subprocess.run(["sh", "-n", root / "DEBIAN" / name], check=False).returncode == 0
    assert (root / "usr/share/doc/xe-unplug-6.12-dkms/changelog.gz").exists()


def test_package_of_an_empty_series_is_refused(world, monkeypatch):
    monkeypatch.setattr(sources, "ensure", lambda base, cache: world.source)
    with pytest.raises(errors.UsageError, match="no patches yet"):
        debian.dkms(world.base, world.cache)


@pytest.fixture
def headers(packing, monkeypatch):
    """Headers of one kernel, a make that "builds", strip that copies; world.deb(release) packs."""
    usr = packing.tmp / "usr-src"
    write(usr / "linux-headers-6.12.117+deb13-amd64/Makefile", "")
    write(usr / "linux-headers-6.12.117+deb13-common/Makefile", "")
    write(usr / "linux-headers-6.12.9+deb13-amd64/Makefile", "")
    only, find = debian.only_release, outoftree.headers
    monkeypatch.setattr(debian, "only_release", lambda v: only(v, usr))
    monkeypatch.setattr(outoftree, "headers", lambda r: find(r, usr))
    packing.make = "for a; do case $a in M=*) echo built > ${a#M=}/drivers/gpu/drm/xe/xe.ko;; esac; done"
    program(packing.shims, "make", packing.make)
    program(packing.shims, "strip", "cp $4 $3")
    packing.usr = usr
    packing.deb = lambda release=None: debian.modules(bases.load("6.12"), release, packing.cache)
    return packing


def test_modules_package(headers, tmp_path):
    deb = headers.deb()
    assert field(deb, "Package") == "xe-unplug-modules-6.12.117+deb13-amd64"
    root = unpacked(deb, tmp_path / "root")
    assert (root / "usr/lib/modules/6.12.117+deb13-amd64/updates/xe.ko").read_text() == "built\n"
    assert "depmod 6.12.117+deb13-amd64" in (root / "DEBIAN/postinst").read_text()


def test_kernel_to_build_for_must_be_clear(headers):
    with pytest.raises(errors.UsageError, match="RELEASE 6.12.9.deb13-amd64 is not Linux 6.12.117: .*BASE_SRC="):
        headers.deb("6.12.9+deb13-amd64")
    with pytest.raises(errors.UsageError, match="no headers of 6.12.117-x here: apt install linux-headers-6.12.117-x"):
        headers.deb("6.12.117-x")
    write(headers.usr / "linux-headers-6.12.117+deb13-rt-amd64/Makefile", "")
    one = "6.12.117.deb13"
    with pytest.raises(errors.UsageError, match=f"several headers .*RELEASE={one}-amd64.{one}-rt-amd64"):
        headers.deb()
    paths.remove(headers.usr)
    with pytest.raises(errors.UsageError, match="no headers of Linux 6.12.117 here"):
        headers.deb()


def test_compiler_error_is_shown(headers, capsys):
    program(headers.shims, "make", "echo 'xe.c:1:2: error: no such thing' >&2; exit 2")
    with pytest.raises(kernel.BuildError, match="build of modules for 6.12.117.deb13-amd64 failed"):
        headers.deb()
    assert "no such thing" in capsys.readouterr().err
    assert not list((paths.OUT / "packages").glob("*.deb"))
