# SPDX-License-Identifier: MIT
"""make check: static checks of a series and the build of each patch."""

from .. import base as bases
from .. import check, matrix, options, paths, setup

HELP = "git am, checkpatch --strict, kernel-doc, coccinelle, W=1, sparse, per-patch build"


def add_arguments(parser):
    options.add(parser, "base", "tests", "points", defaults={"base": "all"}, base="bases, comma list (all)",
                tests=f"of {', '.join(check.STEPS)}, or all ({', '.join(check.USUAL)})",
                points="patches that each-patch-* takes at a time (all)")


def run(args):
    steps = matrix.select("TESTS", args.tests, check.STEPS, check.USUAL)
    points = None if args.points in (None, "all") else matrix.count("POINTS", args.points)
    cache = paths.Cache()
    results = {}
    for base in bases.load_list(args.base):
        setup.ensure_all(base, cache)
        results[base.name] = check.run(base, cache, steps, points)
    check.write(results)
    print("\n".join(check.table(results)))
    return check.passed(results)
