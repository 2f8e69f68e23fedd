# SPDX-License-Identifier: MIT
"""Who notices a mutant (mutants.py): cells and KUnit suites are run on it until something goes red.

Many mutants share a kernel in which each is behind a switch (switched.py), and only tests that come by the switch
are asked. What does not fit in there has a kernel of its own, and a fixed list of tests.
"""

import contextlib
import hashlib
import itertools
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from . import agent, boot, cellrun, errors, expect, guest_kunit, kept, kernel, matrix, oracles, past, procs, results
from . import run, sweep, switched, switches, tree, ui, unload
from .mutants import KIND, Mutant
from .result import Result

IOMMU = "on"
BROKEN = (errors.InfraError, agent.GuestError)
# Which states know most of a file, by its name (the first that fits); asked first, since the first red one ends a
# mutant.
KNOWS = (
    (r"user_fence", ("user-fence",)),
    (r"hmm|userptr|svm", ("userptr", "userptr-munmapped", "fault-svm")),
    (r"xe_vm|xe_pt|preempt", ("preempt-vm", "userptr", "many-vms", "hang-fault", "bo-bound", "bo-scattered")),
    (r"dma_buf", ("dmabuf-closed", "dmabuf-open", "dmabuf-imported", "dmabuf-second")),
    (r"xe_bo|ttm|migrate|vram|xe_map|xe_sa", ("many-bos", "bo-mmap", "dmabuf-closed", "queue-idle")),
    (r"guc|queue|sched|fence|sync|lrc|engine|exec",
     ("queue-endless", "queue-queued", "foreign-fence", "syncobj-waiter", "queue-idle", "preempt-racing")),
    (r"coredump", ("hang-fault",)),
    (r"pagefault|tlb", ("fault-userptr", "fault-svm")),
    (r"eu_stall", ("eu-stall-stream",)),
    (r"oa", ("oa-stream",)),
    (r"debugfs|force_wake", ("debugfs-forcewake", "idle-fd")),
    (r"device|unplug|module|xe_pm|irq|mmio|ggtt|query", ("queue-endless", "ioctl-stuck", "fd-passed", "idle-fd")),
    (r"dma", ("userptr", "many-bos")),
)
ASKED = ("unbind", "surprise")
MANY = 8  # so many are worth a kernel with switches
LONG = 4.0  # seconds: cells that take longer are asked last
CELLS = 14  # of those that reach a mutant, so many are asked at most
STALLED = 3  # of their states, so many then meet a removal with a task that is stalled at the mutant
HANGS, SLOWER = 20.0, 10  # seconds, and times as long as without a mutant: a suite that takes more of both hangs
# Then everybody, cheap first.
BATTERY = (("userptr", "unbind", "munmap-after"), ("bo-bound", "remove", "close-after"),
           ("queue-endless", "unbind", "close-after"), ("dmabuf-closed", "unbind", "close-after"),
           ("queue-idle", "surprise", "close-after"), ("user-fence", "unbind", "close-after"),
           ("bo-mmap", "unbind", "close-after-reprobe"), ("userptr", "surprise", "kill"),
           ("syncobj-waiter", "unbind", "close-after"), ("idle-fd", "remove", "close-after-reprobe"),
           ("bo-bound", "unbind", "close-before"), ("queue-idle", "unload", "close-before"),
           ("preempt-vm", "unbind", "close-after"),
           ("queue-queued", "remove", "kill"), ("many-bos", "unbind", "kill"),
           ("ioctl-stuck", "unbind", "close-after"), ("fd-passed", "remove", "close-after"),
           ("debugfs-forcewake", "unbind", "close-after"), ("dmabuf-imported", "unbind", "close-after"),
           ("oa-stream", "unbind", "close-after"), ("fault-userptr", "unbind", "close-after"),
           ("hang-fault", "unbind", "close-after"), ("queue-idle", "pull", "close-after"),
           ("idle-fd", "reset-remove", "close-after"), ("preempt-vm", "reset-fails", "close-after"),
           ("userptr", "rmmod", "close-after"), ("idle-fd", "surprise-suspend", "close-after"),
           ("userptr", "suspend-surprise", "close-after"), ("queue-idle", "suspend-remove", "close-after"),
           ("idle-fd", "failed-probe", "close-after"), ("queue-endless", "wedged", "close-after"),
           ("many-bos", "unbind", "during"), ("userptr", "surprise", "munmap-during"))
