# SPDX-License-Identifier: MIT
"""Client of the guest agent, against a peer on the other end of a socket pair."""

import json
import re
import socket
import threading
import time

import pytest

from xerig import agent, paths


class Peer:
    """Plays the guest: answers what the table says, sends what it is told."""

    def __init__(self):
        ours, self.sock = socket.socketpair()
        self.agent = agent.Agent(ours)
        self.answers = {"kmsg": lambda r: {"ok": True}}
        self.seen = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        for line in self.sock.makefile("rb"):
            req = json.loads(line)
            self.seen.append(req)
            fn = self.answers.get(req["op"])
            if fn:
                self.send({"id": req["id"], **fn(req)})

    def send(self, *objects):
        self.sock.sendall(b"".join(json.dumps(o).encode() + b"\n" for o in objects))

    def log(self, *lines):
        self.send({"event": "kmsg", "lost": False, "records": [[4, i, i, t] for i, t in enumerate(lines)]})


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.sock.close()
    p.agent.close()


def test_the_guest_knows_every_request_of_the_rig():
    asked = {op for p in paths.RIG.rglob("xerig/**/*.py")
             for op in re.findall(r"\.(?:call|begin)\(\"(\w+)\"", p.read_text())}
    known = set(re.findall(r"\{ \"(\w+)\", op_", (paths.RIG / "agent" / "ops.c").read_text()))
    assert len(asked) > 5 and asked <= known


def test_call_and_errno(peer):
    assert peer.agent.call("kmsg")["ok"]
    peer.answers["read"] = lambda r: {"ok": False, "errno": 2, "error": "No such file or directory"}
    with pytest.raises(agent.AgentError, match="No such file") as e:
        peer.agent.read("/x")
    assert e.value.errno == 2


def test_a_stuck_request_times_out_and_blocks_nothing(peer):
    ident = peer.agent.begin("write", path="/x", data="1")
    assert peer.agent.call("kmsg")["ok"]
    with pytest.raises(agent.GuestTimeout):
        peer.agent.end(ident, "write", 0.05)


def test_the_end_of_the_connection_is_told_at_once(peer):
    threading.Timer(0.05, peer.sock.shutdown, (socket.SHUT_RDWR,)).start()
    began = time.monotonic()
    with pytest.raises(agent.GuestGone):
        peer.agent.call("never", 30)
    assert time.monotonic() - began < 5


def test_an_oops_ends_waiting_long_before_the_time_limit(peer):
    peer.log("BUG: kernel NULL pointer dereference, address: 0")
    began = time.monotonic()
    with pytest.raises(agent.GuestOops, match="NULL"):
        peer.agent.call("never", 30)
    assert time.monotonic() - began < 5
    with pytest.raises(agent.GuestTimeout):
        peer.agent.call("never", 0.05, watch=False)


@pytest.mark.parametrize("line", ["BUG: KASAN: slab-use-after-free in x", "WARNING: CPU: 0 PID: 1 at a.c:1 b+0x1/0x2"])
def test_reports_the_kernel_survives_are_not_its_end(peer, line):
    peer.log(line)
    assert peer.agent.call("kmsg")["ok"] and peer.agent.fatal is None


def test_lines_of_a_child_come_in_order_and_end_is_none(peer):
    peer.send({"event": "line", "pid": 7, "stream": "out", "line": "held {}"},
              {"event": "line", "pid": 7, "stream": "err", "line": "noise"},
              {"event": "line", "pid": 7, "stream": "out", "line": "ok"},
              {"event": "exit", "pid": 7, "status": None, "signal": 9})
    assert peer.agent.next_line(7, 1) == "held {}"
    assert peer.agent.next_line(7, 1) == "ok"
    assert peer.agent.next_line(7, 1) is None
    child = peer.agent.wait_exit(7, 1)
    assert (child.status, child.signal, child.err) == (None, 9, ["noise"])


def test_mark_waits_until_its_own_record_is_back(peer):
    peer.log("before")

    def kmsg(req):
        threading.Timer(0.05, peer.log, ("late", req["text"][3:], "after")).start()
        return {"ok": True}

    peer.answers["kmsg"] = kmsg
    at = peer.agent.mark("here")
    assert [r.text for r in peer.agent.slice(0, at)] == ["before", "late"]


def test_garbage_is_survived(peer):
    peer.sock.sendall(b"\xff\xfe no json\n")
    assert peer.agent.call("kmsg")["ok"]


@pytest.mark.parametrize("early", [True, False])
def test_a_pid_that_comes_round_again_is_another_child(peer, early):
    """early: the guest's output is here before the answer that has the pid."""
    def spawn(_request):
        if early:
            peer.send({"event": "line", "pid": 7, "stream": "out", "line": "second"})
        return {"ok": True, "pid": 7}

    peer.answers["spawn"] = lambda _request: {"ok": True, "pid": 7}
    assert peer.agent.spawn(["first"]) == 7
    peer.send({"event": "line", "pid": 7, "stream": "out", "line": "first"},
              {"event": "exit", "pid": 7, "status": 1, "signal": None})
    assert peer.agent.wait_exit(7, 5).out == ["first"]
    peer.answers["spawn"] = spawn
    assert peer.agent.spawn(["second"]) == 7
    if not early:
        peer.send({"event": "line", "pid": 7, "stream": "out", "line": "second"})
    assert peer.agent.next_line(7, 5) == "second"
    assert peer.agent.child(7).out == ["second"] and not peer.agent.child(7).ended
