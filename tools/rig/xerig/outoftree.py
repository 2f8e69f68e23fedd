# SPDX-License-Identifier: MIT
"""The patched driver as a tree that builds against a distribution's kernel headers.

The tree keeps the kernel's layout below drivers/gpu/drm, because the driver includes i915's display
code by relative paths. It fits the point release its sources are of and no other: stable kernels
change the interfaces between DRM and its drivers, so everything made of it says which that is.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import errors, sources, tree

DRM = "drivers/gpu/drm"
# What of i915 the display code of xe is made of; the rest of it is another driver.
I915 = ("display", "soc")
# Kconfig and KUnit suites of DRM: the target kernel is configured already.
NO_CODE = ("Documentation/", "MAINTAINERS", ".mailmap", f"{DRM}/Kconfig", f"{DRM}/tests/")


@dataclass(frozen=True)
class Module:
    """name of the .ko; folder below the tree's top; files or folders (ending in /) it is made of."""

    name: str
    folder: str
    files: tuple


MODULES = (
    Module("xe", f"{DRM}/xe", (f"{DRM}/xe/", "include/uapi/drm/xe_drm.h")),
    Module("drm_gpusvm_helper", DRM, (f"{DRM}/drm_gpusvm.c", f"{DRM}/drm_pagemap.c", f"{DRM}/drm_pagemap_util.c",
                                      "include/drm/drm_gpusvm.h", "include/drm/drm_pagemap.h",
                                      "include/drm/drm_pagemap_util.h")),
    Module("ttm", f"{DRM}/ttm", (f"{DRM}/ttm/", "include/drm/ttm/")),
)


def modules(changed):
    """The Modules that a series changes, xe always among them.

    UsageError names a file that belongs to none of them: it needs a whole kernel.
    """
    wanted = [MODULES[0]]
    for path in sorted(changed):
        if path.startswith(NO_CODE):
            continue
        mine = [m for m in MODULES if any(path.startswith(f) if f.endswith("/") else path == f for f in m.files)]
        if not mine:
            raise errors.UsageError(f"the series changes {path}, which is in no module that can be replaced alone: "
                                    "build a whole kernel from `make tree`")
        wanted += [m for m in mine if m not in wanted]
    return wanted


def lay(source, overlay, into):
    """Write the tree for a series (overlay: path -> bytes or None) into folder into; returns its Modules."""
    wanted = modules(overlay)
    for module in wanted:
        for entry in module.files:
            if not entry.startswith("include/"):  # headers the series leaves alone are the target kernel's
                _copy(source.path, entry, into)
    _i915(source.path, into)
    if any(p.startswith("include/uapi/drm/") for p in overlay):
        for name in ("drm.h", "drm_mode.h"):  # what its neighbours include by that name
            _copy(source.path, f"include/uapi/drm/{name}", into)
    for path, data in overlay.items():
        if path.startswith(NO_CODE):
            continue
        file = into / path
        file.unlink(missing_ok=True)
        if data is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    _adapt(into)
    _kbuild(source.path, wanted, into)
    return wanted


def _copy(top, entry, into):
    source, target = top / entry, into / entry
    if entry.endswith("/") and source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _i915(top, into):
    for name in I915:
        _copy(top, f"{DRM}/i915/{name}/", into)
    for header in sorted((top / DRM / "i915").glob("*.h")):
        _copy(top, f"{DRM}/i915/{header.name}", into)


def _adapt(into):
    """Where the driver's Makefile looks for i915: beside it, because headers packages have no drivers."""
    makefile = into / DRM / "xe/Makefile"
    text = makefile.read_text(encoding="utf-8")
    old = f"$(srctree)/{DRM}/i915/"
    if old not in text:
        raise errors.InfraError(f"{DRM}/xe/Makefile does not name {old}: outoftree.py has to learn this version")
    makefile.write_text(text.replace(old, "$(src)/../i915/"), encoding="utf-8")


def _kbuild(top, wanted, into):
    """The Makefiles above the modules, and the folder from which trace headers find the driver."""
    (into / "include/trace").mkdir(parents=True, exist_ok=True)
    (into / "include/trace/README").write_text("define_trace.h looks for trace headers relative to this folder.\n",
                                               encoding="utf-8")
    (into / "Kbuild").write_text(
        "# SPDX-License-Identifier: MIT\n"
        "# Headers of the series go before those of the kernel it is built for.\n"
        "export LINUXINCLUDE := -I$(src)/include -I$(src)/include/uapi -I$(src)/include/trace $(LINUXINCLUDE)\n"
        f"obj-m += {DRM}/\n", encoding="utf-8")
    lines = ["# SPDX-License-Identifier: MIT"]
    drm = (top / DRM / "Makefile").read_text(encoding="utf-8") if (top / DRM / "Makefile").exists() else ""
    for module in wanted:
        if module.folder == DRM:
            lines += [s for s in _rules(drm, module.name) if s] + [f"obj-m += {module.name}.o"]
        else:
            lines.append(f"obj-m += {module.folder.rsplit('/', 1)[1]}/")
    (into / DRM / "Kbuild").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rules(makefile, name):
    """The statements `NAME-... := ...` of a Makefile, continuation lines joined."""
    text = re.sub(r"\s*\\\n\s*", " ", makefile)
    found = re.findall(rf"^{re.escape(name)}-\S+\s*[:+]?=.*$", text, re.M)
    if not found:
        raise errors.InfraError(f"{DRM}/Makefile does not say what {name} is made of")
    return found


def point_release(version):
    """"6.12.117" of a package version ("6.12.117-1", "7.3.4-1~bpo13+1")."""
    return re.match(r"[\d.]+\d", version)[0]


def fits(release, version):
    """Whether a kernel release ("6.12.117+deb13-amd64") is of the point release of a package version."""
    return re.fullmatch(re.escape(point_release(version)) + r"(?:[^0-9.].*)?", release) is not None


def headers(release, usr_src=Path("/usr/src")):
    """Folder of the kernel headers of a release, or None."""
    for folder in (Path("/lib/modules") / release / "build", usr_src / f"linux-headers-{release}"):
        if (folder / "Makefile").exists():
            return folder
    return None


def load(base, cache):
    """(Source, overlay) of the series as it is in patches/BASE."""
    source = sources.ensure(base, cache)
    if not base.patches():
        raise errors.UsageError(f"{base.name}: no patches yet, there is nothing to package")
    repo, tip = tree.commits(base, source, cache)
    return source, tree.files_at(repo, tip)
