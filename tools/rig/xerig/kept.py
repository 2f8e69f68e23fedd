# SPDX-License-Identifier: MIT
"""Results that outlive their run, so that a long list of tests can be walked in slices and taken up again.

They are kept by what they were made of: kernel, GPU, test packages. The virtual GPU changes more often than
these; each result knows the one it was made with, and the caller says whether another one will do.
"""

import hashlib
import re

from . import klog, oracles, paths
from .memo import Memo
from .result import UNLISTED, Result

SOURCES = ("**/*.[ch]", "**/Makefile")
BESIDE = {"tests", "fuzz", "bench"}
INCLUDED = re.compile(rb'^#include "(.+)"', re.M)
CHOICES = ("same", "any")  # RESUME=: results of this very virtual GPU, or of any


def digest(folder, files=SOURCES):
    """Sources in a folder (patterns) by their content: 12 hexadecimal digits. Without tests, fuzzers and benches, which
    no result rests on."""
    h = hashlib.sha256()
    found = {p for pattern in files for p in folder.glob(pattern)}
    for path in sorted(found):
        name = path.relative_to(folder)
        if not set(name.parts) & BESIDE:
            h.update(f"{name}\0".encode() + path.read_bytes())
    return h.hexdigest()[:12]


def model_and_programs():
    """Digest of the virtual GPU and of all guest programs."""
    return digest(paths.VGPU)[:6] + digest(paths.SCENARIOS)[:6]


def made_of(*names):
    """Files of the guest programs that those named are made of, themselves among them: what they include from lib, and
    what is behind each header there."""
    todo, found = list(names), set()
    while todo:
        name = todo.pop()
        path = paths.SCENARIOS / name
        if name in found or not path.exists():
            continue
        found.add(name)
        todo += [f"lib/{n.decode()}" for n in INCLUDED.findall(path.read_bytes())]
        if path.suffix == ".h":
            todo.append(name[:-1] + "c")
    return found


class Content:
    """What a test's result depends on besides the kernel: the virtual GPU, what all guest programs are made of, and
    what the programs of that test are. Call it with a test."""

    def __init__(self):
        lib = paths.SCENARIOS / "lib"
        # The frame of all programs, and what is behind a header of another name
        alone = [f"lib/{p.name}" for p in lib.glob("*.c") if not p.with_suffix(".h").exists()]
        self.common = digest(paths.VGPU)[:6] + digest(paths.SCENARIOS, {"Makefile", *made_of(*alone)})[:6]
        self.own = {}

    def __call__(self, test):
        states = getattr(test, "programs", (test.state,))
        for state in states:
            if state not in self.own:
                self.own[state] = digest(paths.SCENARIOS, made_of(f"{state}.c"))[:6]
        return self.common + "".join(self.own[s] for s in states)


class Kept:
    """Results of one side by test name. add() may be called from any thread.

    cache: paths.Cache, or None to keep nothing; key: of what all results here have in common;
    model: digest of what runs now besides the kernel, or a function of the test (Content).
    """

    def __init__(self, cache, key, model, recorded=None):
        """recorded: what is known of tests from elsewhere, as walked.load() has it; this cache knows better."""
        self.memo = Memo(cache, key)
        self.recorded = recorded or {}
        self.model = model if callable(model) else lambda _test: model

    def add(self, res):
        """Keeps a result; a failure of the rig says nothing about anything, and is not kept."""
        if res.verdict == "infra":
            return
        self.memo.add(res.cell.name, {
            "model": self.model(res.cell), "verdict": res.verdict, "skip": res.skip, "seconds": round(res.seconds, 2),
            "leaked": res.leaked, "splats": res.splats, "held": res.held, "replies": res.replies,
            "findings": [[f.oracle, f.summary] for f in res.findings],
            "allowed": [e.title for e in res.entries if e.allowed]})

    def allowed(self):
        """Lines of the log that results of this cache rest on."""
        return {title for had in self.memo.known().values() for title in had["allowed"]}

    def results(self, tests, facts, rules, skips, excuses=(), model="same"):
        """test -> Result of those that need not run again.

        rules, skips, excuses: today's lists (klog.Allowed). What rested on an allowed line of the log or an
        excused event of the witness that is gone has to run again; reasons of skips are judged anew.
        model: one of CHOICES.
        """
        known, out = {**self.recorded, **self.memo.known()}, {}
        for test in tests:
            had = known.get(test.name)
            if not had or (model == "same" and had["model"] != self.model(test)):
                continue
            mine = {**facts, **test.facts()}
            excused = had["held"].get("excused", {}).items()
            if not all(klog.known(t, rules, mine) for t in had["allowed"]) or \
                    not all(klog.known(t, excuses, {**mine, "test": who}) for t, who in excused):
                continue
            res = out[test] = Result(
                test, mine, verdict=had["verdict"], seconds=had["seconds"], leaked=had["leaked"], splats=had["splats"],
                held=had["held"], replies=[tuple(r) for r in had["replies"]], boot="kept",
                findings=[oracles.Finding(o, s) for o, s in had["findings"] if not s.startswith(UNLISTED)])
            if had["skip"]:
                res.skipped(had["skip"], skips)
                if had["verdict"] in ("skip", "dirty"):
                    res.verdict = "dirty" if res.findings else "skip"
        return out
