# SPDX-License-Identifier: MIT
"""The HTML pages: one self-contained file a run, and an index of the last runs."""

import json
from pathlib import Path

import jinja2

from . import oracles
from .options import SIDES
from .oracles import witness
from .orders import ORDERS
from .result import ODD
from .states import STATES
from .ways import WAYS

TEMPLATES = Path(__file__).parent / "templates"
VERDICTS = {
    "clean": "no oracle spoke",
    "dirty": "at least one did",
    "hang": "something did not come back in time",
    "infra": "the rig itself failed: nothing is known about the driver",
    "skip": "not run, and why is said",
}
OF_MUTANTS = {"clean": "killed: a test noticed", "dirty": "survives: nobody noticed"}
MANY = 300  # results
LOG_LIMIT = 60000  # characters of a log slice in the page; the file has all


def _environment():
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True,
                             trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    env.filters["ms"] = lambda v: "–" if v is None else f"{v:.0f}"
    env.filters["dash"] = lambda v: "–" if v is None else v
    return env


def _file(run_dir, res, name):
    path = run_dir / res["files"] / name
    return path.read_text("utf-8", "replace") if path.exists() else ""


def _cut(text):
    return text if len(text) <= LOG_LIMIT else text[:LOG_LIMIT] + "\n... (cut, see the file)\n"


def grid(results):
    """Rows for the matrix: one a (iommu, order, state), cells by (side, way)."""
    sides = [s for s in ("base", "patched") if any(r["side"] == s for r in results)]
    ways = list(dict.fromkeys(r["way"] for r in results))
    rows = {}
    for r in results:
        rows.setdefault((r["iommu"], r["order"], r["state"]), {}).setdefault((r["side"], r["way"]), []).append(r)
    return sides, ways, rows


def legend(results, kind):
    """[(title, {word: what it means})] of the words on a page of these results of a kind of tests."""
    def said(text):
        return (text or "").strip().split("\n", 1)[0]

    def used(key, known):
        words = {word for r in results for word in (r[key].split("+") if key == "state" else [r[key]])}
        return {n: known[n] for n in known if n in words}

    verdicts = {**VERDICTS, **OF_MUTANTS} if kind == "mutants" else VERDICTS
    out = [("Verdicts", used("verdict", verdicts)), ("Oracles", {m.NAME: said(m.__doc__) for m in oracles.modules()})]
    if kind == "matrix":
        orders = {n: said(o.__doc__) for n, o in ORDERS.items()}
        out += [("Ways out", used("way", {n: w.what for n, w in WAYS.items()})),
                ("Orders: what the program does after that", used("order", orders)),
                ("States: what the program holds", used("state", {n: s.what for n, s in STATES.items()}))]
    return [(title, words) for title, words in out if words]


def as_cells(results):
    """Results of tests with names of their own in the shape of cells: a row a test, a column a side."""
    for r in results:
        if "test" in r:
            r.update(state=r["test"], order=r["gpu"], way="")
    return results


def who_spoke(results, sides):
    """oracle -> in how many results of each side it spoke, and the first thing it said; the most talkative first."""
    out = {}
    for r in results:
        for name, found in r["oracles"].items():
            o = out.setdefault(name, {"count": dict.fromkeys(sides, 0), "said": found[0]["summary"][:160]})
            o["count"][r["side"]] += 1
    return dict(sorted(out.items(), key=lambda item: -sum(item[1]["count"].values())))


def write_run(run_dir, data):
    """Writes report.html from results.json's data and the files of the cells; returns its path."""
    results = as_cells([dict(r) for r in data["results"]])
    for number, r in enumerate(results):
        r["id"] = number
    sides, ways, rows = grid(results)
    # Thousands of clean tests would make a page of their logs alone.
    whole = len(results) < MANY
    detail = []
    for r in results:
        told = whole or r["verdict"] not in ("clean", "skip")
        events = map(json.loads, _file(run_dir, r, "witness.json").splitlines())
        detail.append({"log": _cut(_file(run_dir, r, "klog.txt")) if told else "(in the file)",
                       "witness": _cut("\n".join(map(witness.story, events))), **r})
    text = json.dumps(detail).replace("<", "\\u003c")  # nothing in it can end, or begin, a script
    kind = data.get("kind", "matrix")
    words = legend(results, kind)
    page = _environment().get_template("run.html.j2").render(
        data=data, sides=sides, ways=ways, rows=rows, detail=text, spoke=who_spoke(results, sides),
        odd=[r for r in results if r["expected"] in ODD], tested=any(r["verdict"] != "skip" for r in results),
        verdicts=[v for v in VERDICTS if any(r["verdict"] == v for r in results)], legend=words,
        means={word: text for _, some in words for word, text in some.items()},
        names=SIDES, kind=kind)
    out = run_dir / "report.html"
    out.write_text(page)
    return out


def write_cover(out, data, sources):
    """Writes cover.html into folder out: data of cover.json, and of each file the lines to show."""
    (out / "cover.html").write_text(_environment().get_template("cover.html.j2").render(data=data, sources=sources))


def write_index(out_dir, runs):
    """Writes out/report.html: the last runs, newest first. runs: (directory name, results.json data)."""
    rows = []
    for name, data in runs:
        for side in dict.fromkeys(r["side"] for r in data["results"]):
            mine = [r for r in data["results"] if r["side"] == side]
            rows.append({
                "run": name, "what": data["what"], "when": data["when"], "base": data["base"], "side": side,
                "cells": len(mine), "seconds": data["seconds"],
                **{v: sum(r["verdict"] == v for r in mine) for v in VERDICTS},
                "leaked": sum(r["leaked_mappings"] or 0 for r in mine), "splats": sum(r["splats"] for r in mine),
                "unexpected": sum(r["expected"] in ODD for r in mine)})
    out = out_dir / "report.html"
    out.write_text(_environment().get_template("index.html.j2").render(rows=rows, names=SIDES))
    return out
