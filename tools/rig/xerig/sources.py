# SPDX-License-Identifier: MIT
"""Kernel sources of a base: Debian's linux-source package, or the user's own tree (BASE_SRC=)."""

import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import apt, cmd, disk, errors, paths, ui

# What one base takes, measured: the .deb 0.17 GB, unpacked 1.7, build tree (links) 0.1,
# objects of both kernels 1.5, git objects 0.4.
NEEDS_GB = {"source": 2.0, "build": 2.0}


@dataclasses.dataclass(frozen=True)
class Source:
    """path: pristine tree, never written; version; key: what identifies its content."""

    path: Path
    version: str
    key: str
    note: str | None = None
    own: bool = False


def ensure(base, cache):
    """Source of a base, downloaded, verified and unpacked if it is not there yet.

    With BASE_SRC in the environment: a copy of that tree. Takes the lock `source-NAME`.
    Raises UsageError with one line for every reason it cannot.
    """
    own = os.environ.get("BASE_SRC")
    if own:
        return _own(base, cache, Path(own))
    used = _chosen(base, cache)
    done = _finished(base, cache, used)
    if done:
        return done
    with cache.lock(f"source-{base.name}"):
        used = _chosen(base, cache)
        return _finished(base, cache, used) or _make(base, cache, used)


def present(base, cache):
    """Whether ensure() has nothing big to do; UsageError where BASE_SRC is no tree of this base."""
    own = os.environ.get("BASE_SRC")
    if own:
        return bool(_own_tree(base, Path(own)))
    return _finished(base, cache, _chosen(base, cache)) is not None


def _chosen(base, cache):
    """(version, sha256) in use: the pinned one, or its stand-in from an earlier run."""
    state = cache.read_state(f"source-{base.name}")
    if state.get("pinned") == base.version and state.get("sha256"):
        return state["version"], state["sha256"]
    return base.version, base.sha256


def _finished(base, cache, used):
    version, sha = used
    path = cache.src / f"{base.package}-{version}"
    stamp = path.with_name(path.name + ".stamp")
    try:
        ok = stamp.read_text(encoding="ascii").strip() == sha and (path / "Makefile").exists()
    except OSError:
        ok = False
    if not ok:
        return None
    return Source(path, version, sha, None if version == base.version else _moved(base, version))


def _moved(base, version):
    return f"{base.package} {base.version} has left the mirrors: using {version}"


def _make(base, cache, used):
    version, sha = used
    deb = _intact(cache.dl / apt.file_name(base.package, version), sha)
    disk.require(cache.path, NEEDS_GB["source"], f"kernel sources {base.name}")
    if not deb:
        version, sha, deb = _download(base, cache, version, sha)
    cache.write_state(f"source-{base.name}", {"pinned": base.version, "version": version, "sha256": sha})
    path = cache.src / f"{base.package}-{version}"
    partial = path.with_name(path.name + ".partial")
    paths.remove(partial)
    paths.remove(path)
    partial.mkdir()
    progress = ui.Progress(f"unpacking {deb.name}")
    unpack(deb, base.package, partial)
    partial.replace(path)
    paths.write_atomic(path.with_name(path.name + ".stamp"), sha + "\n")
    progress.done()
    return _finished(base, cache, (version, sha))


def _intact(deb, sha):
    """deb if it has the checksum; a damaged one is removed, and said."""
    if not deb.exists():
        return None
    if paths.sha256(deb) == sha:
        return deb
    ui.say(f"{deb.name} is damaged (checksum): fetching it again")
    deb.unlink()
    return None


def _download(base, cache, version, sha):
    """Fetch the wanted version, or the newest of the series; returns (version, sha256, path)."""
    source = apt.Apt(cache.apt / base.name, base.suites)
    progress = ui.Progress(f"downloading {base.package}")
    source.update()
    offered = [v for v in source.versions(base.package) if of_series(base.name, v)]
    if not offered:
        raise errors.UsageError(f"package {base.package} is gone from {', '.join(base.suites)}: "
                                f"give a kernel tree of your own with BASE_SRC=")
    if version not in offered:
        version, sha = offered[0], source.sha256(base.package, offered[0])
        ui.say(_moved(base, version))
        deb = _intact(cache.dl / apt.file_name(base.package, version), sha)
        if deb:
            return version, sha, deb
    partial = cache.dl / f"{base.name}.partial"
    paths.remove(partial)
    partial.mkdir()
    deb = source.download(base.package, version, partial)
    got = paths.sha256(deb)
    if got != sha:
        paths.remove(partial)
        raise errors.UsageError(f"damaged download: {deb.name} has checksum {got[:12]}..., "
                                f"expected {(sha or '?')[:12]}...; it was removed, try again")
    deb = deb.replace(cache.dl / deb.name)
    paths.remove(partial)
    progress.done(f"{deb.stat().st_size / 1e6:.0f} MB")
    return version, sha, deb


def of_series(name, version):
    """Whether a package version ("6.12.117-1") belongs to a series ("6.12")."""
    return re.match(rf"(\d+:)?{re.escape(name)}([.~+-]|$)", version) is not None


