# SPDX-License-Identifier: MIT
"""One cell on a running boot: its steps, what they have shown, and the judgement."""

import contextlib
import json
import re
import threading
import time

from . import agent, boot, dumps, errors, klog, oracles, paths, states, vgpu, ways
from .oracles import dma_debug, memory
from .orders import BEFORE, BESIDE, ORDERS, told
from .programs import EXIT_TIME, Programs
from .result import Result
from .ways import WAYS

WATCHDOG = 15  # seconds a program gives one of its own steps, less than the answer may take
SETTLE_TIME = 0.3  # seconds without change after which nothing is freed late any more (RCU, workqueues)
IDLE_TIME = 2.5  # the same for memory, after a drop of caches, on a loaded machine
RACE_SPREAD = 0.4  # seconds a removal takes on an emulated processor: a race may begin anywhere in it
DISMISS_TIME = 5.0  # seconds that killed programs may take to end, where the next cell is to have the same boot
DUMP_TIME = 10.0  # seconds a device core dump's worker may take: it waits for answers of a dead device
DUMP = re.compile(r"device coredump has been (created|deleted)")
DMA_API = "/sys/kernel/debug/dma-api"
SKIPS = paths.EXPECT / "skips.txt"


def sample(guest):
    """Memory and mapping counters of the guest now. InfraError where it has none: no leak would be seen."""
    files = ("/proc/meminfo", f"{DMA_API}/nr_total_entries", f"{DMA_API}/num_free_entries")
    asked = [guest.begin("read", path=p) for p in files]
    try:
        texts = [guest.end(ident, "read")["data"] for ident in asked]
        info = dict(re.findall(r"^(\w+):\s+(\d+)", texts[0], re.M))
        return oracles.Sample(int(info["MemFree"]), int(info["MemAvailable"]), int(texts[1]) - int(texts[2]))
    except (agent.AgentError, ValueError, KeyError) as e:
        raise errors.InfraError(f"the guest's counters of memory and DMA mappings cannot be read: {e}") from None


@contextlib.contextmanager
def booted(machine, log_dir):
    """A guest with xe bound to its GPUs: (boot.Boot, what lingers without the first GPU's driver)."""
    with boot.Boot(machine, log_dir) as vm:
        vm.load_others()
        lingering = (sample(vm.agent).dma_mappings, 0)
        vm.load_xe()
        yield vm, lingering


@contextlib.contextmanager
def beside(work):
    """Runs work() in a thread beside the block, whose end waits for it; what of the rig's it raised is raised then."""
    failed = []

    def run():
        try:
            work()
        except errors.RigError as e:
            failed.append(e)

    thread = threading.Thread(target=run, name="beside")
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if failed:
            raise failed[0]


