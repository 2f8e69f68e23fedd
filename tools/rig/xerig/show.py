# SPDX-License-Identifier: MIT
"""What a session prints at its end, and the exit status that follows from it."""

import re

from . import errors, options, paths, results, ui


def verdict(session):
    """Prints the table, what was not expected, and one verdict line; returns the exit status.

    0: every side is what its expectation file says; a deviation of the unpatched side fails too,
    because then the table proves something else. 77: every test skipped itself.
    """
    from . import table  # rich is not there before the set-up
    con = table.console()
    s = session
    where = f"{s.base.name} ({s.versions['linux-source']}), {s.variant} kernel"
    if s.kind:
        con.print(table.tests(s.results, f"{s.kind}, {where}, GPU {s.gpu}", lambda name: re.split("[@.]", name)[0]))
    else:
        con.print(table.matrix(s.results, f"xe hot-unplug, {where}"))
    table.findings(s.results, con)
    passed, failed, _ = results.counts(s.results)
    parts = [f"{options.SIDES[side]}: {results.summary(s.results, side)}" for side in s.sides]
    for text in s.notes:
        con.print(text, markup=False)
    where = s.run_dir.relative_to(paths.REPO)
    con.print(f"{where}/report.html, {ui.duration(s.seconds)}")
    word = f"{failed} NOT as expected" if failed else "as expected" if passed else "nothing was tested"
    con.print(f"verdict {s.base.name}: {'; '.join(parts)}; {word}", markup=False, soft_wrap=True)
    return errors.CHECK_FAILED if failed else errors.OK if passed else errors.SKIPPED