def unpack(deb, package, into, only=()):
    """The tree inside linux-source-X.deb (a tar.xz within the package) into a folder.

    only: files and folders of the tree, as far as it has them.
    """
    inner = f"./usr/src/{package}.tar.xz"
    pipe = [["dpkg-deb", "--fsys-tarfile", str(deb)], ["tar", "-xO", inner],
            ["tar", "-xJ", "--strip-components=1", "--no-same-owner", "-C", str(into),
             *(f"{package}/{p}" for p in only)]]
    running, feed = [], subprocess.DEVNULL
    for argv in pipe:
        ui.show(argv)
        p = subprocess.Popen(argv, stdin=feed, stdout=subprocess.PIPE if argv is not pipe[-1] else None,
                             stderr=subprocess.PIPE)
        if feed is not subprocess.DEVNULL:
            feed.close()
        feed = p.stdout
        running.append(p)
    try:
        said = [p.stderr.read().decode(errors="replace").splitlines() for p in running]
    except BaseException:
        for p in running:
            p.kill()
        raise
    ends = [p.wait() for p in running]
    if only and any(into.iterdir()):  # tar says what it has not found, and then is not content
        said[-1] = [s for s in said[-1] if "Not found in archive" not in s and "Exiting with failure" not in s]
        ends[-1] = bool(said[-1])
    if any(ends):
        why = next((s[0] for s in reversed(said) if s), "unknown reason")
        raise errors.UsageError(f"cannot unpack {deb.name}: {why}")


def tree_version(path):
    """("6.12", "6.12.117") of a kernel tree, from its Makefile; UsageError if it is none."""
    try:
        head = (path / "Makefile").read_text(encoding="utf-8", errors="replace")[:2000]
        part = {k: re.search(rf"^{k}\s*=\s*(\d*)", head, re.M)[1]
                for k in ("VERSION", "PATCHLEVEL", "SUBLEVEL")}
    except (OSError, TypeError) as e:
        raise errors.UsageError(f"BASE_SRC={path} is not a kernel source tree") from e
    series = f"{part['VERSION']}.{part['PATCHLEVEL']}"
    return series, f"{series}.{part['SUBLEVEL'] or 0}"


def _own_tree(base, own):
    """(path, version) of the user's tree; UsageError where it is not one of this base."""
    own = own.expanduser().absolute()
    series, version = tree_version(own)
    if series != base.name:
        raise errors.UsageError(f"BASE_SRC={own} is {version}: say BASE={series}, or give a {base.name} tree")
    if not (own / "drivers/gpu/drm/xe").is_dir():
        raise errors.UsageError(f"BASE_SRC={own} has no drivers/gpu/drm/xe")
    return own, version


def _own(base, cache, own):
    """A copy of the user's tree in the cache, brought up to date file by file."""
    own, version = _own_tree(base, own)
    name = hashlib.sha256(str(own).encode()).hexdigest()[:12]
    path = cache.src / f"own-{name}"
    with cache.lock(f"source-{base.name}"):
        files = files_of(own)
        disk.require(cache.path, NEEDS_GB["source"] if not path.exists() else 0.1, "a copy of BASE_SRC")
        key = sync(own, path, files)
    return Source(path, version, key, f"BASE_SRC: {own}", own=True)


def files_of(own):
    """Relative paths that make up a kernel tree: what git tracks, else everything not built."""
    if (own / ".git").exists():
        r = cmd.run(["git", "-C", own, "ls-files", "-z"])
        return [f for f in r.stdout.split("\0") if f and os.path.lexists(own / f)]
    found = []
    for top, folders, files in os.walk(own):
        folders[:] = [d for d in folders if d != ".git"]
        rel = os.path.relpath(top, own)
        found += [os.path.normpath(os.path.join(rel, f)) for f in files if not f.endswith((".o", ".ko", ".cmd"))]
    return found


def sync(src, dst, files):
    """Make dst hold exactly these files of src; returns a key of names, sizes and times.

    A changed file gets a new modification time in dst, so that make sees it.
    """
    digest = hashlib.sha256()
    index_path = dst.with_name(dst.name + ".index")
    old = dict(s.rsplit(" ", 1) for s in _lines(index_path))
    new = {}
    for f in sorted(files):
        st = os.lstat(src / f)
        new[f] = f"{st.st_size}:{st.st_mtime_ns}:{st.st_mode:o}"
        digest.update(f"{f} {new[f]}\n".encode())
        if old.get(f) == new[f] and os.path.lexists(dst / f):
            continue
        target = dst / f
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if os.path.islink(src / f):
            target.symlink_to(os.readlink(src / f))
        elif (src / f).is_file():
            shutil.copyfile(src / f, target)
            shutil.copymode(src / f, target)
    for f in old.keys() - new.keys():
        (dst / f).unlink(missing_ok=True)
    paths.write_atomic(index_path, "".join(f"{f} {v}\n" for f, v in new.items()))
    return digest.hexdigest()


def _lines(path):
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
