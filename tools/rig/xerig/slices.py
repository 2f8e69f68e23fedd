# SPDX-License-Identifier: MIT
"""Long lists in slices: what earlier runs found out stands (RESUME), and a run ends in time (LIMIT)."""

import time

from . import cellrun, errors, expect, kept, klog, options, ui, walked
from .result import Result


def until(limit):
    """The time (monotonic) when LIMIT is over, None without one; a wrong LIMIT is a UsageError."""
    seconds = options.count("LIMIT", limit, None, 10**6)
    return time.monotonic() + seconds if seconds else None


class Slices:
    """RESUME and LIMIT of one command, for one session or several. kind: of the tests (None: cells)."""

    def __init__(self, args, kind=None):
        """args: with the options resume and limit; a wrong one is a UsageError."""
        self.kind, self.resume = kind, options.choice("RESUME", args.resume, kept.CHOICES, None)
        self.until = until(args.limit)
        self.wanted = self.left = 0

    def late(self):
        """Whether the time is over."""
        return self.until is not None and time.monotonic() > self.until

    def run(self, session, plan, worker, lists=None, model=None, package="", pack=None, each=lambda res: [res]):
        """Session.run() of a plan, what is known taken up first; keeps every result. Returns the stores (kept.Kept)
        by (side, iommu).

        lists: what a result may rest on, as kept.Kept.results() wants them (None: those of cells); model: digest of
        what results depend on besides the kernel (None: virtual GPU and guest programs, kept.Content); package:
        name of what else; pack: makes other tests of those that are left, each: the results to keep of one of theirs.
        """
        model = model or kept.Content()
        lists = lists or (klog.load_allowed(), klog.load_allowed(cellrun.SKIPS), ())
        stores = {(side, iommu): kept.Kept(
            session.cache, store_of(self.kind or "cells", made.kernel, session.gpu, iommu, package), model,
            None if self.kind else walked.load(session.facts(side, iommu), made.kernel.content, lists[0]))
            for side, made in session.sides.items() for iommu, _ in plan}

        def keep(res):
            for one in each(res):
                stores[res.facts["side"], res.facts["iommu"]].add(one)

        session.keep = keep
        for (side, iommu), store in stores.items() if self.resume else ():
            wanted = [cell for i, cells in plan if i == iommu for cell in cells]
            had = known(store, session, side, iommu, wanted, lists, self.resume, self.kind)
            mine = session.have[side, iommu] = {c: r for c, r in had.items() if not r.odd}
            if mine:
                session.note(f"{side}: {len(mine)} of {len(wanted)} results are of earlier runs of this kernel")
        if pack:
            plan = [(iommu, self._packed(session, iommu, cells, pack)) for iommu, cells in plan]
        session.run(plan, self.kind, type("Worker", (worker,), {"until": self.until}))
        wanted = len(session.sides) * sum(len(cells) for _, cells in plan)
        self.missed(wanted - len(session.results), wanted)
        return stores

    @staticmethod
    def _packed(session, iommu, cells, pack):
        had = [session.have.get((side, iommu), {}) for side in session.sides]
        done = [c for c in cells if all(c in known for known in had)]
        return done + pack([c for c in cells if c not in set(done)])

    def missed(self, count, wanted):
        """So many of the wanted tests were not run, since the time was over."""
        self.wanted, self.left = self.wanted + wanted, self.left + count

    def status(self, status):
        """Exit status of the command: a list that is not done is not as expected."""
        if not self.left:
            return status
        ui.say(f"{self.left} of {self.wanted} were not reached in time; the same command with RESUME=same goes on")
        return errors.CHECK_FAILED


def store_of(what, kernel, gpu, iommu, package=""):
    """Name of the file that keeps results: of tests of one kind on one kernel. Of packages' tests there are too many to
    run them all again for what only the way to name kernels has changed."""
    return f"{what}-{kernel.key if package else kernel.content}-{gpu}-{iommu}" + (f"-{package}" if package else "")


def left_out(session, side, iommu, tests, kind=None):
    """test -> Result of those that the expectations keep from running."""
    lines, facts = expect.load(session.base.name, side, kind), session.facts(side, iommu)
    why = {test: expect.skipped(lines, {**facts, **test.facts()}) for test in tests}
    return {test: Result(test, {**facts, **test.facts()}, verdict="skip", skip=reason, expected="expected")
            for test, reason in why.items() if reason}


def known(store, session, side, iommu, tests, lists, model, kind=None):
    """test -> Result of earlier runs, judged by the lists of today."""
    had = store.results(tests, session.facts(side, iommu), *lists, model)
    lines = expect.load(session.base.name, side, kind)
    for res in had.values():
        expect.apply(lines, res)
    return had
