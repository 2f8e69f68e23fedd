# SPDX-License-Identifier: MIT
"""Command line of the rig.

A sub-command is a module of xerig.commands with HELP (one line), add_arguments(parser) and
run(args) -> exit status. Options default from the environment of the same name in capitals,
which is how `make matrix STATE=idle-fd` reaches --state.
"""

import argparse
import importlib
import os
import pkgutil
import sys

from . import commands, errors


def env(name, default=None):
    """Value of the environment variable, or default where it is unset or empty."""
    return os.environ.get(name) or default


def build_parser():
    parser = argparse.ArgumentParser(prog="xe-unplug", description=__doc__.split("\n", 1)[0])
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for info in sorted(pkgutil.iter_modules(commands.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"{commands.__name__}.{info.name}")
        name = info.name.replace("_", "-")
        child = sub.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(child)
        child.set_defaults(run=module.run)
    return parser


def main(argv):
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except errors.RigError as e:
        print(f"xe-unplug: {e}", file=sys.stderr)
        return e.status
    except KeyboardInterrupt:
        print("xe-unplug: interrupted", file=sys.stderr)
        return 130
