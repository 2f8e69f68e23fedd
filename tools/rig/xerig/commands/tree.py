# SPDX-License-Identifier: MIT
"""make tree: out/tree/BASE: git tree of the base, one commit a patch."""

from .. import checkout, errors, options, setup

HELP = "out/tree/BASE: git tree of the base, one commit a patch"


def add_arguments(parser):
    options.add(parser, "base")


def run(args):
    base, source, cache = setup.source_of(args.base)
    folder, count = checkout.make(base, source, cache)
    print(f"{folder}: {base.name} ({source.version}) and {count} patches; "
          "`git sparse-checkout disable` there shows the rest of the kernel")
    return errors.OK
