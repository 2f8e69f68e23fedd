# SPDX-License-Identifier: MIT
"""Removal at every event of a recorded workload: probe, a program's work, its close, a GT reset, removal itself.

One run records what the device is asked for in each phase. Then each point repeats the phase with the device
dying at that event, and takes the dead device away. What the driver says in words is its right then; what
counts are splats, mappings left, what the GPU sees, time, and a device that comes back.

Of the kind "ioctl" are the moments before each ioctl of the program: there the device leaves in order, and the
program goes on behind its back. Of the kind "call" are the functions of the driver that are called in a phase: a task
is stalled at the entry of one while the device leaves in order, and goes on when it has left, or when the removal has
waited for it. In the phase "remove" it is the removal that is stalled, and the program closes what it holds beside it;
in "reset" a GT reset, beside which the program closes before the device leaves.
Of the kind "lost" are the same functions, but the device dies while the task is stalled, and is taken away then. Of the
kind "unload" are those that workers call when the program has closed what it holds: the driver's module is unloaded. Of the kind "reset" are
those of the program's calls during which the GT is reset; the device leaves when they are over.
"""

import contextlib
import json
import re
import threading
import time
from dataclasses import dataclass, field

from . import agent, cellrun, errors, kept, options, procs, programs, results, run, stall, ways, ways_more

KIND = "sweep"
PHASES = ("probe", "work", "close", "reset", "remove")
IOCTL, CALL, LOST, UNLOAD, RESET = "ioctl", "call", "lost", "unload", "reset"
ORDERLY = (IOCTL, CALL, UNLOAD, RESET)  # kinds where the device does not die
CALLS = (CALL, LOST, UNLOAD, RESET)  # kinds where a task is stalled
KINDS = ("mmio", "mmio_read", "mmio_write", "ctb", "h2g", "g2h", "dma", "dma_read", "dma_write",
         "irq", *ORDERLY, LOST)  # but for the last five as in tools/vgpu/front/events.c
CALL_PHASES = ("work", "close", "reset", "remove")  # nobody has anything to race with in "probe"
# Before "close" somebody holds the module; a reset that meets another reset or the removal is a matter of "reset".
FEWER_PHASES = {UNLOAD: ("close",), RESET: ("work", "close")}
# What `make test` walks: one point a phase, of each sort. In the last two of the probe jobs and a reset are on their
# way.
SHORT = ("userptr@probe@mmio_read@81", "userptr@probe@h2g@15", "userptr@probe@mmio_write@406", "userptr@work@h2g@3",
         "userptr@work@irq@2", "userptr@close@h2g@1", "userptr@remove@mmio_write@10",
         "userptr@work@call@xe_vm_bind_ioctl", "userptr@close@call@xe_vm_close_and_put",
         "userptr@remove@call@xe_device_remove", "userptr@work@lost@xe_vm_bind_ioctl",
         "userptr@close@unload@vm_destroy_work_func", "userptr@work@reset@xe_vm_bind_ioctl", "userptr@reset@h2g@2",
         "userptr@reset@call@xe_uc_start")
FIRED_TIME = 0.1  # seconds the program gets after the device has died under it
LATE_CALLS = 0.3  # seconds in which the driver's own workers may still call a function when the program has answered
BESIDE_TIME = 0.4  # seconds the program gets to close what it holds beside a stalled removal or reset
RESET_TIME = 0.4  # seconds a GT reset gets beside a stalled task, which it may have to wait for
RESET_OVER = re.compile(r"GT\d+: reset (done|failed)")
PAGE = 1 << 20
NUMBER, NAME = re.compile("[1-9][0-9]{0,8}"), re.compile(r"[A-Za-z_][\w.]{0,99}", re.ASCII)
AUTOPROBE = "/sys/bus/pci/drivers_autoprobe"
UNBIND = ways.WAYS["unbind"]