# What only a GPU with memory of its own can tell.
LOCAL = (("vram-dmabuf", "unbind", "close-after"), ("vram-bound", "unbind", "close-after"),
         ("vram-mmap", "surprise", "close-after"), ("dmabuf-second", "unbind", "close-after"))
META_BATTERY = (("user-fence", "unbind", "close-after"),)


def battery_for(paths, battery=BATTERY):
    """Cells in the order in which they are likely to notice a change of these files: (before KUnit, after it)."""
    fits = ([known for pattern, known in KNOWS if re.search(pattern, Path(path).stem)][:1] for path in paths)
    states = [s for found in fits for known in found for s in known]
    first = [matrix.Cell(s, way, "close-after") for s in dict.fromkeys(states) for way in ASKED]
    return first, [c for c in _cells(battery) if c not in first]


def _cells(rows):
    return [matrix.Cell(*row) for row in rows]


class Stalled(sweep.SweepRun):
    """A task is stalled at a mutant. Words count also where the device dies: the driver without it says none there."""

    def listens(self, entry):
        return True


class Hunt:
    """Runs built mutants one after the other."""

    def __init__(self, session, rules, note, out, battery=BATTERY, local=LOCAL):
        """note(text) shows what is being done; out: folder for logs; local: the battery of LOCAL's GPU."""
        self.s, self.rules, self.note, self.out = session, rules, note, out
        self.battery, self.local = battery, local
        self.lists = expect.load(session.base.name, "patched")
        self.facts = session.facts("patched", IOMMU)
        self.series = session.sides["patched"].kernel
        self.healthy = session.machine("patched", IOMMU)  # a machine without the mutant that is being run
        self._boots = itertools.count(1)
        self.stalls = Counter()  # mutant -> times that a task was stalled at it and nobody noticed
        self.silent = set()  # (mutant, test) where there was nothing to run
        self.lucky = {}  # path -> Counter of the tests that killed a mutant of it

    def _judged(self, mutant, ask):
        """A Result: clean means killed, dirty that nothing noticed. ask() -> (who did or None, who was asked, in
        words)."""
        res = Result(mutant, {**self.facts, **mutant.facts()})
        try:
            killer, asked = ask()
        except errors.InfraError as e:
            res.verdict = "infra"
            res.findings = [oracles.Finding("rig", f"infra: {e}")]
            return res
        if killer:
            res.held = {"killed_by": killer}
        else:
            res.verdict = "dirty"
            res.findings = [oracles.Finding("rig", asked)]
        return res

    # -- a kernel with switches --------------------------------------------

    def switched(self, mutant, made, reach, path):
        """As run(), of a mutant of file path in a kernel with switches: only who reaches it is asked."""
        return self._judged(mutant, lambda: self._reached(mutant, made, reach, path))

    def _reached(self, mutant, made, reach, path):
        number, lucky = made.numbers[mutant], self.lucky.setdefault(path, Counter())
        self.healthy = self.s.machine_of(made.kernel, IOMMU)
        machine = replace(self.healthy, kernel_args=(*self.healthy.kernel_args, *switched.arguments(number)))
        tests = self.tests(path, reach, number, lucky)
        # What needs no other guest runs together.
        for kind, mine in itertools.groupby(tests, self.kind):
            if kind == "KUnit":
                mine = list(mine)
                killer = self._ask_suites(mutant, machine, mine, [max(HANGS, SLOWER * reach.seconds(n)) for n in mine])
            else:
                facts = {**self.facts, "gpu": kind}
                killer = self._ask_cells(mutant, replace(machine, personality=kind), facts, list(mine))
            if killer:
                lucky[killer.split(":")[0]] += 1
                return killer, ""
        cells = [t for t in tests if not isinstance(t, str)]
        killer = self._stalled(mutant, made, number, cells)
        stalls = f", and {self.stalls[mutant]} with a task stalled at it" if self.stalls[mutant] else ""
        return killer, f"survives {len(tests)} tests that reach it{stalls}" if tests else "no test reaches it"

    def _stalled(self, mutant, made, number, cells):
        """Who notices where a task is stalled that has come to the mutant, while the device leaves, dies or is reset, or
        the module is unloaded. Where the driver itself is not clean then, nothing is said of the mutant."""
        states = list(dict.fromkeys(c.state for c in cells))[:STALLED]
        points = [sweep.Point(s, phase, kind, switches.HERE) for s in states for kind in sweep.CALLS
                  for phase in sweep.stalls_in(kind)]
        for kind, mine in itertools.groupby(points, self.kind):
            left, facts = list(mine), {**self.facts, "gpu": kind}
            machine = replace(self.s.with_stall(self.healthy, "patched", made.kernel), personality=kind)
            on, dry = (replace(machine, kernel_args=(*machine.kernel_args, *switched.arguments(number, dry)))
                       for dry in (False, True))
            while left:
                killer = self._ask_cells(mutant, on, facts, left)
                one = next((p for p in left if (killer or "").startswith(f"{p.name}:")), None)
                if not one:
                    break
                if not self._ask_cells(mutant, dry, facts, [one]):
                    return killer
                left = left[left.index(one) + 1:]
        return None

    def known_cells(self):
        """All cells that any file's mutants may be asked, but those of LOCAL's GPU."""
        first = [matrix.Cell(s, way, "close-after") for _, states in KNOWS for s in states for way in ASKED]
        return list(dict.fromkeys([*_cells(self.battery), *first]))

    def tests(self, path, reach, number, lucky):
        """Cells that reach a switch, and names of KUnit suites that do, in the order in which they are asked: who
        killed neighbours, who knows the file, who is quick. The suites are one guest's."""
        first, _ = battery_for([path], self.battery)
        every = list(dict.fromkeys([*first, *self.known_cells(), *_cells(self.local)]))
        names = set(reach.who(number, [c.name for c in every]))
        cells = [c for c in every if c.name in names]
        cells.sort(key=lambda c: (-lucky[c.name], reach.seconds(c.name) > LONG, c not in first, reach.seconds(c.name)))
        # Those that know the file are asked, however long they take.
        asked = sorted(cells, key=lambda c: c not in first)[:CELLS]
        cells = [c for c in cells if c in asked]
        suites = reach.who(number, reach.suites())
        suites.sort(key=lambda n: (-lucky[n], reach.seconds(n)))
        best = max((lucky[c.name] for c in cells), default=0)
        at = 0 if suites and lucky[suites[0]] > best else min(3, len(cells))
        return [*cells[:at], *suites, *cells[at:]]

    def kind(self, test):
        """What guest a test of tests() needs: a GPU's name, or KUnit."""
        if isinstance(test, str):
            return "KUnit"
        return "bmg" if test.state.startswith("vram") else self.s.gpu

    def learn(self, reach, made):
        """Who reaches what: all cells and KUnit without a mutant, which has to be clean."""
        machine = self.s.machine_of(made.kernel, IOMMU)
        reach.cells(machine, self.facts, self.rules, self.known_cells(), self.out, self.note)
        local = [c for c in _cells(self.local) if self.kind(c) == "bmg"]
        if local:
            reach.cells(replace(machine, personality="bmg"), {**self.facts, "gpu": "bmg"}, self.rules, local,
                        self.out, self.note)
        reach.kunit(machine, self.out, self.note)

    # -- a kernel of its own -----------------------------------------------

    def run(self, mutant, built, paths):
        """A Result: clean means killed, dirty means that nothing noticed.

        built: a function that gives the mutant's kernel, or None where it cannot be taken out alone; paths: the
        files it changes.
        """
        if built is None:
            return self.skipped(mutant, "cannot be taken out alone: later parts of the series stand on it")
        self.note(f"{mutant.name}: building")
        try:
            made = built()
        except kernel.BuildError:
            return self.skipped(mutant, "does not build")
        if same_code(made, self.series):
            return self.skipped(mutant, "not in the guest's configuration: the driver's code is the same")
        return self._judged(mutant, lambda: self._everybody(mutant, made, paths))

    def skipped(self, mutant, why):
        """The Result of a mutant that is not run."""
        return Result(mutant, {**self.facts, **mutant.facts()}, verdict="skip", skip=why)

    def _everybody(self, mutant, made, paths):
        self.healthy = self.s.machine("patched", IOMMU)
        machine = self.s.machine_of(made, IOMMU)
        local = replace(machine, personality="bmg")
        first, then = battery_for(paths, self.battery)
        asked = 0
        for cells in (first, None, then, _cells(self.local)):
            if cells is None:
                killer = self._ask_kunit(mutant, machine)
            elif cells and cells[0].state.startswith("vram"):
                killer = self._ask_cells(mutant, local, {**self.facts, "gpu": "bmg"}, cells)
            else:
                killer = self._ask_cells(mutant, machine, self.facts, cells)
            asked += len(cells or ())
            if killer:
                return killer, ""
        return None, f"survives {asked} cells and the KUnit suites"

    def asks(self, paths):
        """A short name of all that a change of these files is asked."""
        what = repr((IOMMU, battery_for(paths, self.battery), self.local))
        return hashlib.sha256(what.encode()).hexdigest()[:8]

    def start(self, paths):
        """The series as it is must survive whatever a change of these files is asked, or a kill would prove nothing."""
        killer, _ = self._everybody(Mutant("none", "all"), self.series, paths)
        if killer:
            raise errors.InfraError(f"the unmutated series is not clean, so nothing can be said of mutants: {killer}")

    # -- guests: each says who noticed, or None ----------------------------

    def _folder(self, mutant):
        return self.out / re.sub(r"[^\w.@-]", ".", mutant.name)

    def _ask_cells(self, mutant, machine, facts, cells):
        left, failed = list(cells), 0
        while left := [c for c in left if not self._unreached(mutant, c)]:
            where = self._folder(mutant) / f"{facts['gpu']}-{left[0].state}-{next(self._boots)}"
            try:
                with cellrun.booted(machine, where) as (vm, lingering):
                    while left:
                        cell = left.pop(0)
                        if self._unreached(mutant, cell):
                            continue
                        self.note(f"{mutant.name}: {cell.name}")
                        kind = Stalled if isinstance(cell, sweep.Point) else cellrun.CellRun
                        cell_run = kind(vm, cell, facts, self.rules, lingering)
                        res = cell_run.run()
                        lingering, failed = cell_run.lingering, 0
                        self.stalls[mutant] += isinstance(cell, sweep.Point) and res.verdict == "clean"
                        if res.verdict == "skip":
                            self.silent.add((mutant, cell))
                        # How long remove() took is as much the machine's affair.
                        res.findings = [f for f in res.findings if not f.summary.startswith("remove() took")]
                        if res.verdict == "dirty" and not res.findings:
                            res.verdict = "clean"
                        if res.verdict != "infra" and expect.apply(self.lists, res) == "unexpected":
                            results.save_cell(where, res)
                            return f"{cell.name}: {res.findings[0].oracle}: {res.findings[0].summary[:160]}"
                        if res.broken:
                            break
                    else:
                        found = unload.look(vm.agent, self.rules, res.facts)
                        if found:
                            return f"{cell.name}: {found[0].oracle}: {found[0].summary[:160]}"
            except BROKEN as e:
                # The unmutated series boots, see start(); but on a loaded machine any boot may fail once.
                failed += 1
                if failed > 1:
                    self._sound(mutant)
                    return f"the guest: {e}"
        return None

    def _unreached(self, mutant, test):
        """Whether nobody comes to a mutant in the phase of a point, as one where the device leaves has told."""
        return isinstance(test, sweep.Point) and test.kind != sweep.CALL and \
            (mutant, replace(test, kind=sweep.CALL)) in self.silent

    def _ask_suites(self, mutant, machine, names, limits):
        """Some suites by name, in one guest; limits: seconds after which each of them hangs."""
        for attempt in (1, 2):
            self.note(f"{mutant.name}: KUnit")
            name = names[0]
            try:
                with guest_kunit.guest_of(machine, self._folder(mutant) / f"kunit-{attempt}") as vm:
                    for name, limit in zip(names, limits, strict=True):
                        suite = name.removeprefix(switched.SUITE)
                        wrong = switched.trouble(guest_kunit.run_suite(self.s.base, vm, suite, self.s.cache, limit))
                        if wrong:
                            return f"{name}: {wrong}"
                return None
            except BROKEN as e:
                why = f"{name}: the guest: {e}"
        self._sound(mutant, gpu=False)
        return why

    def _ask_kunit(self, mutant, machine):
        """All suites."""
        self.note(f"{mutant.name}: KUnit")
        try:
            found = guest_kunit.on_machine(self.s.base, machine, self._folder(mutant) / "kunit", self.s.cache)
        except errors.InfraError as e:
            self._sound(mutant, gpu=False)
            return f"KUnit: {e}"
        return None if found.ok else f"KUnit: {(found.problems() or ['nothing ran'])[0]}"

    def _sound(self, mutant, gpu=True):
        """InfraError where a guest does not come up without the mutant either: a loaded machine kills nobody."""
        with boot.Boot(self.healthy, self._folder(mutant) / "sound", gpu=gpu) as vm:
            if gpu:
                vm.load_xe()


