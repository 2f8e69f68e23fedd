# SPDX-License-Identifier: MIT
"""`make live`: xe's own live KUnit on the virtual GPU, on both sides."""

from .. import options

HELP = "xe's own live KUnit on the virtual GPU"


def add_arguments(parser):
    options.add(parser, "base", "tests", "sides", "kernel", "iommu", "gpu",
                tests="comma list of suite[.case], patterns allowed (all)")


def run(args):
    from .. import live, session, show

    o = options.read(args, sides=options.SIDES)
    s = session.Session("live", args.base, o.kernel, o.gpu).set_up()
    if args.tests:
        live.look_up(s, o.sides, args.tests)
    s.prepare(o.sides)
    s.run([(o.iommu, live.choose(live.of_session(s), args.tests))], live.KIND, live.Worker)
    return show.verdict(s)
