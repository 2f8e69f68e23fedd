# SPDX-License-Identifier: MIT
"""Mutants: the series with one patch, one hunk or one call taken out, built and run until something goes red.

A mutant that nothing kills is a line of the series that no test needs: either the tests lack something, or
the line is not needed.
"""

import contextlib
import fnmatch
import hashlib
import itertools
import re
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from . import agent, boot, cellrun, errors, expect, kept, kernel, matrix, oracles, procs, results, switched, ui
from .memo import Memo
from .result import Result

KIND = "mutants"
CALL = re.compile(rb"^\t+(\w+)\([^;{}]*\);\n", re.M)
NO_CODE = re.compile("__acquire|__release|lockdep_assert|might_sleep|drm_(warn|info|dbg|err)")
# Which states know most of a file, by its name (the first that fits); asked first, since the first red one ends a mutant.
KNOWS = (
    (r"user_fence", ("user-fence",)),
    (r"hmm|userptr|svm", ("userptr", "userptr-munmapped", "fault-svm")),
    (r"xe_vm|xe_pt|preempt", ("preempt-vm", "userptr", "hang-fault", "bo-bound")),
    (r"dma_buf", ("dmabuf-closed", "dmabuf-open", "dmabuf-imported", "dmabuf-second")),
    (r"xe_bo|ttm|migrate|vram|xe_map|xe_sa", ("many-bos", "bo-mmap", "dmabuf-closed", "queue-idle")),
    (r"guc|queue|sched|fence|sync|lrc|engine|exec", ("queue-endless", "queue-queued", "syncobj-waiter", "queue-idle")),
    (r"pagefault|tlb", ("fault-userptr", "fault-svm")),
    (r"oa|eu_stall", ("oa-stream",)),
    (r"debugfs|force_wake", ("debugfs-forcewake", "idle-fd")),
    (r"device|unplug|module|xe_pm|irq|mmio|ggtt|query", ("queue-endless", "ioctl-stuck", "fd-passed", "idle-fd")),
    (r"dma", ("userptr", "many-bos")),
)
ASKED = ("unbind", "surprise")
AROUND = 3  # lines that tell where a change is
MANY = 8  # so many are worth a kernel with switches
LONG = 4.0  # seconds: cells that take longer are asked last
CELLS = 14  # of those that reach a mutant, so many are asked at most
# Then everybody, cheap first.
BATTERY = (("userptr", "unbind", "munmap-after"), ("bo-bound", "remove", "close-after"),
           ("queue-endless", "unbind", "close-after"), ("dmabuf-closed", "unbind", "close-after"),
           ("queue-idle", "surprise", "close-after"), ("user-fence", "unbind", "close-after"),
           ("bo-mmap", "unbind", "close-after-reprobe"), ("userptr", "surprise", "kill"),
           ("syncobj-waiter", "unbind", "close-after"), ("idle-fd", "remove", "close-after-reprobe"),
           ("preempt-vm", "unbind", "close-after"), ("queue-queued", "remove", "kill"), ("many-bos", "unbind", "kill"),
           ("ioctl-stuck", "unbind", "close-after"), ("fd-passed", "remove", "close-after"),
           ("debugfs-forcewake", "unbind", "close-after"), ("dmabuf-imported", "unbind", "close-after"),
           ("oa-stream", "unbind", "close-after"), ("fault-userptr", "unbind", "close-after"),
           ("hang-fault", "unbind", "close-after"), ("queue-idle", "pull", "close-after"),
           ("idle-fd", "reset-remove", "close-after"), ("userptr", "rmmod", "close-after"))
# What only a GPU with memory of its own can tell.
LOCAL = (("vram-dmabuf", "unbind", "close-after"), ("vram-bound", "unbind", "close-after"),
         ("vram-mmap", "surprise", "close-after"), ("dmabuf-second", "unbind", "close-after"))
# What `make test` does: somebody who waits for a user fence is not told that the device has gone.
META = "*@xe_wait_user_fence.c@2"
META_BATTERY = (("user-fence", "unbind", "close-after"),)


@dataclass(frozen=True)
class Mutant:
    """group: patch number or new file; part: hunk, call, or "all"; number: counts from 1."""

    group: str
    part: str
    number: int = 1

    @property
    def name(self):
        return f"{self.group}@{self.part}@{self.number}"

    def facts(self):
        """What expectations know a mutant by."""
        return {"kind": KIND, "test": self.name}


