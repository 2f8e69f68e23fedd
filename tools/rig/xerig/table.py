# SPDX-License-Identifier: MIT
"""The table on the terminal: states x ways, unpatched beside patched."""

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table

from .options import SIDES
from .results import repeat_command

MOST = 12  # results that are told one by one
COLOURS = {"clean": "green", "dirty": "red", "hang": "magenta", "infra": "yellow", "skip": "dim"}


def console():
    """Standard output; wide enough for the table where it is no terminal."""
    con = Console(highlight=False)
    return con if con.is_terminal else Console(highlight=False, width=max(con.width, 130))


def _verdict(res):
    if res is None:
        return "[dim]-[/]"
    tail = {"unexpected": " [bold red]![/]", "must-leave": " [bold yellow]![/]",
            "flake": " [dim]~[/]"}.get(res.expected, "")
    if res.expected == "unexpected" and res.verdict == "clean":
        tail = ""
    return f"[{COLOURS[res.verdict]}]{res.verdict}[/]{tail}"


SHORT = {"dma-debug": "dma", "klog": "log", "iommu": "iommu", "witness": "gpu", "memory": "mem", "program": "prog",
         "rig": "rig"}


def _oracles(res):
    return "" if res is None else "[dim]" + " ".join(SHORT.get(n, n) for n in res.oracles()) + "[/]"


def _number(value):
    if value is None:
        return "[dim]-[/]"
    return f"[red]{value}[/]" if value else str(value)


def _ms(res):
    return "[dim]-[/]" if res is None or res.remove_ns is None else f"{res.remove_ns / 1e6:.0f}"


def matrix(results, title):
    """Rich tables of the results, one an order and IOMMU setting; the two sides stand in one row."""
    sides = [s for s in ("base", "patched") if any(r.facts["side"] == s for r in results)]
    parts = {}
    for res in results:
        f = res.facts
        rows = parts.setdefault((f["order"], f["iommu"]), {})
        rows.setdefault((f["state"], f["way"], res.cell.repeat), {})[f["side"]] = res
    return Group(title, *(_part(f"order {o}, vIOMMU {i}", rows, sides) for (o, i), rows in parts.items()),
                 "[dim]who spoke: log = kernel log, dma = DMA-API debugging, iommu = IOMMU faults, gpu = the GPU's "
                 "witness, mem = memory, prog = the program, rig = hang or infrastructure[/]")


def tests(results, title, group):
    """Rich table of tests with names of their own, one row a group (group(name) tells it), columns by side."""
    sides = [s for s in ("base", "patched") if any(r.facts["side"] == s for r in results)]
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False,
                  header_style="bold", padding=(0, 1))
    table.add_column("tests of", no_wrap=True)
    for side in sides:
        for name in (SIDES[side] + ": clean", "not", "skip", "leaks", "s"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("who spoke", no_wrap=True)
    rows = {}
    for res in results:
        rows.setdefault(group(res.facts["test"]), {}).setdefault(res.facts["side"], []).append(res)
    for name, by_side in rows.items():
        cells = [name]
        for side in sides:
            mine = by_side.get(side, [])
            bad = [r for r in mine if r.verdict not in ("clean", "skip")]
            new = "[bold red]![/]" if any(r.odd for r in mine) else ""
            spoke = dict.fromkeys(n for r in bad for n in r.oracles())
            cells += [str(sum(r.verdict == "clean" for r in mine)), _number(len(bad)) + new,
                      f"[dim]{sum(r.verdict == 'skip' for r in mine)}[/]", _number(sum(r.leaked or 0 for r in mine)),
                      f"{sum(r.seconds for r in mine):.0f}", "[dim]" + " ".join(SHORT.get(n, n) for n in spoke) + "[/]"]
        table.add_row(*cells)
    return table


def _part(title, rows, sides):
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False,
                  header_style="bold", padding=(0, 1))
    together = any("+" in state for state, *_ in rows)
    table.add_column("state", no_wrap=not together, max_width=60 if together else None)
    table.add_column("way", no_wrap=True)
    for side in sides:
        table.add_column(SIDES[side], no_wrap=True)
        for name in ("leaks", "splats", "ms"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("who spoke", no_wrap=True)
    last = None
    for (state, way, _), by_side in rows.items():
        cells = ["" if state == last else state.replace("+", " + "), way]
        last = state
        for side in sides:
            res = by_side.get(side)
            cells += [_verdict(res), _number(res and res.leaked), _number(res and res.splats), _ms(res), _oracles(res)]
        table.add_row(*cells)
    return table


def findings(results, con):
    """What was not expected, one line each, with the command that repeats it."""
    bad = [r for r in results if r.odd]
    for res in bad[:MOST]:
        con.print(f"[bold]{res.facts['side']} {escape(res.cell.name)}[/] iommu={res.facts['iommu']}: "
                  f"{res.verdict}{', must leave the list' if res.expected == 'must-leave' else ''}")
        for f in res.findings[:4]:
            con.print(f"    {f.oracle}: {f.summary[:200]}", markup=False)
        con.print(f"    {repeat_command(res)}", markup=False)
    if len(bad) > MOST:
        con.print(f"... and {len(bad) - MOST} more, see the report")
