# SPDX-License-Identifier: MIT
"""The table on the terminal: states x ways, unpatched beside patched."""

from rich.console import Console
from rich.table import Table

COLOURS = {"clean": "green", "dirty": "red", "hang": "magenta", "infra": "yellow", "skip": "dim"}


def console():
    """Standard output; wide enough for the table where it is no terminal."""
    con = Console(highlight=False)
    return con if con.is_terminal else Console(highlight=False, width=max(con.width, 150))


def _verdict(res):
    if res is None:
        return "[dim]-[/]"
    tail = {"unexpected": " [bold red]![/]", "must-leave": " [bold yellow]must leave the list[/]",
            "flake": " [dim]~[/]"}.get(res.expected, "")
    if res.expected == "unexpected" and res.verdict == "clean":
        tail = ""
    return f"[{COLOURS[res.verdict]}]{res.verdict}[/]{tail}"


def _oracles(res):
    return "" if res is None or not res.findings else "[dim]" + " ".join(res.oracles()) + "[/]"


def _number(value, bad=True):
    if value is None:
        return "[dim]-[/]"
    return f"[red]{value}[/]" if value and bad else str(value)


def _ms(res):
    return "[dim]-[/]" if res is None or res.remove_ns is None else f"{res.remove_ns / 1e6:.0f}"


def matrix(results, title):
    """A rich table of the results; cells of the two sides stand in one row."""
    sides = [s for s in ("base", "patched") if any(r.facts["side"] == s for r in results)]
    rows = {}
    for res in results:
        key = (res.facts["iommu"], res.facts["order"], res.facts["state"], res.facts["way"], res.cell.repeat)
        rows.setdefault(key, {})[res.facts["side"]] = res
    many = len({k[0] for k in rows}) > 1
    table = Table(title=title, title_justify="left", pad_edge=False, header_style="bold")
    for name in (["IOMMU"] if many else []) + ["order", "state", "way"]:
        table.add_column(name, no_wrap=True)
    names = {"base": "unpatched", "patched": "patched"}
    for side in sides:
        table.add_column(names[side], no_wrap=True)
        table.add_column("leaks", justify="right")
        table.add_column("splats", justify="right")
        table.add_column("ms", justify="right")
        table.add_column("who spoke")
    last = None
    for key, by_side in rows.items():
        iommu, order, state, way, _ = key
        if last is not None and last != (iommu, order, state):
            table.add_section()
        same = last == (iommu, order, state)
        last = (iommu, order, state)
        cells = ([iommu] if many else []) + (["", ""] if same else [order, state]) + [way]
        for side in sides:
            res = by_side.get(side)
            cells += [_verdict(res), _number(res and res.leaked), _number(res and res.splats), _ms(res), _oracles(res)]
        table.add_row(*cells)
    return table


def findings(results, con, most=12):
    """What was not expected, one line each, with the command that repeats it."""
    from .results import repeat_command
    bad = [r for r in results if r.expected in ("unexpected", "must-leave")]
    for res in bad[:most]:
        con.print(f"[bold]{res.facts['side']} {res.cell.name}[/] iommu={res.facts['iommu']}: "
                  f"{res.verdict}{', must leave the list' if res.expected == 'must-leave' else ''}")
        for f in res.findings[:4]:
            con.print(f"    {f.oracle}: {f.summary[:200]}", markup=False)
        con.print(f"    {repeat_command(res)}", markup=False)
    if len(bad) > most:
        con.print(f"... and {len(bad) - most} more, see the report")
