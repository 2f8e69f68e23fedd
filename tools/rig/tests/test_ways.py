# SPDX-License-Identifier: MIT
"""The ways that are more than one write into sysfs, on a guest made of Python; QEMU's monitor."""

import json
import socket
import threading
from types import SimpleNamespace

import pytest

from xerig import agent, qmp, ways, ways_more


REFCNT = "/sys/module/xe/refcnt"


class Guest:
    """Takes down what it is asked; bad: paths whose write fails."""

    def __init__(self, rmmod=1, bad=(), files=None, running=()):
        self.did, self.rmmod, self.bad, self.files, self.alive = [], rmmod, bad, files or {}, running
        self.records, self.debug = [], ["force_reset", "info"]

    def write(self, path, data, _timeout=0):
        self.did.append(f"{path.rsplit('/', 1)[1]}={data.strip()}")
        if any(b in path for b in self.bad):
            raise agent.AgentError("write", {"errno": 12, "error": "no memory"})
        return 1000

    def run(self, argv, _timeout):
        self.did.append(" ".join(argv[-2:]))
        return SimpleNamespace(status=self.rmmod if "rmmod" in argv else 0, out=self.files.get(argv[-1], []))

    def read(self, path):
        if path not in self.files:
            raise agent.AgentError("read", {"errno": 2})
        return self.files[path]

    def running(self):
        return self.alive

    def begin(self, op, path, **kw):
        self.did.append(f"begin {op} {path.rsplit('/', 1)[1]}")
        return 1

    def end(self, *_a):
        self.did.append("end")
        raise agent.AgentError("write", {"errno": 19})

    def call(self, op, path):
        return {"names": ["card0", "renderD128"] if path.endswith("/drm") else self.debug}


def on(guest):
    return SimpleNamespace(agent=guest, gpu=SimpleNamespace(command=lambda *a, **k: guest.did.append(str(k))))


def test_rmmod_must_be_refused_as_long_as_somebody_holds_a_file():
    guest = Guest(rmmod=1, running=[5])
    way = ways.WAYS["rmmod"]
    way.prepare(on(guest))
    assert way.leave(on(guest)) == 1000
    way.held(on(guest))
    way.back(on(guest))
    assert guest.did == ["rmmod xe", "unbind=0000:01:00.0", "rmmod xe", "rmmod xe", "bind=0000:01:00.0"]
    with pytest.raises(ways.Wrong, match="under an open file"):
        way.prepare(on(Guest(rmmod=0)))


def test_rmmod_must_work_once_all_is_closed(monkeypatch):
    monkeypatch.setattr(ways_more, "RELEASE_TIME", 0.05)
    guest = Guest(rmmod=0, files={REFCNT: "0\n"})
    ways.WAYS["rmmod"].back(on(guest))
    assert guest.did == ["rmmod xe", "modprobe xe"]
    with pytest.raises(ways.Wrong, match="reference count 2"):
        ways.WAYS["rmmod"].back(on(Guest(rmmod=1, files={REFCNT: "2\n"})))


def test_rmmod_waits_for_workers_that_release_what_was_closed(monkeypatch):
    guest = Guest(rmmod=0)
    left = iter(["1\n", "1\n", "0\n"])
    monkeypatch.setattr(guest, "read", lambda path: guest.did.append(path[-6:]) or next(left))
    ways.WAYS["rmmod"].back(on(guest))
    assert guest.did == ["refcnt"] * 3 + ["rmmod xe", "modprobe xe"]


def test_unloading_takes_the_device_along_and_needs_all_files_closed(monkeypatch):
    monkeypatch.setattr(ways_more, "RELEASE_TIME", 0.05)
    guest, way = Guest(rmmod=0, files={REFCNT: "0\n"}), ways.WAYS["unload"]
    guest.debug = ["devcd1", "disabled"]  # a dump holds the module
    assert way.leave(on(guest)) > 0
    way.back(on(guest))
    assert guest.did == ["data=0", "rmmod xe", "modprobe xe"]
    with pytest.raises(ways.Wrong, match="refused with all files closed"):
        way.leave(on(Guest(rmmod=1, files={REFCNT: "1\n"})))


LIST = {"/sys/kernel/debug/error_injection/list":
        "xe_guc_ct_init [xe]\tERRNO\nguc_wait_ucode [xe]\tERRNO\nopen_ctree\tERRNO\n"}


def test_probe_is_made_to_fail_at_each_point_and_then_left_alone():
    guest = Guest(files=LIST, bad=["/bind"])
    assert ways.WAYS["failed-probe"].leave(on(guest)) == 1000
    armed = [d for d in guest.did if d.startswith("inject=")]
    assert armed == ["inject=xe_guc_ct_init", "inject=", "inject=guc_wait_ucode", "inject="]
    assert guest.did.count("bind=0000:01:00.0") == 2 and "retval=0xfffffffffffffff4" in guest.did


def test_probe_that_survives_an_injected_failure_is_wrong_and_disarmed():
    guest = Guest(files=LIST)
    with pytest.raises(ways.Wrong, match=r"xe_guc_ct_init\(\)"):
        ways.WAYS["failed-probe"].leave(on(guest))
    assert guest.did[-1] == "inject="


@pytest.mark.parametrize("files", [{}, {"/sys/kernel/debug/error_injection/list": "open_ctree\tERRNO\n"}])
def test_a_kernel_without_injection_skips_before_it_touches_the_driver(files):
    guest = Guest(files=files)
    with pytest.raises(ways.Missing):
        ways.WAYS["failed-probe"].leave(on(guest))
    assert guest.did == []


