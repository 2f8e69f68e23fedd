# SPDX-License-Identifier: MIT
"""W=1 and sparse: what they say of files and headers, and that a checker that did not run is no silence."""

from types import SimpleNamespace

import pytest

from xerig import checker, cmd, errors, lint

C, H = "drivers/gpu/drm/xe/xe_dma.c", "drivers/gpu/drm/xe/xe_dma.h"
OTHER = "include/linux/list.h"
FILES = {C: b"x", H: b"y"}


@pytest.fixture
def linter(tmp_path, monkeypatch):
    """make(w1, sparse) -> a Linter whose make says these lines."""
    def make(w1=(), sparse=()):
        asked = []

        class Make:
            def __init__(self, *_a):
                pass

            def __call__(self, _label, _targets, extra=(), quiet=False):
                asked.append(list(extra))
                return list(sparse if "C=2" in extra else w1)

        monkeypatch.setattr(lint.kernel, "Make", Make)
        monkeypatch.setattr(lint.kconfig, "options", lambda *_a: {})
        monkeypatch.setattr(lint.kconfig, "configure", lambda *_a: None)
        monkeypatch.setattr(lint.buildtree, "BuildTree", lambda *_a: SimpleNamespace(
            src=tmp_path, objects=lambda _n: tmp_path, lay=lambda *_b: None, built=lambda *_b: None))
        monkeypatch.setattr(lint.checker, "argv", lambda *_a: ["ld.so", "sparse"])
        folder = tmp_path / "kept"
        folder.mkdir(exist_ok=True)
        cache = SimpleNamespace(check=folder, environ=dict)
        source = SimpleNamespace(key="k", path=tmp_path)
        return lint.Linter(cache, SimpleNamespace(name="7.3"), source), asked
    return make


def test_a_header_of_the_series_counts_once_and_others_do_not(linter):
    lines = [f"{C}:3:1: warning: unused", f"../{H}:5: warning: odd", f"{H}:9: warning: odd",
             f"{OTHER}:1: warning: theirs"]
    one, asked = linter(w1=lines, sparse=[*lines, f"{H}:7:2: error: bad constant"])
    said = one.compile(FILES, FILES)
    assert said == {"w1": [f"{C}: warning: unused", f"{H}: warning: odd"], "sparse": [f"{H}: error: bad constant"]}
    assert any("CHECK=ld.so sparse" in a for a in asked)
    again, asked = linter()
    assert again.compile(FILES, FILES) == said and not asked  # kept


def test_a_checker_that_kbuild_left_out_is_no_pass(linter):
    one, _ = linter(sparse=["/src/Makefile:1311: C=2 specified, but sparse is not available or not up to date"])
    with pytest.raises(errors.InfraError, match="did not run sparse"):
        one.compile(FILES, FILES)
    with pytest.raises(errors.InfraError):  # and is not remembered as one
        one.compile(FILES, FILES)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Sets what the kernel's script says to each program: those whose path has a word in it."""
    script = tmp_path / "scripts/checker-valid.sh"
    script.parent.mkdir()
    monkeypatch.setattr(checker, "_testing", lambda _c: "/new")
    monkeypatch.setattr(checker.rootfs, "ensure", lambda _c: SimpleNamespace(program_argv=lambda: ["ld.so"]))

    def takes(word):
        script.write_text(f'case "$*" in *{word}*) echo 1;; *) echo 0;; esac\n')
        return SimpleNamespace(path=tmp_path, version="7.3.4")
    return takes


def test_the_hosts_sparse_where_the_kernel_takes_it_else_a_newer_one(kernel, tmp_path):
    assert checker.argv(kernel("sparse"), None) == ["sparse"]
    assert checker.argv(kernel("/new/usr"), None) == ["ld.so", "/new/usr/bin/sparse"]
    with pytest.raises(errors.UsageError, match="7.3.4 takes neither"):
        checker.argv(kernel("nothing"), None)
    old = kernel("nothing")
    (tmp_path / "scripts/checker-valid.sh").unlink()
    assert checker.argv(old, None) == ["sparse"]


def test_the_newer_one_is_fetched_once(tmp_path, monkeypatch):
    import contextlib
    did = []

    class Apt:
        def __init__(self, *_a):
            did.append("apt")

        def update(self):
            pass

        def versions(self, _p):
            return ["0.6.5-1"]

        def download(self, _p, version, folder):
            return folder / version

    monkeypatch.setattr(checker.apt, "Apt", Apt)
    monkeypatch.setattr(cmd, "run", lambda argv, **_k: did.append(argv[0]))
    cache = SimpleNamespace(check=tmp_path, apt=tmp_path, lock=lambda _n: contextlib.nullcontext())
    assert checker._testing(cache) == checker._testing(cache) == tmp_path / "sparse-testing"
    assert did == ["apt", "dpkg-deb"]
