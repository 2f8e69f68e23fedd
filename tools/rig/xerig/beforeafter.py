# SPDX-License-Identifier: MIT
"""The before/after table of a run in words: Markdown for the README, plain text for cover letters."""

import json

from . import paths
from .ways import WAYS

HEAD = {"base": ("unpatched: leaks", "splats"), "patched": ("patched: leaks", "splats", "verdict")}


def newest(base, series):
    """Data of the newest `make hotunplug` of base (name) whose patched side was this series (digest), or None."""
    found = sorted(paths.OUT.glob("*-hotunplug-*/results.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    for path in found:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # a run that was interrupted while it wrote
        if (data["base"], data["versions"].get("series")) == (base, series):
            return data
    return None


def rows(data, iommu="on"):
    """(head, rows) of strings: one row a state and order; a field holds the ways in the order of ways.WAYS."""
    mine = [r for r in data["results"] if r["iommu"] == iommu and r["verdict"] != "skip"]
    sides = [s for s in HEAD if any(r["side"] == s for r in mine)]
    ways = [w for w in WAYS if any(r["way"] == w for r in mine)]
    lines = {}
    for r in mine:
        lines.setdefault((r["state"], r["order"]), {})[r["side"], r["way"]] = r
    out = []
    for (state, order), by in lines.items():
        row = [state if order == "close-after" else f"{state}, {order.replace('-', ' ')}"]
        for side in sides:
            cells = [by.get((side, w)) for w in ways]
            row.append(_join(c and c["leaked_mappings"] for c in cells))
            row.append(_join(c and c["splats"] for c in cells))
            if "verdict" in HEAD[side]:
                said = [c["verdict"] for c in cells if c]
                row.append(said[0] if len(set(said)) == 1 else "/".join(said))
        out.append(row)
    return ["held state"] + [h for s in sides for h in HEAD[s]], out


def _join(values):
    return "/".join("-" if v is None else str(v) for v in values)


def markdown(data):
    """The table as Markdown."""
    head, body = rows(data)
    return "\n".join(f"| {' | '.join(r)} |" for r in [head, ["---"] * len(head), *body]) + "\n"


def text(data):
    """The table as plain text, with what the figures mean and the command that makes them."""
    head, body = rows(data)
    width = [max(map(len, column)) for column in zip(head, *body)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, width)).rstrip() for r in [head, *body]]
    ways = [w for w in WAYS if any(r["way"] == w for r in data["results"])]
    source, gpu = data["versions"]["linux-source"], data["results"][0]["gpu"]
    return "\n".join([
        f"{source}, virtual {gpu}, translating IOMMU; {'/'.join(ways)}.",
        "leaks: DMA mappings alive when remove() has returned; splats: WARNs, oopses",
        f"and the like. Made by `{data['command']}`.", "", *lines]) + "\n"
