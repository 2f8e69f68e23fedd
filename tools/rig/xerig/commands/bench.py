# SPDX-License-Identifier: MIT
"""`make bench`: speed of the virtual GPU and of the way to a guest."""

import json

from .. import errors
from ..cli import env

HELP = "speed of the virtual GPU and of a boot"
RUNS = 3


def add_arguments(parser):
    parser.add_argument("--base", default=env("BASE", "6.12"), help="kernel base (6.12)")


def run(args):
    from rich.table import Table

    from .. import results, session, table, ui

    s = session.Session("bench", args.base).prepare(["base"])
    out = results.new_run_dir(f"bench-{args.base}")
    runs = [once(s, out / f"boot-{n + 1}") for n in range(RUNS)]
    best = {k: min(r[k] for r in runs) for k in runs[0]}
    (out / "bench.json").write_text(json.dumps({"versions": s.versions, "runs": runs, "best": best}, indent=1) + "\n")
    t = Table(pad_edge=False, header_style="bold", title=f"{args.base}, best of {RUNS} boots", title_justify="left")
    t.add_column("what")
    t.add_column("time", justify="right")
    for key, what, scale, unit in ROWS:
        t.add_row(what, f"{best[key] * scale:.2f} {unit}")
    table.console().print(t)
    ui.say(f"{out}/bench.json")
    return errors.OK


ROWS = (("boot_s", "QEMU start to the agent's hello", 1, "s"),
        ("probe_s", "modprobe xe", 1, "s"),
        ("read_us", "trapped register read", 1, "us"),
        ("job_us", "empty job, exec to fence", 1e-3, "ms"),
        ("copy_us", "1 MiB copy job, exec to fence", 1e-3, "ms"))


def once(s, where):
    """Figures of one boot."""
    from .. import boot, procs

    with procs.guard(), boot.Boot(s.machine("base", "on"), where) as vm:
        probe = vm.load_xe()
        pid = vm.agent.spawn(["/scenarios/bench", "--device", vm.render_node()])
        line = vm.agent.next_line(pid, 30)
        if not line or not line.startswith("bench "):
            raise errors.InfraError(f"the benchmark in the guest said: {line}")
        return {"boot_s": vm.boot_seconds, "probe_s": probe, **json.loads(line[6:])}
