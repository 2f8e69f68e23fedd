# SPDX-License-Identifier: MIT
"""Speed of the virtual GPU, alone and behind a guest."""

import json
import subprocess

from .. import boot, errors, matrix, procs, session, vgpu
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
    model = alone(s)
    return Figures(f"virtual GPU, best of {RUNS} boots of {args.base}",
                   [(what, f"{best[key] * scale:.2f} {unit}", "") for key, what, scale, unit in ROWS] + rows(model),
                   {"versions": s.versions, "runs": runs, "best": best, "model": model})


def alone(s):
    """Figures of the model without a guest: tools/vgpu/bench/bench.c says what they are."""
    program = vgpu.build(s.cache.programs("vgpu"))
    bench = program.with_name("bench")
    made = subprocess.run(["make", "-s", "-C", vgpu.SOURCE, f"O={bench.parent}", bench], capture_output=True, text=True)
    if made.returncode:
        raise errors.InfraError(f"the benchmark of the model does not build: {made.stderr.strip().splitlines()[-1]}")
    done = subprocess.run([bench, program], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise errors.InfraError(f"the benchmark of the model: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return json.loads(done.stdout)


def rows(m):
    """The model's figures as ratios to what they are compared with."""
    few, many = m["iova"][0], m["iova"][-1]
    return [("register read / empty vfio-user server", f"{m['register_ns'] / m['empty_ns']:.2f}",
             f"{m['register_ns']} ns / {m['empty_ns']} ns"),
            ("copy engine, 2 MiB pages / memcpy", f"{m['copy_2m_mb_s'] / m['memcpy_mb_s']:.2f}",
             f"{m['copy_2m_mb_s']} MB/s / {m['memcpy_mb_s']} MB/s"),
            ("copy engine, 4 KiB pages / memcpy", f"{m['copy_4k_mb_s'] / m['memcpy_mb_s']:.2f}",
             f"{m['copy_4k_mb_s']} MB/s"),
            (f"map a page, {many[0]} live / {few[0]} live", f"{many[1] / few[1]:.2f}",
             ", ".join(f"{n}: {up} ns" for n, up, _ in m["iova"])),
            (f"unmap a page, {many[0]} live / {few[0]} live", f"{many[2] / few[2]:.2f}",
             ", ".join(f"{n}: {down} ns" for n, _, down in m["iova"])),
            ("idle program, 2 s", f"{m['idle_ticks']} ticks", f"{m['idle_wakeups']} wake-ups")]


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
