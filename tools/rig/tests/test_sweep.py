# SPDX-License-Identifier: MIT
"""Sweep: points out of a recording, samples, what is walked again, the steps of a point."""

import time
from types import SimpleNamespace

import pytest

from guestkit import FakeGpu, FakeGuest
from xerig import agent, errors, expect, klog, paths, stall, sweep
from xerig.result import Result
from xerig.states import STATES
from xerig.sweep import Point

FACTS = {"base": "6.12", "side": "patched", "kernel": "plain", "iommu": "on", "gpu": "lnl"}
RECORDED = {"probe": [{"kind": "mmio_read", "kn": n, "what": f"R{n % 3}", "addr": n % 3} for n in range(1, 10)],
            "work": [{"kind": "ioctl", "kn": 1}, {"kind": "ioctl", "kn": 2}], "close": [], "reset": [],
            "remove": [{"kind": "irq", "kn": 1, "what": "MSI"}, {"kind": "irq", "kn": 2, "what": "MSI"}]}


def test_every_event_is_a_point_and_places_come_first():
    every = sweep.points("userptr", RECORDED)
    assert len(every) == 13 == len({p.name for p in every})
    assert [(p.phase, p.n, p.stage) for p in every[:6]] == [
        ("work", 1, 0), ("work", 2, 0), ("remove", 1, 0), ("probe", 1, 0), ("probe", 3, 0), ("probe", 2, 0)]
    # R1 first came from nothing, now from R0; an interrupt after an interrupt is new, too.
    assert [(p.phase, p.n) for p in every if p.stage == 1] == [("remove", 2), ("probe", 4)]
    assert {p.n for p in every if p.stage == 2} == {5, 6, 7, 8, 9}


