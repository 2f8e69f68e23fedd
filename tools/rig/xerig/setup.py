# SPDX-License-Identifier: MIT
"""From a fresh machine to everything the other commands need."""

from . import disk, errors, host, paths, rootfs, sources, ui
from .base import load


def run(bases, cache=None):
    """`make setup` for these bases: says what it will do and what that takes, then does it."""
    cache = cache or paths.Cache()
    packages = host.missing()
    big = announce(bases, cache, packages)
    disk.require(cache.path, big, "this set-up")
    root, used = _all(bases, cache)
    ui.say(f"ready: {', '.join(s.version for s in used)}, "
           f"QEMU {root.versions.get('qemu-system-x86')}, IGT {root.versions.get('igt-gpu-tools-tests')}")
    for s in used:
        if s.note:
            ui.say(s.note)
    return errors.OK


def announce(bases, cache, packages):
    """Say what will be installed and made, and the disk it needs; returns GB still to be taken."""
    need, what = 0.0, []
    if packages:
        what.append(f"host packages {' '.join(packages)}")
    if not rootfs.present(cache):
        need += rootfs.NEEDS_GB
        what.append(f"guest root of Debian {rootfs.SUITE} (mmdebstrap)")
    for b in bases:
        if not sources.present(b, cache):
            need += sum(sources.NEEDS_GB.values())
            what.append(f"sources of {b.name}")
    if what:
        ui.say(f"setup will install {'; '.join(what)}; into {cache.path}; "
               f"disk: {need:.0f} GB with the builds, {disk.free_gb(cache.path):.0f} GB free")
    return need


def ensure_all(base, cache):
    """What `make setup BASE=` does, silent and cheap (a few stats) when it was done before.

    Returns (Rootfs, Source). Other commands call it first, so that they work on a fresh machine.
    """
    if not (sources.present(base, cache) and rootfs.present(cache) and host.done(cache)):
        announce([base], cache, host.missing())
    root, (source,) = _all([base], cache)
    if source.note and source.note not in _said:
        _said.add(source.note)
        ui.say(source.note)
    return root, source


def source_of(name):
    """(Base, Source, Cache) of the base that is called so, set up: what commands on its patches work with."""
    base, cache = load(name), paths.Cache()
    _, source = ensure_all(base, cache)
    return base, source, cache


_said = set()


def _all(bases, cache):
    """Packages first, they bring the programs of the rest. One run at a time."""
    if host.done(cache) and rootfs.present(cache) and all(sources.present(b, cache) for b in bases):
        return rootfs.ensure(cache), [sources.ensure(b, cache) for b in bases]
    with cache.lock("setup"):
        host.ensure(cache)
        return rootfs.ensure(cache), [sources.ensure(b, cache) for b in bases]
