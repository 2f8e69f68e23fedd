# SPDX-License-Identifier: MIT
"""How far the product of cells and configurations has been walked: which results stand, and what is left."""

import itertools
from collections import Counter
from dataclasses import dataclass

from . import base as bases
from . import cellrun, kept, klog, paths, session, slices, ui, walked
from . import kernel as kernels

COLUMNS = ("base", "side", "kernel", "GPU", "vIOMMU", "cells", "clean", "known", "skipped", "not", "left")


@dataclass
class Row:
    """One configuration: counts of cells by what is known of them."""

    base: str
    side: str
    kernel: str
    gpu: str
    iommu: str
    cells: int
    clean: int = 0
    known: int = 0  # not clean, and an expectation says so
    skipped: int = 0
    bad: int = 0  # the last result is not as expected

    def count(self, results):
        """Counts results, judged already."""
        for r in results:
            if r.odd:
                self.bad += 1
            elif r.verdict == "skip":
                self.skipped += 1
            elif r.verdict == "clean":
                self.clean += 1
            else:
                self.known += 1

    @property
    def left(self):
        """Cells that a run with RESUME=same would run."""
        return self.cells - self.clean - self.known - self.skipped


def rows(names, variants, gpus, sides, iommus, cells, record=False):
    """A Row for each configuration, of results of the kernels as they would be built now. record: also writes what is
    clean or skipped into the repository."""
    cache = paths.Cache()
    lists = klog.load_allowed(), klog.load_allowed(cellrun.SKIPS), ()
    content = kept.Content()
    for name, variant, gpu, side in itertools.product(names, variants, gpus, sides):
        base = bases.load(name)
        made = kernels.find(base, variant, side, cache)
        s = session.Session("matrix", name, variant, gpu, cache)
        for iommu in iommus:
            row = Row(name, side, variant, gpu, iommu, len(cells))
            had = slices.left_out(s, side, iommu, cells)
            if made:
                facts = s.facts(side, iommu)
                store = kept.Kept(cache, slices.store_of("cells", made, gpu, iommu), content,
                                  walked.load(facts, made.content, lists[0]))
                had = {**slices.known(store, s, side, iommu, cells, lists, "same"), **had}
                if record:
                    count = walked.save(facts, made.content, had, content, lists[0], store.allowed())
                    ui.say(f"{walked.path_of(facts).name}: {count} cells")
            row.count(had.values())
            yield row


def show(found):
    """Prints the rows and their sum; returns how many cells are left."""
    from rich.table import Table  # not there before the set-up

    from . import table
    t = Table(pad_edge=False, header_style="bold")
    for n, title in enumerate(COLUMNS):
        t.add_column(title, justify="left" if n < 5 else "right")
    total = Counter()
    for r in found:
        numbers = (r.cells, r.clean, r.known, r.skipped, r.bad, r.left)
        t.add_row(r.base, r.side, r.kernel, r.gpu, r.iommu, *map(str, numbers))
        total.update(dict(enumerate(numbers)))
    if not total:
        return 0
    t.add_section()
    t.add_row("all", "", "", "", "", *(str(total[n]) for n in range(6)))
    con = table.console()
    con.print(t)
    con.print(f"{total[5]} of {total[0]} are left; the same command without --table, with RESUME=same and "
              "LIMIT=seconds, goes on")
    return total[5]