def test_reset_and_probe_are_under_way_when_the_device_goes():
    guest = Guest()
    ways.WAYS["reset-remove"].leave(on(guest))
    assert guest.did == ["begin read force_reset", "remove=1", "end"]
    guest.debug = ["info"]
    with pytest.raises(ways.Missing, match="force_reset"):
        ways.WAYS["reset-remove"].leave(on(guest))
    guest = Guest()
    ways.WAYS["remove-probe"].leave(on(guest))
    assert guest.did == ["unbind=0000:01:00.0", "begin write bind", "remove=1", "end"]


def test_a_wedged_device_is_unbound():
    guest = Guest()
    guest.debug = ["force_reset", "fail_gt_reset"]
    guest.slice = lambda begin: guest.records[begin:]

    def call(op, *_a, path):
        if op == "read":
            guest.did.append(path)
            guest.records.append(agent.Record(
                3, 0, 0, "[drm] *ERROR* CRITICAL: Xe has declared device 0000:01:00.0 as wedged."))
            return {"data": ""}
        return Guest.call(guest, op, path)

    guest.call = call
    way = ways.WAYS["wedged"]
    way.prepare(on(guest))
    way.leave(on(guest))
    assert guest.did == ["verbose=0", "probability=100", "interval=0", "times=-1",
                         "/sys/kernel/debug/dri/0/gt0/force_reset", "probability=0", "unbind=0000:01:00.0"]
    guest.debug = ["force_reset"]
    with pytest.raises(ways.Missing, match="no fail_gt_reset"):
        way.prepare(on(guest))


def test_capability_list():
    space = bytearray(256)
    space[0x34], space[0x40], space[0x41], space[0x54] = 0x40, 0x05, 0x54, 0x10
    assert ways_more.capability(bytes(space), ways_more.PCI_EXPRESS) == 0x54
    assert ways_more.capability(bytes(space), 0x05) == 0x40
    space[0x55], space[0x54] = 0x40, 0x01  # a loop
    for bad in (bytes(space), b"", bytes(256)):
        with pytest.raises(ways.Missing):
            ways_more.capability(bad, ways_more.PCI_EXPRESS)


class Sleeper(Guest):
    """A device whose status becomes what is asked for after some looks; power capability at 0x40."""

    def __init__(self, *status):
        super().__init__()
        self.status = list(status)

    def read(self, path):
        if path.endswith("autosuspend_delay_ms"):
            return "1000\n"
        assert path.endswith("/power/runtime_status")
        self.did.append(self.status[0])
        return (self.status.pop(0) if len(self.status) > 1 else self.status[0]) + "\n"

    def run(self, argv, _timeout):
        space = bytearray(256)
        space[0x34], space[0x40] = 0x40, ways_more.PCI_POWER
        return SimpleNamespace(status=0, out=[space.hex(" ")])

    def call(self, op, **kw):
        self.did.append((op, kw["offset"], kw["words"]))


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(ways_more, "SUSPEND_TIME", 0.1)
    monkeypatch.setattr(ways_more, "SUSPEND_TRIES", 0)
    monkeypatch.setattr(Guest, "pace", 1, raising=False)


ASLEEP = ["control=auto", "autosuspend_delay_ms=20", "active", "suspending", "suspended"]


@pytest.mark.parametrize("name, then", [
    ("suspend-remove", []),
    ("suspend-surprise", ["{'on': True}", ("poke", 0x44, [0])]),
    ("surprise-suspend", ["control=on", "{'on': True}", "control=auto"])])
def test_nothing_happens_before_the_device_is_suspended(hasty, name, then):
    guest = Sleeper("active", "suspending", "suspended")
    way = ways.WAYS[name]
    way.prepare(on(guest))
    way.leave(on(guest))
    assert guest.did == [*ASLEEP, *then, "remove=1"]


def test_a_gpu_whose_reset_does_not_end_is_for_the_driver_to_reset():
    guest = Guest()
    way = ways.WAYS["reset-fails"]
    way.prepare(on(guest))
    way.leave(on(guest))
    way.back(on(guest))
    assert guest.did == ["control=on", "{'reset_us': 8000000}", "unbind=0000:01:00.0", "{}", "control=auto",
                         "bind=0000:01:00.0"]


def test_a_device_that_stays_awake_skips_and_has_its_delay_again(hasty):
    guest = Sleeper("active")
    with pytest.raises(ways.Missing, match="does not suspend"):
        ways.WAYS["suspend-surprise"].prepare(on(guest))
    assert guest.did[-1] == "autosuspend_delay_ms=1000" and "{'on': True}" not in guest.did
    with pytest.raises(ways.Wrong, match="failed to suspend"):
        ways.WAYS["suspend-remove"].prepare(on(Sleeper("active", "error")))


def monitor(*replies):
    ours, theirs = socket.socketpair()

    def serve():
        theirs.sendall(b'{"QMP": {}}\n')
        for lines in ([{"return": {}}], *replies):
            theirs.recv(4096)
            theirs.sendall(b"".join(json.dumps(m).encode() + b"\n" for m in lines))
        theirs.close()
    threading.Thread(target=serve, daemon=True).start()
    return qmp.Qmp(ours, 2.0)


def test_monitor_passes_events_over_and_says_what_qemu_refuses():
    m = monitor([{"event": "X"}, {"return": [1]}], [{"error": {"desc": "no such device"}}])
    assert m.command("qom-list") == [1]
    with pytest.raises(qmp.QmpError, match="no such device"):
        m.command("device_del", id="x")
    with pytest.raises(qmp.QmpError, match="gone|Broken pipe|reset"):
        m.command("again")
