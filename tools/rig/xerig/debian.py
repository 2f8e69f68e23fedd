# SPDX-License-Identifier: MIT
"""Binary Debian packages of the patched driver, made with dpkg-deb alone.

Two of them: the driver's source for DKMS, which builds it for each kernel of its point release that
is installed, and the built modules for one kernel, for machines without a compiler.
"""

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from email.utils import formatdate
from pathlib import Path

from . import checkout, cmd, errors, kernel, outoftree, paths, ui

NAME = "xe-unplug"  # with the base behind it: kernels of two series may be on one machine
COPYRIGHT = """The driver is part of the Linux kernel; these files come from Debian's {source}
with the patches of xe-unplug applied.

Licence of drivers/gpu/drm/xe, drivers/gpu/drm/i915 and of the patches: MIT (each file says so
or otherwise in its SPDX line); of the kernel as a whole: GPL-2, see
/usr/share/common-licenses/GPL-2 on Debian systems.
"""
CONF = """# {name} {version}
PACKAGE_NAME="{name}"
PACKAGE_VERSION="{version}"
MAKE[0]="make -C ${{kernel_source_dir}} M=${{dkms_tree}}/{name}/{version}/build modules"
CLEAN="make -C ${{kernel_source_dir}} M=${{dkms_tree}}/{name}/{version}/build clean"
AUTOINSTALL="yes"
# Stable kernels change what drivers call in DRM: this source fits one point release.
BUILD_EXCLUSIVE_KERNEL="^{release}([^0-9.].*)?$"
"""
CONF_MODULE = """BUILT_MODULE_NAME[{n}]="{module}"
BUILT_MODULE_LOCATION[{n}]="{folder}"
DEST_MODULE_LOCATION[{n}]="/updates/dkms"
"""
DKMS_POSTINST = """#!/bin/sh
set -e
case "$1" in
configure)
	if [ -x /usr/lib/dkms/common.postinst ]; then
		/usr/lib/dkms/common.postinst {name} {version} /usr/share/{name}-dkms "" "$2"
	else
		echo "{name}-dkms: DKMS is not set up; the module is built when it is" >&2
	fi
	;;
esac
"""
DKMS_PRERM = """#!/bin/sh
set -e
case "$1" in
remove|upgrade|deconfigure)
	if [ -x /usr/sbin/dkms ] && [ -n "$(dkms status -m {name} -v {version})" ]; then
		dkms remove -m {name} -v {version} --all || true
	fi
	;;
esac
"""
# The initramfs may carry the driver; it is made anew on both ways.
DEB_SCRIPT = """#!/bin/sh
set -e
case "$1" in
configure|remove)
	depmod {release} || true
	if [ -x /usr/sbin/update-initramfs ] && [ -e /boot/initrd.img-{release} ]; then
		update-initramfs -u -k {release}
	fi
	;;
esac
"""


def version_of(source):
    """Version of the packages: the kernel's, then the date of the series, so that a newer one upgrades."""
    r = cmd.run(["git", "-C", paths.REPO, "log", "-1", "--format=%cd", "--date=format-local:%Y%m%d.%H%M", "--",
                 "patches", "drivers", "include"], env=dict(os.environ, TZ="UTC"), check=False)
    when = r.stdout.strip() or time.strftime("%Y%m%d.%H%M", time.gmtime())
    return f"{outoftree.point_release(source.version)}+{when}"


def dkms(base, cache):
    """The DKMS package of a base in out/packages; returns its path."""
    source, overlay = outoftree.load(base, cache)
    version, release = version_of(source), outoftree.point_release(source.version)
    name = f"{NAME}-{base.name}"
    with _root(cache) as root:
        where = root / "usr/src" / f"{name}-{version}"
        wanted = outoftree.lay(source, overlay, where)
        conf = CONF.format(name=name, version=version, release=release.replace(".", "\\\\."))
        for n, m in enumerate(wanted):
            conf += CONF_MODULE.format(n=n, module=m.name, folder=m.folder)
        (where / "dkms.conf").write_text(conf, encoding="utf-8")
        say = {"name": name, "version": version}
        return _pack(root, cache, {
            "Package": f"{name}-dkms", "Version": version, "Architecture": "all", "Section": "kernel",
            "Depends": "dkms (>= 3), gcc, libc6-dev, make", "Recommends": "linux-headers-amd64",
            "Description": f"xe graphics driver that survives hot-unplug (DKMS, Linux {release})\n"
                           f" Source of the driver of Linux {source.version} with the xe-unplug series.\n"
                           f" DKMS builds {_names(wanted)} for each installed kernel {release}-*;\n"
                           " other kernels keep their own driver."},
            {"postinst": DKMS_POSTINST.format(**say), "prerm": DKMS_PRERM.format(**say)}, source)


