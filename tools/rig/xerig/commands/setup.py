# SPDX-License-Identifier: MIT
"""make setup: host packages, guest root filesystem, kernel sources."""

from .. import base as bases
from .. import options, setup

HELP = "host packages, guest root filesystem, kernel sources; idempotent"


def add_arguments(parser):
    options.add(parser, "base", defaults={"base": "all"}, base="only these bases, comma list (all)")


def run(args):
    return setup.run(bases.load_list(args.base))
