# SPDX-License-Identifier: MIT
"""What the rig builds of its own: one run at a time, and the cause where it fails."""

import subprocess
import sys
import threading
import time

import pytest

from sbkit import program, write
from xerig import cmd, errors, paths

HOLDER = f"""
import sys
sys.path.insert(0, {str(paths.RIG)!r})
from xerig import paths
paths.REPO = sys.argv[2]
with paths.Cache(sys.argv[1]).making("agent"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("said", "why"), [
    ("a.c:3:1: error: no such thing\nmake[1]: *** [Makefile:3: a.o] Error 1\n"
     "make[1]: *** Waiting for unfinished jobs....", "a.c:3:1: error"),
    ("/usr/bin/ld: a.o: undefined reference to `f'\ncollect2: error: ld returned 1", "undefined reference to `f'"),
    ("make: *** No rule to make target 'x'.  Stop.", "No rule to make target"),
    ("killed", "killed")])
def test_the_compilers_complaint_is_shown_and_not_that_make_gave_up(world, said, why):
    program(world.shims, "make", f"cat >&2 <<'EOT'\n{said}\nEOT\nexit 2")
    with pytest.raises(errors.InfraError, match="cannot build the thing: ") as e:
        cmd.make("the thing", world.tmp)
    assert why in str(e.value) and "\n" not in str(e.value)


def test_who_comes_second_waits_and_says_so(world, capsys):
    other = subprocess.Popen([sys.executable, "-c", HOLDER, world.cache.path, world.repo], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    began = time.monotonic()
    threading.Timer(0.5, other.stdin.close).start()
    with world.cache.making("agent") as folder:
        assert time.monotonic() - began > 0.4 and folder.is_dir() and folder == world.cache.programs("agent")
    other.wait(10)
    assert f"process {other.pid}" in capsys.readouterr().err


def test_what_one_make_was_told_is_not_for_another(world, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", " -- WORD=wrong")
    write(world.tmp / "Makefile", "WORD := right\nall:\n\t@echo $(WORD) > word\n")
    cmd.make("the thing", world.tmp, env=world.cache.environ())
    assert (world.tmp / "word").read_text() == "right\n"
