# SPDX-License-Identifier: MIT
"""Expectation files: which cells are known not to be clean, why, and which oracle says so.

expect/<base>-<side>.txt, a line each:  fail|flake|skip  state/way/order  [key=value ...]  oracle[,oracle]  reason
State, way and order are shell patterns. A cell that is listed as fail and is clean must leave the list.
Commands whose tests have names of their own (igt, live) read expect/<kind>.txt and <kind>-<base>-<side>.txt, where
the name's pattern stands in place of state/way/order. Mutants have expect/mutants-<base>.txt, see mutants().
"""

import fnmatch
import re
from dataclasses import dataclass

from . import errors, oracles, paths
from . import facts as of
from .orders import ORDERS
from .states import STATES
from .ways import WAYS

FOLDER = paths.EXPECT
VERBS = ("fail", "flake", "skip")
MUTANTS = "mutants"


@dataclass
class Line:
    """One expectation. judged: cells it was applied to that had a verdict; spoken: those of them where its oracles
    spoke."""

    verb: str
    pattern: str
    conditions: dict
    oracles: frozenset
    reason: str
    where: str
    judged: int = 0
    spoken: int = 0
    file: str = ""  # of mutants: whose code it is about

    def applies(self, facts):
        """Whether the line is about a test with these facts."""
        return any(fnmatch.fnmatchcase(name, self.pattern) for name in names_of(facts)) and \
            all(any(mine in v.split(",") for mine in of.values(facts, k)) for k, v in self.conditions.items())


def names_of(facts):
    """What the patterns are compared with: the test's name, or state/way/order of a cell, for each of its states."""
    if "test" in facts:
        return [facts["test"]]
    return [f"{state}/{facts['way']}/{facts['order']}" for state in of.values(facts, "state")]


def parse(text, where, cells=True):
    """Lines of an expectation file; a bad one is a UsageError that names file and line.

    cells: patterns must match a cell; else they are of tests whose names only the guest knows.
    """
    out = []
    known = set(oracles.names())
    every = [f"{s}/{w}/{o}" for s in STATES for w in WAYS for o in ORDERS]
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.split()
        if not words or raw.lstrip().startswith("#"):
            continue
        at = f"{where}:{number}"
        if words[0] not in VERBS or len(words) < 4:
            raise errors.UsageError(f"{at}: want: fail|flake|skip state/way/order [key=value ...] oracles reason")
        verb, pattern, rest = words[0], words[1], words[2:]
        if cells and not fnmatch.filter(every, pattern):
            raise errors.UsageError(f"{at}: no cell is called {pattern}")
        conditions = {}
        while rest and re.fullmatch(r"\w+=\S+", rest[0]):
            key, value = rest.pop(0).split("=", 1)
            conditions[key] = value
        names = frozenset()
        if verb != "skip":
            names = frozenset(rest.pop(0).split(",")) if rest else names
            if not names or names - known:
                raise errors.UsageError(f"{at}: oracles are {', '.join(sorted(known))}")
        if not rest:
            raise errors.UsageError(f"{at}: a reason is missing")
        out.append(Line(verb, pattern, conditions, names, " ".join(rest), at))
    return out


def load(base, side, kind=None):
    """The list for a base and side, and for a kind of tests (None: cells); empty where there is no file."""
    if kind == MUTANTS:
        return mutants(base)
    names = [f"{kind}.txt", f"{kind}-{base}-{side}.txt"] if kind else [f"{base}-{side}.txt"]
    found = [FOLDER / n for n in names if (FOLDER / n).exists()]
    return [line for path in found for line in parse(path.read_text(), path.name, cells=kind is None)]


def mutants(base, folder=None):
    """Why mutants survive: lines of expect/mutants-<base>.txt, "IDENTITY FILE@WHERE reason". The first word tells which
    one, as numbers of patches change (mutants.identity(), `make mutants` shows it); the second is for the reader."""
    path = (folder or FOLDER) / f"mutants-{base}.txt"
    out = {}
    for number, raw in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
        words = raw.split(maxsplit=2)
        if not words or raw.startswith("#"):
            continue
        at = f"{path.name}:{number}"
        if not re.fullmatch(r"[0-9a-f]{20}", words[0]) or len(words) < 3 or not re.fullmatch(r"\w+\.[ch]@\S+", words[1]):
            raise errors.UsageError(f"{at}: want: IDENTITY FILE@WHERE reason")
        if words[0] in out:
            raise errors.UsageError(f"{at}: that one is explained in {out[words[0]].where}")
        # What hunt.py says of a survivor is said in the rig's name.
        out[words[0]] = Line("fail", "*", {"takes": words[0]}, frozenset({"rig"}), words[2], at,
                             file=words[1].split("@")[0])
    return list(out.values())


def skipped(lines, facts):
    """Reason why a cell is not to be run at all, or None."""
    for line in lines:
        if line.verb == "skip" and line.applies(facts):
            return line.reason
    return None


def apply(lines, result):
    """Sets result.expected: "expected", "unexpected", "must-leave" or "flake", and result.reason.

    infra is never expected. Several lines may apply; their oracles add up.
    """
    match = [e for e in lines if e.verb != "skip" and e.applies(result.facts)]
    spoke = set(result.oracles())
    for e in match:
        e.judged += result.verdict in ("clean", "dirty")
        e.spoken += bool(spoke & e.oracles)
    fails = [e for e in match if e.verb == "fail"]
    allowed = frozenset().union(*(e.oracles for e in match)) if match else frozenset()
    result.reason = "; ".join(dict.fromkeys(e.reason for e in match)) or None
    if result.verdict in ("clean", "skip"):
        result.expected = "must-leave" if fails and result.verdict == "clean" else "expected"
    elif result.verdict == "infra" or spoke - allowed or not match:
        result.expected = "unexpected"
    else:
        result.expected = "expected" if fails else "flake"
    return result.expected


def idle(lines):
    """Where those "fail" lines of single states or programs stand whose oracles said nothing in a whole run.

    Other lines make their cells expected all the same, so nothing else tells that these have to leave. One cell
    proves nothing: it may have died of something else before.
    """
    return [e.where for e in lines
            if e.verb == "fail" and e.judged > 1 and not e.spoken and not e.pattern.startswith("*")]
