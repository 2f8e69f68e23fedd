# SPDX-License-Identifier: MIT
"""`make live`: xe's own live KUnit on the virtual GPU, on both sides."""

from .. import errors
from ..cli import env

HELP = "xe's own live KUnit on the virtual GPU"


def add_arguments(parser):
    parser.add_argument("--base", default=env("BASE", "6.12"), help="kernel base (6.12)")
    parser.add_argument("--tests", default=env("TESTS"), help="comma list of suite[.case], patterns allowed (all)")
    parser.add_argument("--side", default=env("SIDE"), help="base, patched or both (base,patched)")
    parser.add_argument("--kernel", default=env("KERNEL"), help="plain or debug")
    parser.add_argument("--iommu", default=env("IOMMU"), help="on or off (on)")
    parser.add_argument("--gpu", default=env("GPU"), help="virtual GPU (lnl), or several: lnl+bmg")


def run(args):
    from .. import live, matrix, session, show

    sides = matrix.select("SIDE", args.side, ("base", "patched"), ("base", "patched"))
    kernel = matrix.choice("KERNEL", args.kernel, session.VARIANTS, "plain")
    iommu = matrix.choice("IOMMU", args.iommu, ("on", "off"), "on")
    gpu = matrix.gpus(args.gpu, session.GPUS)
    s = session.Session("live", args.base, kernel, gpu).prepare(sides)
    if not s.sides:
        return errors.SKIPPED
    s.run([(iommu, live.choose(live.of_session(s), args.tests))], live.KIND, live.Worker)
    return show.verdict(s)
