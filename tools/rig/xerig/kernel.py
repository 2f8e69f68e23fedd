# SPDX-License-Identifier: MIT
"""Guest kernels: configured, built and cached by content.

The key of a kernel is made of everything that goes in: sources, series, configuration, compiler.
A kernel that is there is found in milliseconds; after an edit of the driver only modules are made.
"""

import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

from . import base as bases
from . import buildtree, cmd, content, disk, errors, kconfig, paths, procs, sources, tree, ui

CCACHE = Path("/usr/lib/ccache")    # programs of the compilers' names
COVER = "cover"     # the variant that counts what runs
FORMAT = 1          # of kernels/<key>/; part of the key
KEEP = 12           # kernels of one base and variant that stay in the cache
MOST_LINES = 40     # of a failed build, on the terminal
# A series that stays inside these leaves vmlinux alone: modules, or nothing built at all.
MODULE_ONLY = ("drivers/gpu/drm/xe/", "drivers/gpu/drm/ttm/", "drivers/gpu/drm/drm_gpusvm.c",
               "drivers/gpu/drm/drm_pagemap", "drivers/gpu/drm/tests/", "include/drm/drm_gpusvm.h",
               "include/drm/drm_pagemap", "Documentation/", "include/uapi/drm/xe_drm.h",
               "include/drm/ttm/", "MAINTAINERS")
COUNTED = MODULE_ONLY[:3]


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel ready to boot.

    modules: the lib/modules/<release> tree; uapi: include folder with the user-space headers of
    this side; key: identifies all that went into the build; content: what tests can meet of it
    (content.of()); note: what the user should know, or None; held: keeps other runs from pruning it,
    as long as this object lives.
    """

    bzimage: Path
    modules: Path
    release: str
    config: Path
    uapi: Path
    key: str
    note: str | None
    held: object = dataclasses.field(default=None, compare=False, repr=False)
    content: str = ""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a kernel is made of. name: under which it stands in the cache, mostly the variant's; note: of the Kernel."""

    base: bases.Base
    source: sources.Source
    variant: str
    asked: dict
    overlay: dict
    name: str
    note: str | None = None

    @functools.cached_property
    def key(self):
        """Hex key over all of it."""
        return key_of(self.source.key, self.asked, self.overlay)

    def folder(self, cache):
        """Where the kernel is in the cache, or will be."""
        return _folder(cache, self.base, self.name, self.key)


def ensure(base, variant, side, cache):
    """The kernel of a base (base.Base), variant (plain, debug, cover) and side (base, patched).

    Built if it is not in the cache, with progress on stderr; takes the lock `build-BASE` while it
    builds. A compiler error is shown as it is and raises BuildError (status 1).
    """
    return _cached(_recipe(base, variant, side, cache), cache, KEEP)


def find(base, variant, side, cache):
    """As ensure(), of what is built already: a Kernel or None."""
    recipe = _recipe(base, variant, side, cache)
    folder = recipe.folder(cache)
    held = _hold(folder)
    return _load(folder, recipe.key, recipe.source, recipe.overlay, held, recipe.note) if held else None


def of_overlay(base, variant, overlay, cache):
    """A patched kernel of an overlay that is in no file: the series changed on purpose. Few of them are kept."""
    asked = kconfig.options(variant, base.name, "patched")
    return _cached(Recipe(base, sources.ensure(base, cache), variant, asked, overlay, "mutant"), cache, most=4)


def _recipe(base, variant, side, cache):
    source = sources.ensure(base, cache)
    overlay, note = tree.overlay(base, source, cache) if side == "patched" else ({}, None)
    asked = kconfig.options(variant, base.name, side if overlay else "base")
    return Recipe(base, source, variant, asked, overlay, variant, note)


def _cached(recipe, cache, most):
    """The kernel of the cache, or one that is built now. most: how many of its name are kept; none that a run has."""
    base, folder = recipe.base, recipe.folder(cache)
    held = _hold(folder)
    if not held:
        with cache.lock(f"build-{base.name}"):
            held = _hold(folder)
            if not held:
                _make(cache, recipe, folder)
                held = _hold(folder)
                _prune(cache, base, recipe.name, folder, most)
    return _load(folder, recipe.key, recipe.source, recipe.overlay, held, recipe.note)


def _folder(cache, base, name, key):
    return cache.kernels / f"{base.name}-{name}-{key}"


def key_of(source_key, asked, overlay):
    """Hex key over all inputs of a build."""
    compiler = cmd.run(["gcc", "-dumpfullversion"]).stdout.strip()
    parts = [FORMAT, source_key, asked, buildtree.hashes(overlay), compiler]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _hold(folder):
    """Something that keeps a kernel from being pruned as long as it lives, or None where there is no kernel."""
    path = folder / "kernel.json"
    try:
        f = open(path, "rb")
        fcntl.flock(f, fcntl.LOCK_SH)  # waits for one that is just being removed
        if os.path.samestat(os.fstat(f.fileno()), os.stat(path)):
            return f
    except FileNotFoundError:
        pass
    return None


