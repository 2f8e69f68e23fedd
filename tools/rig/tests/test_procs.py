# SPDX-License-Identifier: MIT
"""Nothing that was started survives the rig; nothing else is touched."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xerig import errors, procs

RIG = Path(procs.__file__).resolve().parents[1]
SLEEPER = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


def gone(pid, timeout=3.0):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False


def test_stop_ends_a_process_that_ignores_sigterm():
    child = procs.Child(SLEEPER)
    child.stop(grace=0.1)
    assert gone(child.pid) and not child.running() and child.pid not in procs.alive()
    child.stop()  # twice is fine


def test_stop_all_ends_everything_started():
    children = [procs.Child(SLEEPER) for _ in range(3)]
    procs.stop_all()
    assert all(gone(c.pid) for c in children) and procs.alive() == []


def test_nothing_outlives_the_guard():
    with procs.guard():
        child = procs.Child(SLEEPER)
    assert gone(child.pid)


def test_missing_program_is_a_usage_error(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(errors.UsageError, match="setpriv"):
        procs.Child(["true"])


PARENT = f"""
import sys, time
sys.path.insert(0, {str(RIG)!r})
from xerig import procs
with procs.guard():
    print(procs.Child({SLEEPER!r}).pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_children_die_with_the_rig_however_it_ends(sig):
    # A shell's background jobs, and so whole CI runs, may ignore SIGINT.
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.send_signal(sig)
    parent.wait(10)
    parent.stdout.close()
    assert gone(pid)


def test_a_child_whose_parent_died_before_it_asked_for_the_signal_does_not_start():
    said = subprocess.run(["sh", "-c", procs.ORPHAN, "1", "echo", "started"], capture_output=True, text=True)
    assert said.stdout == "" and said.returncode != 0


def test_a_process_of_somebody_else_is_left_alone():
    other = subprocess.Popen(["sleep", "30"])
    procs.stop_all()
    assert other.poll() is None
    other.kill()
    other.wait()
