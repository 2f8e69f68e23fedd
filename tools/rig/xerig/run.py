# SPDX-License-Identifier: MIT
"""Spreads tests over boots: workers, each with a list of jobs."""

import contextlib
import threading
import time
from dataclasses import dataclass, field

from . import agent, boot, errors, oracles, procs, unload
from .cellrun import CellRun, booted
from .result import Result


class Stop(Exception):
    """The user asked for the end, or the time is over."""


@dataclass
class Job:
    """Cells for one worker: one machine, one side."""

    facts: dict
    machine: boot.Machine
    cells: list
    log_dir: object
    label: str
    faults: dict = field(default_factory=dict)  # cell -> fault(cell_run)


def alternate(cells, count):
    """Cells for count machines of one side."""
    return [cells[n::count] for n in range(count)]


class Worker(threading.Thread):
    """Runs jobs one after the other, each over as many boots as it takes. sink(result) runs on this thread.

    The thread outlives the processes it starts (procs.Child needs that): run() ends each boot itself.
    """

    split = staticmethod(alternate)
    until = None  # monotonic time after which nothing new is begun
    unloads = True  # whether the driver is unloaded at the end of a boot

    @staticmethod
    def tune(machine, _session, _side):
        """The machine as this kind of tests wants it."""
        return machine

    def __init__(self, jobs, rules, sink, note, stop):
        super().__init__(name=jobs[0].label)
        self.jobs, self.rules, self.sink, self.note, self.stop_event = jobs, rules, sink, note, stop
        self.job = None
        self.attempts = 0  # boots of the job, those that failed included
        self.boots = {}
        self.error = None

    def run(self):
        try:
            for self.job in self.jobs:
                self._run()
        except Stop:
            pass
        except BaseException as e:
            if not self.stop_event.is_set():
                self.error = e

    def _run(self):
        left, failed, self.attempts = list(self.job.cells), 0, 0
        while left:
            done, why = self._one_boot(left)
            left = left[done:]
            if why is None:
                failed = 0
                continue
            failed = failed + 1 if not done else 1
            if failed >= 2:
                for cell in left:
                    self.sink(Result(cell, {**self.job.facts, **cell.facts()}, verdict="infra",
                                     findings=[oracles.Finding("rig", f"infra: {why}")]))
                return

    def _check(self):
        if self.stop_event.is_set():
            raise Stop

    def _late(self):
        return self.until is not None and time.monotonic() > self.until

    def _in_time(self):
        if self._late():
            raise Stop

    def _one_boot(self, cells):
        """Runs cells until the boot is used up; returns (how many are done, None or why the boot failed)."""
        self._check()
        self._in_time()
        done = 0
        try:
            with self._boot() as (vm, name, lingering):
                for cell in cells:
                    self._check()
                    self.note(f"{self.job.label}: {cell.name}")
                    cell_run = self.cell_run(vm, cell, lingering)
                    res = cell_run.run()
                    lingering = cell_run.lingering
                    self._check()
                    res.boot = name
                    done += 1
                    late = self._late()
                    if res.broken or late or done == len(cells):
                        self._last(vm, res)
                    self.sink(res)
                    if late and done < len(cells):
                        raise Stop
                    if res.broken:
                        break
        except (errors.InfraError, agent.GuestError) as e:
            self._check()
            return done, str(e)
        return done, None

    def cell_run(self, vm, cell, lingering):
        """What runs one cell on a boot: an object with run() -> Result, and lingering after it."""
        return CellRun(vm, cell, self.job.facts, self.rules, lingering, self.job.faults.get(cell))

    @contextlib.contextmanager
    def _boot(self):
        """A fresh boot with xe loaded: (boot, its name, what lingers without the driver)."""
        self.attempts += 1
        name = f"boot-{self.attempts}"
        where = self.job.log_dir / name
        self.note(f"{self.job.label}: booting")
        with booted(self.job.machine, where) as (vm, lingering):
            with contextlib.suppress(agent.AgentError):
                # Or the first test's leak would hide behind the caches that booting has filled.
                vm.agent.write("/proc/sys/vm/drop_caches", "3")
            self.boots.setdefault(self.job.label, []).append(
                {"name": name, "seconds": vm.boot_seconds, "probe_seconds": vm.probe_seconds})
            try:
                yield vm, name, lingering
            finally:
                (where / "kernel.log").write_text("\n".join(map(str, vm.agent.slice(0))) + "\n")

    def _last(self, vm, res):
        """What only shows at the end of a boot is added to its last result."""
        if self.job.facts["kernel"] == "debug":
            self._kmemleak(vm, res)
        if self.unloads and self.job.facts["side"] == "patched" and res.verdict in ("clean", "skip"):
            found = unload.look(vm.agent, self.rules, res.facts)
            res.findings += found
            res.verdict = "dirty" if found else res.verdict

    def _kmemleak(self, vm, res):
        """Scans once a boot: the scanner only believes in objects that are five seconds old."""
        try:
            if vm.agent.closed() or vm.agent.fatal:
                return
            time.sleep(5)
            vm.agent.write("/sys/kernel/debug/kmemleak", "scan", 60)
            text = vm.agent.read("/sys/kernel/debug/kmemleak", 30)
        except (agent.AgentError, agent.GuestTimeout) as e:
            # It switches itself off when its memory runs out: then nobody has looked.
            res.findings.append(oracles.Finding("rig", f"infra: kmemleak did not answer: {e}"))
            res.verdict = "infra" if res.verdict in ("clean", "skip") else res.verdict
            return
        except (agent.GuestGone, agent.GuestOops):
            return
        if text.strip():
            first = text.strip().splitlines()[0]
            res.findings.append(oracles.Finding("memory", f"kmemleak, since boot: {first}", text))
            res.verdict = "dirty" if res.verdict in ("clean", "skip") else res.verdict


def see_through(workers, stop):
    """Starts threads and waits for all of them; an interrupt sets stop and ends what they have started."""
    for w in workers:
        w.start()
    try:
        for w in workers:
            while w.is_alive():
                w.join(0.2)
    except BaseException:
        stop.set()
        procs.stop_all()
        for w in workers:
            w.join(15)
        raise


def run_jobs(lanes, rules, sink, note, worker=Worker):
    """Runs lists of jobs side by side, a thread each; returns the boots by label. An interrupt ends everything.

    worker: the Worker that knows how to run the cells of the jobs.
    """
    stop = threading.Event()
    workers = [worker(jobs, rules, sink, note, stop) for jobs in lanes if jobs]
    see_through(workers, stop)
    for w in workers:
        if w.error:
            raise w.error
    return {label: boots for w in workers for label, boots in w.boots.items()}
