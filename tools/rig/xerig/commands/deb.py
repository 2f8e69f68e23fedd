# SPDX-License-Identifier: MIT
"""make deb: the patched driver's modules, built for one kernel whose headers are installed."""

from .. import base as bases
from .. import debian, errors, host, options, paths

HELP = "the patched modules as a package for one Debian kernel (RELEASE=) whose headers are installed"


def add_arguments(parser):
    options.add(parser, "base", "release")


def run(args):
    base, cache = bases.load(args.base), paths.Cache()
    host.ensure(cache)
    print(debian.modules(base, args.release, cache))
    return errors.OK
