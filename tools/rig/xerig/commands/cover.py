# SPDX-License-Identifier: MIT
"""`make cover`: which lines of the files the series touches does any test reach?"""

import time

from .. import errors, options

HELP = "line coverage of the series' files by KUnit and the rig"


def add_arguments(parser):
    options.add(parser, "base", "tests", tests="parts to run: kunit, live, cells (all)")


def run(args):
    from .. import base, cover, results, ui

    parts = options.select("TESTS", args.tests, cover.PARTS, cover.PARTS)
    if not base.load(args.base).patches():
        ui.say(f"{args.base} has no series")
        return errors.SKIPPED
    began = time.monotonic()
    c = cover.Cover(args.base)
    out = c.session.run_dir = results.new_run_dir(f"cover-{args.base}")
    for part in parts:
        getattr(c, part)()
    found = c.files()
    cover.write(out, c, found, parts, time.monotonic() - began)
    from rich.box import SIMPLE_HEAD  # not there before the set-up
    from rich.table import Table

    from .. import table
    t = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", title_justify="left",
              title=f"lines that ran, {args.base} with the series")
    for name in ("file", "", "lines", "ran", "%", "wanted", "of the series", "%"):
        t.add_column(name, justify="left" if name in ("file", "") else "right")
    for f in found:
        (reached, every), (mine, own) = f.share(), f.share(f.own)
        if not every:
            continue
        colour = "green" if cover.passed(f) else "red"
        t.add_row(f.path.removeprefix("drivers/gpu/drm/"), "new" if f.new else "", str(every), str(reached),
                  f"[{colour}]{reached / every:.0%}[/]", f"{cover.threshold(f)}%" if cover.threshold(f) else "",
                  f"{mine} / {own}", f"{mine / own:.0%}" if own else "")
    con = table.console()
    con.print(t)
    for text in c.said:
        con.print(text, markup=False)
    short = [f.path.rsplit("/", 1)[-1] for f in found if not cover.passed(f)]
    said = f"below the threshold: {', '.join(short)}" if short else "every threshold is reached"
    con.print(f"cover {args.base}: {said}", markup=False, soft_wrap=True)
    return errors.CHECK_FAILED if short else errors.OK