def test_any_beginning_is_spread_evenly():
    order = sweep.spread(list(range(100)))
    assert sorted(order) == list(range(100))
    for count in (4, 10, 50):
        assert {n // (200 // count) for n in order[:count]} == set(range(count // 2))


def test_how_far_a_walk_is():
    every = sweep.points("userptr", RECORDED)
    done = [Result(p, {}, verdict="skip" if p.phase == "probe" and p.n == 2 else "clean") for p in every[:7]]
    assert sweep.progress(every, done) == ("7 of 13 points walked: 6 of 6 places, 1 of 2 places by what came before, "
                                           "0 of 5 others; 1 without the event")


def test_names_of_points():
    assert sweep.parse("userptr@work@h2g@3", STATES) == [Point("userptr", "work", "h2g", 3)]
    with pytest.raises(errors.UsageError, match="empty"):
        sweep.parse(" , ", STATES)
    for bad in ("userptr", "nix@work@h2g@3", "userptr@lunch@h2g@3", "userptr@work@h2g@0", "userptr@work@h2g@x",
                "userptr@work@h2g@\u00b2", "userptr@work@bogus@1", "userptr@work@call@7", "userptr@work@call@",
                "userptr@work@call@xe bo"):
        with pytest.raises(errors.UsageError, match="no point"):
            sweep.parse(bad, STATES)
    assert sweep.parse("userptr@work@call@vma_lock.isra.0", STATES) == [Point("userptr", "work", "call",
                                                                             "vma_lock.isra.0")]
    with pytest.raises(errors.UsageError, match="no task can be stalled in probe"):
        sweep.parse("userptr@probe@call@xe_info_init", STATES)
    with pytest.raises(errors.UsageError, match="no task can be stalled in work, only in close"):
        sweep.parse("userptr@work@unload@xe_vm_free", STATES)


def test_a_recording_that_lost_events_is_refused():
    pages = {1: {"events": [1, 2], "next": 3, "total": 3, "dropped": 0},
             3: {"events": [3], "next": 4, "total": 3, "dropped": 0}}
    assert sweep.events(SimpleNamespace(command=lambda _c, since: pages[since])) == [1, 2, 3]
    with pytest.raises(errors.InfraError, match="not whole"):
        sweep.events(SimpleNamespace(command=lambda _c, since: {"events": [], "next": 1, "total": 9, "dropped": 7}))


@pytest.fixture(autouse=True)
def _reset(monkeypatch):
    """A GT reset that is over at once, and says so."""
    def ask(boot):
        boot.agent.did.append("ask for reset")
        boot.agent.records.append(agent.Record(6, 0, 0, "xe 0000:01:00.0: [drm] GT0: reset done"))
    monkeypatch.setattr(sweep.ways_more, "ask_reset", ask)


class Guest(FakeGuest):
    def __init__(self, log=(), answer="held {}", refuse=()):
        super().__init__(log)
        self.answer, self.refuse = answer, refuse
        self._child = agent.GuestChild(5)

    def write(self, path, data, _timeout=0):
        ns = super().write(path, data)
        if self.did[-1] in self.refuse:
            raise agent.AgentError("write", {"errno": 19})
        return ns

    def spawn(self, argv):
        self.did.append("spawn")
        self.argv = argv
        return 5

    def next_line(self, *_a):
        answer = self.answer.pop(0) if isinstance(self.answer, list) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def call(self, op, *_a, **kw):
        self.did.append(kw.get("line") or f"{op} {kw.get('sig', '')}".strip())

    def child(self, _pid):
        return self._child

    def wait_exit(self, *_a):
        self._child.ended = True
        return self._child


def walk(phase, gpu=None, point=None, bound=True, rules=(), **kw):
    guest, gpu = Guest(**kw), gpu or FakeGpu()
    vm = SimpleNamespace(agent=guest, gpu=gpu, gpus=[gpu], console_lines=list,
                         render_node=lambda *_a: "/dev/dri/renderD128" if bound or "bind" in guest.did else None,
                         held_up=dict)
    res = sweep.SweepRun(vm, point or Point("userptr", phase, "mmio_read", 4), FACTS, rules, (3, 0)).run()
    return guest.did, gpu.log, res


@pytest.mark.parametrize("phase, did", [
    ("probe", ["unbind", "bind", "remove", "drivers_autoprobe", "rescan", "drivers_autoprobe"]),
    ("work", ["spawn", "remove", "signal 9", "rescan"]),
    ("close", ["spawn", "close", "remove", "signal 9", "rescan"]),
    ("reset", ["spawn", "ask for reset", "remove", "signal 9", "rescan"]),
    ("remove", ["spawn", "unbind", "remove", "signal 9", "rescan"]),
])
def test_the_device_dies_in_the_phase_and_is_taken_away(phase, did):
    got, log, res = walk(phase)
    assert got == did and res.verdict == "clean", res.findings
    assert ("trigger", "mmio_read", 4, "die") in log
    order = [c[0] for c in log if c[0] in ("trigger", "disarm")] + [c for c in log if c[0] in ("dead", "gone")]
    assert order == ["trigger", "disarm", ("dead", True), ("gone", True), ("gone", False), ("dead", False)]


def test_a_point_may_find_the_device_without_its_driver():
    assert walk("probe", bound=False)[0][:2] == ["bind", "remove"]
    assert walk("work", bound=False)[0][:2] == ["bind", "spawn"]
    for phase in ("probe", "work"):
        res = walk(phase, bound=False, gpu=FakeGpu(fires=False), refuse=["bind"])[2]
        assert (res.verdict, res.oracles(), res.broken) == ("dirty", ["rig"], True), phase


def test_between_ioctls_the_device_leaves_in_order_and_the_program_goes_on():
    point = Point("userptr", "work", "ioctl", 7)
    did, log, res = walk("work", point=point, answer="boundary 7")
    assert did == ["spawn", "unbind", "go", "signal 9", "bind"] and res.verdict == "clean", res.findings
    assert ("dead", True) not in log and not [c for c in log if c[0] == "trigger"]
    did, _, res = walk("close", point=Point("userptr", "close", "ioctl", 9), answer=["held {}", "boundary 9", "ok {}"])
    assert did[:3] == ["spawn", "close", "unbind"] and res.facts["way"] == "unbind"
    res = walk("work", point=point)[2]
    assert res.verdict == "skip", res.findings  # it says "held": no such ioctl
    res = walk("work", point=point, answer="boundary 7", log=["xe: a word of complaint"])[2]
    assert res.verdict == "dirty"  # nothing has died here


class Stalling(Guest):
    """Whose module catches a task, or none; at: what the file says, the last for ever."""

    def __init__(self, at=("armed", "stalled"), **kw):
        super().__init__(**kw)
        self.at = list(at)

    def read(self, path, *_a):
        assert path == f"{stall.FILES}/at"
        return self.at.pop(0) if len(self.at) > 1 else self.at[0]

    def write(self, path, data, timeout=0):
        super().write(path, data, timeout)
        if path.startswith(stall.FILES):
            self.did[-1] = f"at {data.strip()}".strip()
            if not data.strip():
                self.at = ["none"]
        return 7


def call(phase, kind="call", **kw):
    guest, gpu = Stalling(**kw), FakeGpu()
    vm = SimpleNamespace(agent=guest, gpu=gpu, gpus=[gpu], render_node=lambda *_a: "/dev/dri/renderD128",
                         console_lines=list, held_up=dict)
    res = sweep.SweepRun(vm, Point("userptr", phase, kind, "xe_bo_lock"), FACTS, klog.load_allowed(), (3, 0)).run()
    return guest.did, gpu.log, res


SILENT = agent.GuestTimeout("nothing said")


def test_a_task_is_stalled_while_the_device_leaves_in_order():
    did, log, res = call("work", answer=[SILENT, None])
    assert did == ["at xe:xe_bo_lock 700", "spawn", "unbind", "at", "signal 9", "bind"]
    assert res.verdict == "clean" and res.facts["way"] == "unbind", res.findings
    assert not [c for c in log if c[0] == "trigger"]
    did, _, res = call("close", answer=["held {}", SILENT, "ok {}"])
    assert did == ["spawn", "at xe:xe_bo_lock 700", "close", "unbind", "at", "signal 9", "bind"]
    assert res.verdict == "clean", res.findings


def test_a_function_that_nobody_calls_is_a_skip(monkeypatch):
    monkeypatch.setattr(sweep, "LATE_CALLS", 0.0)
    for phase in ("work", "close", "remove"):
        res = call(phase, at=["armed"])[2]
        assert (res.verdict, res.skip) == ("skip", "this run had no such event"), phase


def test_a_stalled_removal_meets_the_program(monkeypatch):
    monkeypatch.setattr(type(sweep.UNBIND), "leave", lambda *_a: time.sleep(0.3) or 7)
    did, _, res = call("remove", answer=["held {}", "ok {}"])
    assert did == ["spawn", "at xe:xe_bo_lock 700", "close", "at", "at", "signal 9", "bind"]
    assert res.verdict == "clean", res.findings


def test_a_device_may_be_lost_under_a_stalled_task(monkeypatch):
    did, log, res = call("work", "lost", answer=[SILENT, None], log=["xe: a word of complaint"])
    assert did == ["at xe:xe_bo_lock 700", "spawn", "remove", "at", "signal 9", "rescan"] and res.verdict == "clean"
    assert [c for c in log if c[0] == "dead"] == [("dead", True), ("dead", False)]
    monkeypatch.setattr(type(sweep.ways.WAYS["surprise"]), "leave", lambda *_a: time.sleep(0.3) or 7)
    did, log, res = call("remove", "lost", answer=["held {}", "ok {}"])
    assert did == ["spawn", "at xe:xe_bo_lock 700", "close", "at", "at", "signal 9", "rescan"]
    assert ("dead", True) in log and res.verdict == "clean", res.findings


def test_the_module_is_unloaded_under_a_stalled_worker(monkeypatch):
    way = type(sweep.ways.WAYS["unload"])
    monkeypatch.setattr(way, "leave", lambda _self, boot: boot.agent.did.append("rmmod") or 7)
    monkeypatch.setattr(way, "back", lambda _self, boot: boot.agent.did.append("modprobe"))
    did, log, res = call("close", "unload", answer=["held {}", SILENT, "ok {}"])
    assert did == ["spawn", "at xe:xe_bo_lock 700 kthread", "close", "rmmod", "at", "signal 9", "modprobe"]
    assert res.verdict == "clean" and res.facts["way"] == "unload", res.findings
    assert not [c for c in log if c[0] == "dead"]
    assert call("close", "unload", answer=["held {}", SILENT, "ok {}"], log=["xe: a word"])[2].verdict == "dirty"


def test_the_gt_is_reset_under_a_stalled_task_and_the_device_leaves_after_it():
    did, _, res = call("work", "reset", answer=[SILENT, "held {}"])
    assert did == ["at xe:xe_bo_lock 700", "spawn", "ask for reset", "at", "unbind", "at", "signal 9", "bind"]
    assert res.verdict == "clean" and res.facts["way"] == "unbind", res.findings


def test_a_stalled_reset_meets_the_program_and_then_the_removal():
    did, log, res = call("reset", answer=["held {}", SILENT, "ok {}"])
    assert did == ["spawn", "at xe:xe_bo_lock 700", "ask for reset", "close", "unbind", "at", "signal 9", "bind"]
    assert res.verdict == "clean" and ("dead", True) not in log, res.findings
    did, log, _ = call("reset", "lost", answer=["held {}"])
    assert did == ["spawn", "at xe:xe_bo_lock 700", "ask for reset", "remove", "at", "signal 9", "rescan"]
    assert ("dead", True) in log


def test_what_waits_for_a_stalled_task_may_say_so_and_no_more():
    for text, verdict in (("xe 0000:01:00.0: [drm] 7 buffers are locked and stay for now", "clean"),
                          ("xe 0000:01:00.0: [drm] 7 buffers are lost", "dirty")):
        assert call("work", answer=[SILENT, None], log=[text])[2].verdict == verdict, text


def test_a_function_that_cannot_be_stalled_is_no_verdict():
    def refuse(*_a):
        raise agent.AgentError("write", {"errno": 2})
    guest = Stalling()
    guest.write = refuse
    with pytest.raises(errors.InfraError, match="no task can be stalled at nix"):
        stall.Stall(guest).arm("nix")


def test_the_recording_counts_ioctls_by_phase():
    guest, gpu = Guest(answer='held {"ioctls": 3}'), FakeGpu()
    gpu_command = gpu.command
    gpu.command = lambda cmd, **a: {"events": [{"kind": "irq", "kn": 1}], "next": 9, "total": 1, "dropped": 0} \
        if cmd == "events" else gpu_command(cmd, **a)
    vm = SimpleNamespace(agent=guest, gpu=gpu, gpus=[gpu], render_node=lambda *_a: "/dev/dri/renderD128",
                         console_lines=list, held_up=dict)
    rec = sweep.Recorder(vm, "userptr", FACTS, [], (3, 0))
    start = rec.start
    rec.start = lambda: (start(), setattr(guest, "answer", 'held {"ioctls": 3}'))
    rec.tell = lambda _c: setattr(guest, "answer", 'ok {"ms": 1, "ioctls": 5}')
    res = rec.run()
    assert res.verdict == "clean", res.findings
    found = {p.name for p in sweep.points("userptr", rec.recorded) if p.kind == "ioctl"}
    assert found == {*(f"userptr@work@ioctl@{n}" for n in (1, 2, 3)), *(f"userptr@close@ioctl@{n}" for n in (4, 5))}


def test_a_workload_that_fails_is_not_recorded():
    gpu = FakeGpu()
    gpu.command = lambda cmd, **a: {"events": [], "next": 0, "total": 0, "dropped": 0} if cmd == "events" else \
        FakeGpu().command(cmd, **a)
    vm = SimpleNamespace(agent=Guest(answer="fail no importer"), gpu=gpu, gpus=[gpu], console_lines=list,
                         render_node=lambda *_a: "/dev/dri/renderD128", held_up=dict)
    res = sweep.Recorder(vm, "userptr", FACTS, [], (3, 0)).run()
    assert res.verdict == "infra" and "says: fail no importer" in res.findings[0].summary


def test_the_recording_names_the_functions_of_each_phase(monkeypatch):
    monkeypatch.setattr(sweep, "LATE_CALLS", 0.0)
    phases = iter(("xe:xe_vm_bind\nxe:xe_bo_lock kthread\n", "xe:xe_vm_close\nxe:xe_vm_free kthread\n",
                   "xe:gt_reset kthread\n", "xe:xe_unplug_halt kthread\n"))
    guest, gpu = Stalling(at=["none"], answer="held"), FakeGpu()
    at = guest.read
    guest.read = lambda path, *a: next(phases) if path == f"{stall.FILES}/calls" else at(path, *a)
    gpu.command = lambda cmd, **a: {"events": [], "next": 0, "total": 0, "dropped": 0} if cmd == "events" else \
        FakeGpu().command(cmd, **a)
    vm = SimpleNamespace(agent=guest, gpu=gpu, gpus=[gpu], render_node=lambda *_a: "/dev/dri/renderD128",
                         console_lines=list, held_up=dict)
    rec = sweep.Recorder(vm, "userptr", FACTS, [], (3, 0), ["xe_vm_bind", "xe_bo_lock"])
    res = rec.run()
    assert res.verdict == "clean", res.findings
    every = [p.name.partition("@")[2] for p in sweep.points("userptr", rec.recorded)]
    found = [n for n in every if "@call@" in n]
    assert sorted(every) == sorted(["close@unload@xe_vm_free", *found, *(
        n.replace("@call@", "@lost@") for n in found), *(
        n.replace("@call@", "@reset@") for n in found if n.startswith(("work", "close")))])
    assert sorted(found) == ["close@call@xe_vm_close", "close@call@xe_vm_free", "remove@call@xe_unplug_halt", "reset@call@gt_reset",
                             "work@call@xe_bo_lock", "work@call@xe_vm_bind"]
    assert [d for d in guest.did if d.startswith("at ")] == [
        "at xe:xe_vm_bind\nxe:xe_bo_lock", "at again", "at again", "at again", "at again"]


def test_functions_of_the_driver_without_what_cannot_be_called(monkeypatch, tmp_path):
    (tmp_path / "xe.ko").touch()
    text = "\n".join(("0 T xe_bo_lock", "0 t __pfx_xe_bo_lock", "0 t vma_lock.isra.0", "0 t xe_bo_lock.cold", "0 d xe_data",
                      "0 T init_module", "                 U kfree", "0 T xe_bo_lock"))
    monkeypatch.setattr(stall.cmd, "run", lambda argv: SimpleNamespace(stdout=text))
    assert stall.functions(SimpleNamespace(modules=tmp_path)) == ["vma_lock.isra.0", "xe_bo_lock"]
    with pytest.raises(errors.InfraError, match="no xe.ko"):
        stall.functions(SimpleNamespace(modules=tmp_path / "nix"))


def test_words_are_allowed_and_splats_are_not():
    assert walk("probe", log=["xe 0000:01:00.0: [drm] *ERROR* GuC died"], refuse=["bind"])[2].verdict == "clean"
    res = walk("probe", log=["WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2"])[2]
    assert (res.verdict, res.oracles()) == ("dirty", ["klog"])


@pytest.mark.parametrize("text", [
    "WARNING: CPU: 0 PID: 1 at drivers/gpu/drm/xe/xe_gt_idle.c:141 xe_gt_idle_disable_pg+0x1/0x2",
    "WARNING: CPU: 0 PID: 1 at drivers/gpu/drm/xe/xe_bo.c:9 xe_bo_f+0x1/0x2",
    "WARNING: CPU: 0 PID: 1 at drivers/gpu/drm/xe/xe_gt_clock.c:53 xe_gt_clock_init+0x1/0x2",
    "BUG: KASAN: slab-use-after-free in xe_gt_idle_disable_pg+0x1/0x2",
    "WARNING: possible circular locking dependency detected"])
def test_an_orderly_removal_may_not_warn(text):
    res = walk("remove", log=[text], rules=klog.load_allowed())[2]
    lines = expect.load("6.12", "patched", "sweep")
    assert res.verdict == "dirty" and expect.apply(lines, res) == "unexpected"


def test_a_probe_may_warn_of_registers_of_all_ones():
    text = "WARNING: CPU: 0 PID: 1 at drivers/gpu/drm/xe/xe_gt_clock.c:53 xe_gt_clock_init+0x1/0x2"
    assert walk("probe", log=[text], rules=klog.load_allowed())[2].verdict == "clean"


def test_an_event_that_does_not_come_is_a_skip():
    assert walk("probe", gpu=FakeGpu(fires=False))[2].verdict == "skip"


def test_points_have_their_own_expectations():
    res = walk("probe")[2]
    lines = expect.parse("fail userptr@probe@* klog known", "sweep.txt", cells=False)
    assert expect.apply(lines, res) == "must-leave" and isinstance(res, Result)


def test_a_recording_is_taken_up_only_with_the_same_kernel_gpu_and_programs(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(sweep, "record", lambda *_a: made.append(1) or {"probe": [len(made)]})
    monkeypatch.setattr(sweep.results, "new_run_dir", lambda _w: tmp_path)
    s = SimpleNamespace(cache=paths.Cache(tmp_path), gpu="lnl", base=SimpleNamespace(name="6.12"),
                        sides={"patched": SimpleNamespace(kernel=SimpleNamespace(key="k", content="c"))})

    def ask(known=True):
        return sweep.recording(s, "patched", "on", "userptr", [], known)["probe"]
    assert ask() == ask() == [1] and ask(known=False) == [2] and ask() == [2]
    monkeypatch.setattr(paths, "SCENARIOS", tmp_path)
    (tmp_path / "Makefile").write_text("another")
    assert ask() == [3]
    s.gpu = "bmg"
    assert ask() == [4]
