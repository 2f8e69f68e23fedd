# SPDX-License-Identifier: MIT
"""The command line: what is wrong is one line and a status, whatever it is."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from xerig import cli, kunit, paths
from xerig.commands import report
from test_procs import RIG, gone


@pytest.fixture
def plain(monkeypatch):
    """An environment without the variables of make."""
    for name in (*cli.VARIABLES, "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)


def test_makefile_and_commands_know_the_same_variables(plain):
    line = next(s for s in (paths.REPO / "Makefile").read_text().splitlines() if s.startswith("export "))
    assert set(line.split()[1:]) == {*cli.VARIABLES, *cli.EVERYWHERE}
    sub = next(a for a in cli.build_parser()._actions if a.choices)
    assert set().union(*(p.get_default("variables") for p in sub.choices.values())) == set(cli.VARIABLES)


def test_a_variable_that_the_command_does_not_use_is_named(plain, monkeypatch, capsys):
    monkeypatch.setattr(report, "run", lambda _args: 0)
    assert cli.main(["report"]) == 0 and capsys.readouterr().err == ""
    monkeypatch.setenv("STATE", "userptr")
    assert cli.main(["report"]) == 0
    assert capsys.readouterr().err == "xe-unplug: report has no use for STATE=\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_machine_lacks_is_one_line_and_status_2(plain, monkeypatch, capsys, number):
    def run(_args):
        raise OSError(number, os.strerror(number), "/cache/x")

    monkeypatch.setattr(report, "run", run)
    assert cli.main(["report"]) == 2
    said = capsys.readouterr().err.strip()
    assert "/cache/x" in said and "\n" not in said


@pytest.mark.parametrize("name", ["a b", "a:b", "a,b", "a#b", "a$b"])
def test_a_cache_whose_path_would_be_split_is_refused(plain, monkeypatch, capsys, tmp_path, name):
    monkeypatch.setenv("CACHE", str(tmp_path / name))
    assert cli.main(["setup"]) == 2 and not (tmp_path / name).exists()
    assert capsys.readouterr().err.count("\n") == 1


def test_a_fault_of_the_rig_is_not_hidden(plain, monkeypatch):
    def run(_args):
        raise OSError(errno.EBADF, "")

    monkeypatch.setattr(report, "run", run)
    with pytest.raises(OSError):
        cli.main(["report"])


@pytest.mark.parametrize("side", ["all", "x", "base,patched"])
def test_kunit_refuses_a_side_that_is_none(plain, monkeypatch, capsys, side):
    monkeypatch.setenv("SIDE", side)
    assert cli.main(["kunit"]) == 2 and side in capsys.readouterr().err


PARENT = f"""
import sys
sys.path.insert(0, {str(RIG)!r})
from xerig import cli, kunit
from xerig.commands import report
report.run = lambda _args: kunit._watched(["sh", "-c", "sleep 60 & echo $! > pid; wait"], sys.argv[1], None)
sys.exit(cli.main(["report"]))
"""


def test_sigterm_ends_what_kunit_has_started_too(plain, tmp_path):
    rig = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(1)  # until the rig itself knows that its child is there
    rig.send_signal(signal.SIGTERM)
    assert rig.communicate(timeout=20)[1] == "xe-unplug: interrupted\n" and rig.returncode == 130
    assert gone(int((tmp_path / "pid").read_text()), 10)


def test_kunit_hears_both_outputs(tmp_path):
    assert kunit._watched(["sh", "-c", "echo a; echo b >&2"], tmp_path, None) == "a\nb\n"
