# SPDX-License-Identifier: MIT
"""Mutants: the series with one patch, one hunk or one call taken out, built and run until something goes red.

A mutant that nothing kills is a line of the series that no test needs: either the tests lack something, or
the line is not needed.
"""

import fnmatch
import random
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import agent, boot, errors, expect, kernel, matrix, oracles, procs, results, run
from .memo import Memo

KIND = "mutants"
CALL = re.compile(rb"^\t+(\w+)\([^;{}]*\);\n", re.M)
NO_CODE = re.compile("__acquire|__release|lockdep_assert|might_sleep|drm_(warn|info|dbg|err)")
# Cheap and telling first; the first red one ends a mutant.
BATTERY = (("userptr", "unbind", "munmap-after"), ("bo-bound", "remove", "close-after"),
           ("queue-endless", "unbind", "close-after"), ("dmabuf-closed", "unbind", "close-after"),
           ("queue-idle", "surprise", "close-after"), ("user-fence", "unbind", "close-after"),
           ("bo-mmap", "unbind", "close-after-reprobe"), ("userptr", "surprise", "kill"),
           ("syncobj-waiter", "unbind", "close-after"), ("idle-fd", "remove", "close-after-reprobe"),
           ("preempt-vm", "unbind", "close-after"), ("queue-queued", "remove", "kill"), ("many-bos", "unbind", "kill"),
           ("ioctl-stuck", "unbind", "close-after"), ("fd-passed", "remove", "close-after"),
           ("debugfs-forcewake", "unbind", "close-after"), ("dmabuf-imported", "unbind", "close-after"))
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


def choose(every, text, count, known=()):
    """Mutants by names or patterns, else count of those not known yet, the same ones each time."""
    if text:
        wanted = [t.strip() for t in text.split(",") if t.strip()]
        hits = [m for m in every if any(fnmatch.fnmatchcase(m.name, w) for w in wanted)]
        for w in wanted:
            if not any(fnmatch.fnmatchcase(m.name, w) for m in every):
                raise errors.UsageError(f"TESTS {w} is no mutant: want PATCH@FILE@HUNK, PATCH@all@1 or FILE@CALL@N")
        return hits
    left = [m for m in every if m.name not in known]
    return left if count >= len(left) else sorted(random.Random(1).sample(left, count), key=left.index)


class Hunt:
    """Builds and runs mutants one after the other. note(text) shows what is being done."""

    def __init__(self, session, iommu, rules, note, out, battery=BATTERY):
        self.s, self.iommu, self.rules, self.note, self.out = session, iommu, rules, note, out
        self.battery = battery
        self.lists = expect.load(session.base.name, "patched")
        self.facts = session.facts("patched", iommu)

    def run(self, mutant, overlay):
        """A run.Result: clean means killed, dirty means that nothing noticed."""
        res = run.Result(mutant, {**self.facts, **mutant.facts()})
        if overlay is None:
            res.verdict, res.skip = "skip", "cannot be taken out alone: later parts of the series stand on it"
            return res
        self.note(f"{mutant.name}: building")
        try:
            built = kernel.of_overlay(self.s.base, self.s.variant, overlay, self.s.cache)
        except kernel.BuildError:
            res.verdict, res.skip = "skip", "does not build"
            return res
        killer = self._hunt(mutant, self.s.machine_of(built, self.iommu))
        if killer is None:
            res.verdict = "dirty"
            res.findings = [oracles.Finding("rig", f"survives {len(self.battery)} cells and the KUnit suites")]
        else:
            res.held = {"killed_by": killer}
        return res

    def _hunt(self, mutant, machine):
        left, number, failed = [matrix.Cell(*c) for c in self.battery], 0, 0
        while left:
            number += 1
            where = self.out / re.sub(r"[^\w.@-]", ".", mutant.name) / f"boot-{number}"
            try:
                with boot.Boot(machine, where) as vm:
                    lingering = (run.sample(vm.agent).dma_mappings, 0)
                    vm.load_xe()
                    while left:
                        cell = left.pop(0)
                        self.note(f"{mutant.name}: {cell.name}")
                        cell_run = run.CellRun(vm, cell, self.facts, self.rules, lingering)
                        res = cell_run.run()
                        lingering, failed = cell_run.lingering, 0
                        if res.verdict != "infra" and expect.apply(self.lists, res) == "unexpected":
                            results.save_cell(where, res)
                            return f"{cell.name}: {res.findings[0].oracle}: {res.findings[0].summary[:160]}"
                        if res.broken:
                            break
            except (errors.InfraError, agent.GuestGone, agent.GuestTimeout, agent.GuestOops) as e:
                # The unmutated series boots, see start(); but on a loaded machine any boot may fail once.
                failed += 1
                if failed > 1:
                    return f"the guest: {e}"
        return self._kunit(mutant, machine)

    def _kunit(self, mutant, machine):
        from . import guest_kunit
        self.note(f"{mutant.name}: KUnit")
        where = self.out / re.sub(r"[^\w.@-]", ".", mutant.name) / "kunit"
        try:
            found = guest_kunit.on_machine(self.s.base, machine, where, self.s.cache)
        except errors.InfraError as e:
            return f"KUnit: {e}"
        return None if found.ok else f"KUnit: {(found.failed + found.splats + ['nothing ran'])[0]}"

    def start(self):
        """The series as it is must survive the battery, or a kill would prove nothing."""
        side = self.s.sides["patched"]
        killer = self._hunt(Mutant("none", "all"), self.s.machine_of(side.kernel, self.iommu))
        if killer:
            raise errors.InfraError(f"the unmutated series is not clean, so nothing can be said of mutants: {killer}")


def memo_of(session):
    """What became of mutants, by name: [verdict, text]; for a state of the series."""
    return Memo(session.cache, f"mutants-{session.sides['patched'].kernel.key}")


def walk(session, wanted, every, rules, iommu="on", battery=BATTERY):
    """Runs mutants; fills session.results and writes the files of the run."""
    known = memo_of(session)
    session.run_dir = results.new_run_dir(f"mutants-{session.base.name}")
    session.kind = KIND
    from .session import Progress
    progress = Progress(session.cache, f"mutants-{session.base.name}-{len(wanted)}", len(wanted))
    hunt = Hunt(session, iommu, rules, progress.note, session.run_dir / "boots", battery)
    with procs.guard():
        try:
            hunt.start()
            for m in wanted:
                res = hunt.run(m, every[m])
                known.add(m.name, [res.verdict, res.skip or res.held.get("killed_by") or ""])
                results.save_cell(session.run_dir, res)
                session.results.append(res)
                progress.step(res)
        finally:
            progress.close()
    progress.remember()
    session.seconds = progress.seconds()
    session.finish(session.seconds)
