# SPDX-License-Identifier: MIT
"""Client of the guest agent: requests with time limits, child processes, and the kernel log as it grows."""

import contextlib
import itertools
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field

from . import errors

# The kernel goes on after these, but locks may be held for ever and later results prove nothing.
FATAL = re.compile(
    r"^(BUG: (?!KASAN|KFENCE)|Oops|kernel BUG at|general protection fault|Kernel panic|"
    r"Unable to handle kernel|watchdog: BUG|rcu: INFO: rcu_\w+ (self-)?detected stall|INFO: task .* blocked for)"
)
# How long a trace may take to arrive after its first line, seconds.
TRACE_TIME = 0.7


class GuestError(errors.RigError):
    """What the guest was asked for did not come to pass: one of those below."""

    status = errors.CHECK_FAILED


class AgentError(GuestError):
    """The operation failed in the guest with an errno."""

    def __init__(self, op, reply):
        self.errno = reply.get("errno", 0)
        super().__init__(f"{op}: {reply.get('error', 'failed')}")


class GuestTimeout(GuestError):
    """No answer in time; the guest may be stuck."""


class GuestGone(GuestError):
    """The connection ended: QEMU or the guest's init is gone."""


class GuestOops(GuestError):
    """The kernel log says that the guest's kernel is broken."""


@dataclass(frozen=True)
class Record:
    """One record of the kernel log; us is microseconds since boot of the guest."""

    level: int
    seq: int
    us: int
    text: str

    def __str__(self):
        return f"<{self.level}>[{self.us // 1000000:5d}.{self.us % 1000000:06d}] {self.text}"


@dataclass
class GuestChild:
    """A process in the guest, as its events tell it."""

    pid: int
    out: list = field(default_factory=list)
    err: list = field(default_factory=list)
    taken: int = 0
    ended: bool = False
    status: int | None = None
    signal: int | None = None


