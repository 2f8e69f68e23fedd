# SPDX-License-Identifier: MIT
"""`make check`: everything about a series that can be said without running it.

Each step returns its findings; none means it passed. Slow steps are cached by content.
"""

import concurrent.futures
import dataclasses
import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from . import allow, applies, checkout, cmd, eachpatch, errors, git, host, lint, paths, sources, tree, ui

RULES = sorted(paths.CHECKS.glob("*.cocci"))
# What CI waits for: building the driver once a patch takes longer than all the rest of `make test`.
QUICK = ("apply", "am", "checkpatch", "kernel-doc", "coccinelle", "W=1", "sparse")
# What has to be asked for downloads something (applies, clang) or boots once a patch.
USUAL = QUICK + ("each-patch-builds",)
STEPS = QUICK + ("applies", "clang", "each-patch-boots", "each-patch-builds")


@dataclasses.dataclass
class Step:
    """name; findings: lines, empty = passed; note: what was looked at; seconds."""

    name: str
    findings: list
    note: str
    seconds: float = 0.0

    @property
    def ok(self):
        """Whether the step found nothing."""
        return not self.findings


def run(base, cache=None, steps=USUAL, late=lambda: False):
    """Steps of one base as a list of Step; a series that is empty passes with one step saying so.

    late(): whether a walk over the series is to stop where it is.
    """
    cache = cache or paths.Cache()
    source = sources.ensure(base, cache)
    done = []
    check = Check(base, source, cache, late)
    if not base.patches():
        return [Step("series", [], "no patches yet: nothing to check")]
    for name in steps:
        start = time.monotonic()
        try:
            found, note = check.method(name)(check)
        except tree.PatchError as e:
            found, note = [str(e)], "stopped here"
        step = Step(name, found, note, time.monotonic() - start)
        done.append(step)
        ui.say(f"check {base.name} {name}: {'ok' if step.ok else f'{len(found)} findings'}, {note}")
        if name == "apply" and found:
            break
    return done