def modules(base, release, cache):
    """The package of modules built for a kernel release (None: the only one here that fits); returns its path."""
    source, overlay = outoftree.load(base, cache)
    release = release or only_release(source.version)
    if not outoftree.fits(release, source.version):
        raise errors.UsageError(f"RELEASE {release} is not Linux {outoftree.point_release(source.version)}: "
                                "give that kernel's source with BASE_SRC=")
    headers = outoftree.headers(release)
    if not headers:
        raise errors.UsageError(f"no headers of {release} here: apt install linux-headers-{release}")
    version = version_of(source)
    with _root(cache) as root, tempfile.TemporaryDirectory(dir=cache.tmp) as tmp:
        work = Path(tmp) / "src"
        wanted = outoftree.lay(source, overlay, work)
        build(headers, work, cache, f"modules for {release}")
        where = root / "usr/lib/modules" / release / "updates"
        where.mkdir(parents=True)
        for m in wanted:
            cmd.run(["strip", "--strip-debug", "-o", where / f"{m.name}.ko", work / m.folder / f"{m.name}.ko"])
        script = DEB_SCRIPT.format(release=release)
        return _pack(root, cache, {
            "Package": f"{NAME}-modules-{release}".lower().replace("_", "-"), "Version": version,
            "Architecture": cmd.run(["dpkg", "--print-architecture"]).stdout.strip(), "Section": "kernel",
            "Depends": "kmod", "Enhances": f"linux-image-{release}",
            "Description": f"xe graphics driver that survives hot-unplug, for {release}\n"
                           f" {_names(wanted)} of Linux {source.version} with the xe-unplug series, built\n"
                           f" for the kernel {release}; they take the place of that kernel's own."},
            {"postinst": script, "postrm": script}, source)


def only_release(version, usr_src=Path("/usr/src")):
    """The kernel release of the machine's headers that fits a version; UsageError unless there is exactly one."""
    found = sorted(p.name.removeprefix("linux-headers-") for p in usr_src.glob("linux-headers-*"))
    found = [r for r in found if outoftree.fits(r, version) and not r.endswith("-common") and
             (usr_src / f"linux-headers-{r}/Makefile").exists()]
    if len(found) != 1:
        point = outoftree.point_release(version)
        if found:
            raise errors.UsageError(f"several headers of Linux {point} here: say RELEASE={'|'.join(found)}")
        raise errors.UsageError(f"no headers of Linux {point} here: apt install linux-headers-amd64, or give the "
                                "source of your kernel with BASE_SRC=")
    return found[0]


def build(headers, work, cache, label):
    """make modules of the tree in folder work against kernel headers; BuildError shows the compiler's lines."""
    progress = ui.Progress(label)
    argv = ["make", "-C", headers, f"M={work}", f"-j{os.cpu_count() or 1}", "modules"]
    ui.show(argv)
    r = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       errors="replace", env=cache.environ(), check=False)
    if r.returncode:
        progress.end()
        ui.say("\n".join(kernel.telling(r.stderr.splitlines())))
        raise kernel.BuildError(f"build of {label} failed")
    progress.done()


def _names(wanted):
    return " and ".join(f"{m.name}.ko" for m in wanted)


class _root(tempfile.TemporaryDirectory):
    """A folder that becomes the package's root, away from umask's whims."""

    def __init__(self, cache):
        super().__init__(dir=cache.tmp)

    def __enter__(self):
        root = Path(super().__enter__()) / "root"
        root.mkdir(mode=0o755)
        return root


def _pack(root, cache, control, scripts, source):
    name = control["Package"]
    doc = root / "usr/share/doc" / name
    doc.mkdir(parents=True)
    (doc / "copyright").write_text(COPYRIGHT.format(source=source.version), encoding="utf-8")
    change = (f"{name} ({control['Version']}) unstable; urgency=medium\n\n  * Made from the xe-unplug series.\n\n"
              f" -- {_maintainer()}  {formatdate()}\n")
    with gzip.GzipFile(doc / "changelog.gz", "wb", 9, mtime=0) as f:
        f.write(change.encode())
    size = sum(p.stat().st_size for p in root.rglob("*") if p.is_file()) // 1024
    first = {"Package": name, "Version": control["Version"], "Maintainer": _maintainer(), "Installed-Size": size}
    rest = {k: v for k, v in control.items() if k not in first}
    debian = root / "DEBIAN"
    debian.mkdir()
    fields = {**first, "Priority": "optional", **rest}
    (debian / "control").write_text("".join(f"{k}: {v}\n" for k, v in fields.items()), encoding="utf-8")
    for script, text in scripts.items():
        (debian / script).write_text(text, encoding="utf-8")
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.parent == debian and path.name in scripts or
                   path.stat().st_mode & 0o100 else 0o644)
    out = paths.OUT / "packages"
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}_{control['Version']}_{control['Architecture']}.deb"
    with tempfile.TemporaryDirectory(dir=cache.tmp) as tmp:
        made = Path(tmp) / "package.deb"
        cmd.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--build", root, made], env=cache.environ())
        for old in out.glob(f"{name}_*.deb"):
            old.unlink()
        shutil.copyfile(made, target)
    return target


def _maintainer():
    name, mail = checkout.identity()
    return f"{name or NAME} <{mail or NAME + '@localhost'}>"
