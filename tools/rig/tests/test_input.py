# SPDX-License-Identifier: MIT
"""What a user gets wrong is one line and status 2, before anything is installed, fetched, built or booted."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from test_live import MODULE, SUITES
from xerig import checkout, cli, host, igt, live, mutants, paths, rootfs, session, setup, sources, tree
from xerig import kernel as kernels
from xerig.igt import IgtTest

ONE_BASE = ("bench", "cover", "cycles", "deb", "dkms", "holes", "hotunplug", "igt", "live", "mutants", "refresh",
            "series", "shell", "sweep", "tree")
BASES = ("check", "kunit", "matrix", "setup", "test")
SESSIONS = ("bench", "cover", "cycles", "holes", "hotunplug", "igt", "live", "matrix", "mutants", "shell", "sweep",
            "test")
WRONG = [
    *((c, {"BASE": "7.9"}) for c in ONE_BASE + BASES), *((c, {"BASE": "6.12,7.3"}) for c in ONE_BASE),
    *((c, {"BASE": ","}) for c in ONE_BASE + BASES),
    *((c, {"JOBS": jobs}) for c in SESSIONS for jobs in ("0", "x")),
    *((c, {"GPU": "xyz"}) for c in ("bench", "cycles", "hotunplug", "igt", "live", "matrix", "mutants", "shell",
                                    "sweep")),
    *((c, {"IOMMU": "maybe"}) for c in ("cycles", "igt", "live", "matrix", "shell", "sweep")),
    *((c, {"KERNEL": "fast"}) for c in ("cycles", "hotunplug", "igt", "live", "matrix", "shell", "sweep")),
    *((c, {"SIDE": "left"}) for c in ("cycles", "igt", "kunit", "live", "matrix", "shell", "sweep")),
    *((c, {"REPEAT": "-1"}) for c in ("cycles", "igt", "matrix")),
    *((c, {"LIMIT": "abc"}) for c in ("check", "cycles", "igt", "matrix", "mutants", "sweep")),
    *((c, {"RESUME": "yes"}) for c in ("cycles", "igt", "matrix", "mutants", "sweep")),
    *((c, {"POINTS": "0"}) for c in ("mutants", "sweep")),
    *((c, {"TESTS": "nix"}) for c in ("bench", "check", "cover", "cycles", "holes", "sweep", "test")),
    *((c, {"TESTS": ","}) for c in ("bench", "check", "cover", "cycles", "holes", "sweep", "test")),
    ("cycles", {"TESTS": "cycle@3-2"}), ("igt", {"CPUS": "5"}), ("kunit", {"WHERE": "arm"}),
    ("matrix", {"ORDER": "never"}), ("matrix", {"STATE": "sleepy"}), ("matrix", {"WAY": "eject"}),
    ("matrix", {"ORDER": "munmap-after", "STATE": "idle-fd"}), ("sweep", {"STATE": "nix"}),
    *(("series", {"ONLY": only}) for only in ("0", "3-2", "999", "x", ",")),
]


@pytest.fixture
def run(monkeypatch, capsys):
    """run(command, variables) -> (status, lines on standard error); whatever takes time fails instead."""
    def late(*_args, **_more):
        pytest.fail("it went on")

    for module, name in ((setup, "_all"), (host, "ensure"), (host, "install"), (rootfs, "ensure"), (sources, "ensure")):
        monkeypatch.setattr(module, name, late)
    monkeypatch.setattr(checkout, "identity", lambda: ("Dev", "dev@example.org"))
    for name in (*cli.VARIABLES, *cli.EVERYWHERE, "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)

    def call(command, variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        status = cli.main([command])
        return status, capsys.readouterr().err.splitlines()
    return call


@pytest.mark.parametrize("command, variables", WRONG, ids=lambda v: v if isinstance(v, str) else " ".join(
    f"{k}={x}" for k, x in v.items()))
def test_a_wrong_word_is_refused_at_once(run, command, variables):
    status, said = run(command, variables)
    assert status == 2 and len(said) == 1 and said[0].startswith("xe-unplug: ")
    assert any(v in said[0] for v in variables) or any(x in said[0] for x in variables.values())


@pytest.mark.parametrize("command", ONE_BASE + BASES)
def test_the_table_has_every_command(command):
    commands = next(a for a in cli.build_parser()._actions if a.choices).choices
    assert command in commands and set(commands) - {*ONE_BASE, *BASES} == {"report"}


@pytest.mark.parametrize("command", ["setup", "tree", "hotunplug", "kunit", "check"])
@pytest.mark.parametrize("cache", ["a file", "below a file"])
def test_a_cache_that_is_no_folder(run, tmp_path, command, cache):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" if cache == "a file" else tmp_path / "file/below"
    status, said = run(command, {"CACHE": path})
    assert status == 2 and len(said) == 1 and str(path) in said[0]


def own_tree(folder, version, *parts):
    """A kernel tree as far as BASE_SRC= is looked at."""
    for part in parts:
        (folder / part).mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    (folder / "Makefile").write_text(version)
    return folder


VERSION_612 = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n"


@pytest.mark.parametrize("command", ["setup", "tree", "hotunplug", "check", "series"])
@pytest.mark.parametrize("version, parts, why", [
    ("all:\n", (), "is not a kernel source tree"), (VERSION_612, (), "has no drivers/gpu/drm/xe"),
    (VERSION_612.replace("12", "15"), ("drivers/gpu/drm/xe",), "is 6.15.1: say BASE=6.15"),
    (None, (), "is not a kernel")])
def test_a_tree_that_is_none(run, tmp_path, command, version, parts, why):
    tree_of_ours = own_tree(tmp_path / "a tree", version, *parts) if version else tmp_path / "nowhere"
    status, said = run(command, {"BASE_SRC": tree_of_ours, "BASE": "6.12", "CACHE": tmp_path / "cache"})
    assert status == 2 and len(said) == 1 and f"BASE_SRC={tree_of_ours} {why}" in said[0]


@pytest.mark.parametrize("command", BASES)
def test_one_tree_is_not_of_all_bases(run, tmp_path, command):
    status, said = run(command, {"BASE_SRC": tmp_path, "BASE": "all"})
    assert status == 2 and len(said) == 1 and "say BASE=" in said[0]


@pytest.mark.parametrize("makeflags, names", [
    ("", []), ("s", []), ("n -j4 --jobserver-auth=3,4", []), (" -- STAET=userptr BASE=6.12", ["STAET"]),
    ("s -- TESTS=a\\ X=1 V=1", []), (" -- WHERE=uml CFLAGS+=-O0", ["CFLAGS"])])
def test_mistyped_variables(makeflags, names):
    assert cli.unheard_of(makeflags) == names


def test_make_says_that_a_variable_is_mistyped():
    """Through make itself: what it hands on is make's affair."""
    env = {k: v for k, v in os.environ.items() if k not in cli.VARIABLES}
    argv = ["make", "-C", paths.REPO, "matrix", "BASE=7.9", "STAET=a b"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert "xe-unplug: unknown STAET=; want BASE, " in done.stderr and done.returncode == 2
    assert "7.9" not in done.stderr  # nothing else was looked at


@pytest.fixture
def set_up(run, monkeypatch, tmp_path):
    """A machine that is set up, on which no kernel may be built."""
    root = SimpleNamespace(versions={}, path=tmp_path)
    (tmp_path / live.TESTS).mkdir(parents=True)
    (tmp_path / live.TESTS / "xe_live_test_mod.c").write_text(MODULE)
    (tmp_path / live.TESTS / "xe_bo.c").write_text(SUITES)
    monkeypatch.setattr(setup, "ensure_all", lambda *_a: (root, sources.Source(tmp_path, "6.12.1", "key")))
    monkeypatch.setattr(tree, "overlay", lambda *_a: ({"drivers/gpu/drm/xe/xe.c": b""}, None))
    monkeypatch.setattr(tree, "read_series", lambda _b: [])
    monkeypatch.setattr(mutants, "catalogue", lambda *_a: {mutants.Mutant("0001", "all"): {}})
    monkeypatch.setattr(igt, "catalogue", lambda *_a: [IgtTest("xe_vm", "bind")])
    monkeypatch.setattr(kernels, "ensure", lambda *_a: pytest.fail("a kernel is built"))
    monkeypatch.setattr(session.vgpu, "build", lambda _c: tmp_path)
    monkeypatch.setattr(session.initramfs, "build_agent", lambda _c: tmp_path)
    return run


@pytest.mark.parametrize("command, wrong", [
    ("igt", "xe_vm@nix"), ("igt", "xe_hotunplug_held,xe_vm@nix"), ("igt", ","), ("live", "xe_bo.nix"), ("live", ","),
    ("mutants", "0002@all@1"), ("mutants", ",")])
def test_names_that_only_the_machine_knows_are_looked_up_before_kernels_are_built(set_up, command, wrong, tmp_path):
    status, said = set_up(command, {"TESTS": wrong, "CACHE": tmp_path / "cache"})
    assert status == 2 and len(said) == 1 and said[0].startswith("xe-unplug: TESTS ")


FRESH = """
import sys
for name in ("rich", "jinja2", "matplotlib"):
    sys.modules[name] = None
from xerig import cli, errors, setup
def reached(*_args):
    raise errors.UsageError("reached the set-up")
setup._all = reached
for command in sys.argv[1:]:
    cli.main([command])
"""


def test_commands_reach_the_set_up_that_installs_what_they_import(tmp_path):
    wanted = [c for c in ONE_BASE + BASES if c not in ("dkms", "deb", "setup")]
    env = {k: v for k, v in os.environ.items() if k not in (*cli.VARIABLES, *cli.EVERYWHERE)}
    env.update(PYTHONPATH=str(paths.RIG), CACHE=str(tmp_path), GIT_CONFIG_COUNT="2", GIT_CONFIG_KEY_0="user.name",
               GIT_CONFIG_VALUE_0="Dev", GIT_CONFIG_KEY_1="user.email", GIT_CONFIG_VALUE_1="dev@example.org")
    done = subprocess.run([sys.executable, "-c", FRESH, *wanted], env=env, capture_output=True, text=True, check=False)
    assert done.stderr.count("xe-unplug: reached the set-up") == len(wanted), done.stderr


def test_a_module_that_is_missing_is_one_line(run, monkeypatch):
    from xerig.commands import report

    def needs(_args):
        raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
    monkeypatch.setattr(report, "run", needs)
    assert run("report", {}) == (2, ["xe-unplug: Python has no module jinja2 here: `make setup` installs it"])
