# SPDX-License-Identifier: MIT
"""Fixtures of the set-up and series tests."""

import os
from types import SimpleNamespace

import pytest

from sbkit import MAKEFILE, XE_C, program, write, write_series
from xerig import allow, host, paths, sources
from xerig import base as bases


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

    return SimpleNamespace(tmp=tmp_path, repo=repo, kernel=kernel, shims=shims, cache=paths.Cache(tmp_path / "cache"),
                           base=bases.load("6.12"), source=sources.Source(kernel, "6.12.117-1", "key-of-tiny-kernel"))


@pytest.fixture
def series(world, monkeypatch):
    """A series of three patches on the tiny kernel, tools as shims."""
    monkeypatch.setattr(sources, "ensure", lambda base, cache: world.source)
    monkeypatch.setattr(allow, "FOLDER", world.tmp / "lists")
    paths.remove(write_series(world))
    write(world.kernel / "scripts/checkpatch.pl",
          'my $f = $ARGV[-1]; print "$f:3: WARNING:SOMETHING: bad\\n" if $f =~ /0002-/;')
    write(world.kernel / "scripts/kernel-doc",
          "#!/bin/sh\nfor f; do"
          " grep -n undocumented $f | sed \"s|^\\([0-9]*\\):.*|$f:\\1: warning: not described|\" >&2;"
          " done\nexit 0\n", 0o755)
    program(world.shims, "spatch", "echo drivers/gpu/drm/xe/xe.c:3:1-2: drmm action f calls g")
    return world
