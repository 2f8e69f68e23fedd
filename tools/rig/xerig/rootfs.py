# SPDX-License-Identifier: MIT
"""Guest root filesystem of Debian testing: IGT, GuC firmware, and the QEMU that runs on the host.

The guest sees it read-only over 9p. QEMU runs from it on the host with the root's own loader and
libraries, because a host of Debian 12 or 13 has no QEMU with vfio-user-pci (that needs 10.1).
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from . import apt, cmd, disk, errors, host, paths, ui

SUITE = "testing"
COMPONENTS = "main contrib non-free-firmware"
PACKAGES = ("igt-gpu-tools-tests", "igt-gpu-tools", "qemu-system-x86", "firmware-intel-graphics",
            "busybox-static", "kmod")
NEEDS_GB = 2.0
TRIPLET = "x86_64-linux-gnu"
# What root's mmdebstrap mounts into the folder, and what it has started, must not outlive it: a killed one cleans
# nothing up, and the next run would find the machine's own /sys below what it is to remove.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclasses.dataclass(frozen=True)
class Rootfs:
    """path: the root folder; versions: package -> version of what the rig uses from it."""

    path: Path
    versions: dict

    def program_argv(self):
        """How the host starts a program of the root: argv before the program's path."""
        return [f"{self.path}/lib64/ld-linux-x86-64.so.2", "--library-path", f"{self.path}/usr/lib/{TRIPLET}"]

    def qemu_argv(self):
        """How the host starts the root's QEMU: argv without the machine's own options."""
        return [*self.program_argv(), f"{self.path}/usr/bin/qemu-system-x86_64",
                "-L", f"{self.path}/usr/share/qemu", "-L", f"{self.path}/usr/share/seabios"]


def _path(cache):
    key = hashlib.sha256(" ".join((SUITE, COMPONENTS, *PACKAGES)).encode()).hexdigest()[:12]
    return cache.root / f"{SUITE}-{key}"


def ensure(cache):
    """The root filesystem, made if it is not there yet. Takes the lock `root`."""
    done = _finished(_path(cache))
    if done:
        return done
    with cache.lock("root"):
        return _finished(_path(cache)) or _make(cache)


def present(cache):
    """Whether ensure() has nothing to do."""
    return _finished(_path(cache)) is not None


def _finished(path):
    try:
        versions = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Rootfs(path, versions) if (path / "usr/bin/qemu-system-x86_64").exists() else None


def _make(cache):
    path = _path(cache)
    disk.require(cache.path, NEEDS_GB, "the guest root filesystem")
    partial = path.with_name(path.name + ".partial")
    for old in (partial, path):
        host.remove_root_owned(old)
    progress = ui.Progress(f"guest root filesystem (Debian {SUITE}, mmdebstrap)")
    _bootstrap(cache, partial)
    root = Rootfs(partial, {})
    _check_qemu(root)
    partial.replace(path)
    versions = installed(path)
    paths.write_atomic(path.with_name(path.name + ".json"),
                       json.dumps(versions, indent=1, sort_keys=True) + "\n")
    progress.done(f"QEMU {versions.get('qemu-system-x86')}, IGT {versions.get('igt-gpu-tools-tests')}")
    return _finished(path)


def _bootstrap(cache, into):
    """mmdebstrap into a folder: as root directly, else in a user namespace, else by sudo."""
    sources = cache.tmp / "root-sources.list"
    sources.write_text(apt.source_line(SUITE, COMPONENTS) + "\n", encoding="utf-8")
    extra = []
    ways = ["root"] if os.geteuid() == 0 else ["unshare", "sudo"]
    r = None
    while ways:
        r = _mmdebstrap(ways[0], extra, sources, into, cache)
        if r.returncode == 0:
            return
        said = r.stderr + r.stdout
        host.remove_root_owned(into)
        if apt.EXPIRED.search(said) and not extra:
            ui.say(f"the mirror's Release file of {SUITE} is expired: going on without the date check, "
                   "signatures are still checked")
            extra = ['--aptopt=Acquire::Check-Valid-Until "false"']
            continue
        if apt.NO_NETWORK.search(said) or apt.GONE.search(said):
            break
        ways.pop(0)
        if ways == ["sudo"] and not shutil.which("sudo"):
            raise errors.UsageError("mmdebstrap cannot use a user namespace here and there is no sudo: "
                                    "run `make setup` as root once")
    log = cache.path / "root.log"
    log.write_text(r.stdout + r.stderr, encoding="utf-8")
    raise apt.failure(r.stderr + r.stdout, "making the guest root filesystem")


def _mmdebstrap(way, extra, sources, into, cache):
    argv = ["mmdebstrap", "--variant=apt", "--include=" + ",".join(PACKAGES),
            '--aptopt=APT::Install-Recommends "false"', *extra,
            # Nothing reads these in the guest, and they are a third of the size.
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*"]
    env = cache.environ()
    if way == "unshare":
        # A folder made in a user namespace would belong to strange ids: take a tar, unpack as us.
        tar = cache.tmp / "root.tar"
        r = cmd.run([*argv, "--mode=unshare", SUITE, tar, sources], env=env, check=False)
        if r.returncode == 0:
            into.mkdir()
            r = cmd.run(["tar", "-xf", tar, "-C", into, "--no-same-owner", "--exclude=./dev/*"], check=False)
        tar.unlink(missing_ok=True)
        return r
    before = ["sudo"] if way == "sudo" else ["setpriv", "--pdeathsig", "KILL", "--"]
    if cmd.run([*before, *ALONE, "true"], check=False).returncode == 0:  # not in every container
        before += ALONE
    return cmd.run([*before, *argv, SUITE, into, sources], env=env, check=False)


def _check_qemu(root):
    r = cmd.run([*root.qemu_argv(), "-device", "help"], check=False)
    if r.returncode:
        raise errors.UsageError(f"QEMU of the guest root does not run on this machine: {cmd.last_line(r)}")
    if '"vfio-user-pci"' not in r.stdout:
        raise errors.UsageError(f"QEMU of Debian {SUITE} has no vfio-user-pci")


def installed(path):
    """package -> version of PACKAGES in a root folder, from dpkg's own record."""
    text = (path / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    found = {}
    for stanza in text.split("\n\n"):
        name = re.search(r"^Package: (\S+)$", stanza, re.M)
        version = re.search(r"^Version: (\S+)$", stanza, re.M)
        if name and version and name[1] in PACKAGES:
            found[name[1]] = version[1]
    return found
