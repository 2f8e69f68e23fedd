# SPDX-License-Identifier: MIT
"""The steps of a cell and the spreading of cells over boots, with a guest and a GPU made of Python."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest

from xerig import agent, cellrun, errors, run, ways
from xerig.matrix import Cell
from xerig.oracles import Finding
from xerig.result import Result

FACTS = {"base": "6.12", "side": "base", "kernel": "plain", "iommu": "on", "gpu": "lnl"}
MEMINFO = "MemFree: 900000 kB\nMemAvailable: 800000 kB\n"


class Gpu:
    """Takes down the control commands."""

    def __init__(self):
        self.log = []
        self.events = []

    def command(self, cmd, **args):
        self.log.append((cmd, *args.values()))
        return {"next": 0, "events": self.events, "live_dma_pages": 0, "contexts": 0, "jobs_running": 0,
                "bus_master": False}

    def stats(self):
        return {"live_dma_pages": 0}


class Guest:
    """A guest whose program answers from a table; an exception as answer is raised."""

    pace = 1

    def __init__(self, answers=None):
        self.answers = {"hold": "held {}", "verify": "ok {}", "gone": "ok {}", "munmap": "ok {}", "close": "ok {}",
                        **(answers or {})}
        self.steps, self.records, self.lost, self.heard, self.now = [], [], False, 0, 0
        self.kernel = []
        self._children = {}
        self.write_error = None

    def mark(self, text, *_args, **_kw):
        self.records += [agent.Record(4, 0, 0, t) for t in self.kernel]
        self.kernel = []
        self.records.append(agent.Record(6, 0, self.now, text))
        return len(self.records) - 1

    def slice(self, begin, end=None):
        return self.records[begin:end]

    def unheard(self, end=None):
        begin, self.heard = self.heard, len(self.records) if end is None else end
        return self.records[begin:end]

    def begin(self, op, **args):
        return args.get("path")

    def end(self, path, op):
        return {"data": MEMINFO if "meminfo" in path else "100" if "total" in path else "97"}

    def spawn(self, argv, env=()):
        self.steps.append("spawn " + argv[0])
        self._last = "hold"
        pid = 5 + len(self._children)
        self._children[pid] = agent.GuestChild(pid)
        return pid

    def child(self, pid):
        return self._children[pid]

    def next_line(self, pid, _timeout):
        answer = self.answers[self._last]
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self._children[pid].ended, self._children[pid].signal = True, 11
        return answer

    def call(self, op, *_a, pid=None, line=None, sig=None, **_kw):
        child = self._children.get(pid)
        if op == "send":
            self.steps.append(line)
            self._last = line
            if line == "exit":
                child.ended, child.status = True, self.answers.get("status", 0)
        if op == "signal":
            self.steps.append(f"signal {sig}")
            child.ended, child.signal = True, sig
        return {"ok": True}

    def wait_exit(self, pid, _timeout):
        child = self._children[pid]
        child.ended = True
        if child.status is None and child.signal is None:
            child.status = self.answers.get("status", 0)
        return child

    def write(self, path, data, timeout=0):
        self.steps.append(path.rsplit("/", 1)[1])
        if self.write_error:
            raise self.write_error
        return 5_000_000

    def settle_log(self, *_a):
        pass

    def closed(self):
        return False


held_up = []  # what the boot says next


def cell_run(cell, guest, gpu=None, others=()):
    gpus = [gpu or Gpu(), *others]
    vm = SimpleNamespace(agent=guest, gpu=gpus[0], gpus=gpus, console_lines=list,
                         render_node=lambda n=0: f"/dev/dri/renderD{128 + n}",
                         held_up=lambda: held_up.pop(0) if held_up else {})
    return cellrun.CellRun(vm, cell, FACTS, [], (3, 0))


def test_close_after_is_clean_and_in_order():
    guest, gpu = Guest(), Gpu()
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest, gpu).run()
    assert (res.verdict, res.broken, res.remove_ns) == ("clean", False, 5_000_000), res.findings
    assert guest.steps == ["spawn /scenarios/idle-fd", "verify", "remove", "gone", "close", "exit", "rescan"]
    assert [c for c in gpu.log if c[0] == "gone"] == [("gone", True), ("gone", False)]


@pytest.mark.parametrize("order, asked", [("close-after", True), ("munmap-during", True), ("during", False),
                                          ("close-before", False)])
def test_only_who_holds_files_is_asked_for_what_they_hold(order, asked, monkeypatch):
    seen = []
    monkeypatch.setattr(cellrun.WAYS["remove"], "held", seen.append, raising=False)
    res = cell_run(Cell("userptr", "remove", order), Guest()).run()
    assert res.verdict == "clean" and bool(seen) == asked, res.findings


@pytest.mark.parametrize("stays", [False, True])
def test_a_way_that_cannot_be_gone_leaves_nobody_to_the_next_cell(stays, monkeypatch):
    def missing(_boot):
        raise ways.Missing("the device does not suspend at runtime")
    monkeypatch.setattr(cellrun.WAYS["remove"], "prepare", missing, raising=False)
    monkeypatch.setattr(cellrun, "DISMISS_TIME", 0.1)
    guest = Guest()
    guest.running = lambda: [5] if stays else []
    res = cell_run(Cell("queue-endless", "remove", "close-after"), guest).run()
    assert guest.steps[-1] == "signal 9" and "remove" not in guest.steps
    assert res.skip == "the device does not suspend at runtime" and res.broken is stays


def test_other_gpus_must_work_and_stay_silent():
    guest, other = Guest(), Gpu()
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest, others=[other]).run()
    assert res.verdict == "clean", res.findings
    assert guest.steps.index("remove") < guest.steps.index("spawn /scenarios/bo-bound") < guest.steps.index("gone")
    assert not [c for c in other.log if c[0] in ("gone", "dead")]


def test_other_gpus_go_with_the_module(monkeypatch):
    guest = Guest()
    monkeypatch.setattr(cellrun.WAYS["remove"], "all", True, raising=False)
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest, others=[Gpu()]).run()
    assert res.verdict == "clean" and "spawn /scenarios/bo-bound" not in guest.steps, res.findings


@pytest.mark.parametrize("order, steps", [
    ("munmap-after", ["remove", "gone", "munmap", "close", "exit", "rescan"]),
    ("kill", ["remove", "gone", "signal 9", "rescan"]),
    ("close-after-reprobe", ["remove", "gone", "rescan", "close", "exit"]),
    ("during", ["close", "remove", "exit", "rescan"]),
    ("close-before", ["close", "remove", "exit", "rescan"]),
    ("munmap-during", ["munmap", "remove", "gone", "close", "exit", "rescan"]),
])
def test_orders(order, steps):
    guest = Guest()
    res = cell_run(Cell("userptr", "remove", order), guest).run()
    assert guest.steps[2:] == sorted(steps[:2], key=guest.steps[2:].index) + steps[2:], guest.steps
    assert res.verdict == "clean", res.findings


def test_who_closes_before_has_closed_when_something_happens_to_the_device(monkeypatch):
    guest = Guest()
    monkeypatch.setattr(cellrun.WAYS["remove"], "prepare", lambda _boot: guest.steps.append("dies"), raising=False)
    res = cell_run(Cell("userptr", "remove", "close-before"), guest).run()
    assert guest.steps[2:] == ["close", "dies", "remove", "exit", "rescan"], guest.steps
    assert res.verdict == "clean", res.findings


def test_the_command_beside_a_removal_comes_while_it_is_at_work():
    guest = Guest()
    quick = guest.write

    def slow(path, *args, **more):
        if path.endswith("remove"):
            time.sleep(cellrun.RACE_SPREAD * 2)
        return quick(path, *args, **more)
    guest.write = slow
    res = cell_run(Cell("userptr", "remove", "during"), guest).run()
    assert guest.steps[2:4] == ["close", "remove"] and res.verdict == "clean", res.findings


def test_a_command_beside_that_hangs_is_a_hang():
    guest = Guest({"close": agent.GuestTimeout("process 5: no answer in 20 s")})
    res = cell_run(Cell("userptr", "remove", "during"), guest).run()
    assert res.verdict == "hang" and res.broken


def test_a_gpu_is_slow_for_as_long_as_it_leaves():
    guest, gpu = Guest(), Gpu()
    quick, seen = guest.write, []
    guest.write = lambda path, *a, **k: seen.append((path.rsplit("/", 1)[1], gpu.log[-1])) or quick(path, *a, **k)
    assert cell_run(Cell("preempt-racing", "remove", "close-after"), guest, gpu).run().verdict == "clean"
    assert seen[0] == ("remove", ("slow", 40000, 4000))
    assert [c for c in gpu.log if c[0] == "slow"][1:] == [("slow",)]
    assert gpu.log.index(("slow",)) < gpu.log.index(("gone", True))
    guest.write = lambda *_a, **_k: (_ for _ in ()).throw(agent.GuestTimeout("no answer"))
    assert cell_run(Cell("preempt-racing+idle-fd", "remove", "close-after"), guest, gpu).run().verdict == "hang"
    assert [c for c in gpu.log if c[0] == "slow"][2:] == [("slow", 40000, 4000), ("slow",)]
    gpu.log.clear()
    cell_run(Cell("idle-fd", "remove", "close-after"), Guest(), gpu).run()
    assert not [c for c in gpu.log if c[0] == "slow"]


def test_modules_of_a_state_are_loaded_before_anything_is_counted():
    guest = Guest()
    guest.run = lambda argv, _t: guest.steps.append(" ".join(argv))
    cell_run(Cell("dmabuf-imported", "remove", "close-after"), guest).run()
    assert guest.steps[:2] == ["modprobe vgem", "spawn /scenarios/dmabuf-imported"]


def test_a_removal_that_waits_for_somebody_is_told():
    guest = Guest()
    guest.write = lambda *a, **k: 5_000_000_000
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest).run()
    assert res.verdict == "dirty" and "took 5.0 s" in res.findings[0].summary and res.oracles() == ["rig"]


def test_what_the_host_did_meanwhile_is_not_the_removals_time():
    guest = Guest()
    guest.write = lambda *a, **k: 5_000_000_000
    held_up[:] = [{"1": 7.0, "2": 3.0}, {"1": 8.0, "2": 4.5}]
    assert cell_run(Cell("idle-fd", "remove", "close-after"), guest).run().verdict == "clean"
    held_up[:] = [{"1": 10.0}, {"1": 10.5}]
    assert "more than 4.5 s" in cell_run(Cell("idle-fd", "remove", "close-after"), guest).run().findings[0].summary


def test_threads_that_ended_meanwhile_do_not_shorten_the_removals_time():
    held_up[:] = [{"1": 7.0, "2": 30.0}, {"1": 7.0, "3": 0.5}]
    res = cell_run(Cell("idle-fd", "remove", "close-after"), Guest()).run()
    assert res.verdict == "clean", res.findings


def test_a_dead_device_may_be_waited_for_half_as_long():
    guest = Guest()
    guest.write = lambda *a, **k: 2_500_000_000
    assert cell_run(Cell("idle-fd", "remove", "close-after"), guest).run().verdict == "clean"
    assert "more than 2 s" in cell_run(Cell("idle-fd", "surprise", "close-after"), guest).run().findings[0].summary


def test_a_removal_may_take_longer_on_a_slow_kernel():
    guest = Guest()
    guest.pace, guest.write = 4, lambda *a, **k: 5_000_000_000
    assert cell_run(Cell("idle-fd", "remove", "close-after"), guest).run().verdict == "clean"


@pytest.mark.parametrize("state, seconds", [("idle-fd", 0), ("queue-endless", 12), ("idle-fd+queue-many", 12)])
def test_jobs_without_end_are_left_with_a_device_that_was_given_up(state, seconds, monkeypatch):
    slept, guest = [], Guest()
    monkeypatch.setattr(cellrun.time, "sleep", slept.append)
    monkeypatch.setattr(ways.WAYS["wedged"], "prepare", lambda boot: guest.steps.append(sum(slept)))
    guest.pace = 2
    cell_run(Cell(state, "wedged", "close-after"), guest).run()
    assert sum(slept) - next(s for s in guest.steps if isinstance(s, (int, float))) >= seconds
    assert seconds or sum(slept) < 6


def options(state, pace):
    """What the program of a state is started with on a kernel that is so many times slower."""
    guest, argv = Guest(), []
    spawn = guest.spawn
    guest.spawn = lambda a, env=(): argv.append(a) or spawn(a, env)
    guest.pace = pace
    cell_run(Cell(state, "remove", "close-after"), guest).run()
    return argv[0]


def test_a_program_gives_itself_more_time_on_a_slow_kernel():
    assert "--watchdog" not in options("idle-fd", 1)
    assert options("idle-fd", 4)[-2:] == ["--watchdog", str(4 * cellrun.WATCHDOG)]


def test_a_program_holds_less_on_a_slow_kernel():
    assert "--count" not in options("many-bos", 1)
    assert options("many-bos", 4)[-2:] == ["--count", "1000"]


def test_a_program_holds_less_beside_others():
    assert options("many-bos+idle-fd", 1)[-2:] == ["--count", "1000"]


class DumpingGuest(Guest):
    """Its kernel makes a device core dump at removal; who reads that waits for the worker, which says words."""

    def __init__(self, *words):
        super().__init__()
        self.words, self.reads = words, []

    def write(self, path, data, timeout=0):
        if path.endswith("/remove"):
            self.records.append(agent.Record(6, 0, 0, "xe 0000:01:00.0: [drm] Xe device coredump has been created"))
        return super().write(path, data, timeout)

    def call(self, op, *a, path=None, **kw):
        if op == "list":
            return {"names": ["devcd3", "disabled"]}
        if op == "read":
            self.reads.append(path)
            for w in self.words:
                if isinstance(w, Exception):
                    raise w
                self.records.append(agent.Record(6, 0, 0, w))
            return {"data": ""}
        return super().call(op, *a, **kw)


def test_what_the_worker_of_a_core_dump_breaks_is_the_cells_own():
    guest = DumpingGuest(agent.GuestOops("BUG: kernel NULL pointer dereference"))
    res = cell_run(Cell("queue-endless", "remove", "close-after"), guest).run()
    assert guest.reads == ["/sys/class/devcoredump/devcd3/data"]
    assert (res.verdict, res.oracles(), res.broken) == ("dirty", ["rig"], True)


def test_the_next_cell_does_not_meet_a_core_dump():
    res = cell_run(Cell("queue-endless", "remove", "close-after"), DumpingGuest()).run()
    assert (res.verdict, res.broken) == ("clean", True)


def test_a_core_dump_that_was_freed_is_not_waited_for():
    guest = DumpingGuest()
    write = guest.write
    guest.write = lambda path, *a, **k: (write(path, *a, **k), guest.records.append(
        agent.Record(6, 0, 0, "xe 0000:01:00.0: [drm] Xe device coredump has been deleted.")))[0]
    res = cell_run(Cell("queue-endless", "remove", "close-after"), guest).run()
    assert (guest.reads, res.broken) == ([], False)


def test_every_limit_is_stretched_on_a_slow_guest():
    ours, theirs = socket.socketpair()
    guest = agent.Agent(ours, pace=3)
    with pytest.raises(agent.GuestTimeout, match="no answer in 0.15 s"):
        guest.next_line(7, 0.05)
    theirs.close()
    guest.close()


def test_surprise_kills_the_device_first_and_revives_it_before_the_driver_comes_back():
    gpu, guest = Gpu(), Guest()
    cell_run(Cell("idle-fd", "surprise", "close-after"), guest, gpu).run()
    assert [c for c in gpu.log if c[0] in ("dead", "gone")] == [
        ("dead", True), ("gone", True), ("gone", False), ("dead", False)]


def test_exit_status_0_does_not_hide_a_kernel_warning():
    guest = Guest()
    guest.write = lambda *a, **k: guest.kernel.append("something odd") or 1
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest).run()
    assert (res.verdict, res.oracles()) == ("dirty", ["klog"])


def test_what_the_kernel_says_between_two_cells_is_the_second_ones():
    guest = Guest()
    assert cell_run(Cell("idle-fd", "remove", "close-after"), guest).run().verdict == "clean"
    guest.records.append(agent.Record(4, 0, 0, "a late warning"))
    for verdict in ("dirty", "clean"):
        assert cell_run(Cell("idle-fd", "remove", "close-after"), guest).run().verdict == verdict


def test_the_gpu_learns_the_guests_clock():
    gpu, guest = Gpu(), Guest()
    guest.now = 4711
    cell_run(Cell("idle-fd", "remove", "close-after"), guest, gpu).run()
    assert ("mark", "idle-fd/remove/close-after", 4711) in gpu.log
    assert gpu.log.index(("mark", "idle-fd/remove/close-after", 4711)) < gpu.log.index(("witness", 0, True))


def test_witness_event_makes_a_cell_dirty():
    gpu = Gpu()
    gpu.events = [{"kind": "dma_after_unmap", "iova": 4096}]
    res = cell_run(Cell("idle-fd", "remove", "close-after"), Guest(), gpu).run()
    assert (res.verdict, res.oracles()) == ("dirty", ["witness"])


def test_stuck_remove_is_a_hang_and_the_boot_is_given_up():
    guest = Guest()
    guest.write_error = agent.GuestTimeout("write: no answer in 30 s")
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest).run()
    assert (res.verdict, res.broken, res.oracles()) == ("hang", True, ["rig"])


def test_oops_is_dirty_and_the_boot_is_given_up():
    guest = Guest({"munmap": agent.GuestOops("BUG: kernel NULL pointer dereference")})
    res = cell_run(Cell("userptr", "remove", "munmap-after"), guest).run()
    assert (res.verdict, res.broken) == ("dirty", True) and "rig" in res.oracles()


def test_counters_that_cannot_be_read_are_infra():
    guest = Guest()
    guest.end = lambda path, op: {"data": MEMINFO if "meminfo" in path else ""}
    res = cell_run(Cell("idle-fd", "remove", "close-after"), guest).run()
    assert (res.verdict, res.broken) == ("infra", True) and "DMA mappings" in res.findings[0].summary


def test_trouble_of_the_rig_is_infra():
    guest = Guest()
    guest.write_error = agent.AgentError("write", {"errno": 19, "error": "No such device"})
    res = cell_run(Cell("idle-fd", "unbind", "close-after"), guest).run()
    assert (res.verdict, res.broken) == ("infra", True)


def test_program_that_dies_is_dirty():
    res = cell_run(Cell("idle-fd", "remove", "close-after"), Guest({"gone": None})).run()
    assert (res.verdict, res.oracles()) == ("dirty", ["program"])


@pytest.mark.parametrize("order", ["close-after", "kill"])
def test_program_that_ends_by_itself_during_the_removal_is_dirty(order, monkeypatch):
    guest = Guest()
    cell = cell_run(Cell("idle-fd", "remove", order), guest)
    leave = cell.way.leave

    def ends(boot):
        guest.child(cell.programs.pids["idle-fd"]).ended, guest.child(cell.programs.pids["idle-fd"]).status = True, 0
        return leave(boot)

    monkeypatch.setattr(cell.way, "leave", ends)
    res = cell.run()
    assert res.oracles() == ["program"] and "gone" in res.findings[0].summary


def test_a_known_skip_is_a_skip_and_another_is_not():
    guest = Guest({"hold": "skip the GPU has no local memory", "status": 77})
    res = cell_run(Cell("vram-mmap", "remove", "close-after"), guest).run()
    assert (res.verdict, res.skip) == ("skip", "the GPU has no local memory") and "remove" not in guest.steps
    guest = Guest({"hold": "skip no OA metrics here", "status": 77})
    res = cell_run(Cell("oa-stream", "remove", "close-after"), guest).run()
    assert (res.verdict, res.oracles()) == ("dirty", ["program"]) and "no such reason" in res.findings[0].summary


def test_a_state_that_cannot_be_held_with_a_way_is_skipped_for_a_reason_that_is_listed():
    guest = Guest({})
    res = cell_run(Cell("preempt-racing", "wedged", "close-after"), guest).run()
    assert (res.verdict, res.skip) == ("skip", "a wedged device executes on")


@pytest.mark.parametrize("said, verdict, spoke", [
    ("", "clean", []), ("unreferenced object 0xffff888 (size 64):\n", "dirty", ["memory"]),
    (agent.AgentError("read", {"errno": 2, "error": "No such file or directory"}), "infra", ["rig"]),
    (agent.GuestTimeout("read"), "infra", ["rig"])])
def test_kmemleak_speaks_and_its_silence_is_not_content(monkeypatch, said, verdict, spoke):
    def read(*_a):
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(run.time, "sleep", lambda _s: None)
    vm = SimpleNamespace(agent=SimpleNamespace(closed=lambda: False, fatal=None, write=lambda *a: 0, read=read))
    res = Result(Cell("idle-fd", "remove", "close-after"), FACTS)
    run.Worker._kmemleak(None, vm, res)
    assert (res.verdict, res.oracles()) == (verdict, spoke)


def worker(monkeypatch, outcomes, cells, boots_fail=0):
    """Runs a Worker whose boots are fakes; outcomes: which cells break their boot. Returns (results, boots)."""
    made, results = [], []

    class FakeBoot:
        boot_seconds, probe_seconds = 1.0, 0.5

        def __init__(self, machine, where):
            made.append(where.name)
            if len(made) <= boots_fail:
                raise errors.InfraError("the guest did not come up")
            where.mkdir(parents=True, exist_ok=True)
            self.agent = SimpleNamespace(slice=lambda b: [], records=[], write=lambda *a: 0)

        def __enter__(self):
            return self

        def __exit__(self, *a):
            pass

        def load_others(self):
            pass

        def load_xe(self):
            pass

    class FakeCellRun:
        lingering = (3, 0)

        def __init__(self, vm, cell, facts, rules, lingering, fault):
            self.cell = cell

        def run(self):
            broken = self.cell.name in outcomes
            return Result(self.cell, {**FACTS, "state": self.cell.state}, verdict="dirty" if broken else "clean",
                              findings=[Finding("rig", "x")] if broken else [], broken=broken)

    monkeypatch.setattr(run.boot, "Boot", FakeBoot)
    monkeypatch.setattr(run, "CellRun", FakeCellRun)
    monkeypatch.setattr(cellrun, "sample", lambda a: SimpleNamespace(dma_mappings=3))

    def go(tmp):
        job = run.Job(FACTS, None, cells, tmp, "base")
        w = run.Worker([job], [], results.append, lambda t: None, threading.Event())
        w.run()
        assert w.error is None, w.error
        return results, made
    return go


CELLS = [Cell(s, "remove", "close-after") for s in ("idle-fd", "bo-mmap", "bo-bound", "userptr")]


def test_cells_share_a_boot_until_one_breaks_it(monkeypatch, tmp_path):
    results, made = worker(monkeypatch, {CELLS[1].name}, CELLS)(tmp_path)
    assert [r.cell for r in results] == CELLS and made == ["boot-1", "boot-2"]
    assert [r.boot for r in results] == ["boot-1", "boot-1", "boot-2", "boot-2"]


@pytest.mark.parametrize("kernel", ["plain", "debug"])
def test_when_the_time_is_over_nothing_new_begins_and_leaks_are_still_searched_for(monkeypatch, tmp_path, kernel):
    asked, searched = iter([False, False, True, True]), []
    monkeypatch.setattr(run.Worker, "_late", lambda _self: next(asked))
    monkeypatch.setattr(run.Worker, "_kmemleak", lambda _self, _vm, res: searched.append(res.cell))
    monkeypatch.setitem(FACTS, "kernel", kernel)
    results, _ = worker(monkeypatch, set(), CELLS)(tmp_path)
    assert [r.cell for r in results] == CELLS[:2] and searched == CELLS[1:2] * (kernel == "debug")


def test_a_boot_that_fails_once_is_tried_again(monkeypatch, tmp_path):
    results, made = worker(monkeypatch, set(), CELLS, boots_fail=1)(tmp_path)
    assert [r.verdict for r in results] == ["clean"] * 4 and made == ["boot-1", "boot-2"]


def test_boots_that_fail_for_good_make_every_cell_infra(monkeypatch, tmp_path):
    results, made = worker(monkeypatch, set(), CELLS, boots_fail=99)(tmp_path)
    assert [r.verdict for r in results] == ["infra"] * 4 and len(made) == 2


def together(guest, **gpu):
    return cell_run(Cell("idle-fd+userptr", "remove", "close-after"), guest, **gpu)


def test_states_held_together_are_asked_beside_each_other():
    guest = Guest()
    res = together(guest).run()
    assert res.verdict == "clean", res.findings
    spawned = ["spawn /scenarios/idle-fd", "spawn /scenarios/userptr"]
    assert guest.steps == spawned + ["verify", "verify", "remove"] + [c for c in ("gone", "close", "exit") for _ in "ab"
                                                                      ] + ["rescan"]
    assert [what for what, _, _ in res.replies][:4] == ["idle-fd: hold", "userptr: hold", "idle-fd: verify",
                                                        "userptr: verify"]


def test_of_states_held_together_the_one_that_fails_is_named():
    class Second(Guest):
        def next_line(self, pid, timeout):
            return "fail its data is gone" if (pid, self._last) == (6, "gone") else super().next_line(pid, timeout)

    res = together(Second()).run()
    assert [f.summary for f in res.findings] == ["userptr: gone: its data is gone"]


def test_a_state_that_skips_is_left_out_and_the_others_are_held():
    class Second(Guest):
        def __init__(self, *why):
            super().__init__()
            self.why = why

        def next_line(self, pid, timeout):
            return f"skip {self.why[pid - 5]}" if self._last == "hold" and self.why[pid - 5] else \
                super().next_line(pid, timeout)

    vram = "the GPU has no local memory"
    res = cell_run(Cell("idle-fd+vram-mmap", "remove", "close-after"), Second("", vram)).run()
    assert (res.verdict, res.left_out) == ("clean", {"vram-mmap": vram})
    res = cell_run(Cell("idle-fd+vram-mmap", "remove", "close-after"), Second("", "I am tired")).run()
    assert res.verdict == "dirty" and "no such reason" in res.findings[0].summary
    res = cell_run(Cell("vram-bound+vram-mmap", "remove", "close-after"), Second(vram, vram)).run()
    assert (res.verdict, res.skip) == ("skip", vram)


def test_where_one_state_cannot_be_held_the_others_let_go():
    class Second(Guest):
        def next_line(self, pid, timeout):
            return "fail no" if pid == 6 else super().next_line(pid, timeout)

    guest = Second()
    res = together(guest).run()
    assert res.verdict == "dirty" and "remove" not in guest.steps
    assert guest.steps[-2:] == ["signal 9", "signal 9"] and all(c.ended for c in guest._children.values())


def test_what_programs_hold_together_adds_up():
    res = together(Guest({"hold": 'held {"bos": 7, "faults": true, "name": "x"}'})).run()
    assert res.held == {"bos": 14, "faults": 2, "name": "x"}