def same_code(made, other):
    """Whether two kernels have the same modules, to the byte."""
    def modules(k):
        return {p.name: p.read_bytes() for p in k.modules.rglob("*.ko")}
    return modules(made) == modules(other)


class Ahead:
    """Builds the next mutant while one runs. Use as a context manager; every(mutant) -> overlay or None."""

    def __init__(self, session, wanted, every):
        self.s, self.every, self.left = session, every, [m for m in wanted if every[m] is not None]
        self.coming = {}
        self.pool = ThreadPoolExecutor(1, "build")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.pool.shutdown(wait=True, cancel_futures=True)

    def take(self, mutant):
        """A function that waits for the mutant's kernel; the one after it goes on being built. None: no overlay."""
        if self.every[mutant] is None:
            return None
        while self.left and len(self.coming) < 2:
            m = self.left.pop(0)
            self.coming[m] = self.pool.submit(kernel.of_overlay, self.s.base, self.s.variant, self.every[m],
                                              self.s.cache)
        return self.coming.pop(mutant).result


def side_by_side(mutants, one, told, jobs, late):
    """one(mutant) -> Result for each, some at a time until late(), and told(mutant, Result), one at a time. What ends
    one of them ends all."""
    left, lock, stop, errors_seen = list(reversed(mutants)), threading.Lock(), threading.Event(), []

    def work():
        try:
            while not stop.is_set() and not late():
                with lock:
                    if not left:
                        return
                    m = left.pop()
                res = one(m)
                with lock:
                    if not stop.is_set():
                        told(m, res)
        except BaseException as e:
            errors_seen.append(e)
            stop.set()

    run.see_through([threading.Thread(target=work, name=f"hunt-{n}") for n in range(jobs)], stop)
    if errors_seen:
        raise errors_seen[0]


