# SPDX-License-Identifier: MIT
"""make dkms: the patched driver as a DKMS package."""

from .. import base as bases
from .. import debian, errors, host, options, paths

HELP = "the patched driver as a DKMS package (out/packages), built for kernels of its point release"


def add_arguments(parser):
    options.add(parser, "base")


def run(args):
    base, cache = bases.load(args.base), paths.Cache()
    host.ensure(cache)
    print(debian.dkms(base, cache))
    return errors.OK
