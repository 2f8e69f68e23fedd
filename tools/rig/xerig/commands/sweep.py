# SPDX-License-Identifier: MIT
"""`make sweep`: the device dies at every event of a recorded workload."""

from .. import errors
from ..cli import env

HELP = "removal at every recorded event and every ioctl of a workload"
POINTS = 60


def add_arguments(parser):
    parser.add_argument("--base", default=env("BASE", "6.12"), help="kernel base (6.12)")
    parser.add_argument("--side", default=env("SIDE"), help="base or patched (patched)")
    parser.add_argument("--state", default=env("STATE"), help="program of the workload (userptr)")
    parser.add_argument("--points", default=env("POINTS"), help=f"how many, or all ({POINTS}: a sample)")
    parser.add_argument("--tests", default=env("TESTS"), help="these points only: STATE@PHASE@KIND@N, comma list")
    parser.add_argument("--kernel", default=env("KERNEL"), help="plain or debug")
    parser.add_argument("--iommu", default=env("IOMMU"), help="on or off (on)")
    parser.add_argument("--gpu", default=env("GPU"), help="virtual GPU (lnl)")
    parser.add_argument("--again", action="store_true", help="record again, and walk also what was clean in an earlier run")


def run(args):
    from .. import klog, matrix, session, show, sweep, ui
    from ..memo import Memo

    side = matrix.choice("SIDE", args.side, ("base", "patched"), "patched")
    state = matrix.choice("STATE", args.state, matrix.STATES, "userptr")
    kernel = matrix.choice("KERNEL", args.kernel, session.VARIANTS, "plain")
    iommu = matrix.choice("IOMMU", args.iommu, ("on", "off"), "on")
    gpu = matrix.choice("GPU", args.gpu, session.GPUS, "lnl")
    wanted = sweep.parse(args.tests, matrix.STATES) if args.tests else None
    count = 1 << 40 if args.points == "all" else matrix.count("POINTS", args.points, POINTS, 10**6)
    s = session.Session("sweep", args.base, kernel, gpu).prepare([side])
    if not s.sides:
        return errors.SKIPPED
    memo = Memo(s.cache, f"sweep-{s.sides[side].kernel.key}-{gpu}-{iommu}")
    if wanted is None:
        every = sweep.points(state, sweep.recording(s, side, iommu, state, klog.load_allowed(), args.again))
        known = {} if args.again else memo.known()
        open_points = [p for p in every if known.get(p.name) not in ("clean", "skip")]
        silent = sum(known.get(p.name) == "skip" for p in every)
        wanted = sweep.sample(open_points, count)
        s.note(f"{len(every)} events recorded; {len(every) - len(open_points)} walked before ({silent} of them without "
               f"the event), {len(wanted)} of the {len(open_points)} others now")
        if not wanted:
            ui.say("every point of this kernel was walked and none is dirty; --again walks them once more")
            return errors.OK
    worker = type("Worker", (sweep.Worker,), {"memo": memo})
    s.run([(iommu, wanted)], sweep.KIND, worker)
    return show.verdict(s)
