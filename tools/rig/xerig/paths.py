# SPDX-License-Identifier: MIT
"""Where things are: the repository, its out/ folder, and the cache with everything that is big.

The cache (CACHE=, else the XDG cache folder) holds only what can be made again. Each entry is
made under a name ending in ".partial" and renamed when complete, so that an interrupted run
leaves nothing that looks finished.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from . import errors, ui

REPO = Path(__file__).resolve().parents[3]
OUT = REPO / "out"
RIG = REPO / "tools" / "rig"
EXPECT = RIG / "expect"                   # what is known of tests
CHECKS = REPO / "tools" / "check"         # rules of static checks, and what is known of those
VGPU = REPO / "tools" / "vgpu"            # the virtual GPU
SCENARIOS = REPO / "tools" / "scenarios"  # the guest programs


class Cache:
    """The cache folder: attributes are its sub-folders, made on first use."""

    FOLDERS = ("dl", "src", "root", "git", "build", "kernels", "state", "apt", "tmp", "check", "ccache")

    def __init__(self, root=None):
        """root: the folder, default $CACHE, else $XDG_CACHE_HOME/xe-unplug."""
        if root is None:
            root = os.environ.get("CACHE")
        if not root:
            xdg = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
            root = Path(xdg) / "xe-unplug"
        self.path = Path(root).expanduser().absolute()
        if re.search(r"[\s:,#$'\"]", str(self.path)):
            raise errors.UsageError(f"CACHE={self.path}: make and QEMU split such a path at blanks, commas and the "
                                    "like")

    def __getattr__(self, name):
        if name not in self.FOLDERS:
            raise AttributeError(name)
        folder = self.path / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise errors.UsageError(f"cannot use the cache folder {self.path}: {e.strerror}") from e
        return folder

    def programs(self, name):
        """Folder of the build products of one part of this checkout; another checkout has its own."""
        return self.build / name / hashlib.sha256(os.fsencode(REPO)).hexdigest()[:12]

    @contextlib.contextmanager
    def making(self, name):
        """programs(name), made and held by a lock: two commands of one checkout build one after the other."""
        folder = self.programs(name)
        folder.mkdir(parents=True, exist_ok=True)
        with self.lock(f"{name}-{folder.name}"):
            yield folder

    def environ(self):
        """Environment for compilers: their temporary files stay off a small /tmp, and what the make that has started us
        was told is not for those that we start."""
        mine = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
        return dict(mine, TMPDIR=str(self.tmp), LC_ALL="C.UTF-8")

    @contextlib.contextmanager
    def lock(self, name):
        """Hold state/NAME.lock; says once when another run holds it. Released on any exit."""
        with open(self.state / f"{name}.lock", "a+", encoding="ascii") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                f.seek(0)
                ui.say(f"waiting for another run ({name}, process {f.read().strip() or '?'})")
                fcntl.flock(f, fcntl.LOCK_EX)
            f.truncate(0)
            f.write(str(os.getpid()))
            f.flush()
            yield

    def read_state(self, name):
        """state/NAME.json as a dict; empty where it is missing or damaged."""
        try:
            data = json.loads((self.state / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def write_state(self, name, data):
        """Replace state/NAME.json in one step."""
        write_atomic(self.state / f"{name}.json", json.dumps(data, indent=1, sort_keys=True) + "\n")


def write_atomic(path, text):
    """Write a text or bytes file so that a reader sees the old or the new one, never a part."""
    path = Path(path)
    data = text if isinstance(text, bytes) else text.encode()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def remove(path):
    """Remove a file or a tree if it is there."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path):
    """Hex SHA-256 of a file."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