@dataclass(frozen=True)
class Point:
    """The device dies at the n-th event of a kind in a phase, or leaves in order before the n-th ioctl of the program
    or around the first call of the function n, or is lost there.

    what: register, message or engine (for people); stage: see points().
    """

    state: str
    phase: str
    kind: str
    n: int | str
    what: str = field(default="", compare=False)
    stage: int = field(default=0, compare=False)

    order = "kill"

    @property
    def way(self):
        return "unload" if self.kind == UNLOAD else "unbind" if self.kind in ORDERLY else "surprise"

    @property
    def name(self):
        return f"{self.state}@{self.phase}@{self.kind}@{self.n}"

    def facts(self):
        """What expectations and oracles know a point by."""
        return {"kind": KIND, "test": self.name, "state": self.state, "way": self.way, "order": self.order,
                "phase": self.phase}


def parse(text, states):
    """Points of a comma list of names; a wrong one is a UsageError."""
    out = []
    for name in options.words("TESTS", text, "STATE@PHASE@KIND@N"):
        parts = name.split("@")
        if len(parts) != 4 or parts[0] not in states or parts[1] not in PHASES or parts[2] not in KINDS or \
                not re.fullmatch(NAME if parts[2] in CALLS else NUMBER, parts[3]):
            raise errors.UsageError(f"TESTS {name} is no point: want STATE@{'|'.join(PHASES)}@{'|'.join(KINDS)}@N, "
                                    f"N a function of the driver for {' and '.join(CALLS)}")
        phases = stalls_in(parts[2])
        if parts[2] in CALLS and parts[1] not in phases:
            raise errors.UsageError(f"TESTS {name}: no task can be stalled in {parts[1]}, only in {', '.join(phases)}")
        out.append(Point(*parts[:3], parts[3] if parts[2] in CALLS else int(parts[3])))
    return out


def stalls_in(kind):
    """The phases in which points of a kind of CALLS are."""
    return FEWER_PHASES.get(kind, CALL_PHASES)


def points(state, recorded):
    """Every point of a recording (phase -> list of events), so ordered that any beginning of the list knows most.

    First every place once: an event's register, message or engine in its phase, an ioctl, or a function. Then every
    place by what came before it, which mostly is another line of the driver; then the rest. Each part goes phase by
    phase, since a change of phase costs a probe, and evenly through it; probe is last, for nobody holds anything there.
    """
    stages, seen = ([], [], []), set()
    for phase in sorted(PHASES, key=lambda p: p == "probe"):
        before, found = None, ([], [], [])
        for e in recorded[phase]:
            place = (phase, e["kind"], e.get("what", ""), e["kn"] if e["kind"] in (IOCTL, *CALLS) else e.get("addr"))
            stage = 0 if place not in seen else 1 if (before, place) not in seen else 2
            seen |= {place, (before, place)}
            found[stage].append(Point(state, phase, e["kind"], e["kn"], e.get("what", ""), stage))
            before = place
        for stage, part in zip(stages, found):
            stage += spread(part)
    return [p for stage in stages for p in stage]


def spread(part):
    """The same in an order of which any beginning is spread evenly over the whole."""
    return [part[i] for _, i in sorted((i * 0.6180339887498949 % 1.0, i) for i in range(len(part)))]


def progress(every, results):
    """How far a walk has come, in words: points with a result, by stage of points()."""
    done = {r.cell.name: r.verdict for r in results}
    words = []
    for stage, what in enumerate(("places", "places by what came before", "others")):
        mine = [p.name for p in every if p.stage == stage]
        words.append(f"{sum(n in done for n in mine)} of {len(mine)} {what}")
    silent = sum(v == "skip" for v in done.values())
    tail = f"; {silent} without the event" if silent else ""
    return f"{len(done)} of {len(every)} points walked: {', '.join(words)}{tail}"


def _wait(over, limit):
    """Until over(), or limit seconds."""
    end = time.monotonic() + limit
    while not over() and time.monotonic() < end:
        time.sleep(0.02)