def hunks(diff):
    """(path, number in the file, diff of that hunk alone) of a git diff (bytes); for edits of existing files."""
    out = []
    for section in re.split(rb"(?m)^(?=diff --git )", diff):
        head, *parts = re.split(rb"(?m)^(?=@@ )", section)
        m = re.search(rb"^\+\+\+ b/(\S+)$", head, re.M)
        out += [(m[1].decode(), n, head + part) for n, part in enumerate(parts, 1)] if m else []
    return out


def reverted(overlay, diff):
    """The overlay (path -> bytes) without a diff of it, or None where that does not come out alone."""
    with tempfile.TemporaryDirectory() as tmp:
        touched = [m.decode() for m in re.findall(rb"^\+\+\+ b/(\S+)$", diff, re.M)]
        if any(overlay.get(p) is None for p in touched):
            return None
        for p in touched:
            Path(tmp, p).parent.mkdir(parents=True, exist_ok=True)
            Path(tmp, p).write_bytes(overlay[p])
        # Outside of any repository, or git would take paths relative to that one.
        done = subprocess.run(["git", "apply", "-R", "--recount", "-"], cwd=tmp, input=diff, capture_output=True, check=False,
                              env={"PATH": "/usr/bin:/bin", "GIT_DIR": "/nonexistent", "HOME": tmp})
        if done.returncode:
            return None
        return {**overlay, **{p: Path(tmp, p).read_bytes() for p in touched}}


def calls(data):
    """(callee, number, data without that statement) for the calls of a C file that stand alone in a line."""
    out, seen = [], {}
    for m in CALL.finditer(data):
        callee = m[1].decode()
        if NO_CODE.match(callee):
            continue
        seen[callee] = seen.get(callee, 0) + 1
        # An empty statement, or an `if` before it would take the next one.
        out.append((callee, seen[callee], data[:m.start()] + b"\t;\n" + data[m.end():]))
    return out


def catalogue(series, overlay, pristine):
    """Mutant -> overlay, or None where it cannot be taken out alone; series: patchfile.Patch in order."""
    out = {}
    for patch in series:
        group = patch.name[:4]
        parts = hunks(patch.diff)
        code = [p for p in parts if p[0].endswith((".c", ".h"))]
        if not code:
            continue
        out[Mutant(group, "all")] = reverted(overlay, b"".join(re.split(rb"(?m)^(?=diff --git )", patch.diff)))
        for path, number, diff in code:
            out[Mutant(group, Path(path).name, number)] = reverted(overlay, diff)
    for path, data in overlay.items():
        if path.endswith(".c") and data is not None and "/tests/" not in path and not (pristine / path).exists():
            for callee, number, without in calls(data):
                out[Mutant(Path(path).name, callee, number)] = {**overlay, path: without}
    return {m: o for m, o in out.items() if o != overlay}


def choose(every, text, count, ranks=None):
    """Mutants by names or patterns, else count of them by rank: the same ones as long as they are there."""
    if text:
        wanted = [t.strip() for t in text.split(",") if t.strip()]
        hits = [m for m in every if any(fnmatch.fnmatchcase(m.name, w) for w in wanted)]
        for w in wanted:
            if not any(fnmatch.fnmatchcase(m.name, w) for m in every):
                raise errors.UsageError(f"TESTS {w} is no mutant: want PATCH@FILE@HUNK, PATCH@all@1 or FILE@CALL@N")
        return hits
    return sorted(every, key=ranks.get)[:count]


