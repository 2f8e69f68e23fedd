# SPDX-License-Identifier: MIT
"""`make bench`: figures with what they are compared with, in one run."""

import json

from .. import errors, options, ui

HELP = "speed of the virtual GPU and of a boot; what the series costs"


def add_arguments(parser):
    options.add(parser, "base", "gpu", "tests", gpu="virtual GPU (lnl)",
                tests="gpu, driver, removal, load (all where there is a series)")


def run(args):
    from .. import base, results
    from ..bench import driver, gpu, load, removal

    parts = {p.NAME: p for p in (gpu, driver, removal, load)}
    default = list(parts) if base.load(args.base).patches() else ["gpu"]
    gpu_name = options.read(args).gpu
    chosen = options.select("TESTS", args.tests, parts, default)
    out = results.new_run_dir(f"bench-{args.base}")
    found = {name: parts[name].measure(args.base, gpu_name, out) for name in chosen}
    (out / "bench.json").write_text(json.dumps(
        {n: {**f.data, "limits": f.judged()} if f.limits else f.data for n, f in found.items()}, indent=1) + "\n")
    from rich.table import Table  # not there before the set-up

    from .. import table
    con = table.console()
    for fig in found.values():
        t = Table(pad_edge=False, header_style="bold", title=fig.title, title_justify="left")
        for name in ("what", "figure", "remark"):
            t.add_column(name, justify="right" if name == "figure" else "left")
        for row in fig.rows:
            t.add_row(*row)
        con.print(t)
        for path in fig.plots:
            ui.say(f"{path}")
    ui.say(f"{out}/bench.json")
    return judge(found)


def judge(found):
    """A line for each part that has limits; exit status."""
    for name, fig in found.items():
        if fig.limits:
            ui.say(f"verdict {name}: {fig.verdict()}")
    return errors.OK if all(x.good for fig in found.values() for x in fig.limits) else errors.CHECK_FAILED
