# SPDX-License-Identifier: MIT
"""Shared by the set-up and series tests: a tiny kernel, a repository and a cache of one's own."""

import os
import stat

import pytest

from xerig import base as bases
from xerig import host, paths, sources

MAKEFILE = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nNAME = Test\n"
XE_C = "int xe_a(void)\n{\n\treturn 1;\n}\n\nint xe_b(void)\n{\n\treturn 2;\n}\n"


def write(path, data, mode=None):
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    if mode:
        path.chmod(mode)
    return path


def program(folder, name, script):
    """A fake program for PATH."""
    return write(folder / name, f"#!/bin/sh\n{script}\n", 0o755)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A repository with a base 6.12, the tiny kernel of it, an empty cache, a PATH shim folder."""
    repo = tmp_path / "repo"
    for name in ("6.12", "7.3"):
        write(repo / "patches" / name / "base",
              f"package linux-source-{name}\nversion {name}.1-1\nsha256 {'0' * 64}\nsuites trixie\n")
    kernel = tmp_path / "kernel"
    write(kernel / "Makefile", MAKEFILE)
    write(kernel / "drivers/gpu/drm/xe/xe.c", XE_C)
    write(kernel / "drivers/gpu/drm/xe/Makefile", "xe-y += xe.o\n")
    write(kernel / "include/drm/drm.h", "#define DRM 1\n")
    write(kernel / "scripts/run.sh", "#!/bin/sh\n", 0o755)
    shims = tmp_path / "shims"
    shims.mkdir()
    monkeypatch.setattr(paths, "REPO", repo)
    monkeypatch.setattr(paths, "OUT", repo / "out")
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("BASE_SRC", "CACHE", "V"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(host, "DPKG_STATUS", write(tmp_path / "dpkg-status", ""))

    class World:
        pass

    w = World()
    w.tmp, w.repo, w.kernel, w.shims = tmp_path, repo, kernel, shims
    w.cache = paths.Cache(tmp_path / "cache")
    w.base = bases.load("6.12")
    w.source = sources.Source(kernel, "6.12.117-1", "key-of-tiny-kernel")
    return w


def executable(path):
    """Whether a file may be executed."""
    return bool(path.stat().st_mode & stat.S_IXUSR)
