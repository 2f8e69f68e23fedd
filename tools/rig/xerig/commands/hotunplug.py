# SPDX-License-Identifier: MIT
"""`make hotunplug`: the main job. Every state and way, the unpatched driver beside the patched one."""

from .. import errors
from ..cli import env

HELP = "default state x way table, unpatched beside patched, one verdict line"


def add_arguments(parser):
    parser.add_argument("--base", default=env("BASE", "6.12"), help="kernel base (6.12)")
    parser.add_argument("--kernel", default=env("KERNEL"), help="plain or debug")
    parser.add_argument("--gpu", default=env("GPU"), help="virtual GPU (lnl), or several: lnl+bmg")


def run(args):
    from .. import matrix, session

    kernel = matrix.choice("KERNEL", args.kernel, session.VARIANTS, "plain")
    gpu = matrix.gpus(args.gpu, session.GPUS)
    s = session.Session("hotunplug", args.base, kernel, gpu).prepare(["base", "patched"])
    s.run(matrix.default())
    from .. import show
    return show.verdict(s)
