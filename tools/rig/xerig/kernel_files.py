# SPDX-License-Identifier: MIT
"""The files around the series of other versions of a base, without the whole kernel for each."""

import json

from . import apt, disk, errors, paths, sources, ui

# Besides what the series touches: what it may touch next, so that an edit needs no download.
USUAL = ("drivers/gpu/drm/xe", "drivers/gpu/drm/ttm", "include/drm", "include/uapi/drm", "MAINTAINERS")
NEEDS_GB = 0.4


def ensure(base, version, mirror, wanted, cache):
    """Folder with the files of `wanted` and of USUAL that this version has; fetched once per version.

    mirror: apt.Apt that offers it; the package is checked against the signed lists and not kept.
    """
    folder = cache.src / f"files-{base.package}-{version}"
    stamp = folder.with_name(folder.name + ".stamp")
    asked = sorted({*USUAL, *(p for p in wanted if not p.startswith(tuple(f"{u}/" for u in USUAL)))})
    if _have(stamp) >= set(asked):
        return folder
    with cache.lock(f"files-{base.name}"):
        if _have(stamp) >= set(asked):
            return folder
        disk.require(cache.path, NEEDS_GB, f"files of {base.package} {version}")
        deb, kept = _package(base, version, mirror, cache)
        partial = folder.with_name(folder.name + ".partial")
        paths.remove(partial)
        partial.mkdir()
        sources.unpack(deb, base.package, partial, asked)
        stamp.unlink(missing_ok=True)
        paths.remove(folder)
        partial.replace(folder)
        paths.write_atomic(stamp, json.dumps(asked))
        if not kept:
            deb.unlink()
    return folder


def _have(stamp):
    try:
        return set(json.loads(stamp.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return set()


def _package(base, version, mirror, cache):
    """(the .deb, whether it stays): the one the sources came from is there already."""
    sha = mirror.sha256(base.package, version)
    deb = cache.dl / apt.file_name(base.package, version)
    if deb.exists() and paths.sha256(deb) == sha:
        return deb, True
    partial = cache.dl / f"files-{base.name}.partial"
    paths.remove(partial)
    partial.mkdir()
    progress = ui.Progress(f"downloading {base.package} {version}")
    deb = mirror.download(base.package, version, partial)
    if paths.sha256(deb) != sha:
        paths.remove(partial)
        raise errors.UsageError(f"damaged download: {deb.name}; it was removed, try again")
    progress.done(f"{deb.stat().st_size / 1e6:.0f} MB")
    return deb, False
