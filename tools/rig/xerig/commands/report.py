# SPDX-License-Identifier: MIT
"""`make report`: the HTML page of the last runs."""

import json

from .. import errors, paths

HELP = "HTML page of the last runs"
LAST = 30


def add_arguments(parser):
    parser.add_argument("--last", help=f"how many runs ({LAST})")


def run(args):
    from .. import html, options

    last, runs = options.count("--last", args.last, LAST), []
    for path in sorted(paths.OUT.glob("*/results.json"), key=lambda p: p.stat().st_mtime, reverse=True):
        if path.parent.is_symlink():
            continue
        try:
            data = json.loads(path.read_text())
        except ValueError:
            continue  # a run that was interrupted while it wrote
        if "results" not in data:
            continue  # of `make check`, which has no cells
        runs.append((path.parent.name, data))
        if len(runs) == last:
            break
    if not runs:
        raise errors.UsageError("there is no run yet: `make hotunplug` makes one")
    for name, data in runs:
        html.write_run(paths.OUT / name, data)
    print(html.write_index(paths.OUT, runs))
    return errors.OK
