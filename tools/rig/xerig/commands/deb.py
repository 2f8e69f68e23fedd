# SPDX-License-Identifier: MIT
"""make deb: the patched driver's modules, built for one kernel whose headers are installed."""

from .. import base as bases
from .. import debian, errors, host, paths

HELP = "the patched modules as a package for one Debian kernel (RELEASE=) whose headers are installed"


def add_arguments(parser):
    from ..cli import env
    parser.add_argument("--base", default=env("BASE", "6.12"), help="which base (default 6.12)")
    parser.add_argument("--release", default=env("RELEASE"), help="kernel release (default: the only one that fits)")


def run(args):
    cache = paths.Cache()
    host.ensure(cache)
    print(debian.modules(bases.load(args.base), args.release, cache))
    return errors.OK