class Phases:
    """The workload, phase by phase, on a CellRun's boot. Shared by the recording and the points."""

    def __init__(self, cell_run):
        self.c = cell_run

    def before(self, phase):
        """Brings the guest to where the phase begins; the point before may have left the device without its driver."""
        bound = self.c.boot.render_node() is not None
        if phase == "probe":
            if bound:
                UNBIND.leave(self.c.boot)
            return
        if not bound:
            self._bind("the driver does not bind after an earlier point")
        if phase in ("close", "remove", "reset") and not self.c.hold():
            raise errors.InfraError("the program did not reach its state on a healthy device")

    def _bind(self, complaint, excused=lambda: False):
        try:
            UNBIND.back(self.c.boot)
        except agent.AgentError as e:
            if not excused():
                raise ways.Wrong(f"{complaint}: {e}") from None

    def do(self, phase, fired=lambda: False):
        """The phase itself; on a device that dies in it this ends early. fired: whether it has died."""
        try:
            if phase == "probe":
                self._bind("the driver does not bind", fired)
            elif phase == "remove":
                UNBIND.leave(self.c.boot)
            elif phase == "reset":
                over = self.c.reset()
                _wait(lambda: over() or fired(), ways.LEAVE_TIME)
            elif phase == "work":
                self.c.start()
                self._answer(fired, self.c.state.held_seconds)
            else:
                self.c.tell("close")
                self._answer(fired, programs.ANSWER_TIME)
        except agent.AgentError:
            pass  # a write that fails on a dead device

    def _answer(self, fired, limit):
        end = time.monotonic() + limit * self.c.guest.pace
        while time.monotonic() < end:
            try:
                self.c.said(self.c.line(FIRED_TIME))
                return
            except agent.GuestTimeout:
                if fired():
                    return  # blocked on the dead device: remove() has to wake it