class Check:
    """The steps for one base; each returns (findings, note)."""

    def __init__(self, base, source, cache, late=lambda: False):
        """late(): whether a step that walks the series is to stop where it is."""
        self.base, self.source, self.cache, self.late = base, source, cache, late

    @classmethod
    def method(cls, name):
        """The method of a step: "W=1" is w_1."""
        return getattr(cls, re.sub(r"\W", "_", name.lower()))

    def _tip(self):
        return tree.commits(self.base, self.source, self.cache)

    def _files(self):
        repo, tip = self._tip()
        return tree.files_at(repo, tip)

    def apply(self):
        """Patches and new files give commits, without fuzz; every new file is in the series; `alone` ones are."""
        repo, tip = self._tip()
        count = len(repo("rev-list", f"base..{tip}").split())
        found = [f"{p} is in no patch (line `Adds: {p}`)" for p in tree.strays()]
        for number in checkout.chosen("alone", self.base, repo, tip) if self.base.alone else ():
            checkout.alone(repo, self.base, tip, [number])
        return found, f"{count} patches, no fuzz, {len(self.base.alone)} of them also alone"

    def am(self):
        """What `make series` writes goes through git am and gives the same tree."""
        repo, tip = self._tip()
        with tempfile.TemporaryDirectory(dir=self.cache.tmp) as tmp:
            mails = checkout.mails(repo, tip, Path(tmp) / "mails", git.IDENT, self.cache)
            work = Path(tmp) / "tree"
            here = checkout.scratch(work, repo, tip)
            try:
                here("am", "-q", "--keep-non-patch", *mails)
            except git.GitError as e:
                return [f"git am: {e}"], "stopped"
            same = here("rev-parse", "HEAD^{tree}") == repo("rev-parse", f"{tip}^{{tree}}")
        return ([] if same else ["git am gives another tree than make tree"]), f"{len(mails)} mails"

    def checkpatch(self):
        """checkpatch.pl --strict of the base on each mail."""
        repo, tip = self._tip()
        with tempfile.TemporaryDirectory(dir=self.cache.tmp) as tmp, \
                concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            mails = checkout.mails(repo, tip, Path(tmp), git.IDENT, self.cache)
            said = [f for part in pool.map(self._checkpatch_one, mails) for f in part]
        allowed = allow.load("checkpatch", self.base.name)
        return [f for f in said if not any(a in f for a in allowed)], f"--strict, {len(mails)} mails"

    def _checkpatch_one(self, mail):
        r = cmd.run(["perl", "scripts/checkpatch.pl", "--strict", "--terse", "--show-types", "--no-summary",
                     "--color=never", mail], cwd=self.source.path, check=False)
        found = checkpatch_findings(r.stdout, mail.name)
        if r.returncode and not found:
            raise errors.InfraError(f"checkpatch.pl did not run on {mail.name}: {cmd.last_line(r)}")
        return found

    def kernel_doc(self):
        """New complaints of kernel-doc about touched and new files."""
        files = self._files()
        with tempfile.TemporaryDirectory(dir=self.cache.tmp) as tmp:
            lint.prove_kernel_doc(self.source, Path(tmp, "proof"))
            now = lint.kernel_doc(self.source, lint.exported(self.source, files, Path(tmp)), files)
        before = lint.kernel_doc(self.source, self.source.path, files)
        return lint.fresh(now, before), f"{len(files)} files"

    def coccinelle(self):
        """Own rules over the whole driver against the reviewed lists; functions of the series that no rule can see."""
        files = self._files()
        with tempfile.TemporaryDirectory(dir=self.cache.tmp) as tmp:
            folder = lint.exported(self.source, files, Path(tmp))
            said = lint.coccinelle(folder, RULES, self.cache.environ())
            said["parse"] = lint.blind(folder, files, self.cache.environ())
        found = []
        for rule, lines in said.items():
            left, idle = allow.judge(lines, allow.load(rule, self.base.name))
            found += left + [f"{rule}.allow: nothing says any more: {i}" for i in idle]
        return found, f"{len(RULES)} rules, {sum(map(len, said.values()))} places found"

    def w_1(self):
        """gcc's W=1 warnings that the base does not have."""
        return self._compile("w1")

    def sparse(self):
        """sparse's complaints that the base does not have."""
        return self._compile("sparse")

    def clang(self):
        """clang's W=1 warnings that the base does not have; installs the compiler."""
        if not shutil.which(lint.CLANG):
            host.install([lint.CLANG])
        return self._compile("clang", "clang")

    def _compile(self, tool, compiler="gcc"):
        files = self._files()
        with self.cache.lock(f"build-{self.base.name}"):
            linter = lint.Linter(self.cache, self.base, self.source, compiler)
            now = linter.compile(files, files)[tool]
            before = linter.compile({}, files)[tool]
        return lint.fresh(now, before), f"{len(lint.compiled(files))} files"

    def applies(self):
        """The series on every version of the base that the mirror offers."""
        return applies.run(self.base, self.source, self.cache)

    def each_patch_builds(self):
        """The driver builds after each patch."""
        return eachpatch.Walk(self.base, self.source, self.cache, self.late).builds()

    def each_patch_boots(self):
        """A guest boots after each patch and is no worse than before the series."""
        return eachpatch.Walk(self.base, self.source, self.cache, self.late).boots()


def checkpatch_findings(text, name):
    """`TYPE: text` lines of checkpatch --terse --show-types, with the mail's name."""
    found = []
    for line in text.splitlines():
        m = re.match(r".*?:(\d+): (ERROR|WARNING|CHECK):(\w+): (.*)$", line)
        if m:
            found.append(f"{name}:{m[1]}: {m[2]}:{m[3]}: {m[4]}")
    return found


def table(results):
    """Lines of a table; results: base name -> list of Step."""
    lines = [f"{'base':6} {'check':18} {'result':12} {'time':>8}  what"]
    for name, steps in results.items():
        for s in steps:
            result = "ok" if s.ok else f"{len(s.findings)} findings"
            lines.append(f"{name:6} {s.name:18} {result:12} {ui.duration(s.seconds):>8}  {s.note}")
            lines += [f"       {f}" for f in s.findings]
    return lines


def write(results):
    """out/check/results.json."""
    out = paths.OUT / "check"
    out.mkdir(parents=True, exist_ok=True)
    paths.write_atomic(out / "results.json", json.dumps(
        {n: [dict(dataclasses.asdict(s), ok=s.ok) for s in steps] for n, steps in results.items()}, indent=1) + "\n")


def passed(results):
    """Exit status over all bases."""
    good = all(s.ok for steps in results.values() for s in steps)
    return errors.OK if good else errors.CHECK_FAILED
