# SPDX-License-Identifier: MIT
"""make setup: host packages, guest root filesystem, kernel sources."""

from .. import base as bases
from .. import setup

HELP = "host packages, guest root filesystem, kernel sources; idempotent"


def add_arguments(parser):
    from ..cli import env
    parser.add_argument("--base", default=env("BASE"), help="only these bases (comma list), default all")


def run(args):
    return setup.run(bases.load_list(args.base))
