# SPDX-License-Identifier: MIT
"""Processes the rig starts: each is known by its Popen, dies with the rig, and is ended by the rig only."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading

from . import errors

_lock = threading.Lock()
_alive = set()

# The rig may have died before setpriv asked for the signal: then nobody will send one.
ORPHAN = '[ "$PPID" = "$0" ] && exec "$@"'


class Child:
    """A process that the kernel kills when the thread that started it is gone.

    start() must therefore be called on a thread that outlives the process. The signal comes from
    setpriv, not from a pre-exec hook, because those are not safe in a program with threads.
    """

    def __init__(self, argv, **popen):
        argv = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", ORPHAN, str(os.getpid()), *map(str, argv)]
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("start_new_session", True)
        if not shutil.which("setpriv"):
            raise errors.UsageError("setpriv is missing: run `make setup`")
        self.popen = subprocess.Popen(argv, **popen)
        with _lock:
            _alive.add(self)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        """Whether the process has not ended yet."""
        return self.popen.poll() is None

    def wait(self, timeout):
        """Waits up to timeout seconds for the end; True if it came."""
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        with _lock:
            _alive.discard(self)
        return True

    def stop(self, grace=1.0):
        """Ends the process: SIGTERM, after grace seconds SIGKILL. Any thread; may be called twice.

        popen has not reaped the process yet when it signals, so the pid cannot be another's.
        """
        if self.running() and grace > 0:
            self.popen.send_signal(signal.SIGTERM)
            if self.wait(grace):
                return
        if self.running():
            self.popen.kill()
        self.wait(10)


def end_group(popen):
    """Ends a program that was started with start_new_session, and what it has started itself."""
    try:
        os.killpg(popen.pid, signal.SIGTERM)
        popen.wait(5)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        popen.kill()


def stop_all():
    """Kills whatever is left; for the way out on an interrupt."""
    with _lock:
        left = list(_alive)
    for child in left:
        child.stop(grace=0)


def alive():
    """Pids of the processes that were started and not yet reaped."""
    with _lock:
        return sorted(c.pid for c in _alive if c.running())


@contextlib.contextmanager
def guard():
    """Within it SIGTERM and SIGHUP act like Ctrl-C, and nothing that was started outlives it.

    Main thread only (Python delivers signals there).
    """

    def interrupt(signum, _frame):
        raise KeyboardInterrupt(signal.Signals(signum).name)

    old = {s: signal.signal(s, interrupt) for s in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)
        stop_all()
