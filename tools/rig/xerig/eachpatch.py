# SPDX-License-Identifier: MIT
"""The series after each of its patches: the driver builds, and a guest with it is no worse off than before the series.

What went well is remembered by the content the driver has after that patch: a walk that was
interrupted goes on where it was, and an edited series is walked from its first changed patch on.
What a guest said is remembered by the modules it had as well: most edits of a test leave them alone.
"""

import hashlib
import re
from dataclasses import dataclass

from . import agent, buildtree, cellrun, checkout, cmd, errors, expect, kconfig, kernel, klog, lint, matrix, paths
from . import procs, results, session, tree

# What a patch in the middle of the series must not make worse: one state a kind of memory and of work.
CELLS = (("idle-fd", "unbind", "close-after"), ("bo-bound", "unbind", "close-after"),
         ("userptr", "unbind", "close-after"), ("queue-idle", "remove", "close-after"))
OBJECTS = "steps"


@dataclass(frozen=True)
class Step:
    """One patch: number from 1, title, files of the driver after it (path -> bytes or None), key of that content;

    asked: kernel options that exist after it; changed: paths the patch itself changes.
    """

    number: int
    title: str
    files: dict
    key: str
    asked: dict
    changed: tuple = ()


class Walk:
    """Walks the series of a base. late(): whether the time is over; the patch that is being asked comes to its end.

    Each walk returns (findings, note); the first patch that fails ends it, and a walk that was cut short is not passed.
    """

    def __init__(self, base, source, cache, late=lambda: False):
        self.base, self.source, self.cache, self.late = base, source, cache, late
        self.asked = {side: kconfig.options("plain", base.name, side) for side in ("base", "patched")}

    def builds(self):
        """Modules after each patch; warnings are findings."""
        return self._walk("builds", "build", lambda step: self._build(step)[1])

    def boots(self):
        """A guest after each patch: no cell of CELLS may be worse than on the unpatched side."""
        guests = []

        def boot(step):
            if not guests:
                guests.append(Guest(self.base, self.cache))
            built, warned = self._build(step, product=True)
            if warned:
                return warned
            self._mark("builds", step).touch()
            same = self.cache.check / f"guest-{self.base.name}-{content(built)}"
            found = [] if same.exists() else guests[0].findings(built, f"{step.number:04d}")
            if not found:
                same.touch()
            return found

        return self._walk("boots", "boot", boot)

    def _walk(self, kind, verb, try_it):
        steps = self.steps()
        todo, now = [s for s in steps if not self._mark(kind, s).exists()], 0
        if todo:
            # The unpatched kernel is what the object folder starts from.
            kernel.ensure(self.base, "plain", "base", self.cache)
        for step in todo:
            if self.late():
                break
            now += 1
            if self._mark(kind, step).exists():
                continue  # the same code as an earlier patch leaves: a document came in between
            try:
                found = try_it(step)
            except kernel.BuildError as e:
                found = [str(e)]
            if found:
                return ([f"patch {step.number} ({step.title}): {f}" for f in found],
                        f"stopped at {step.number} of {len(steps)}")
            self._mark(kind, step).touch()
        left = len(todo) - now
        note = f"{len(steps)} states of the series, {now} {verb} now, {len(steps) - len(todo)} did before"
        return [f"{left} states are still to be asked: run it again"] if left else [], note

    def _mark(self, kind, step):
        return self.cache.check / f"{kind}-{step.key}"

    def steps(self):
        """Every patch in order, as Step; then those that are to stand alone, without the others."""
        repo, tip = tree.commits(self.base, self.source, self.cache)
        ids, blobs = repo("rev-list", "--reverse", f"base..{tip}").split(), {}
        out = [self._step(repo, n, commit, blobs) for n, commit in enumerate(ids, 1)]
        for n in checkout.chosen("alone", self.base, repo, tip) if self.base.alone else ():
            out.append(self._step(repo, n, checkout.alone(repo, self.base, tip, [n]), blobs, " alone"))
        return out

    def _step(self, repo, number, commit, blobs, how=""):
        files = tree.files_at(repo, commit, blobs)
        code = {p: d for p, d in files.items() if not p.startswith("Documentation/")}
        asked = self._asked_after(files)
        return Step(number, repo("show", "-s", "--format=%s", commit) + how, files,
                    kernel.key_of(self.source.key, asked, code), asked,
                    tuple(repo("diff-tree", "-r", "--name-only", "--no-renames", f"{commit}^", commit).splitlines()))

    def _asked_after(self, files):
        """What the patched side asks for, without options of the series that these files do not bring yet."""
        kconfigs = [data for p, data in files.items() if data and p.rsplit("/", 1)[-1].startswith("Kconfig")]
        known = {f"CONFIG_{n.decode()}" for data in kconfigs for n in re.findall(rb"^config (\w+)", data, re.M)}
        return {k: v for k, v in self.asked["patched"].items() if k in self.asked["base"] or k in known}

    def _build(self, step, product=False):
        """(kernel.Kernel or None, warnings) of one patch; other builds of this base get their turn between two."""
        with self.cache.lock(f"build-{self.base.name}"):
            built = buildtree.BuildTree(self.cache, self.base, self.source)
            objects = folder(built, kconfig.text(self.asked["base"]))
            said = kernel.modules(self.cache, built, objects, OBJECTS, step.asked, step.files,
                                  f"{self.base.name} after patch {step.number}")
            done = kernel.product(self.cache, self.base, built, OBJECTS, step.files, step.key) if product else None
            return done, lint.findings("\n".join(said)) + self._left_out(step, objects)

    def _left_out(self, step, objects):
        """New warnings in files the patch changes and the guest kernel leaves out, compiled alone. The caller holds
        the lock."""
        files = [f for f in lint.compiled(step.changed)
                 if step.files.get(f) is not None and not (objects / f[:-2]).with_suffix(".o").exists()]
        if not files:
            return []
        linter = lint.Linter(self.cache, self.base, self.source)
        return lint.fresh(linter.compile(step.files, files)["w1"], linter.compile({}, files)["w1"])


