# SPDX-License-Identifier: MIT
"""make refresh: write out/tree/BASE back to patches/BASE and the new files."""

from .. import base as bases
from .. import checkout, errors, options, paths, setup

HELP = "write out/tree/BASE back to patches/BASE and the new files"


def add_arguments(parser):
    options.add(parser, "base")


def run(args):
    cache = paths.Cache()
    base = bases.load(args.base)
    _, source = setup.ensure_all(base, cache)
    count = checkout.refresh(base, source, cache)
    print(f"patches/{base.name}: {count} patches")
    return errors.OK
