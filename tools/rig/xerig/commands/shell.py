# SPDX-License-Identifier: MIT
"""`make shell`: an interactive guest with the virtual GPU, on this terminal."""

import subprocess
import sys

from .. import errors, options

HELP = "interactive guest with the GPU"


def add_arguments(parser):
    options.add(parser, "base", "side", "kernel", "iommu", "gpu")


def run(args):
    import shutil

    from .. import boot, procs, results, session

    o = options.read(args, side="base")
    s = session.Session("shell", args.base, o.kernel, o.gpu).prepare([o.side])
    machine = s.machine(o.side, o.iommu)
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
            print(f"guest {args.base} {o.side}, IOMMU {o.iommu}; leave with `exit`, or Ctrl-A x", file=sys.stderr)
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
