# SPDX-License-Identifier: MIT
"""make deb: the patched driver's modules, built for one kernel whose headers are installed."""

from .. import base as bases
from .. import debian, errors, host, options, paths

HELP = "the patched modules as a package for one Debian kernel (RELEASE=) whose headers are installed"


def add_arguments(parser):
    from ..cli import env
    options.add(parser, "base")
    parser.add_argument("--release", default=env("RELEASE"), help="kernel release (default: the only one that fits)")


def run(args):
    cache = paths.Cache()
    host.ensure(cache)
    print(debian.modules(bases.load(args.base), args.release, cache))
    return errors.OK
