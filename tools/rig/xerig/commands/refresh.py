# SPDX-License-Identifier: MIT
"""make refresh: write out/tree/BASE back to patches/BASE and the new files."""

from .. import checkout, errors, options, setup

HELP = "write out/tree/BASE back to patches/BASE and the new files"


def add_arguments(parser):
    options.add(parser, "base")


def run(args):
    base, source, cache = setup.source_of(args.base)
    count = checkout.refresh(base, source, cache)
    print(f"patches/{base.name}: {count} patches")
    return errors.OK
