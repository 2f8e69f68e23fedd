# SPDX-License-Identifier: MIT
"""`make hotunplug`: the main job. Every state and way, the unpatched driver beside the patched one."""

from .. import options

HELP = "default state x way table, unpatched beside patched, one verdict line"


def add_arguments(parser):
    options.add(parser, "base", "kernel", "gpu")


def run(args):
    from .. import matrix, session, show

    o = options.read(args)
    s = session.Session("hotunplug", args.base, o.kernel, o.gpu).prepare(["base", "patched"])
    s.run(matrix.default())
    return show.verdict(s)