class CellRun:
    """One cell on a running boot. run() never raises for what the driver or the guest does."""

    def __init__(self, machine, cell, facts, rules, lingering, fault=None):
        """lingering: (mappings, pages) that stood for other devices, or that earlier cells left for ever.

        fault: called with this object when remove() has returned (meta-tests).
        """
        self.boot, self.cell, self.rules = machine, cell, rules
        self.guest, self.gpu = machine.agent, machine.gpu
        self.state, self.way = states.find(cell.state), WAYS[cell.way]
        self.ev = oracles.Evidence({**facts, **cell.facts()})
        self.ev.own_mappings, self.ev.own_pages = lingering
        self.result = Result(cell, self.ev.facts)
        self.programs = Programs(self.guest, self.ev, bool(self.state.parts))
        self.lingering, self.fault = lingering, fault
        self._window = False
        self._dead = False
        self._left = False
        self._spent = False  # what is left of the cell is not for the next one

    def run(self):
        """All steps, the verdict, and whether the boot may go on."""
        began = time.monotonic()
        begin_text = f"xe-unplug: {self.cell.name}: begin"
        since = [0] * len(self.boot.gpus)
        try:
            first = self.guest.mark(begin_text)
            for n, gpu in enumerate(self.boot.gpus):
                vgpu.mark(gpu, self.cell.name, self.guest.records[first])
                since[n] = vgpu.next_event(gpu)
            self._steps()
            self._await_dump(first)
        except agent.GuestOops as e:
            self.ev.kernel_died = str(e)
        except agent.GuestTimeout as e:
            self.ev.stuck.append(str(e))
            self._show_blocked()
        except agent.GuestGone as e:
            self._guest_gone(e)
        except agent.AgentError as e:
            self.ev.infra.append(str(e))
        except ways.Wrong as e:
            self.ev.wrong.append(str(e))
        except ways.Missing as e:
            self.ev.skip = str(e)
            self._dismiss()
        except errors.InfraError as e:
            self.ev.infra.append(str(e))
        self._collect(since, begin_text)
        self._judge()
        self.result.seconds = time.monotonic() - began
        return self.result

    # -- the steps ---------------------------------------------------------

    def _steps(self):
        self._load_modules()
        self.ev.samples["before"] = self._before()
        if not self._hold():
            self._let_go()
            return
        self.say("verify")
        self.ev.samples["held"] = sample(self.guest)
        if self.cell.order in BEFORE:
            self.say(BEFORE[self.cell.order])
        self.way.prepare(self.boot)
        if any(s.endless for s in self.state.each()):
            time.sleep(self.way.lasts * self.guest.pace)
        self._dead = self.way.dead
        self._slowly(lambda: self.time_leave(self._leave))
        if told(self.cell.order) != "close":
            self.way.held(self.boot)
        self._left = True
        self.ev.gone = self.gpu.command("gone", on=True)
        self._window = True
        self.ev.samples["removed"] = sample(self.guest)
        if self.fault:
            self.fault(self)
        self._others()
        ORDERS[self.cell.order](self)
        self._settle()

    def _load_modules(self):
        """What the state wants besides the driver."""
        for module in self.state.modules:
            self.guest.run(["modprobe", module], EXIT_TIME)

    def _before(self):
        """Memory and mappings of the guest before anything is held."""
        return sample(self.guest)

    def time_leave(self, leave):
        """Runs leave(), which returns the nanoseconds of remove(), and says how long it may have taken: what the state
        allows, half of that for a device that does not answer, and what the host's other work has held it up."""
        held_up = self.boot.held_up()
        self.result.remove_ns = leave()
        allowed = self.state.remove_seconds / (2 if self.way.dead else 1) * self.guest.pace
        self.ev.remove_seconds = self.result.remove_ns / 1e9
        self.ev.remove_limit = round(allowed + boot.waited(held_up, self.boot.held_up()), 1)

    def _slowly(self, leave):
        """Runs leave(), with a GPU that takes its time where the state wants that."""
        if not self.state.slow:
            return leave()
        self.gpu.command("slow", **dict(self.state.slow))
        try:
            return leave()
        finally:
            with contextlib.suppress(vgpu.VgpuError):
                self.gpu.command("slow")

    def _leave(self):
        """The way out; what the order wants done beside it is told at a moment that varies with the repeat."""
        command = BESIDE.get(self.cell.order)
        if not command:
            return self.way.leave(self.boot)
        # Thousandths of a second at which a golden-ratio walk hits each stretch of a removal.
        delay = (self.cell.repeat * 0.618 + 0.1) % 1.0 * RACE_SPREAD

        def tell():
            time.sleep(delay)
            self.say(command)

        with beside(tell):
            return self.way.leave(self.boot)

    def argv(self, name, *options, number=0):
        """Command line of a guest program on a GPU of the guest (its driver is there, or InfraError)."""
        node = self.boot.render_node(number)
        if node is None:
            raise errors.InfraError("no render node before the test")
        slow = ["--watchdog", str(WATCHDOG * self.guest.pace)] if self.guest.pace > 1 else []
        return [f"/scenarios/{name}", "--device", node, *slow, *options]

    def _options(self, state):
        """What the program of a state is given in this cell."""
        options = []
        if self.way.dead:
            options += state.dead_options
        if self.way.resets:
            options += state.reset_options
        if self.guest.pace > 1 or self.state.parts:
            options += state.slow_options
        if state.second and len(self.boot.gpus) > 1:
            options += ["--second", self.boot.render_node(1).removeprefix("/dev/dri/renderD")]
        return options

    def _hold(self):
        """Whether all states are held. One that skips itself is left out where others are not."""
        began, good = time.monotonic(), True
        for state in self.state.each():
            unfit = dict(state.unfit).get(self.way.name)
            if unfit:
                self._leave_out(state, unfit)
                continue
            self.programs.start(state.name, self.argv(state.name, *self._options(state)))
            good = self._held(state) and good
        self.result.times["hold"] = time.monotonic() - began
        return good and bool(self.programs.pids)

    def _held(self, state):
        began = time.monotonic()
        line = self.programs.line(state.name, state.held_seconds)
        if line is not None and line.startswith("skip"):
            self.programs.forget(state.name)
            self._leave_out(state, line[4:].strip() or "no reason given")
            return True
        self.programs.note(state.name, "hold", line, time.monotonic() - began)
        if line is None or not line.startswith("held"):
            self.programs.wait([state.name])
            return False
        try:
            self._add(json.loads(line[4:] or "{}"))
        except ValueError:
            self.ev.infra.append(f"the program's facts are no JSON: {line[:200]}")
        return True

    def _leave_out(self, state, why):
        """A state that is not held, for a reason that is judged with the cell."""
        self.result.left_out[state.name] = why
        if not self.state.parts or set(self.result.left_out) == {s.name for s in self.state.parts}:
            self.ev.skip = why

    def _let_go(self):
        """What is held already where another state cannot be: the next cell is not to meet it."""
        if self.state.parts:
            self.programs.kill()
            self.programs.wait()
            self._spent = True  # by what their jobs still do

    def _dismiss(self):
        """The programs go while the device is there. Jobs without an end can hold them for minutes."""
        self.programs.kill()
        until = time.monotonic() + DISMISS_TIME * self.guest.pace
        while self.guest.running() and time.monotonic() < until:
            time.sleep(0.05)
        self._spent = self._spent or bool(self.guest.running())

    def _add(self, told):
        """What a program holds, to what the others do."""
        for key, value in told.items():
            mine = self.ev.held.get(key)
            self.ev.held[key] = value if mine is None else mine + value if isinstance(value, int) else mine

    def say(self, command):
        """One command to the programs and their answers."""
        self.result.times[command] = self.programs.ask(command)

    def _others(self):
        """The other GPUs of the guest must not have noticed: each runs verified jobs while the first is away."""
        if self.way.all:
            return
        for number in range(1, len(self.boot.gpus)):
            node, began = self.boot.render_node(number), time.monotonic()
            line = "fail its driver has let go of it"
            if node:
                pid = self.guest.spawn(self.argv("bo-bound", number=number))
                line = self.guest.next_line(pid, self.state.held_seconds)
                if line and line.startswith("held"):
                    self.guest.call("send", pid=pid, line="exit")
                    if self.guest.wait_exit(pid, EXIT_TIME).status:
                        line = "fail it was not closed in peace"
            self.ev.replies.append((f"GPU {number + 1}, which stays", line, time.monotonic() - began))

    def kill(self):
        """SIGKILL to the programs."""
        self.programs.kill()

    def wait_exit(self):
        """Waits for the programs' end and looks at what is still mapped then."""
        self.programs.wait()
        if not self._left:
            return
        since, last = time.monotonic(), None
        while True:
            now = sample(self.guest)
            self.ev.samples["closed"] = now
            if now.dma_mappings <= self.ev.own_mappings:
                break
            if now.dma_mappings != last:
                since, last = time.monotonic(), now.dma_mappings
            elif time.monotonic() - since > SETTLE_TIME:
                break
            time.sleep(0.02)
        if self._window:
            self.lingering = (now.dma_mappings, self.gpu.stats()["live_dma_pages"])

    def back(self):
        """Ends the time in which the device must be left alone, and binds the driver again."""
        self.gpu.command("gone", on=False)
        self._window = False
        self.ev.returns = vgpu.next_event(self.gpu)
        began = time.monotonic()
        try:
            self.way.back(self.boot)
        except agent.AgentError as e:
            self.ev.reprobe = str(e)
        self._dead = False
        self.result.times["reprobe"] = time.monotonic() - began
        if self.ev.reprobe is None and self.boot.render_node() is None:
            self.ev.reprobe = "no render node"

    def _settle(self):
        """The idle state again; memory freed late is waited for, and only then counted as lost."""
        before = self.ev.samples["before"]
        began = time.monotonic()
        drops = 0
        while True:
            now = sample(self.guest)
            self.ev.samples["after"] = now
            passed = time.monotonic() - began
            if before.free_kib - now.free_kib <= memory.noise_kib(self.ev) or passed > IDLE_TIME:
                return
            if passed >= drops:
                # Page cache and slabs are no leak; dropped only when it matters, since it takes its time.
                drops += 1
                with contextlib.suppress(agent.AgentError):
                    self.guest.write("/proc/sys/vm/drop_caches", "3")
            else:
                time.sleep(0.03)

    def _await_dump(self, first):
        """Waits for the worker of a device core dump that the cell has caused: what it breaks is this cell's.

        The worker prints the engines of a device that has gone meanwhile, which an unpatched driver dereferences
        NULL in, a second or more after remove() has returned. Reading the dump waits for it.
        """
        said = [m[1] for m in (DUMP.search(r.text) for r in self.guest.slice(first)) if m]
        if said.count("created") <= said.count("deleted"):
            return
        self._spent = True
        with contextlib.suppress(agent.AgentError):
            for path in dumps.files(self.guest):
                self.guest.call("read", DUMP_TIME, path=path, max=1)

    # -- when it goes wrong ------------------------------------------------

    def _show_blocked(self):
        try:
            self.guest.call("write", 2.0, watch=False, path="/proc/sysrq-trigger", data="w")
        except (agent.AgentError, agent.GuestTimeout, agent.GuestGone):
            pass

    def _guest_gone(self, e):
        self.ev.kernel_died = klog.death(self.boot.console_lines())
        if self.ev.kernel_died is None:
            self.ev.infra.append(f"the guest is gone ({e})")

    def _collect(self, since, begin_text):
        guest, ev = self.guest, self.ev
        healthy = not (ev.kernel_died or ev.stuck or ev.infra)
        last = None
        try:
            if ev.kernel_died:
                guest.settle_log(0.1, 1.0)
            last = guest.mark(f"xe-unplug: {self.cell.name}: end", 5.0 if healthy else 1.0, watch=False)
        except (agent.GuestGone, agent.GuestTimeout, agent.AgentError):
            if healthy:
                ev.stuck.append("the guest does not answer after the test")
        records = guest.unheard(last)
        if guest.closed():
            records = self._from_console(begin_text) or records
        if guest.lost:
            ev.infra.append("the kernel log overran its buffer: lines are lost")
        self.result.log = [str(r) for r in records]
        ev.entries = klog.entries(records)
        ev.stderr = self.programs.stderr()
        try:
            if self._window:
                self.gpu.command("gone", on=False)
            if self._dead:
                self.gpu.command("dead", on=False)
            ev.witness = [e if not n else {**e, "gpu": n + 1} for n, g in enumerate(self.boot.gpus)
                          for e in vgpu.witnessed(g, since[n])]
        except errors.InfraError as e:
            if healthy:
                ev.infra.append(str(e))

    def _from_console(self, begin_text):
        lines = self.boot.console_lines()
        for i in range(len(lines) - 1, -1, -1):
            if begin_text in lines[i]:
                return klog.parse_console(lines[i + 1:])
        return []

    def listens(self, _entry):
        """Whether an entry of the log that no rule allows is a finding."""
        return True

    def _judge(self):
        ev, res = self.ev, self.result
        ev.bad_entries = [e for e in klog.judge(ev.entries, self.rules, ev.facts) if self.listens(e)]
        res.findings = oracles.judge(ev)
        res.entries, res.witness, res.samples = ev.entries, ev.witness, ev.samples
        res.replies, res.held = ev.replies, ev.held
        reasons = klog.load_allowed(SKIPS)
        if ev.skip:
            res.skipped(ev.skip, reasons)
        for state, why in res.left_out.items() if self.state.parts else ():
            res.leave_out(state, why, reasons)
        res.leaked = dma_debug.leaked(ev)
        res.splats = sum(e.kind in klog.SPLATS for e in ev.bad_entries)
        if ev.infra:
            res.verdict = "infra"
        elif ev.stuck:
            res.verdict = "hang"
        elif res.findings:
            res.verdict = "dirty"
        elif ev.skip:
            res.verdict = "skip"
        # lockdep and DMA-API debugging switch themselves off or stay wrong after a report.
        worst = {e.kind for e in ev.entries if e.allowed is None} & {"lockdep", "panic", "hung"}
        # Where the driver came back first, what the cell leaked for good cannot be counted out of the next one.
        unknown = self._left and bool(res.leaked) and "reprobe" in self.cell.order
        res.broken = bool(unknown or ev.wrong or ev.kernel_died or ev.stuck or ev.infra or ev.reprobe or worst or
                          self._spent)
