# SPDX-License-Identifier: MIT
"""Speed of the virtual GPU and of the way to a guest."""

import json

from .. import boot, errors, matrix, procs, session
from . import Figures

NAME = "gpu"
WHAT = "speed of the virtual GPU and of a boot"
RUNS = 3

ROWS = (("boot_s", "QEMU start to the agent's hello", 1, "s"),
        ("probe_s", "modprobe xe", 1, "s"),
        ("read_us", "trapped register read", 1, "us"),
        ("job_us", "empty job, exec to fence", 1e-3, "ms"),
        ("copy_us", "1 MiB copy job, exec to fence", 1e-3, "ms"))


def measure(args, out):
    """The best of RUNS boots."""
    s = session.Session("bench", args.base, gpu=matrix.gpus(args.gpu, session.GPUS)).prepare(["base"])
    runs = [once(s, out / f"gpu-{n + 1}") for n in range(RUNS)]
    best = {k: min(r[k] for r in runs) for k in runs[0]}
    return Figures(f"virtual GPU, best of {RUNS} boots of {args.base}",
                   [(what, f"{best[key] * scale:.2f} {unit}", "") for key, what, scale, unit in ROWS],
                   {"versions": s.versions, "runs": runs, "best": best})


def once(s, where):
    """Figures of one boot."""
    with procs.guard(), boot.Boot(s.machine("base", "on"), where) as vm:
        vm.load_others()
        probe = vm.load_xe()
        pid = vm.agent.spawn(["/scenarios/bench", "--device", vm.render_node()])
        line = vm.agent.next_line(pid, 30)
        if not line or not line.startswith("bench "):
            raise errors.InfraError(f"the benchmark in the guest said: {line}")
        return {"boot_s": vm.boot_seconds, "probe_s": probe, **json.loads(line[6:])}
