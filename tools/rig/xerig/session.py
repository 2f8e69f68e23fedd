# SPDX-License-Identifier: MIT
"""A session: everything made that cells need, the cells run side by side, the results kept and shown."""

import os
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace

from . import beforeafter, boot, cli, errors, expect, initramfs, klog, matrix, paths, procs, results, run, ui, vgpu
from . import base as bases
from . import kernel as kernels
from . import setup, tree

SCENARIOS = paths.REPO / "tools" / "scenarios"
GPUS = vgpu.models()
VARIANTS = ("plain", "debug")
# KASAN, lockdep and the rest want more memory (MiB), and slow a guest down by about the pace.
GUESTS = {"debug": {"memory_mib": 2048, "pace": 4}}


@dataclass
class Side:
    """One side of the comparison, ready to boot."""

    name: str
    kernel: kernels.Kernel
    machine: boot.Machine
    programs: object = None  # folder of the guest programs


class Session:
    """What one command works with. prepare() may build for minutes on a fresh machine."""

    def __init__(self, what, base, variant="plain", gpu="lnl", cache=None, kernel_args=()):
        self.what, self.base, self.variant, self.gpu = what, bases.load(base), variant, gpu
        self.cache = cache or paths.Cache()
        self.kernel_args = tuple(kernel_args)
        self.sides = {}
        self.notes = []
        self.versions = {}
        self.results = []
        self.boots = {}
        self.have = {}  # (side, iommu) -> cell -> result of an earlier run that stands for one of this
        self.keep = None  # called with each result of this run
        self.root = self.source = self.run_dir = self.kind = None
        self.seconds = 0.0
        self._lock = threading.Lock()

    def prepare(self, sides):
        """Sets up, builds and makes the machines of the sides; an empty patched side is left out and noted."""
        root, source = setup.ensure_all(self.base, self.cache)
        self.root, self.source = root, source
        self.versions = {**root.versions, "linux-source": source.version}
        program = vgpu.build(self.cache.programs("vgpu"), ui.verbose())
        self._agent = initramfs.build_agent(self.cache.programs("agent"))
        for side in sides:
            kernel = kernels.ensure(self.base, self.variant, side, self.cache)
            if kernel.note:
                self.note(kernel.note)
            if side == "patched" and "base" in self.sides and kernel.key == self.sides["base"].kernel.key:
                if not kernel.note:
                    self.note(f"{self.base.name}: the patched side is empty")
                continue
            programs = build_scenarios(kernel, self.cache)
            initrd = initramfs.build(self.cache.build / "initrd", root.path, kernel.release, kernel.modules,
                                     self._agent, programs)
            machine = boot.Machine(root.qemu_argv(), kernel.bzimage, initrd, program, personality=self.gpu,
                                   **GUESTS.get(self.variant, {}))
            self.sides[side] = Side(side, kernel, machine, programs)
            self.versions[f"kernel-{side}"] = f"{kernel.release} {kernel.key}"
        self.versions["xe-unplug"] = results.repository_state()
        if tree.checkout_state(self.base, source) != "edited":
            self.versions["series"] = tree.digest(self.base, source)
        first = next(iter(self.sides.values())).machine
        accel = boot.choose_accel(self.cache.state, first, self.cache.tmp)
        for side in self.sides.values():
            side.machine.accel = accel
        self.versions["accel"] = accel
        return self

    def note(self, text):
        """Remembers and says a line, once."""
        if text not in self.notes:
            self.notes.append(text)
            ui.say(text)

    def facts(self, side, iommu):
        """What all cells or tests of a side share."""
        return {"base": self.base.name, "side": side, "kernel": self.variant, "iommu": iommu, "gpu": self.gpu}

    def machine(self, side, iommu):
        """The side's machine with or without the vIOMMU."""
        return replace(self.sides[side].machine, iommu=iommu == "on", kernel_args=self.kernel_args)

    def machine_of(self, kernel, iommu, side="patched"):
        """A machine with another kernel and the programs of a side."""
        mine = self.sides[side]
        initrd = initramfs.build(self.cache.build / "initrd", self.root.path, kernel.release, kernel.modules,
                                 self._agent, mine.programs)
        return replace(self.machine(side, iommu), bzimage=kernel.bzimage, initrd=initrd)

    def run(self, plan, kind=None, worker=run.Worker):
        """Runs plan, a list of (iommu, cells), on every side; fills results and writes the files.

        kind: of tests that are no cells, with the worker that runs them.
        """
        self.kind = kind
        self.run_dir = results.new_run_dir(f"{self.what}-{self.base.name}")
        rules = klog.load_allowed()
        lists = {side: expect.load(self.base.name, side, kind) for side in self.sides}
        lanes, total = self._lanes(plan, lists, worker)
        progress = Progress(self.cache, f"{self.what}-{self.base.name}-{'+'.join(self.sides)}-{total}", total)

        def sink(res):
            with self._lock:
                self.results.append(res)
                results.save_cell(self.run_dir, res)
                if self.keep:
                    self.keep(res)
                progress.step(res)

        with procs.guard():
            try:
                self.boots = run.run_jobs(lanes, rules, sink, progress.note, worker)
            finally:
                progress.close()
        order = {(i, c.name): n for n, (i, c) in enumerate((i, c) for i, cs in plan for c in cs)}
        self.results.sort(key=lambda r: (r.facts["side"], order[(r.facts["iommu"], r.cell.name)]))
        progress.remember()
        self.seconds = progress.seconds()
        return self.finish(self.seconds)

    def _lanes(self, plan, lists, worker):
        """Lanes that run beside each other: a side each, or parts of the only side; one after the other where
        there are more than JOBS."""
        count = jobs()
        shards = max(1, count // max(1, len(self.sides)))
        lanes, total = [], 0
        for side in self.sides:
            split = [[] for _ in range(shards)]
            for iommu, cells in plan:
                facts = self.facts(side, iommu)
                wanted = []
                for cell in cells:
                    cell_facts = {**facts, **cell.facts()}
                    reason = expect.skipped(lists[side], cell_facts)
                    if reason:
                        self.results.append(run.Result(cell, cell_facts, verdict="skip", skip=reason))
                    elif cell in self.have.get((side, iommu), ()):
                        self.results.append(self.have[side, iommu][cell])
                    else:
                        wanted.append(cell)
                total += len(wanted)
                for n, mine in enumerate(worker.split(wanted, shards)):
                    label = f"{side}-iommu-{iommu}" + (f"-{n + 1}" if shards > 1 else "")
                    if mine:
                        split[n].append(run.Job(facts, worker.tune(self.machine(side, iommu), self), mine,
                                                self.run_dir / "boots" / label, label))
            lanes += split
        return [sum(lanes[n::count], []) for n in range(count) if any(lanes[n::count])], total

    def finish(self, seconds):
        """Judges against the expectations and writes results.json, junit.xml and the page."""
        for where in results.judge(self.results):
            self.note(f"{where}: its oracles said nothing in this run")
        meta = {"run": self.run_dir.name, "what": self.what, "kind": self.kind or "matrix", "base": self.base.name, "seconds": round(seconds, 2),
                "when": time.strftime("%Y-%m-%d %H:%M:%S %Z"), "command": command_line(),
                "versions": self.versions, "notes": self.notes, "boots": self.boots}
        data = results.write(self.run_dir, meta, self.results)
        if self.what == "hotunplug":
            (self.run_dir / "table.md").write_text(beforeafter.markdown(data))
        from . import html
        html.write_run(self.run_dir, data)
        return data


def jobs():
    """How many guests may run at the same time: JOBS=, two by default."""
    return matrix.count("JOBS", os.environ.get("JOBS"), 2, 64)


def command_line():
    """The command that repeats this run."""
    if len(sys.argv) < 2:
        return "xe-unplug"
    words = [f"{k}={shlex.quote(os.environ[k])}" for k in cli.VARIABLES if os.environ.get(k)]
    return " ".join(["make", sys.argv[1], *words, *map(shlex.quote, sys.argv[2:])])


def build_scenarios(kernel, cache):
    """Builds tools/scenarios with the user-space headers of the kernel; returns the folder of the programs."""
    out = cache.programs("scenarios") / kernel.key
    out.mkdir(parents=True, exist_ok=True)
    argv = ["make", "-s", "-j2", "-C", str(SCENARIOS), f"UAPI={kernel.uapi}", f"OUT={out}"]
    ui.show(argv)
    done = subprocess.run(argv, capture_output=True, text=True, env=cache.environ(), check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise errors.InfraError("the guest programs do not build: " + (lines[-1] if lines else "see V=1"))
    return out


class Progress:
    """Cells done, time, and the time the same run took before. Methods may be called from any thread."""

    def __init__(self, cache, key, total):
        self.cache, self.key, self.total = cache, key, total
        self.began = time.monotonic()
        self.before = cache.read_state("runs").get(key, 0)
        self.done = 0
        self.tty = sys.stderr.isatty()
        self.next_line = self.began + 10
        self.bad = 0
        self._text = ""
        last = f", last time {ui.duration(self.before)}" if self.before else ""
        if not self.tty:
            ui.say(f"{total} tests{last}")

    def seconds(self):
        """Seconds since the start."""
        return time.monotonic() - self.began

    def step(self, res):
        """One more result."""
        self.done += 1
        self.bad += res.verdict not in ("clean", "skip")
        if ui.verbose():
            spoke = " ".join(res.oracles())
            ui.say(f"{res.facts['side']:8} {res.cell.name:45} {res.verdict:6} {res.seconds:5.1f} s  {spoke}")
        self._show()

    def note(self, text):
        """What is being done now."""
        self._text = text
        self._show()

    def _show(self):
        last = f", last time {ui.duration(self.before)}" if self.before else ""
        line = f"{self.done}/{self.total} tests, {self.bad} not clean, {ui.duration(self.seconds())}{last}: {self._text}"
        if self.tty:
            print(f"\r\033[K{line[:150]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() > self.next_line:
            self.next_line = time.monotonic() + 10
            ui.say(line)

    def close(self):
        """Ends the moving line."""
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def remember(self):
        """Keeps the duration for the next time."""
        known = self.cache.read_state("runs")
        known[self.key] = round(self.seconds(), 1)
        self.cache.write_state("runs", known)
