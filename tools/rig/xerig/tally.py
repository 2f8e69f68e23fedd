# SPDX-License-Identifier: MIT
"""Counts of named tests by program: how many pass, skip, are known to fail; the figures of acceptance."""

import time
from collections import Counter
from dataclasses import astuple, dataclass, fields

from . import ui
from .options import SIDES

STATE = "igt-counts"  # in the cache: counts of the whole list by combination
WANTED = 95.0  # per cent of the tests that do not skip have to pass


@dataclass
class Counts:
    """Tests of one program, or of all."""

    passed: int = 0
    skipped: int = 0
    known: int = 0  # fail, and a line of the expectations says why
    flake: int = 0  # the same, of a line that permits both
    bad: int = 0  # not as expected
    seconds: float = 0.0

    def add(self, res):
        """One more result, judged against the expectations."""
        self.seconds += res.seconds
        if res.odd:
            self.bad += 1
        elif res.verdict == "skip":
            self.skipped += 1
        elif res.verdict == "clean":
            self.passed += 1
        elif res.expected == "flake":
            self.flake += 1
        else:
            self.known += 1

    def __add__(self, other):
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def ran(self):
        """Tests that did not skip."""
        return self.passed + self.known + self.flake + self.bad

    @property
    def share(self):
        """Per cent of those that pass; 100 where none ran."""
        return 100.0 * self.passed / self.ran if self.ran else 100.0


def by_program(results):
    """Program -> Counts, in the order of the results."""
    out = {}
    for res in results:
        out.setdefault(res.cell.program, Counts()).add(res)
    return out


def total(counts):
    """The sum of many Counts."""
    return sum(counts, Counts())


def line(results, base, side, gpu, left=0):
    """One combination in words."""
    c = total(by_program(results).values())
    words = f"igt {base} {SIDES[side]} {gpu}: {c.passed} of {c.ran} subtests that do not skip pass " \
            f"({c.share:.1f} %), {c.skipped} skip, {c.known} known to fail, {c.flake} of a flake"
    words += f", {c.bad} NOT as expected" if c.bad else ""
    return words + (f"; {left} were not reached" if left else "")


def rounds(results):
    """Of a list that ran several times: how many rounds had no finding at all; None where it ran once."""
    of = {}
    for res in results:
        of.setdefault(res.cell.repeat, []).append(res)
    if len(of) < 2:
        return None
    clean = sum(all(r.verdict in ("clean", "skip") for r in rs) for rs in of.values())
    tests = sum(r.verdict == "clean" for r in results)
    return f"{clean} of {len(of)} rounds without a finding, {tests} of {len(results)} subtests clean"


def remember(cache, results, base, side, gpu, every, versions):
    """Keeps the counts of the whole list for table(), as far as it has run. every: all of its tests."""
    known = cache.read_state(STATE)
    known[f"{base} {side} {gpu}"] = {
        "when": time.strftime("%Y-%m-%d"), "versions": versions, "every": Counter(t.program for t in every),
        "programs": {p: list(astuple(c)) for p, c in by_program(results).items()}}
    cache.write_state(STATE, known)


def below(cache, side, gpu):
    """What to say of a GPU that is below WANTED, over the bases where the whole list has run; None where it is not."""
    known = {key: one for key, one in cache.read_state(STATE).items() if key.split()[1:] == [side, gpu]}
    sums = {key.split()[0]: total(_counts(one).values()) for key, one in sorted(known.items())}
    done = {base: c for base, c in sums.items() if not _left(known[f"{base} {side} {gpu}"])}
    share = total(done.values()).share
    if share >= WANTED:
        return None
    return f"igt {SIDES[side]} {gpu}: {share:.1f} % of the subtests that do not skip pass on {' and '.join(done)}, " \
           f"{WANTED:g} % are wanted"


def _counts(one):
    """Program -> Counts of what remember() has kept."""
    return {p: Counts(*row[:len(fields(Counts))]) for p, row in one["programs"].items()}


def _left(one):
    """Program -> how many of its tests have not run."""
    of = _counts(one)
    left = {p: n - of.get(p, Counts()).ran - of.get(p, Counts()).skipped for p, n in one["every"].items()}
    return {p: n for p, n in left.items() if n > 0}


def _cell(c):
    words = [f"{c.passed}/{c.ran}" if c.ran else "-"]
    words += [f"{n} {what}" for n, what in ((c.skipped, "s"), (c.known, "x"), (c.flake, "f"), (c.bad, "!")) if n]
    return " ".join(words)


def table(cache):
    """reStructuredText of what remember() has, a table for each side: a row a program, a column a base and GPU, then
    what was run and what is left; "" where nothing is kept."""
    known = cache.read_state(STATE)
    order = sorted(known, key=lambda k: (k.split()[0], k.split()[2] != "lnl"))
    return "\n".join(_of_side({k: known[k] for k in order if k.split()[1] == side})
                     for side in SIDES if any(k.split()[1] == side for k in order))


def _of_side(known):
    of = {key: _counts(one) for key, one in known.items()}
    names = [" ".join((b, SIDES[s], g)) for b, s, g in (key.split() for key in known)]
    programs = list(dict.fromkeys(p for counts in of.values() for p in counts))
    rows = [[f"``{p}``", *(_cell(c[p]) if p in c else "" for c in of.values())] for p in programs]
    sums = [total(c.values()) for c in of.values()]
    left = [_left(one) for one in known.values()]
    rows += [["all", *map(_cell, sums)], ["pass", *(f"{c.share:.1f} %" for c in sums)],
             ["not run", *(str(sum(n.values())) for n in left)],
             ["guest time", *(ui.duration(c.seconds) for c in sums)]]
    head = ["program", *names]
    widths = [max(len(r[n]) for r in (head, *rows)) for n in range(len(head))]
    rule = " ".join("=" * w for w in widths)

    def text(cells):
        return " ".join(c.ljust(w) for c, w in zip(cells, widths)).rstrip()
    made = [f"* {name}: {one['when']}, {one['versions']}" for name, one in zip(names, known.values())]
    made += [f"* {name}, not run: " + ", ".join(f"{p} {n} of {one['every'][p]}" for p, n in which.items())
             for name, one, which in zip(names, known.values(), left) if which]
    return "\n".join([rule, text(head), rule, *map(text, rows), rule, "", *made, ""])