class SweepRun(cellrun.CellRun):
    """One point on a running boot."""

    _line_came = False  # the program has answered beside a stalled task

    def listens(self, entry):
        """Words of a driver whose device dies are no finding; splats are."""
        return entry.kind != "line" or self.cell.kind in ORDERLY

    def start(self):
        """Starts the program of the state."""
        pause = ["--pause-at", str(self.cell.n)] if self.cell.kind == IOCTL else []
        self.programs.start(self.state.name, self.argv(self.state.name, *pause))

    def line(self, timeout):
        """The next line of the program."""
        return self.programs.line(self.state.name, timeout)

    def hold(self):
        """Starts the program and waits until it holds its state; whether it does."""
        self.start()
        line = self.line(self.state.held_seconds)
        return bool(line and line.startswith("held"))

    def tell(self, command):
        """One command to the program; its answer is waited for elsewhere."""
        self.programs.tell(command)

    def said(self, line):
        """The program's answer in a phase; of interest to who records."""

    def reset(self):
        """Asks for a GT reset; returns a function that says whether it is over."""
        since = len(self.guest.slice(0))
        ways_more.ask_reset(self.boot)
        return lambda: any(RESET_OVER.search(r.text) for r in self.guest.slice(since))

    def fired(self):
        """Whether the device has died."""
        return any(t["fired"] for t in self.gpu.command("triggers")["triggers"])

    def _steps(self):
        self._load_modules()
        if self.cell.kind == IOCTL:
            self._between_ioctls()
        elif self.cell.kind in CALLS:
            self._at_call()
        else:
            self._at_event()
        self._left = True
        self.ev.gone = self.gpu.command("gone", on=True)
        self._window = True
        self.ev.samples["removed"] = cellrun.sample(self.guest)
        if self.programs.pids:
            if self.cell.kind == IOCTL and not self.ev.skip:
                self.tell("go")
                with contextlib.suppress(agent.GuestTimeout):
                    self.line(programs.ANSWER_TIME)
            self.kill()
            self.wait_exit()
        self.ev.ends, self.ev.replies = [], []  # what the program thinks of a device that dies is its own affair
        if self.cell.phase == "probe":
            self._back_without_driver()
        else:
            self.back()

    def _back_without_driver(self):
        """The next point of this phase wants the device without its driver, and sees whether it comes back."""
        self.gpu.command("gone", on=False)
        self._window = False
        self.gpu.command("dead", on=False)
        self._dead = False
        self.guest.write(AUTOPROBE, "0")
        self.guest.write("/sys/bus/pci/rescan", "1")
        self.guest.write(AUTOPROBE, "1")

    def _between_ioctls(self):
        """The program waits before an ioctl, and the device leaves in order."""
        Phases(self).before(self.cell.phase)
        if self.cell.phase == "close":
            self.tell("close")
        else:
            self.start()
        line = self.line(self.state.held_seconds)
        if not (line or "").startswith("boundary"):
            self.ev.skip = "this run had no such event"
        self.time_leave(lambda: self.way.leave(self.boot))

    def _at_call(self):
        """The device, or the module, leaves while a task is inside of the driver, or a stalled removal or reset meets
        the program."""
        Phases(self).before(self.cell.phase)
        stalled = stall.Stall(self.guest)
        stalled.arm(self.cell.n, self.cell.kind == UNLOAD)
        try:
            if self.cell.phase == "remove":
                self._leave_stalled(stalled)
                return
            if not stalled.wait(self._begun()):
                self.ev.skip = "this run had no such event"
            elif self.cell.kind == RESET:
                _wait(self.reset(), RESET_TIME * self.guest.pace)
                stalled.end()
                self._answer()
            elif self.cell.phase == "reset" and self.cell.kind == CALL:
                self._line_came = False
                self.tell("close")
                self._answer(BESIDE_TIME * self.guest.pace)
            self._time_stalled()
        finally:
            stalled.end()
        if not self._line_came:  # what it did was stalled: it goes on without its device
            self._answer()

    def _begun(self):
        """Begins the phase; returns a function that says whether it is over."""
        if self.cell.phase == "reset":
            self._line_came = True  # nothing was asked since it holds its state
            return self.reset()
        if self.cell.phase == "close":
            self.tell("close")
        else:
            self.start()
        return self._answered()

    def _answer(self, limit=programs.ANSWER_TIME):
        """Waits for the program's answer."""
        with contextlib.suppress(agent.GuestTimeout):
            self.line(limit)
            self._line_came = True

    def _answered(self):
        """A function that says whether the phase is over: the program has answered, and some time has passed."""
        over = []

        def answered():
            if not self._line_came:
                with contextlib.suppress(agent.GuestTimeout):
                    self.line(0.01)
                    self._line_came = True
                    over.append(time.monotonic() + LATE_CALLS * self.guest.pace)
            return bool(over) and time.monotonic() > over[0]

        return answered

    def _time_stalled(self):
        """The way out, which may wait for whoever is stalled."""
        if self.cell.kind == LOST and self.cell.phase != "remove":
            self._lose()
        self.time_leave(lambda: self.way.leave(self.boot))
        self.ev.remove_limit += stall.SECONDS * self.guest.pace

    def _lose(self):
        """The device dies."""
        self.gpu.command("dead", on=True)
        self._dead = True

    def _leave_stalled(self, stalled):
        """The removal is stalled, and the program closes what it holds beside it."""
        returned = threading.Event()

        def close():
            if not stalled.wait(returned.is_set):
                self.ev.skip = "this run had no such event"
                return
            if self.cell.kind == LOST:
                self._lose()
            self.tell("close")
            with contextlib.suppress(agent.GuestTimeout):
                self.line(BESIDE_TIME * self.guest.pace)
            stalled.end()

        with cellrun.beside(close):
            try:
                self._time_stalled()
            finally:
                returned.set()

    def _at_event(self):
        """The device dies at an event, and is then taken away."""
        work = Phases(self)
        work.before(self.cell.phase)
        self.gpu.command("trigger", kind=self.cell.kind, n=self.cell.n, action="die")
        self._dead = True
        try:
            work.do(self.cell.phase, self.fired)
            if not self.fired():
                self.ev.skip = "this run had no such event"
        finally:
            self.gpu.command("disarm")
        self._lose()  # also where the event did not come: the point then is a dead device after the phase
        self.time_leave(lambda: self.way.leave(self.boot))


