# SPDX-License-Identifier: MIT
"""make check: static checks of a series and the build of each patch."""

from .. import base as bases
from .. import check, errors, paths, setup

HELP = "git am, checkpatch --strict, kernel-doc, coccinelle, W=1, sparse, per-patch build"


def add_arguments(parser):
    from ..cli import env
    parser.add_argument("--base", default=env("BASE"), help="bases (comma list, default all)")
    parser.add_argument("--steps", default=",".join(check.STEPS), help=f"of {', '.join(check.STEPS)}")


def run(args):
    steps = tuple(s.strip() for s in args.steps.split(","))
    wrong = [s for s in steps if s not in check.STEPS]
    if wrong:
        raise errors.UsageError(f"unknown check {wrong[0]!r}: there is {', '.join(check.STEPS)}")
    cache = paths.Cache()
    results = {}
    for base in bases.load_list(args.base):
        setup.ensure_all(base, cache)
        results[base.name] = check.run(base, cache, steps)
    check.write(results)
    print("\n".join(check.table(results)))
    return check.passed(results)
