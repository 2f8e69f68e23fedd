# SPDX-License-Identifier: MIT
"""What became of mutants (mutants.py), over states of the series and over machines: no machine lives long enough to run
them all after each change.

Each is known by what it takes out, mutants.identity(). One that the tests of an earlier state killed is a kill; that
one survived says nothing about tests which came later. tools/rig/walked/mutants-BASE.txt has them for other machines: the
series' kernel, and a row a mutant with identity, verdict, and what killed it, or why it was not run.
"""

import re

from . import walked
from .memo import Memo

ROW = re.compile(r"([0-9a-f]{20}) (clean|dirty|skip) (.*)")
TEXT = 160  # characters of a row


class Past:
    """What became of mutants of one base. series: key of the series' kernel."""

    def __init__(self, cache, base, series):
        self.memo, self.base, self.series = Memo(cache, f"mutants-{base}"), base, series

    @property
    def path(self):
        """Where the repository has it."""
        return walked.FOLDER / f"mutants-{self.base}.txt"

    def add(self, ident, verdict, text):
        """verdict: clean (killed), dirty (survived) or skip; text: what killed it, or why it was not run."""
        self.memo.add(ident, {"series": self.series, "verdict": verdict, "text": text})

    def known(self, model="any"):
        """identity -> [verdict, text] of what need not be run again; model: `same` series only, or `any`."""
        return {i: [one["verdict"], one["text"]] for i, one in {**self._recorded(), **self.memo.known()}.items()
                if one["series"] == self.series or model == "any" and one["verdict"] == "clean"}

    def save(self, idents):
        """Writes what is known of these mutants, and of no other, into the repository; returns how many."""
        mine = set(idents)
        rows = sorted((i, *what) for i, what in self.known().items() if i in mine)
        if rows:
            text = ["# SPDX-License-Identifier: MIT",
                    f"# What became of the mutants of {self.base}; made by `xe-unplug mutants --record`. Identity, "
                    "verdict (clean: killed), by what.",
                    f"series {self.series}", *(f"{i} {verdict} {_plain(why)}" for i, verdict, why in rows)]
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_text("\n".join(text) + "\n", encoding="utf-8")
        return len(rows)

    def _recorded(self):
        if not self.path.exists():
            return {}
        lines = [s for s in self.path.read_text(encoding="utf-8").splitlines() if not s.startswith("#")]
        series = lines[0].removeprefix("series ") if lines else None
        found = (ROW.fullmatch(s) for s in lines[1:])
        return {m[1]: {"series": series, "verdict": m[2], "text": m[3]} for m in found if m}


def _plain(text):
    """One line of bounded length, without what is of one boot only."""
    return " ".join(text.split())[:TEXT].rstrip()


def explained(lines):
    """identity -> why it survives; lines: of expect.mutants()."""
    return {line.conditions["takes"]: line.reason for line in lines}


def standing(every, idents, known, reasons):
    """The shares killed, explained and neither, in words; known: of Past.known(), reasons: of explained()."""
    alone = [m for m in every if every[m] is not None]
    verdicts = [known[idents[m]][0] for m in alone if idents[m] in known]
    killed, survive = verdicts.count("clean"), verdicts.count("dirty")
    # An explanation stands for as long as the lines do that it is about, whatever was run since.
    why = sum(idents[m] in reasons and known.get(idents[m], ["dirty"])[0] == "dirty" for m in alone)
    bare = sum(idents[m] not in reasons and known.get(idents[m], [""])[0] == "dirty" for m in alone)
    told = killed + survive
    share = f" ({100 * killed / told:.0f} %)" if told else ""
    return (f"{len(every)} mutants, {len(alone)} of them can be taken out alone; {len(verdicts)} were run so far: "
            f"{killed} of {told} killed{share}, {bare} survive unexplained; {why} are explained; "
            f"{len(verdicts) - told} make no difference to the driver or do not build")
