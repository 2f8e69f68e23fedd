# SPDX-License-Identifier: MIT
"""Speed of the virtual GPU, alone and behind a guest."""

import json
import subprocess

from .. import boot, errors, procs, session, vgpu
from . import Figures, plot

NAME = "gpu"
RUNS = 3

ROWS = (("boot_s", "QEMU start to the agent's hello", 1, "s"),
        ("probe_s", "modprobe xe", 1, "s"),
        ("read_us", "trapped register read", 1, "us"),
        ("job_us", "empty job, exec to fence", 1e-3, "ms"),
        ("copy_us", "1 MiB copy job, exec to fence", 1e-3, "ms"))


def measure(base, gpu, out):
    """The best of RUNS boots."""
    s = session.Session("bench", base, gpu=gpu).prepare(["base"])
    runs = [once(s, out / f"gpu-{n + 1}") for n in range(RUNS)]
    best = {k: min(r[k] for r in runs) for k in runs[0]}
    model = alone(s)
    found = [(what, f"{best[key] * scale:.2f} {unit}", "") for key, what, scale, unit in ROWS]
    found.append(("trapped accesses to the GGTT's table and VRAM", str(max(r["trapped"] for r in runs)),
                  "boot, probe, jobs"))
    lines = [([(p[0], p[n]) for p in model["iova"]], style, colour, what) for what, n, colour, style in IOVA]
    return Figures(f"virtual GPU, best of {RUNS} boots of {base}", found + rows(model),
                   {"versions": s.versions, "runs": runs, "best": best, "model": model},
                   [plot(out / "iova.svg", lines, "4 KiB pages mapped", "ns",
                         "virtual GPU: cost of a mapping while others live", lowest=10)])


def alone(s):
    """Figures of the model without a guest: tools/vgpu/bench/bench.c says what they are."""
    program = vgpu.build(s.cache, "bench")
    bench = program.with_name("bench")
    done = subprocess.run([bench, program], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise errors.InfraError(f"the benchmark of the model: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return json.loads(done.stdout)


COPIES = (("copy_2m", "2 MiB pages"), ("copy_4k", "4 KiB pages"),
          ("copy_scattered", "4 KiB pages, each an IOVA of its own"), ("copy_local", "4 KiB pages in VRAM"))
IOVA = (("map a page, request", 1, "tab:blue", "-"), ("unmap a page, request", 2, "tab:orange", "-"),
        ("map a page, table alone", 3, "tab:blue", "--"), ("unmap a page, table alone", 4, "tab:orange", "--"))


def rows(m):
    """The model's figures as ratios to what they are compared with."""
    low, high = m["register_rounds"]
    found = [("register read / empty vfio-user server", f"{m['register']:.2f}",
              f"{m['register_ns']} ns / {m['empty_ns']} ns; eight of ten rounds {low:.2f} to {high:.2f}")]
    for key, what in COPIES:
        engine, host = m[f"{key}_mb_s"]
        found.append((f"copy engine, {what} / memcpy", f"{m[key]:.2f}", f"{engine} MB/s / {host} MB/s"))
    few, many = m["iova"][0], m["iova"][-1]
    for what, n, _, _ in IOVA:
        found.append((f"{what}: {many[0]} live / {few[0]} live", f"{many[n] / few[n]:.2f}",
                      ", ".join(f"{p[0]}: {p[n]}" for p in m["iova"]) + " ns"))
    return found + [("idle program, 2 s", f"{m['idle_ticks']} ticks", f"{m['idle_wakeups']} wake-ups")]


def once(s, where):
    """Figures of one boot."""
    with procs.guard(), boot.Boot(s.machine("base", "on"), where) as vm:
        vm.load_others()
        vm.load_xe()
        pid = vm.agent.spawn(["/scenarios/bench", "--device", vm.render_node()])
        line = vm.agent.next_line(pid, 30)
        if not line or not line.startswith("bench "):
            raise errors.InfraError(f"the benchmark in the guest said: {line}")
        return {"boot_s": vm.boot_seconds, "probe_s": vm.probe_seconds, "trapped": vm.gpu.stats()["mmio_memory"],
                **json.loads(line[6:])}
