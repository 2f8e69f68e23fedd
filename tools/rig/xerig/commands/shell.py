# SPDX-License-Identifier: MIT
"""`make shell`: an interactive guest with the virtual GPU, on this terminal."""

import subprocess
import sys

from .. import errors
from ..cli import env

HELP = "interactive guest with the GPU"


def add_arguments(parser):
    parser.add_argument("--base", default=env("BASE", "6.12"), help="kernel base (6.12)")
    parser.add_argument("--side", default=env("SIDE"), help="base or patched")
    parser.add_argument("--kernel", default=env("KERNEL"), help="plain or debug")
    parser.add_argument("--iommu", default=env("IOMMU"), help="on or off")
    parser.add_argument("--gpu", default=env("GPU"), help="virtual GPU (lnl), or several: lnl+bmg")


def run(args):
    import shutil

    from .. import boot, matrix, procs, results, session

    side = matrix.choice("SIDE", args.side, ("base", "patched"), "base")
    kernel = matrix.choice("KERNEL", args.kernel, session.VARIANTS, "plain")
    iommu = matrix.choice("IOMMU", args.iommu, ("on", "off"), "on")
    s = session.Session("shell", args.base, kernel, matrix.gpus(args.gpu, session.GPUS)).prepare([side])
    machine = s.machine(side, iommu)
    root = s.root
    machine.shares = [("root", str(root.path), "/mnt", True)]
    machine.kernel_args = ("XE_UNPLUG_SHELL=ttyS0", "quiet")
    out = results.new_run_dir(f"shell-{args.base}")
    folder = boot.runtime_dir()
    stdio = "mon:stdio" if sys.stdin.isatty() else "stdio"
    with procs.guard():
        gpus = boot.start_gpus(machine, folder, out)
        try:
            argv = boot.qemu_argv(machine, [g.socket_path for g in gpus], stdio)
            print(f"guest {args.base} {side}, IOMMU {iommu}; leave with `exit`, or Ctrl-A x", file=sys.stderr)
            # The terminal's keys must reach QEMU: same session, our standard input.
            child = procs.Child(argv, stdin=sys.stdin, start_new_session=False)
            while not child.wait(3600):
                pass
        finally:
            for gpu in gpus:
                gpu.stop()
            shutil.rmtree(folder, ignore_errors=True)
            if sys.stdin.isatty():
                subprocess.run(["stty", "sane"], check=False)
    return errors.OK
