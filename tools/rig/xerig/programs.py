# SPDX-License-Identifier: MIT
"""The programs of one cell in the guest, one for each state that is held."""

import contextlib
import time

from . import agent

ANSWER_TIME = 20.0  # seconds for one command of the protocol
EXIT_TIME = 20.0


class Programs:
    """By the name of their state, in the order of their start. What they say goes into the evidence; where there may
    be several, with whose it is."""

    def __init__(self, guest, evidence, several):
        self.guest, self.ev, self.several = guest, evidence, several
        self.pids = {}

    def start(self, name, argv):
        """Starts the program of a state."""
        self.pids[name] = self.guest.spawn(argv)

    def line(self, name, timeout):
        """The next line of one, or None when it has ended without one."""
        return self.guest.next_line(self.pids[name], timeout)

    def note(self, name, what, line, seconds):
        """Remembers an answer."""
        self.ev.replies.append((f"{name}: {what}" if self.several else what, line, seconds))

    def tell(self, command):
        """A line to all that have not ended; returns their names. Their answers are the caller's affair."""
        told = []
        for name, pid in self.pids.items():
            with contextlib.suppress(agent.AgentError):  # it ends in between
                if not self.guest.child(pid).ended:
                    self.guest.call("send", pid=pid, line=command)
                    told.append(name)
        return told

    def ask(self, command):
        """A command to all at once and their answers: None of one that has ended before it was told to exit. Returns
        the seconds it took."""
        began = time.monotonic()
        told = self.tell(command)
        for name in self.pids:
            if name in told and command == "exit":
                continue
            line = self.line(name, ANSWER_TIME) if name in told else None
            self.note(name, command, line, time.monotonic() - began)
        return time.monotonic() - began

    def forget(self, name):
        """One that ends by itself and has no part in the cell."""
        self.guest.wait_exit(self.pids.pop(name), EXIT_TIME)

    def kill(self):
        """SIGKILL to all."""
        self.ev.killed = True
        for pid in self.pids.values():
            with contextlib.suppress(agent.AgentError):
                self.guest.call("signal", pid=pid, sig=9)

    def wait(self, names=None):
        """Waits for the end of those named, or of all."""
        for name in names or self.pids:
            child = self.guest.wait_exit(self.pids[name], EXIT_TIME)
            self.ev.ends.append((name if self.several else "the program", child.status, child.signal))

    def stderr(self):
        """What they wrote there, line by line."""
        return [line for pid in self.pids.values() for line in self.guest.child(pid).err]
