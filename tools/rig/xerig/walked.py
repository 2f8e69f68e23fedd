# SPDX-License-Identifier: MIT
"""The matrix as far as it was walked, kept in the repository: no machine lives long enough to walk all of it.

A file a configuration, tools/rig/walked/BASE-SIDE-KERNEL-GPU-IOMMU.txt: names of ways and orders, the content of the
kernel, the lines of the allow-list that its results rest on, and a row a state with six letters a way, one for each
order. A row also has the digest of the virtual GPU and the state's program. What differs from what is there now is
nothing known; of a way that came later nothing is, and the others stand.
"""

import re

from . import paths
from .orders import ORDERS
from .states import STATES
from .ways import WAYS

FOLDER = paths.RIG / "walked"
LETTERS = {"clean": ".", "skip": "s"}
UNKNOWN = "-"
RESTS = "rests on "
NAMES = re.compile(r"^# ways: (.+); orders: (.+)$", re.M)


def path_of(facts):
    """Where the results of a configuration are; facts: base, side, kernel, gpu, iommu."""
    return FOLDER / ("-".join(facts[k] for k in ("base", "side", "kernel", "gpu", "iommu")) + ".txt")


def _line(rule):
    """A line of the allow-list as it stands there, but for the reason."""
    return " ".join([*(f"{key}={','.join(values)}" for key, values in rule.conditions), f"/{rule.pattern.pattern}/"])


def _read(facts, content):
    """Lines of a configuration's file but the first: (those of the allow-list, rows); nothing of another kernel."""
    path = path_of(facts)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = [s for s in text.splitlines() if s and not s.startswith("#")]
    if lines[:1] != [f"content {content}"]:
        return [], []
    rests = [s.removeprefix(RESTS) for s in lines if s.startswith(RESTS)]
    return rests, [s for s in lines[1:] if not s.startswith(RESTS)]


def load(facts, content, rules):
    """Name of the cell -> what kept.Kept knows of it. Empty where the file is of another kernel, or rests on a line of
    the allow-list (rules) that is gone."""
    rests, rows = _read(facts, content)
    if not set(rests) <= {_line(r) for r in rules}:
        return {}
    out, path = {}, path_of(facts)
    names = NAMES.search(path.read_text(encoding="utf-8")) if rows else None
    if not names:
        return {}
    name, ways, orders = path.name, names[1].split(), names[2].split()
    for text in rows:
        state, model, *rest = text.split(" ", 2 + len(ways))
        for way, letters in zip(ways, rest):
            for order, letter in zip(orders, letters):
                if letter in LETTERS.values():
                    skip = rest[len(ways)] if letter == LETTERS["skip"] else None
                    out[f"{state}/{way}/{order}"] = {
                        "model": model, "verdict": "skip" if skip else "clean", "skip": skip, "seconds": 0.0,
                        "leaked": 0, "splats": 0, "held": {"walked": name}, "replies": [], "findings": [],
                        "allowed": []}
    return out


def save(facts, content, results, model, rules, allowed):
    """Writes the file of a configuration anew; returns how many cells it has, or 0 where there is nothing to write.

    results: cell -> Result, judged; model: of a cell; allowed: titles of the log that results rest on.
    """
    good = {c.name: r for c, r in results.items() if r.verdict in LETTERS and not r.odd and not c.repeat}
    if not good:
        return 0
    mine = {c.state: model(c) for c in results}
    # What an earlier machine's results rest on is not in this one's log
    before = _read(facts, content)[0]
    rests = [s for r in rules if (s := _line(r)) in before or any(r.pattern.search(title) for title in allowed)]
    rows = []
    for state in (s for s in STATES if s in mine):
        skips = {r.skip for name, r in good.items() if name.startswith(f"{state}/") and r.skip}
        ways = ["".join(LETTERS[good[n].verdict] if (n := f"{state}/{way}/{order}") in good else UNKNOWN
                        for order in ORDERS) for way in WAYS]
        # Two reasons for one state's skips do not fit into a row; none has two
        rows.append(" ".join([state, mine[state], *ways, *sorted(skips)[:1]]))
    text = ["# SPDX-License-Identifier: MIT",
            f"# {', '.join(f'{k} {v}' for k, v in facts.items())}; made by `xe-unplug matrix --record`. A row: state,",
            "# digest of virtual GPU and program, for each way a letter an order; . clean, s skipped, - not walked.",
            f"# ways: {' '.join(WAYS)}; orders: {' '.join(ORDERS)}", f"content {content}",
            *(RESTS + s for s in rests), *rows]
    FOLDER.mkdir(exist_ok=True)
    path_of(facts).write_text("\n".join(text) + "\n", encoding="utf-8")
    return len(good)
