# SPDX-License-Identifier: MIT
"""`make sweep`: the device dies, or leaves, at every event of a recorded workload."""

from .. import options

HELP = "removal at every recorded event, ioctl and call of a workload"
POINTS = 60


def add_arguments(parser):
    options.add(parser, "base", "side", "state", "points", "tests", "kernel", "iommu", "gpu", "limit", "resume",
                side="base or patched (patched)", state="program of the workload (userptr)",
                points=f"how many, or all ({POINTS}: those that tell most)",
                tests="these points only: STATE@PHASE@KIND@N (of call and lost: a function), comma list")


def run(args):
    from .. import klog, session, show, slices, sweep
    from ..states import STATES

    o = options.read(args, side="patched", state="userptr", points=POINTS)
    wanted = sweep.parse(args.tests, STATES) if args.tests else None
    walk = slices.Slices(args, sweep.KIND)
    s = session.Session("sweep", args.base, o.kernel, o.gpu).prepare([o.side])
    every = wanted
    if wanted is None:
        every = sweep.points(o.state, sweep.recording(s, o.side, o.iommu, o.state, klog.load_allowed(), walk.resume))
        wanted = every[:o.points]
    walk.run(s, [(o.iommu, wanted)], sweep.Worker)
    if every is not wanted:
        s.note(f"kernel {s.sides[o.side].kernel.key}, {sweep.progress(every, s.results)}")
    return walk.status(show.verdict(s))
