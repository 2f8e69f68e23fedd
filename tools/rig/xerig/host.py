# SPDX-License-Identifier: MIT
"""Packages of the host: which are missing, and their installation by apt-get."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import apt, cmd, errors, paths, ui

LIST = paths.RIG / "packages.list"
SUPPORTED = {"debian": ("12", "13")}
OS_RELEASE = Path("/etc/os-release")
DPKG_STATUS = Path("/var/lib/dpkg/status")


def wanted():
    """(package, why) of the data file, in order."""
    rows = []
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, why = line.split(None, 1)
            rows.append((name, why))
    return rows


def missing():
    """Wanted packages that dpkg does not have installed; all of them where there is no dpkg."""
    names = [n for n, _ in wanted()]
    try:
        r = cmd.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names], check=False)
    except errors.UsageError:
        return names
    have = {s.split()[0] for s in r.stdout.splitlines() if s.endswith(" installed")}
    return [n for n in names if n not in have]


def distribution():
    """(id, version, pretty name) of the machine."""
    try:
        text = OS_RELEASE.read_text(encoding="utf-8")
    except OSError:
        return "", "", "an unknown system"
    field = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.M))
    return field.get("ID", ""), field.get("VERSION_ID", ""), field.get("PRETTY_NAME", "an unknown system")


def _stamp():
    return {"list": hashlib.sha256(LIST.read_bytes()).hexdigest(), "dpkg": _dpkg_time()}


def done(cache):
    """Whether nothing changed since everything was found installed."""
    stamp = _stamp()
    return bool(stamp["dpkg"]) and cache.read_state("host") == stamp


def ensure(cache):
    """Install what is missing. Cheap when nothing changed since the last look."""
    if done(cache):
        return
    need = missing()
    if need:
        install(need)
    cache.write_state("host", _stamp())


def _dpkg_time():
    try:
        return DPKG_STATUS.stat().st_mtime_ns
    except OSError:
        return 0


def install(need):
    """apt-get install, as root or by sudo; UsageError says in one line what stands in the way."""
    name, version, pretty = distribution()
    listed = " ".join(need)
    # Testing and unstable have no VERSION_ID; they carry the same package names.
    if name not in SUPPORTED or (version and version not in SUPPORTED[name]) or not shutil.which("apt-get"):
        raise errors.UsageError(f"{pretty} is not supported (Debian {' and '.join(SUPPORTED['debian'])} are); "
                                f"missing here: {listed}")
    become = become_root(f"apt-get install {listed}")
    argv = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
            "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends", *need]
    ui.say(f"installing host packages: {listed}")
    r = _apt_get(argv)
    if r.returncode:
        # Lists that are old or were never fetched look like packages that are gone.
        up = _apt_get([*become, "apt-get", "-q", "update"])
        if up.returncode or apt.NO_NETWORK.search(up.stderr):
            raise apt.failure(up.stderr, "installing host packages")
        r = _apt_get(argv)
    if r.returncode:
        raise apt.failure(r.stderr + r.stdout, "installing host packages")
    still = missing()
    if still:
        raise errors.UsageError(f"apt-get did not install {' '.join(still)}")


def _apt_get(argv):
    ui.show(argv)
    # sudo asks for a password on the terminal itself.
    return subprocess.run(argv, stdin=sys.stdin if sys.stdin and sys.stdin.isatty() else subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", check=False)


def become_root(what):
    """Prefix for a command that needs root: nothing, or sudo; UsageError where neither is."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise errors.UsageError(f"not root and no sudo; as root: {what}")


def mounts_below(path, table=Path("/proc/self/mounts")):
    """Mount points in a folder, the innermost first."""
    # Blanks and the like stand there as octal numbers; the cache's path has none (paths.Cache).
    found = [s.split()[1] for s in table.read_text(encoding="utf-8", errors="replace").splitlines()]
    return [m for m in reversed(found) if m.startswith(f"{path}/")]


def remove_root_owned(path):
    """Remove a tree that an earlier run may have made by sudo, and in which it may have left something mounted."""
    for point in mounts_below(path):
        cmd.run([*become_root(f"umount {point}"), "umount", point])
    try:
        paths.remove(path)
    except PermissionError:
        cmd.run([*become_root(f"rm -rf {path}"), "rm", "-rf", "--one-file-system", path])
