# SPDX-License-Identifier: MIT
"""`make sweep`: the device dies at every event of a recorded workload."""

from .. import errors, options

HELP = "removal at every recorded event and every ioctl of a workload"
POINTS = 60


def add_arguments(parser):
    options.add(parser, "base", "side", "state", "points", "tests", "kernel", "iommu", "gpu", side="base or patched (patched)",
                state="program of the workload (userptr)", points=f"how many, or all ({POINTS}: a sample)",
                tests="these points only: STATE@PHASE@KIND@N, comma list")
    parser.add_argument("--again", action="store_true", help="record again, and walk also what was clean in an earlier run")


def run(args):
    from .. import klog, matrix, session, show, sweep, ui
    from ..memo import Memo

    o = options.read(args, side="patched", state="userptr", points=POINTS)
    side, iommu = o.side, o.iommu
    wanted = sweep.parse(args.tests, matrix.STATES) if args.tests else None
    s = session.Session("sweep", args.base, o.kernel, o.gpu).prepare([side])
    if not s.sides:
        return errors.SKIPPED
    memo = Memo(s.cache, f"sweep-{sweep.key(s, side, iommu)}")
    if wanted is None:
        every = sweep.points(o.state, sweep.recording(s, side, iommu, o.state, klog.load_allowed(), args.again))
        known = {} if args.again else memo.known()
        open_points = [p for p in every if known.get(p.name) not in ("clean", "skip")]
        silent = sum(known.get(p.name) == "skip" for p in every)
        wanted = sweep.sample(open_points, o.points)
        s.note(f"{len(every)} events recorded; {len(every) - len(open_points)} walked before ({silent} of them without "
               f"the event), {len(wanted)} of the {len(open_points)} others now")
        if not wanted:
            ui.say("every point of this kernel was walked and none is dirty; --again walks them once more")
            return errors.OK
    worker = type("Worker", (sweep.Worker,), {"memo": memo})
    s.run([(iommu, wanted)], sweep.KIND, worker)
    return show.verdict(s)
