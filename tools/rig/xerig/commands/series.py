# SPDX-License-Identifier: MIT
"""make series: mailable series with cover letter in out/series/BASE."""

from .. import base as bases
from .. import checkout, errors, paths, setup

HELP = "mailable series with cover letter in out/series/BASE"


def add_arguments(parser):
    from ..cli import env
    parser.add_argument("--base", default=env("BASE", "6.12"), help="which base (default 6.12)")


def run(args):
    cache = paths.Cache()
    base = bases.load(args.base)
    _, source = setup.ensure_all(base, cache)
    folder, count = checkout.series(base, source, cache)
    print(f"{folder}: cover letter and {count} patches")
    return errors.OK