def identity(series, overlay):
    """What a mutant takes out, whatever its name and the rest of the series: hex, of the lines it changes and those
    around them. None where there is no overlay."""
    if overlay is None:
        return None
    h = hashlib.sha256()
    for path in sorted(series):
        was, now = series[path], overlay.get(path)
        if was is now or was == now:
            continue
        a, b = (was or b"").splitlines(), (now or b"").splitlines()
        head = next((n for n, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        most = min(len(a), len(b)) - head
        tail = next((n for n in range(most) if a[-1 - n] != b[-1 - n]), most)
        around = a[max(0, head - AROUND):head], a[head:len(a) - tail], b[head:len(b) - tail], a[len(a) - tail:][:AROUND]
        h.update(repr((path, around)).encode())
    return h.hexdigest()[:20]


def battery_for(paths, battery=BATTERY):
    """Cells in the order in which they are likely to notice a change of these files: (before KUnit, after it)."""
    fits = ([known for pattern, known in KNOWS if re.search(pattern, Path(path).stem)][:1] for path in paths)
    states = [s for found in fits for known in found for s in known]
    first = [matrix.Cell(s, way, "close-after") for s in dict.fromkeys(states) for way in ASKED]
    return first, [c for c in (matrix.Cell(*b) for b in battery) if c not in first]


class Hunt:
    """Runs built mutants one after the other. note(text) shows what is being done; local: the battery of LOCAL's GPU."""

    def __init__(self, session, iommu, rules, note, out, battery=BATTERY, local=LOCAL):
        self.s, self.iommu, self.rules, self.note, self.out = session, iommu, rules, note, out
        self.battery, self.local = battery, local
        self.lists = expect.load(session.base.name, "patched")
        self.facts = session.facts("patched", iommu)
        self.series = session.sides["patched"].kernel
        self.healthy = session.machine("patched", iommu)  # a machine without the mutant that is being run
        self.lucky = {}  # path -> Counter of the tests that killed a mutant of it

    def switched(self, mutant, made, reach, path):
        """As run(), of a mutant in a kernel with switches: only who reaches it is asked."""
        res = Result(mutant, {**self.facts, **mutant.facts()})
        number, lucky = made.numbers[mutant], self.lucky.setdefault(path, Counter())
        self.healthy = self.s.machine_of(made.kernel, self.iommu)
        machine = replace(self.healthy, kernel_args=(*self.healthy.kernel_args, *switched.arguments(number)))
        tests = self.tests(path, reach, number, lucky)
        asked, killer = len(tests), None
        try:
            while tests and not killer:
                # What needs no other guest runs together.
                kind = self.kind(tests[0])
                mine = list(itertools.takewhile(lambda t, kind=kind: self.kind(t) == kind, tests))
                tests = tests[len(mine):]
                if kind == "KUnit":
                    killer = self._suites(mutant, machine, mine)
                else:
                    facts = {**self.facts, "gpu": kind}
                    killer = self._cells(mutant, replace(machine, personality=kind), facts, mine)
        except errors.InfraError as e:
            res.verdict = "infra"
            res.findings = [oracles.Finding("rig", f"infra: {e}")]
            return res
        if killer:
            lucky[killer.split(":")[0]] += 1
        if killer:
            res.held = {"killed_by": killer}
        else:
            res.verdict = "dirty"
            res.findings = [oracles.Finding("rig", f"survives {asked} tests that reach it" if asked else "no test reaches it")]
        return res

    def local_cells(self):
        """The cells of LOCAL's GPU."""
        return [matrix.Cell(*c) for c in self.local]

    def tests(self, path, reach, number, lucky):
        """Cells that reach a switch, and names of KUnit suites that do, in the order in which they are asked: who killed
        neighbours, who knows the file, who is quick. The suites are one guest's."""
        first, _ = battery_for([path], self.battery)
        every = [c for c in dict.fromkeys([*first, *switched.cells_for(KNOWS, self.battery), *self.local_cells()])]
        names = set(reach.who(number, [c.name for c in every]))
        cells = [c for c in every if c.name in names]
        cells.sort(key=lambda c: (-lucky[c.name], reach.seconds(c.name) > LONG, c not in first, reach.seconds(c.name)))
        cells = cells[:CELLS]
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
        machine = self.s.machine_of(made.kernel, self.iommu)
        reach.cells(machine, self.facts, self.rules, switched.cells_for(KNOWS, self.battery), self.out, self.note)
        if self.local:
            reach.cells(replace(machine, personality="bmg"), {**self.facts, "gpu": "bmg"}, self.rules,
                        [c for c in self.local_cells() if self.kind(c) == "bmg"], self.out, self.note)
        reach.kunit(replace(machine), self.out, self.note)

    def run(self, mutant, built, paths):
        """A Result: clean means killed, dirty means that nothing noticed.

        built: a function that gives the mutant's kernel, or None where it cannot be taken out alone; paths: the
        files it changes.
        """
        res = Result(mutant, {**self.facts, **mutant.facts()})
        if built is None:
            res.verdict, res.skip = "skip", "cannot be taken out alone: later parts of the series stand on it"
            return res
        self.note(f"{mutant.name}: building")
        try:
            made = built()
        except kernel.BuildError:
            res.verdict, res.skip = "skip", "does not build"
            return res
        if same_code(made, self.series):
            res.verdict, res.skip = "skip", "not in the guest's configuration: the driver's code is the same"
            return res
        try:
            killer, asked = self._hunt(mutant, made, paths)
        except errors.InfraError as e:
            res.verdict = "infra"
            res.findings = [oracles.Finding("rig", f"infra: {e}")]
            return res
        if killer is None:
            res.verdict = "dirty"
            res.findings = [oracles.Finding("rig", f"survives {asked} cells and the KUnit suites")]
        else:
            res.held = {"killed_by": killer}
        return res

    def _hunt(self, mutant, made, paths):
        """(who noticed or None, how many cells were asked)."""
        self.healthy = self.s.machine("patched", self.iommu)
        machine = self.s.machine_of(made, self.iommu)
        first, then = battery_for(paths, self.battery)
        asked = 0
        for cells in (first, None, then, [matrix.Cell(*c) for c in self.local]):
            if cells is None:
                killer = self._kunit(mutant, machine)
            else:
                asked += len(cells)
                facts = self.facts
                if cells and cells[0].state.startswith("vram"):
                    machine, facts = replace(machine, personality="bmg"), {**facts, "gpu": "bmg"}
                killer = self._cells(mutant, machine, facts, cells)
            if killer:
                return killer, asked
        return None, asked

    def _folder(self, mutant):
        return self.out / re.sub(r"[^\w.@-]", ".", mutant.name)

    def _cells(self, mutant, machine, facts, cells):
        left, number, failed = list(cells), 0, 0
        while left:
            number += 1
            where = self._folder(mutant) / f"{facts['gpu']}-{left[0].state}-{number}"
            try:
                with boot.Boot(machine, where) as vm:
                    lingering = (cellrun.sample(vm.agent).dma_mappings, 0)
                    vm.load_xe()
                    while left:
                        cell = left.pop(0)
                        self.note(f"{mutant.name}: {cell.name}")
                        cell_run = cellrun.CellRun(vm, cell, facts, self.rules, lingering)
                        res = cell_run.run()
                        lingering, failed = cell_run.lingering, 0
                        # How long remove() took is as much the machine's affair.
                        res.findings = [f for f in res.findings if not f.summary.startswith("remove() took")]
                        if res.verdict == "dirty" and not res.findings:
                            res.verdict = "clean"
                        if res.verdict != "infra" and expect.apply(self.lists, res) == "unexpected":
                            results.save_cell(where, res)
                            return f"{cell.name}: {res.findings[0].oracle}: {res.findings[0].summary[:160]}"
                        if res.broken:
                            break
            except (errors.InfraError, agent.GuestGone, agent.GuestTimeout, agent.GuestOops) as e:
                # The unmutated series boots, see start(); but on a loaded machine any boot may fail once.
                failed += 1
                if failed > 1:
                    self._sound(mutant)
                    return f"the guest: {e}"
        return None

    def _suites(self, mutant, machine, names):
        """Who of these suites fails, or None."""
        for attempt in (1, 2):
            self.note(f"{mutant.name}: KUnit")
            try:
                with switched.suites(machine, self._folder(mutant) / f"kunit-{attempt}") as vm:
                    for name in names:
                        wrong = switched.trouble(switched.run_suite(self.s, vm, name.removeprefix(switched.SUITE)))
                        if wrong:
                            return f"{name}: {wrong}"
                return None
            except (errors.InfraError, agent.GuestGone, agent.GuestTimeout, agent.GuestOops, agent.AgentError) as e:
                why = e
        self._sound(mutant, gpu=False)
        return f"{name if 'name' in locals() else names[0]}: the guest: {why}"

    def _sound(self, mutant, gpu=True):
        """InfraError where a guest does not come up without the mutant either: on a loaded machine that kills nobody."""
        with boot.Boot(self.healthy, self._folder(mutant) / "sound", gpu=gpu) as vm:
            if gpu:
                vm.load_xe()

    def _kunit(self, mutant, machine):
        from . import guest_kunit
        self.note(f"{mutant.name}: KUnit")
        try:
            found = guest_kunit.on_machine(self.s.base, replace(machine), self._folder(mutant) / "kunit", self.s.cache)
        except errors.InfraError as e:
            self._sound(mutant, gpu=False)
            return f"KUnit: {e}"
        return None if found.ok else f"KUnit: {(found.problems() or ['nothing ran'])[0]}"

    def asks(self, paths):
        """A short name of all that a change of these files is asked."""
        what = repr((self.iommu, battery_for(paths, self.battery), self.local))
        return hashlib.sha256(what.encode()).hexdigest()[:8]

    def start(self, paths):
        """The series as it is must survive whatever a change of these files is asked, or a kill would prove nothing."""
        killer, _ = self._hunt(Mutant("none", "all"), self.series, paths)
        if killer:
            raise errors.InfraError(f"the unmutated series is not clean, so nothing can be said of mutants: {killer}")


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
            self.coming[m] = self.pool.submit(kernel.of_overlay, self.s.base, self.s.variant, self.every[m], self.s.cache)
        return self.coming.pop(mutant).result


class Past:
    """What became of mutants, over states of the series; of each by what it takes out. A mutant that the tests of an
    earlier series killed is a kill; that one survived says nothing about tests which came later.

    series: key of the series' kernel.
    """

    def __init__(self, cache, base, series):
        self.memo, self.series = Memo(cache, f"mutants-{base}"), series

    def add(self, ident, verdict, text):
        """verdict: of run(); text: what killed it, or why it was not run."""
        self.memo.add(ident, {"series": self.series, "verdict": verdict, "text": text})

    def known(self, model="any"):
        """identity -> [verdict, text] of what need not be run again; model: `same` series only, or `any`."""
        return {i: [one["verdict"], one["text"]] for i, one in self.memo.known().items()
                if one["series"] == self.series or model == "any" and one["verdict"] == "clean"}


def walk(session, wanted, every, rules, iommu="on", battery=None, idents=None, late=lambda: False):
    """Runs mutants until late(); fills session.results and writes the files of the run.

    battery: in place of all cells there are; idents: mutant -> identity(), of those that are to be remembered.
    """
    from . import tree
    idents = idents or {}
    past = Past(session.cache, session.base.name, session.sides["patched"].kernel.key)
    series, _ = tree.overlay(session.base, session.source, session.cache)
    changes = {m: [p for p in series if o.get(p) != series[p]] if (o := every[m]) else [] for m in wanted}
    session.run_dir = results.new_run_dir(f"mutants-{session.base.name}")
    session.kind = KIND
    progress = ui.Tests(session.cache, f"mutants-{session.base.name}-{len(wanted)}", len(wanted))
    together = switched.make(session, series, every) if len(wanted) >= MANY and not battery else None
    alone = [m for m in wanted if not together or m not in together.numbers and m not in together.without]
    hunt = Hunt(session, iommu, rules, progress.note, session.run_dir / "boots",
                *((battery, ()) if battery else (BATTERY, LOCAL)))
    # What any of them may be asked.
    touched = {p: None for paths in changes.values() for p in paths} if battery else series
    with procs.guard(), contextlib.ExitStack() as stack:
        try:
            if together:
                reach = switched.Reach(session, together, kept.model_digest()[:6] + kept.model_digest(kept.PROGRAMS)[:6])
                hunt.learn(reach, together)
            ahead = None
            for m in sorted(wanted, key=lambda m: m in alone):
                if late():
                    break
                if m in alone and not ahead:
                    ahead = stack.enter_context(Ahead(session, alone, every))
                    passed = f"unmutated-{hunt.asks(touched)}"
                    if passed not in past.known("same"):
                        hunt.start(touched)
                        past.add(passed, "clean", "")
                if m in alone:
                    res = hunt.run(m, ahead.take(m), changes[m])
                elif m in together.without:
                    res = Result(m, {**hunt.facts, **m.facts()}, verdict="skip", skip="takes out nothing that runs")
                else:
                    res = hunt.switched(m, together, reach, changes[m][0])
                if idents.get(m) and res.verdict != "infra":
                    past.add(idents[m], res.verdict, res.skip or res.held.get("killed_by") or "")
                results.save_cell(session.run_dir, res)
                session.results.append(res)
                progress.step(res)
        finally:
            progress.end()
    progress.remember()
    session.seconds = progress.seconds()
    session.finish(session.seconds)


def standing(every, idents, known):
    """The share killed, in words; known: of Past.known()."""
    alone = [m for m in every if every[m] is not None]
    verdicts = [known[idents[m]][0] for m in alone if idents[m] in known]
    killed, survive = verdicts.count("clean"), verdicts.count("dirty")
    share = f" ({100 * killed / (killed + survive):.0f} %)" if killed + survive else ""
    return (f"{len(every)} mutants, {len(alone)} of them can be taken out alone; {len(verdicts)} were run so far: {killed} of "
            f"{killed + survive} killed{share}, {len(verdicts) - killed - survive} make no difference to the driver or do not build")
