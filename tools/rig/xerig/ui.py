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


class Line:
    """One line that moves on a terminal; elsewhere a line of its own every interval seconds. Any thread."""

    def __init__(self, interval, pause=0.0):
        """pause: seconds between two looks of it on a terminal."""
        self.began = time.monotonic()
        self.tty = sys.stderr.isatty()
        self.pause = pause if self.tty else interval
        self.next = self.began + self.pause

    def seconds(self):
        """Seconds since the start."""
        return time.monotonic() - self.began

    def show(self, text):
        """What the line says now."""
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + self.pause
        if self.tty:
            print(f"\r\033[K{text[:150]}", end="", file=sys.stderr, flush=True)
        else:
            say(text)

    def end(self):
        """Clears the moving line; the caller says what became of it."""
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Progress(Line):
    """A step with a running count.

    label: what is done; total: expected count or 0; last: seconds it took last time or 0.
    """

    def __init__(self, label, total=0, last=0):
        super().__init__(30, 0.2)
        self.label, self.total, self.last = label, total, last
        self.count = 0
        if not self.tty:
            say(f"{label}{f' (last time {duration(last)})' if last else ''} ...")

    def step(self, n=1):
        """n more things are done."""
        self.count += n
        of = f"/{max(self.total, self.count)}" if self.total else ""
        before = f", last time {duration(self.last)}" if self.last else ""
        self.show(f"{self.label}: {self.count}{of}, {duration(self.seconds())}{before}")

    def done(self, note=""):
        """Ends the step with its duration; returns seconds."""
        took = self.seconds()
        self.end()
        say(f"{self.label}: {note + ', ' if note else ''}{duration(took)}")
        return took


class Tests(Line):
    """Tests done, time, and the time the same run took before."""

    def __init__(self, cache, key, total):
        """cache: paths.Cache that remembers the time; key: what makes a run the same; total: how many tests."""
        super().__init__(10)
        self.cache, self.key, self.total = cache, key, total
        before = cache.read_state("runs").get(key, 0)
        self.last = f", last time {duration(before)}" if before else ""
        self.count = self.bad = 0
        self.doing = ""
        if not self.tty:
            say(f"{total} tests{self.last}")

    def step(self, res):
        """One more result."""
        self.count += 1
        self.bad += res.verdict not in ("clean", "skip")
        if verbose():
            spoke = " ".join(res.oracles())
            say(f"{res.facts['side']:8} {res.cell.name:45} {res.verdict:6} {res.seconds:5.1f} s  {spoke}")
        self.note(self.doing)

    def note(self, text):
        """What is being done now."""
        self.doing = text
        took = duration(self.seconds())
        self.show(f"{self.count}/{self.total} tests, {self.bad} not clean, {took}{self.last}: {text}")

    def remember(self):
        """Keeps the duration for the next time."""
        known = self.cache.read_state("runs")
        known[self.key] = round(self.seconds(), 1)
        self.cache.write_state("runs", known)
