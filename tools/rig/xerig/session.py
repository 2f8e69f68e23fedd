# SPDX-License-Identifier: MIT
"""A session: everything made that cells need, the cells run side by side, the results kept and shown."""

import os
import shlex
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from . import base as bases
from . import beforeafter, boot, cli, cmd, expect, initramfs, klog, options, paths, procs, results, run
from . import kernel as kernels
from . import setup, stall, tree, ui, vgpu
from .result import Result

GPUS = vgpu.models()
VARIANTS = ("plain", "debug")
# KASAN, lockdep and the rest want more memory (MiB), and slow a guest down by about the pace.
GUESTS = {"debug": {"memory_mib": 2048, "pace": 4}}


def _ends_lockdep(cell):
    """Whether the kernel reports on locks of its own, of pciehp or inside of fault injection, and lockdep is off for
    the rest of the boot: what goes without that comes before."""
    return getattr(cell, "slot", False) or getattr(cell, "way", None) == "failed-probe"


@dataclass
class Side:
    """One side of the comparison, ready to boot."""

    kernel: kernels.Kernel
    machine: boot.Machine
    programs: Path  # folder of the guest programs


class Session:
    """What one command works with. prepare() may build for minutes on a fresh machine."""

    def __init__(self, what, base, variant="plain", gpu="lnl", cache=None, kernel_args=()):
        self.what, self.base, self.variant, self.gpu = what, bases.load(base), variant, gpu
        self.cache = cache or paths.Cache()
        self.kernel_args = tuple(kernel_args)
        self.jobs = options.jobs()  # guests at the same time
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

    def set_up(self):
        """Root filesystem and sources: what a user asks for is looked up there before anything is built."""
        if self.root is None:
            results.require_out()
            self.root, self.source = setup.ensure_all(self.base, self.cache)
            self.versions = {**self.root.versions, "linux-source": self.source.version}
        return self

    def prepare(self, sides):
        """Sets up, builds and makes the machines of the sides; a patched side like the unpatched one is left out."""
        self.set_up()
        program = vgpu.build(self.cache)
        self._agent = initramfs.build_agent(self.cache)
        for side in sides:
            kernel = kernels.ensure(self.base, self.variant, side, self.cache)
            if kernel.note:
                self.note(kernel.note)
            if side == "patched" and "base" in self.sides and kernel.key == self.sides["base"].kernel.key:
                if not kernel.note:
                    self.note(f"{self.base.name}: the patched side is empty")
                continue
            programs = build_scenarios(kernel, self.cache)
            machine = boot.Machine(self.root.qemu_argv(), kernel.bzimage, self._initrd(kernel, programs), program,
                                   personality=self.gpu, **GUESTS.get(self.variant, {}))
            self.sides[side] = Side(kernel, machine, programs)
            self.versions[f"kernel-{side}"] = f"{kernel.release} {kernel.key}"
        self.versions["xe-unplug"] = results.repository_state()
        if tree.checkout_state(self.base, self.source) != "edited":
            self.versions["series"] = tree.digest(self.base, self.source)
        first = next(iter(self.sides.values())).machine
        accel = boot.choose_accel(self.cache.state, first, self.cache.tmp)
        for side in self.sides.values():
            side.machine.accel = accel
        self.versions["accel"] = accel
        return self

    def _initrd(self, kernel, programs, more=()):
        return initramfs.build(self.cache.build / "initrd", self.root.path, kernel.release, kernel.modules, self._agent,
                               programs, more)

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

    def machine_of(self, kernel, iommu):
        """The patched side's machine with another kernel."""
        initrd = self._initrd(kernel, self.sides["patched"].programs)
        return replace(self.machine("patched", iommu), bzimage=kernel.bzimage, initrd=initrd)

    def with_stall(self, machine, side, kernel=None):
        """The machine of a side whose guests can stall tasks; kernel: another one than the side's."""
        made = self.sides[side]
        kernel = kernel or made.kernel
        module = stall.build(self.cache, self.base, self.source, self.variant, kernel)
        return replace(machine, initrd=self._initrd(kernel, made.programs, [(stall.GUEST_PATH, module)]))

    def run(self, plan, kind=None, worker=run.Worker):
        """Runs plan, a list of (iommu, cells), on every side, or on those that a cell's sides name; fills results
        and writes the files.

        kind: of tests that are no cells, with the worker that runs them.
        """
        self.kind = kind
        self.run_dir = results.new_run_dir(f"{self.what}-{self.base.name}")
        rules = klog.load_allowed()
        lists = {side: expect.load(self.base.name, side, kind) for side in self.sides}
        lanes, total = self._lanes(plan, lists, worker)
        progress = ui.Tests(self.cache, f"{self.what}-{self.base.name}-{'+'.join(self.sides)}-{total}", total)

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
                progress.end()
        order = {(i, c.name): n for n, (i, c) in enumerate((i, c) for i, cs in plan for c in cs)}
        self.results.sort(key=lambda r: (r.facts["side"], order[(r.facts["iommu"], r.cell.name)]))
        progress.remember()
        self.seconds = progress.seconds()
        self.finish()

    def _lanes(self, plan, lists, worker):
        """Lanes that run beside each other: a side each, or parts of the only side; one after the other where
        there are more than JOBS."""
        shards = max(1, self.jobs // max(1, len(self.sides)))
        lanes, total = [], 0
        for side in self.sides:
            split = [[] for _ in range(shards)]
            for iommu, cells in plan:
                facts = self.facts(side, iommu)
                wanted = []
                for cell in cells:
                    if side not in getattr(cell, "sides", self.sides):
                        continue
                    cell_facts = {**facts, **cell.facts()}
                    reason = expect.skipped(lists[side], cell_facts)
                    if reason:
                        self.results.append(Result(cell, cell_facts, verdict="skip", skip=reason))
                    elif cell in self.have.get((side, iommu), ()):
                        self.results.append(self.have[side, iommu][cell])
                    else:
                        wanted.append(cell)
                total += len(wanted)
                if self.variant == "debug":
                    wanted.sort(key=_ends_lockdep)
                for n, mine in enumerate(worker.split(wanted, shards)):
                    label = f"{side}-iommu-{iommu}" + (f"-{n + 1}" if shards > 1 else "")
                    if mine:
                        split[n].append(run.Job(facts, worker.tune(self.machine(side, iommu), self, side), mine,
                                                self.run_dir / "boots" / label, label))
            lanes += split
        return [sum(lanes[n::self.jobs], []) for n in range(self.jobs) if any(lanes[n::self.jobs])], total

    def finish(self):
        """Judges against the expectations and writes results.json, junit.xml and the page."""
        for where in results.judge(self.results):
            self.note(f"{where}: its oracles said nothing in this run")
        meta = {"run": self.run_dir.name, "what": self.what, "kind": self.kind or "matrix", "base": self.base.name,
                "seconds": round(self.seconds, 2), "when": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
                "command": command_line(), "versions": self.versions, "notes": self.notes, "boots": self.boots}
        data = results.write(self.run_dir, meta, self.results)
        if self.what == "hotunplug":
            (self.run_dir / "table.md").write_text(beforeafter.markdown(data))
        from . import html  # jinja2 is not there before set_up()
        html.write_run(self.run_dir, data)


def command_line():
    """The command that repeats this run."""
    if len(sys.argv) < 2:
        return "xe-unplug"
    words = [f"{k}={shlex.quote(os.environ[k])}" for k in cli.VARIABLES if os.environ.get(k)]
    return " ".join(["make", sys.argv[1], *words, *map(shlex.quote, sys.argv[2:])])


def build_scenarios(kernel, cache):
    """Builds tools/scenarios with the user-space headers of the kernel; returns the folder of the programs."""
    with cache.making("scenarios") as folder:
        out = folder / kernel.key
        out.mkdir(exist_ok=True)
        cmd.make("the guest programs", paths.SCENARIOS, f"UAPI={kernel.uapi}", f"OUT={out}", env=cache.environ())
    return out
