# SPDX-License-Identifier: MIT
"""`make cycles`: unplug and plug again, many times in one boot, under a mixed load."""

from .. import options

HELP = "unplug and replug under a mixed load, REPEAT times in one boot"
CYCLES = 100


def add_arguments(parser):
    options.add(parser, "base", "sides", "kernel", "iommu", "gpu", "repeat", "tests", "limit", "resume",
                repeat=f"how many cycles ({CYCLES})", tests="these cycles only: cycle@N or cycle@N-M, comma list")


def run(args):
    from .. import cycles, session, show, slices

    o = options.read(args, sides=("patched",), repeat=CYCLES)
    wanted = cycles.parse(args.tests) if args.tests else [cycles.Cycle(n) for n in range(1, o.repeat + 1)]
    walk = slices.Slices(args, cycles.KIND)
    s = session.Session("cycles", args.base, o.kernel, o.gpu).prepare(o.sides)
    walk.run(s, [(o.iommu, wanted)], cycles.Worker)
    return walk.status(show.verdict(s))