def folder(built, asked):
    """The object folder of walks: its own, begun as a copy of the plain kernel's, and again when asked has changed.

    asked: text of the options of the unpatched kernel. What single patches add to them changes from step to step.
    """
    objects, plain = built.folder / OBJECTS, built.folder / "plain"
    begun = objects / "begun.config"
    if not (objects / "vmlinux").exists() or not begun.exists() or begun.read_text(encoding="utf-8") != asked:
        partial = built.folder / f"{OBJECTS}.partial"
        paths.remove(partial)
        cmd.run(["cp", "-a", "--reflink=auto", plain, partial])
        paths.write_atomic(partial / begun.name, asked)
        paths.remove(objects)
        partial.replace(objects)
        record = built.folder / "plain.built.json"
        if record.exists():
            paths.write_atomic(built.folder / f"{OBJECTS}.built.json", record.read_bytes())
    return objects


def content(built):
    """Hex digest of everything of a kernel that runs in a guest."""
    h = hashlib.sha256(built.bzimage.read_bytes())
    for file in sorted(built.modules.rglob("*.ko")):
        h.update(file.name.encode() + b"\0" + file.read_bytes())
    return h.hexdigest()[:16]


class Guest:
    """Boots kernels of single patches and compares them with what the unpatched side is known for."""

    def __init__(self, base, cache):
        self.session = session.Session("each-patch", base.name, cache=cache).prepare(["patched"])
        self.lists, self.rules = expect.load(base.name, "base"), klog.load_allowed()
        self.facts = self.session.facts("base", "on")
        self.out = results.new_run_dir(f"each-patch-{base.name}")

    def findings(self, built, name):
        """What is worse than on the unpatched side with kernel built; name: of the folder for its logs."""
        machine = self.session.machine_of(built, "on")
        left, found, boots = [matrix.Cell(*c) for c in CELLS], [], 0
        with procs.guard():
            while left:
                boots += 1
                where = self.out / name / f"boot-{boots}"
                try:
                    with cellrun.booted(machine, where) as (vm, lingering):
                        while left:
                            cell_run = cellrun.CellRun(vm, left.pop(0), self.facts, self.rules, lingering)
                            res, lingering = cell_run.run(), cell_run.lingering
                            results.save_cell(where, res)
                            if expect.apply(self.lists, res) == "unexpected":
                                found += [f"{res.cell.name}: {f.oracle}: {f.summary[:160]}" for f in res.findings]
                            if res.broken:
                                break
                except (errors.InfraError, agent.GuestError) as e:
                    return [*found, f"the guest: {e}"]
        return found
