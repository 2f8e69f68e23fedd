# SPDX-License-Identifier: MIT
"""What the commands print while they work: plain lines, and one line that moves on a terminal."""

import os
import shlex
import sys
import time


def verbose():
    """True when the user asked for commands to be shown (V=1)."""
    return os.environ.get("V", "") not in ("", "0")


def say(text):
    """One line of progress on stderr, which keeps stdout for results."""
    print(text, file=sys.stderr, flush=True)


def show(argv, cwd=None):
    """Show a command about to run, if V=1."""
    if verbose():
        say(f"+ {f'cd {shlex.quote(str(cwd))} && ' if cwd else ''}{shlex.join(map(str, argv))}")


def duration(seconds):
    """Seconds as people read them: "7.2 s", "3 min 05 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


class Progress:
    """A step with a running count: one moving line on a terminal, else a line every interval.

    label: what is done; total: expected count or 0; last: seconds it took last time or 0.
    """

    def __init__(self, label, total=0, last=0, interval=30):
        self.label, self.total, self.last = label, total, last
        self.start = time.monotonic()
        self.count = 0
        self.tty = sys.stderr.isatty()
        self.pause = 0.2 if self.tty else interval
        self.next = self.start + (0 if self.tty else interval)
        before = f" (last time {duration(last)})" if last else ""
        if not self.tty:
            say(f"{label}{before} ...")

    def step(self, n=1):
        """n more things are done."""
        self.count += n
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + self.pause
        of = f"/{max(self.total, self.count)}" if self.total else ""
        before = f", last time {duration(self.last)}" if self.last else ""
        line = f"{self.label}: {self.count}{of}, {duration(now - self.start)}{before}"
        if self.tty:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        else:
            say(line)

    def done(self, note=""):
        """Close the step with its duration; returns seconds."""
        took = time.monotonic() - self.start
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr)
        say(f"{self.label}: {note + ', ' if note else ''}{duration(took)}")
        return took

    def fail(self):
        """End the moving line; the caller reports."""
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