class Agent:
    """One connection. Methods may be called from any thread; a thread of its own reads."""

    def __init__(self, sock, pace=1):
        """pace: how many times slower than a plain kernel the guest is; stretches every time limit."""
        self._sock = sock
        self.pace = pace
        self._cond = threading.Condition()
        self._send_lock = threading.Lock()
        self._ids = itertools.count(1)
        self._replies = {}
        self._children = {}
        self._closed = False
        self.records = []
        self.heard = 0  # records before this index belong to a test that was judged
        self.lost = False
        self.fatal = None  # (monotonic time, text) of the first line that says the kernel is broken
        self.ready = None
        self._thread = threading.Thread(target=self._read, name="agent", daemon=True)
        self._thread.start()

    # -- reading -----------------------------------------------------------

    def _read(self):
        buf = bytearray()
        try:
            while data := self._sock.recv(1 << 16):
                buf += data
                *lines, rest = bytes(buf).split(b"\n")
                buf = bytearray(rest)
                for line in lines:
                    self._line(line)
        except OSError:
            pass
        with self._cond:
            self._closed = True
            self._cond.notify_all()

    def _line(self, line):
        try:
            msg = json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            return
        with self._cond:
            event = msg.get("event")
            if event == "kmsg":
                self.lost |= bool(msg.get("lost"))
                for level, seq, us, text in msg["records"]:
                    self.records.append(Record(level, seq, us, text))
                    if self.fatal is None and FATAL.match(text):
                        self.fatal = (time.monotonic(), text)
            elif event == "line":
                child = self._heard_of(msg["pid"])
                (child.out if msg["stream"] == "out" else child.err).append(msg["line"])
            elif event == "exit":
                child = self._heard_of(msg["pid"])
                child.ended, child.status, child.signal = True, msg["status"], msg["signal"]
            elif event == "ready":
                self.ready = msg
            elif msg.get("id") is not None:
                self._replies[msg["id"]] = msg
            self._cond.notify_all()

    def _child(self, pid):
        return self._children.setdefault(pid, GuestChild(pid))

    def _heard_of(self, pid):
        """The child an event is about. Its end is the last event of a child: later ones are of another with its pid."""
        if self._child(pid).ended:
            self._children[pid] = GuestChild(pid)
        return self._children[pid]

    def _wait(self, done, timeout, what, watch=True):
        """Waits until done() is true; raises what stands in the way. The condition is held."""
        timeout *= self.pace
        end = time.monotonic() + timeout
        while not done():
            now = time.monotonic()
            if self._closed:
                raise GuestGone(what)
            limit = end
            if watch and self.fatal:
                limit = min(end, self.fatal[0] + TRACE_TIME * self.pace)
                if now >= limit:
                    raise GuestOops(self.fatal[1])
            if now >= limit:
                raise GuestTimeout(f"{what}: no answer in {timeout:g} s")
            self._cond.wait(limit - now)

    # -- requests ----------------------------------------------------------

    def wait_ready(self, timeout):
        """Waits for the agent's first word."""
        with self._cond:
            self._wait(lambda: self.ready, timeout, "boot")

    def begin(self, op, **args):
        """Sends a request and returns its id, for end()."""
        ident = next(self._ids)
        data = json.dumps({"id": ident, "op": op, **args}).encode() + b"\n"
        with self._send_lock:
            try:
                self._sock.sendall(data)
            except OSError:
                raise GuestGone(op) from None
        return ident

    def end(self, ident, op, timeout=5.0, watch=True):
        """Waits for the reply of begin(); returns it or raises."""
        with self._cond:
            self._wait(lambda: ident in self._replies, timeout, op, watch)
            reply = self._replies.pop(ident)
        if not reply.get("ok"):
            raise AgentError(op, reply)
        return reply

    def call(self, op, timeout=5.0, watch=True, **args):
        """One request and its reply. watch=False: also on a kernel that has oopsed."""
        return self.end(self.begin(op, **args), op, timeout, watch)

    def read(self, path, timeout=5.0):
        """Text of a file in the guest."""
        return self.call("read", timeout, path=path)["data"]

    def write(self, path, data, timeout=30.0):
        """Writes to a file in the guest; returns the nanoseconds that write(2) took there."""
        return self.call("write", timeout, path=path, data=data)["ns"]

    # -- children ----------------------------------------------------------

    def spawn(self, argv, env=()):
        """Starts a program in the guest and returns its pid."""
        with self._cond:
            ended = {pid: c for pid, c in self._children.items() if c.ended}
        pid = self.call("spawn", argv=list(argv), env=list(env))["pid"]
        with self._cond:
            if pid in ended and self._children[pid] is ended[pid]:  # a pid that comes round again, not heard of yet
                self._children[pid] = GuestChild(pid)
        return pid

    def child(self, pid):
        """What is known of the child so far."""
        with self._cond:
            return self._child(pid)

    def running(self):
        """Pids of the children that have not ended."""
        with self._cond:
            return [c.pid for c in self._children.values() if not c.ended]

    def next_line(self, pid, timeout):
        """The child's next line on stdout, or None when it has ended without one."""
        with self._cond:
            child = self._child(pid)
            self._wait(lambda: len(child.out) > child.taken or child.ended, timeout, f"process {pid}")
            if len(child.out) > child.taken:
                child.taken += 1
                return child.out[child.taken - 1]
            return None

    def wait_exit(self, pid, timeout):
        """Waits for the child's end and returns the child."""
        with self._cond:
            child = self._child(pid)
            self._wait(lambda: child.ended, timeout, f"end of process {pid}")
            return child

    def run(self, argv, timeout, env=()):
        """Runs a program to its end and returns the child."""
        return self.wait_exit(self.spawn(argv, env), timeout)

    # -- kernel log --------------------------------------------------------

    def mark(self, text, timeout=5.0, watch=True):
        """Writes a marker and waits until it comes back; returns its index in records.

        What the kernel logged before the call stands before that index.
        """
        with self._cond:
            start = len(self.records)
        self.call("kmsg", timeout, watch, text=f"<6>{text}")

        def find():
            for i in range(start, len(self.records)):
                if self.records[i].text == text:
                    return i
            return None

        with self._cond:
            self._wait(lambda: find() is not None, timeout, "kernel log", watch)
            return find()

    def settle_log(self, quiet, timeout):
        """Waits until no record came for quiet seconds (or timeout): the tail of a trace."""
        end = time.monotonic() + timeout
        with self._cond:
            seen = -1
            while seen != len(self.records) and time.monotonic() < end and not self._closed:
                seen = len(self.records)
                self._cond.wait_for(lambda: len(self.records) != seen or self._closed, quiet)

    def slice(self, begin, end=None):
        """Copy of records[begin:end]."""
        with self._cond:
            return self.records[begin:end]

    def wait_news(self, pid, seen, timeout):
        """Waits until the log has more than seen records or the child has ended, no longer than timeout seconds."""
        with self._cond, contextlib.suppress(GuestTimeout):
            child = self._child(pid)
            self._wait(lambda: len(self.records) > seen or child.ended, timeout, f"process {pid}")

    def unheard(self, end=None):
        """As slice(), from where the last call ended: what comes between two tests is the second one's."""
        with self._cond:
            begin, self.heard = self.heard, len(self.records) if end is None else end
            return self.records[begin:end]

    def closed(self):
        """Whether the connection has ended."""
        with self._cond:
            return self._closed

    def close(self):
        """Ends the connection and the reading thread."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(2)
        self._sock.close()
