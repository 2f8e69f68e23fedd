# SPDX-License-Identifier: MIT
"""make check: static checks of a series and the build of each patch."""

from .. import base as bases
from .. import check, matrix, paths, setup

HELP = "git am, checkpatch --strict, kernel-doc, coccinelle, W=1, sparse, per-patch build"


def add_arguments(parser):
    from ..cli import env
    parser.add_argument("--base", default=env("BASE"), help="bases (comma list, default all)")
    parser.add_argument("--steps", default=env("TESTS", ",".join(check.USUAL)), help=f"of {', '.join(check.STEPS)}, or all")
    parser.add_argument("--points", default=env("POINTS"), help="patches that each-patch-* takes at a time (all)")


def run(args):
    steps = matrix.select("TESTS", args.steps, check.STEPS, check.USUAL)
    points = None if args.points in (None, "all") else matrix.count("POINTS", args.points)
    cache = paths.Cache()
    results = {}
    for base in bases.load_list(args.base):
        setup.ensure_all(base, cache)
        results[base.name] = check.run(base, cache, steps, points)
    check.write(results)
    print("\n".join(check.table(results)))
    return check.passed(results)
