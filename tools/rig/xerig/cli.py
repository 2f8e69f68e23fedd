# SPDX-License-Identifier: MIT
"""Command line of the rig.

A sub-command is a module of xerig.commands with HELP (one line), add_arguments(parser) and
run(args) -> exit status. Options default from the environment of the same name in capitals,
which is how `make matrix STATE=idle-fd` reaches --state.
"""

import argparse
import errno
import importlib
import os
import pkgutil
import re
import sys

from . import commands, errors, procs

# What `make` hands on to the sub-commands; each uses some of them.
VARIABLES = ("BASE", "STATE", "WAY", "ORDER", "KERNEL", "IOMMU", "GPU", "REPEAT", "TOGETHER", "SIDE", "TESTS", "POINTS",
             "RESUME", "LIMIT", "CPUS", "ONLY", "RELEASE", "WHERE")
EVERYWHERE = ("CACHE", "BASE_SRC", "V", "JOBS")  # those that no command has an option for
# What the machine lacks, as opposed to what the rig does wrong.
LACKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

_asked = set()


def env(name, default=None):
    """Value of the environment variable, or default where it is unset or empty."""
    _asked.add(name)
    return os.environ.get(name) or default


def build_parser():
    """The parser with every sub-command, and at each which variables of make it reads."""
    parser = argparse.ArgumentParser(prog="xe-unplug", description=__doc__.split("\n", 1)[0])
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for info in sorted(pkgutil.iter_modules(commands.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"{commands.__name__}.{info.name}")
        name = info.name.replace("_", "-")
        child = sub.add_parser(name, help=module.HELP, description=module.HELP)
        _asked.clear()
        module.add_arguments(child)
        child.set_defaults(run=module.run, variables=frozenset(_asked))
    return parser


def unheard_of(makeflags):
    """Variables of make's command line, as it hands them on in MAKEFLAGS, that no command reads: mistyped ones."""
    _, _, given = f" {makeflags}".partition(" -- ")
    return [v for v in re.findall(r"(?<!\\)(?:^| )(\w+)\+?=", given) if v not in VARIABLES + EVERYWHERE]


def _say(text):
    print(f"xe-unplug: {text}", file=sys.stderr)


def main(argv):
    """Runs one sub-command; returns its exit status. Main thread only."""
    args = build_parser().parse_args(argv)
    idle = [f"{v}=" for v in VARIABLES if os.environ.get(v) and v not in args.variables]
    if idle:
        _say(f"{args.command} has no use for {' '.join(idle)}")
    try:
        if wrong := unheard_of(os.environ.get("MAKEFLAGS", "")):
            raise errors.UsageError(f"unknown {'= '.join(wrong)}=; want {', '.join((*VARIABLES, *EVERYWHERE))}")
        with procs.guard():
            return args.run(args)
    except errors.RigError as e:
        _say(e)
        return e.status
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:  # of who reads our output: nobody is left to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.CHECK_FAILED
    except ModuleNotFoundError as e:
        if e.name.startswith(__package__):
            raise
        _say(f"Python has no module {e.name} here: `make setup` installs it")
        return errors.USAGE
    except OSError as e:
        if e.errno not in LACKS:
            raise
        _say(f"{e.filename}: {e.strerror}" if e.filename else e.strerror)
        return errors.USAGE
