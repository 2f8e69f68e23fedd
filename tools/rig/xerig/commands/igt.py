# SPDX-License-Identifier: MIT
"""`make igt`: IGT's packaged programs in the guest, on both sides."""

from .. import errors
from ..cli import env

HELP = "IGT's packaged programs under igt_runner, with our oracles on top"


def add_arguments(parser):
    parser.add_argument("--base", default=env("BASE", "6.12"), help="kernel base (6.12)")
    parser.add_argument("--tests", default=env("TESTS"), help="comma list of program[@subtest], patterns allowed; "
                        "`short` is what `make test` runs (the acceptance list of the virtual GPU)")
    parser.add_argument("--side", default=env("SIDE"), help="base, patched or both (base,patched)")
    parser.add_argument("--kernel", default=env("KERNEL"), help="plain or debug")
    parser.add_argument("--iommu", default=env("IOMMU"), help="on or off (on)")
    parser.add_argument("--gpu", default=env("GPU"), help="virtual GPU (lnl), or several: lnl+bmg")
    parser.add_argument("--list", action="store_true", help="only show the names of the tests")


def run(args):
    from .. import igt, matrix, paths, rootfs, session, show

    sides = matrix.select("SIDE", args.side, ("base", "patched"), ("base", "patched"))
    kernel = matrix.choice("KERNEL", args.kernel, session.VARIANTS, "plain")
    iommu = matrix.choice("IOMMU", args.iommu, ("on", "off"), "on")
    gpu = matrix.gpus(args.gpu, session.GPUS)
    text = ",".join(igt.SHORT) if args.tests == "short" else args.tests
    if args.list:
        print("\n".join(t.name for t in igt.choose(rootfs.ensure(paths.Cache()), text, igt.DEFAULT)))
        return errors.OK
    s = session.Session("igt", args.base, kernel, gpu).prepare(sides)
    if not s.sides:
        return errors.SKIPPED
    s.run([(iommu, igt.choose(s.root, text, igt.DEFAULT, igt.own_folders(s)))], igt.KIND, igt.Worker)
    return show.verdict(s)