def _load(folder, key, source, overlay, held, note=None):
    release = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))["release"]
    os.utime(folder / "kernel.json")
    config = folder / "config"
    return Kernel(folder / "bzImage", folder / "lib/modules" / release, release, config, folder / "uapi", key, note,
                  held, content.of(config.read_bytes(), source.key, overlay))


class BuildError(errors.InfraError):
    """The compiler said no; its lines were shown."""


def _make(cache, recipe, folder):
    base, variant, asked, overlay = recipe.base, recipe.variant, recipe.asked, recipe.overlay
    built = buildtree.BuildTree(cache, base, recipe.source)
    if variant == COVER:
        built.seed(COVER, "plain")
    objects = built.objects(variant)
    whole = not (objects / "vmlinux").exists() or needs_vmlinux(overlay) or needs_vmlinux(_last(objects))
    if not (objects / "vmlinux").exists():
        disk.require(cache.path, sources.NEEDS_GB["build"], f"the {variant} kernel {base.name}")
    built.lay(overlay, variant)
    pending = objects / "image.pending"  # outlives a build that was interrupted
    if configured(built, objects, asked, overlay, cache):
        pending.touch()
    whole = whole or pending.exists()
    make = Make(cache, built.src, objects)
    make(f"kernel {base.name} {variant}" + (" with the series" if overlay else ""),
         ["bzImage", "modules"] if whole else ["modules"], counting(overlay) if variant == COVER else ())
    pending.unlink(missing_ok=True)
    built.built(overlay, variant)
    paths.write_atomic(objects / "last-overlay", "\n".join(overlay))
    _collect(make, objects, folder, overlay, variant, base)


def counted(overlay):
    """Files of a series whose lines are counted: code of the driver, without tests."""
    return sorted(p for p, data in overlay.items()
                  if p.startswith(COUNTED) and p.endswith(".c") and data is not None and "/tests/" not in p)


def counting(overlay):
    """What make is told so that these files count; the series has no part in it."""
    return [f"GCOV_PROFILE_{Path(p).stem}.o=y" for p in counted(overlay)]


def modules(cache, built, objects, name, asked, overlay, label):
    """Build the modules of a tree in an object folder that has a vmlinux; returns stderr's lines."""
    stale = built.lay(overlay, name)
    pending, order = objects / "image.pending", objects / "modules.order"
    if configured(built, objects, asked, overlay, cache) or needs_vmlinux(overlay) or needs_vmlinux(_last(objects)):
        pending.touch()
    # What is asked for by name costs no walk through the whole kernel, as long as the rules stay the same.
    known, targets = objects / "modules.known", ["modules"]
    if pending.exists():
        targets = ["bzImage", "modules"]
    elif known.exists() and all(p.endswith((*buildtree.CODE, ".rst")) for p in stale):
        targets = known.read_text(encoding="utf-8").split()
    if "modules" in targets:
        known.unlink(missing_ok=True)
    said = Make(cache, built.src, objects)(label, targets)
    if "modules" in targets:
        paths.write_atomic(known, "\n".join(m[:-2] + ".ko" for m in order.read_text(encoding="utf-8").split()))
    pending.unlink(missing_ok=True)
    built.built(overlay, name)
    paths.write_atomic(objects / "last-overlay", "\n".join(overlay))
    return said


def product(cache, base, built, name, overlay, key):
    """The kernel that modules() has just built in object folder name, ready to boot; the newest two are kept."""
    objects = built.objects(name)
    folder = _folder(cache, base, name, key)
    _collect(Make(cache, built.src, objects), objects, folder, overlay, name, base)
    _prune(cache, base, name, folder, most=2)
    return _load(folder, key, built.source, overlay, _hold(folder))


def _last(objects):
    try:
        return (objects / "last-overlay").read_text(encoding="utf-8").split("\n")
    except OSError:
        return []


def needs_vmlinux(changed):
    """Whether a change of these files reaches the kernel image, not only modules. Of a Kconfig the options tell."""
    return any(p and not p.startswith(MODULE_ONLY) and "Kconfig" not in p for p in changed)


def configured(built, objects, asked, overlay, cache, extra=()):
    """Configures an object folder where its options are not those asked for; whether it did. extra: make's, as CC=."""
    kconfigs = {p: h for p, h in buildtree.hashes(overlay).items() if "Kconfig" in p}
    stamp = hashlib.sha256(json.dumps([asked, kconfigs]).encode()).hexdigest()
    if _read(objects / "asked.stamp") == stamp and (objects / ".config").exists():
        return False
    kconfig.configure(built.src, objects, asked, cache.environ(), extra)
    paths.write_atomic(objects / "asked.stamp", stamp)
    return True


