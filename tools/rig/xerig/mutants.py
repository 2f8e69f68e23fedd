# SPDX-License-Identifier: MIT
"""Mutants: the series with one patch, one hunk or one call taken out. hunt.py runs them until something goes red.

A mutant that nothing kills is a line of the series that no test needs: either the tests lack something, or
the line is not needed.
"""

import fnmatch
import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import errors, expect, options, switches

KIND = expect.MUTANTS
CALL = re.compile(rb"^\t+(\w+)\([^;{}]*\);\n", re.M)
# Calls that leave what the driver does as it is: for sparse and lockdep, words in the log, other tasks' turns, and what
# only suites have a use for.
NO_CODE = re.compile("__acquire|__release|lockdep_|might_|fs_reclaim_|cond_resched|WARN_ON|KUNIT_|"
                     "(drm|dev|pr)_(warn|info|dbg|err)")
# What `make test` does: somebody who waits for a user fence is not told that the device has gone.
META = "*@xe_wait_user_fence.c@2"
AROUND = 3  # lines that tell where a change is


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
        outside = {"PATH": "/usr/bin:/bin", "GIT_DIR": "/nonexistent", "HOME": tmp}
        done = subprocess.run(["git", "apply", "-R", "--recount", "-"], cwd=tmp, env=outside, input=diff,
                              capture_output=True, check=False)
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


def choose(every, text):
    """Mutants by a comma list of names or patterns."""
    wanted = options.words("TESTS", text, "PATCH@FILE@HUNK, PATCH@all@1 or FILE@CALL@N")
    for w in wanted:
        if not any(fnmatch.fnmatchcase(m.name, w) for m in every):
            raise errors.UsageError(f"TESTS {w} is no mutant: want PATCH@FILE@HUNK, PATCH@all@1 or FILE@CALL@N")
    return [m for m in every if any(fnmatch.fnmatchcase(m.name, w) for w in wanted)]


def stray(lines, series, every):
    """Where those lines of expect.mutants() stand that are about no mutant, or about one of another file."""
    files = {}
    for overlay in every.values():
        ident = identity(series, overlay)
        if ident:
            files[ident] = {Path(p).name for p in series if overlay.get(p) != series[p]}
    about = {line.where: (line.conditions["takes"], line.file) for line in lines}
    return [where for where, (ident, file) in about.items() if file not in files.get(ident, ())]


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
        head, tail = switches.same_ends(a, b)
        around = a[max(0, head - AROUND):head], a[head:len(a) - tail], b[head:len(b) - tail], a[len(a) - tail:][:AROUND]
        h.update(repr((path, around)).encode())
    return h.hexdigest()[:20]
