# SPDX-License-Identifier: MIT
"""What became of one test: a cell, or one with a name of its own."""

from dataclasses import dataclass, field

from . import klog
from .oracles import Finding

UNLISTED = "skipped, and the list has no such reason"
ODD = ("unexpected", "must-leave")  # what a result is that is not as expected


@dataclass
class Result:
    """One cell on one side, judged."""

    cell: object
    facts: dict
    verdict: str = "clean"
    findings: list = field(default_factory=list)
    leaked: int | None = None
    splats: int = 0
    remove_ns: int | None = None
    seconds: float = 0.0
    times: dict = field(default_factory=dict)
    boot: str = ""
    log: list = field(default_factory=list)
    entries: list = field(default_factory=list)
    witness: list = field(default_factory=list)
    samples: dict = field(default_factory=dict)
    replies: list = field(default_factory=list)
    held: dict = field(default_factory=dict)
    skip: str | None = None
    left_out: dict = field(default_factory=dict)  # state -> why; of those that were to be held with others
    broken: bool = False  # the boot proves nothing any more
    expected: str | None = None  # set by expect.apply()
    reason: str | None = None

    @property
    def odd(self):
        """Whether this is not what the expectations say."""
        return self.expected in ODD

    def skipped(self, why, known):
        """The test skipped itself: a finding where none of the known reasons (klog.Allowed) is why."""
        self.skip = why
        self._needs_reason(why, known, self.facts)

    def leave_out(self, state, why, known):
        """The same of one of several states, without which the others were held."""
        self.left_out[state] = why
        self._needs_reason(why, known, {**self.facts, "state": state})

    def _needs_reason(self, why, known, facts):
        if klog.known(why, known, facts) is None:
            self.findings.append(Finding("program", f"{UNLISTED}: {why}"))

    def oracles(self):
        """Names of the oracles that spoke, in order, once each."""
        return list(dict.fromkeys(f.oracle for f in self.findings))
