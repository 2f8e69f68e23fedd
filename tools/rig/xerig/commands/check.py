# SPDX-License-Identifier: MIT
"""make check: static checks of a series and the build of each patch."""

import time

from .. import base as bases
from .. import check, options, paths, setup, slices

HELP = "git am, checkpatch --strict, kernel-doc, coccinelle, W=1, sparse, per-patch build"


def add_arguments(parser):
    options.add(parser, "base", "tests", "limit", defaults={"base": "all"}, base="bases, comma list (all)",
                tests=f"of {', '.join(check.STEPS)}, or all ({', '.join(check.USUAL)})",
                limit="seconds after which each-patch-* begin no other patch; the same command goes on")


def run(args):
    steps = options.select("TESTS", args.tests, check.STEPS, check.USUAL)
    end = slices.until(args.limit)
    cache = paths.Cache()
    results = {}
    for base in bases.load_list(args.base):
        setup.ensure_all(base, cache)
        results[base.name] = check.run(base, cache, steps, lambda: end is not None and time.monotonic() > end)
    check.write(results)
    print("\n".join(check.table(results)))
    return check.passed(results)
