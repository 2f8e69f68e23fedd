# SPDX-License-Identifier: MIT
"""make refresh: write out/tree/BASE back to patches/BASE and the new files."""

from .. import base as bases
from .. import checkout, errors, paths, setup

HELP = "write out/tree/BASE back to patches/BASE and the new files"


def add_arguments(parser):
    from ..cli import env
    parser.add_argument("--base", default=env("BASE", "6.12"), help="which base (default 6.12)")


def run(args):
    cache = paths.Cache()
    base = bases.load(args.base)
    _, source = setup.ensure_all(base, cache)
    count = checkout.refresh(base, source, cache)
    print(f"patches/{base.name}: {count} patches")
    return errors.OK