class Recorder(SweepRun):
    """Runs the workload once and keeps the events of each phase; then once more for the functions that are called."""

    def __init__(self, machine, state, facts, rules, lingering, functions=()):
        """functions: those of the driver that may be stalled."""
        super().__init__(machine, Point(state, "probe", "mmio_read", 1), facts, rules, lingering)
        self.functions = functions
        self.recorded = {}
        self._made = 0  # ioctls of the program up to the phase before
        self._line = None

    def listens(self, entry):
        return True

    def said(self, line):
        """As SweepRun."""
        self._line = line

    def _ioctls(self):
        """The ioctls of the program in the phase that has just ended."""
        if self._line and not re.match(r"(held|ok)\b", self._line):
            raise errors.InfraError(f"the program of {self.cell.state} says: {self._line}")
        text, self._line = (self._line or "").partition(" ")[2], None
        made = json.loads(text)["ioctls"] if text else self._made
        first, self._made = self._made + 1, made
        return [{"kind": IOCTL, "kn": n} for n in range(first, made + 1)]

    def _steps(self):
        self._load_modules()
        work = Phases(self)
        for phase in PHASES:
            if phase != "close":  # the program of "work" is the one that closes; the phases after it start theirs
                work.before(phase)
            self.gpu.command("record", on=True, max=PAGE)
            work.do(phase)
            self.gpu.command("record", on=False)
            self.recorded[phase] = events(self.gpu) + self._ioctls()
            self._end(phase)
        self._over()
        if self.functions:
            self._calls(work)
        UNBIND.back(self.boot)

    def _end(self, phase):
        """The program of a phase goes, where the next one does not go on with it."""
        if phase == "close":
            self.tell("exit")
            self.wait_exit()
        elif phase == "reset":
            self._over()

    def _over(self):
        self.kill()
        self.wait_exit()
        self.ev.ends = []

    def _calls(self, work):
        """Adds the functions that are called in each phase."""
        watch = stall.Stall(self.guest)
        watch.watch(self.functions)  # before the driver is bound: its device would be asleep when this is done
        for phase in CALL_PHASES:
            if phase != "close":
                work.before(phase)
            watch.again()
            work.do(phase)
            time.sleep(LATE_CALLS * self.guest.pace)
            self.recorded[phase] += [{"kind": kind, "kn": name} for name, kthread in watch.called().items()
                                     for kind in CALLS if phase in stalls_in(kind) and (kthread or kind != UNLOAD)]
            self._end(phase)
        self._over()
        watch.no_watch()


def events(gpu):
    """All events of the GPU's last recording."""
    out, since = [], 1
    while True:
        page = gpu.command("events", since=since)
        out += page["events"]
        if not page["events"] or page["next"] > page["total"]:
            break
        since = page["next"]
    if page["dropped"]:
        raise errors.InfraError(f"the recording is not whole: {page['dropped']} of {page['total']} events are lost")
    return out


class Worker(run.Worker):
    """Runs points, many a boot."""

    @staticmethod
    def tune(machine, session, side):
        """As run.Worker."""
        return session.with_stall(machine, side)

    def cell_run(self, vm, cell, lingering):
        """As run.Worker."""
        return SweepRun(vm, cell, self.job.facts, self.rules, lingering)


def recording(session, side, iommu, state, rules, known):
    """The recording of a side (phase -> events). known: one of the same kernel, GPU and programs will do."""
    sources = kept.Content()(Point(state, "probe", "mmio_read", 1))
    name = f"sweep-recording-{session.sides[side].kernel.content}-{session.gpu}-{iommu}-{sources}-{state}"
    had = session.cache.read_state(name) if known else None
    if not had:
        had = record(session, side, iommu, state, rules, results.new_run_dir(f"sweep-record-{session.base.name}"))
        session.cache.write_state(name, had)
    return had


def record(session, side, iommu, state, rules, where):
    """The recording of a side: phase -> events. Fails where the undisturbed workload is not clean of splats."""
    machine, functions = session.with_stall(session.machine(side, iommu), side), \
        stall.functions(session.sides[side].kernel)
    with procs.guard(), cellrun.booted(machine, where) as (vm, lingering):
        recorder = Recorder(vm, state, session.facts(side, iommu), rules, lingering, functions)
        res = recorder.run()
    missing = [p for p in PHASES if not recorder.recorded.get(p)]
    if missing or res.verdict in ("infra", "hang"):
        said = "; ".join(f.summary for f in res.findings) or "no events"
        why = ", ".join(missing) or res.verdict
        raise errors.InfraError(f"the workload {state} could not be recorded ({why}): {said}")
    (where / "events.json").write_text(json.dumps(recorder.recorded))
    return recorder.recorded