def walk(session, wanted, every, rules, battery=None, idents=None, late=lambda: False):
    """Runs mutants until late(), side by side where they share a kernel; fills session.results and writes the files of
    the run.

    battery: in place of all cells there are; idents: mutant -> identity(), of those that are to be remembered.
    """
    idents = idents or {}
    had = past.Past(session.cache, session.base.name, session.sides["patched"].kernel.key)
    series, _ = tree.overlay(session.base, session.source, session.cache)
    session.run_dir = results.new_run_dir(f"mutants-{session.base.name}")
    session.kind = KIND
    progress = ui.Tests(session.cache, f"mutants-{session.base.name}-{len(wanted)}", len(wanted))
    together = switched.make(session, series, every) if len(wanted) >= MANY and not battery else None
    alone = [m for m in wanted if not together or m not in together.numbers and m not in together.without]
    hunt = Hunt(session, rules, progress.note, session.run_dir / "boots",
                *((battery, ()) if battery else (BATTERY, LOCAL)))
    changed = {m: [p for p in series if every[m].get(p) != series[p]] if every[m] else [] for m in wanted}
    # What any of them may be asked.
    touched = {p: None for paths in changed.values() for p in paths} if battery else series
    with procs.guard(), contextlib.ExitStack() as stack:
        try:
            if together:
                reach = switched.Reach(session, together, kept.model_and_programs())
                hunt.learn(reach, together)

            def told(m, res):
                res.facts["takes"] = idents.get(m)
                if idents.get(m) and res.verdict != "infra":
                    why = "; ".join(f.summary for f in res.findings)
                    had.add(idents[m], res.verdict, res.skip or res.held.get("killed_by") or why)
                results.save_cell(session.run_dir, res)
                session.results.append(res)
                progress.step(res)

            def behind_its_switch(m):
                if m in together.without:
                    return hunt.skipped(m, "takes out nothing that runs")
                return hunt.switched(m, together, reach, changed[m][0])

            side_by_side([m for m in wanted if m not in alone], behind_its_switch, told, session.jobs, late)
            if alone and not late():
                ahead = stack.enter_context(Ahead(session, alone, every))
                passed = f"unmutated-{hunt.asks(touched)}"
                if passed not in had.known("same"):
                    hunt.start(touched)
                    had.add(passed, "clean", "")
                for m in alone:
                    if late():
                        break
                    told(m, hunt.run(m, ahead.take(m), changed[m]))
        finally:
            progress.end()
    progress.remember()
    session.seconds = progress.seconds()
    session.finish()