def _read(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


class Make:
    """Runs make for one object folder with progress; the whole output is in objects/build.log."""

    def __init__(self, cache, src, objects):
        self.cache, self.objects = cache, objects
        # Fixed build marks: the same input gives the same image, and no host name in it.
        self.argv = ["make", "-C", str(src), f"O={objects}", "ARCH=x86_64", f"-j{os.cpu_count() or 1}",
                     "KBUILD_BUILD_USER=xe-unplug", "KBUILD_BUILD_HOST=rig", "LOCALVERSION=",
                     "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970"]
        self.env = cache.environ()
        # The same file is compiled over and over where series come and go: mutants, single patches.
        if CCACHE.is_dir() and (objects / "vmlinux").exists():
            # kbuild has the compiler write down what a file depends on: no preprocessing to find out (DEPEND).
            self.env.update(PATH=f"{CCACHE}:{self.env['PATH']}", CCACHE_DIR=str(cache.ccache), CCACHE_MAXSIZE="2G",
                            CCACHE_DEPEND="1")
        # depmod is in sbin, which a user's PATH lacks on Debian.
        self.env["PATH"] += ":/usr/sbin:/sbin"

    def __call__(self, label, targets, extra=(), quiet=False):
        """Build targets; BuildError after showing the compiler's own lines. Returns stderr's lines."""
        said, good = self._run(label, targets, extra, quiet)
        if not good:
            ui.say("\n".join(telling(said)))
            raise BuildError(f"build of {label} failed (whole log: {self.objects / 'build.log'})")
        return said

    def attempt(self, label, targets):
        """Build as many of the targets as go; (stderr's lines, whether all did)."""
        return self._run(label, targets, ["-k"], False)

    def _run(self, label, targets, extra, quiet):
        argv = [*self.argv, *extra, *targets]
        ui.show(argv)
        times = self.cache.read_state("build-times")
        first = "bzImage" in targets and not (self.objects / "vmlinux").exists()
        name = f"{label} {' '.join(t for t in targets if '/' not in t)}" + (" first" if first else "")
        before = times.get(name, {})
        progress = None if quiet else ui.Progress(label, before.get("objects", 0), before.get("seconds", 0))
        said = []
        with open(self.objects / "build.log", "w", encoding="utf-8") as log:
            # make goes when the rig goes, however that ends.
            p = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *argv], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                 env=self.env, start_new_session=True)
            reader = threading.Thread(target=_tee, args=(p.stderr, log, said), daemon=True)
            reader.start()
            try:
                for line in p.stdout:
                    log.write(line)
                    if progress and line.startswith("  "):
                        progress.step()
                p.wait()
            except BaseException:
                procs.end_group(p)
                raise
            reader.join()
        if p.returncode:
            if progress:
                progress.end()
        elif progress:
            times = self.cache.read_state("build-times")
            times[name] = {"objects": progress.count, "seconds": round(progress.done(), 1)}
            self.cache.write_state("build-times", times)
        return said, not p.returncode


def _tee(stream, log, said):
    for line in stream:
        said.append(line.rstrip("\n"))
        log.write(line)


def telling(said):
    """The lines of a failed build that name the cause: the compiler's, not make's own."""
    lines = [s for s in said if s.strip() and not s.startswith("make")]
    return (lines or said)[:MOST_LINES]


def _collect(make, objects, folder, overlay, variant, base):
    """Copy the products out of the object folder, so that the next build does not change them."""
    partial = folder.with_name(folder.name + ".partial")
    paths.remove(partial)
    partial.mkdir()
    release = (objects / "include/config/kernel.release").read_text(encoding="ascii").strip()
    make("modules", ["modules_install"], [f"INSTALL_MOD_PATH={partial}"], quiet=True)
    modules = partial / "lib/modules" / release
    for link in ("build", "source"):
        (modules / link).unlink(missing_ok=True)
    _headers(make, objects, partial, overlay)
    shutil.copyfile(objects / "arch/x86/boot/bzImage", partial / "bzImage")
    shutil.copyfile(objects / ".config", partial / "config")
    shutil.copyfile(objects / "System.map", partial / "System.map")
    for path in counted(overlay) if variant == COVER else ():
        notes = (objects / path).with_suffix(".gcno")
        if notes.exists():  # not of a file that this configuration leaves out
            kept = (partial / "gcno" / path).with_suffix(".gcno")
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(notes, kept)
    paths.write_atomic(partial / "kernel.json", json.dumps(
        {"release": release, "base": base.name, "variant": variant, "patched": sorted(overlay)}))
    paths.remove(folder)
    partial.replace(folder)


def _headers(make, objects, partial, overlay):
    """User-space headers; they depend on the sources only, so they are made once for all."""
    touched = {p: h for p, h in buildtree.hashes(overlay).items() if "include/uapi/" in p}
    stamp = json.dumps(touched)
    kept = objects / "uapi.stamp"
    if _read(kept) != stamp:
        make("headers", ["headers"], quiet=True)
        paths.write_atomic(kept, stamp)
    shutil.copytree(objects / "usr/include", partial / "uapi", ignore=lambda _, names: [
        n for n in names if n.startswith(".") or n == "Makefile"])


def _prune(cache, base, name, keep, most):
    """Forget the kernels of a base and name that were not used for longest; none that a run has now."""
    found = cache.kernels.glob(f"{base.name}-{name}-*/kernel.json")
    found = sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)
    for old in found[most:]:
        if old.parent == keep:
            continue
        with open(old, "rb") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            old.unlink()  # first: who comes now builds it
            paths.remove(old.parent)
