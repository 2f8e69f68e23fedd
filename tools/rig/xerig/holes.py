# SPDX-License-Identifier: MIT
"""The holes of the audit: each a cell that fails on the unpatched side, in a known way, and is clean on the patched.

expect/holes-<base>.txt, a line each:
  HOLE  state/way/order  [gpu=… iommu=… kernel=… args=… repeat=N]  oracle  /pattern/  reason
  HOLE  none  reason
The pattern is searched in what the oracle said, one finding after the other: its line and its text. A hole may have
several lines, each is a test. "none" says why there is no test, and what was done instead.
"""

import re
from dataclasses import dataclass

from . import errors, matrix, options, oracles, paths, vgpu
from .orders import ORDERS
from .states import STATES
from .ways import WAYS

USUAL = {"gpu": "lnl", "iommu": "on", "kernel": "plain", "args": "", "repeat": "1"}
MOST_LINES = 70  # of a kept log
_REGISTERS = re.compile(r"(R[A-Z0-9]{1,2}:|[CDEFG]S: |CR2: |PKRU: |Code: |Modules linked in|Hardware name)")

_LINE = re.compile(r"(\S+)\s+(\S+)\s+((?:\w+=\S+\s+)*)(\S+)\s+/((?:[^/\\]|\\.)+)/\s+(.*\S)")


@dataclass(frozen=True)
class Hole:
    """One test. settings: gpu, iommu, kernel, args (one, for the kernel's command line), and repeat for what shows
    itself by chance: once in that many is enough."""

    name: str  # F2, or F2.1 where the hole has several
    cell: matrix.Cell | None
    settings: tuple
    oracle: str | None
    pattern: re.Pattern | None
    reason: str

    def setting(self, key):
        """One of the settings, as text."""
        return dict(self.settings)[key]

    @property
    def where(self):
        """What a session is made for: (kernel, gpu, args)."""
        return self.setting("kernel"), self.setting("gpu"), self.setting("args")


def parse(text, where):
    """The tests of a file, in its order; a bad line is a UsageError that names file and line."""
    raw, counts = [], {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        at = f"{where}:{number}"
        words = line.split(None, 2)
        if len(words) == 3 and words[1] == "none":
            raw.append((words[0], None, {}, None, None, words[2].strip()))
        else:
            raw.append(_test(line, at))
        counts[words[0]] = counts.get(words[0], 0) + 1
    out, seen = [], {}
    for name, cell, settings, oracle, pattern, reason in raw:
        seen[name] = seen.get(name, 0) + 1
        tail = f".{seen[name]}" if counts[name] > 1 else ""
        out.append(Hole(name + tail, cell, tuple(sorted({**USUAL, **settings}.items())), oracle, pattern, reason))
    return out


def _test(line, at):
    m = _LINE.fullmatch(line.strip())
    if not m:
        raise errors.UsageError(f"{at}: want: HOLE state/way/order [key=value ...] oracle /pattern/ reason")
    name, cell, settings, oracle, pattern, reason = m.groups()
    parts = cell.split("/")
    if len(parts) != 3 or any(p not in known for p, known in zip(parts, (STATES, WAYS, ORDERS))):
        raise errors.UsageError(f"{at}: no cell is called {cell}")
    settings = dict(s.split("=", 1) for s in settings.split())
    for key, value in settings.items():
        if key not in USUAL:
            raise errors.UsageError(f"{at}: {key} is no setting; known: {', '.join(USUAL)}")
        if key == "gpu":
            options.gpus(value, vgpu.models())
    options.count("repeat", settings.get("repeat"))
    if oracle not in oracles.names():
        raise errors.UsageError(f"{at}: oracles are {', '.join(sorted(oracles.names()))}")
    try:
        pattern = re.compile(pattern.replace(r"\/", "/"))
    except re.error as e:
        raise errors.UsageError(f"{at}: /{pattern}/: {e}") from e
    return name, matrix.Cell(*parts), settings, oracle, pattern, reason


def load(base):
    """The tests of a base; empty where it has no file."""
    path = paths.EXPECT / f"holes-{base}.txt"
    return parse(path.read_text(), path.name) if path.exists() else []


def select(every, text):
    """Those a comma list names: F2 is all of F2, F2.1 one; empty or `all` is everything; a wrong one a UsageError."""
    wanted = options.words("TESTS", text or "all", "F2 or F2.1")
    for name in wanted:
        if name != "all" and not any(name in (h.name, h.name.split(".")[0]) for h in every):
            names = dict.fromkeys(h.name.split(".")[0] for h in every)
            raise errors.UsageError(f"TESTS {name} is unknown; known: {', '.join(names) or 'none'}, all")
    return [h for h in every if "all" in wanted or h.name in wanted or h.name.split(".")[0] in wanted]


def plan(tests):
    """(iommu, cells) for a session, without doubles."""
    out = {}
    for h in tests:
        cells = out.setdefault(h.setting("iommu"), [])
        for n in range(int(h.setting("repeat"))):
            cell = matrix.Cell(h.cell.state, h.cell.way, h.cell.order, n)
            cells += [] if cell in cells else [cell]
    return sorted(out.items(), reverse=True)


def of(hole, side, results):
    """The results of a side that belong to a test."""
    same = (hole.cell.state, hole.cell.way, hole.cell.order)
    return [r for r in results if r.facts["side"] == side and r.facts["iommu"] == hole.setting("iommu")
            and (r.cell.state, r.cell.way, r.cell.order) == same]


def shown(hole, results):
    """The finding of the unpatched side that is this hole, and its result; (None, None) if there is none."""
    for res in of(hole, "base", results):
        for f in res.findings:
            if f.oracle == hole.oracle and hole.pattern.search(f"{f.summary}\n{f.detail}"):
                return f, res
    return None, None


def judge(hole, results):
    """None if it fails unpatched as the file says and is clean patched, else what is different."""
    out = []
    if shown(hole, results)[0] is None:
        mine = of(hole, "base", results)
        said = dict.fromkeys(f"{f.oracle}: {f.summary}" for r in mine for f in r.findings)
        said = "; ".join(said) or ", ".join(f"{r.verdict} {r.skip or ''}".strip() for r in mine) or "not run"
        out.append(f"unpatched does not fail as listed ({said[:300]})")
    for res in of(hole, "patched", results):
        if res.verdict != "clean":
            said = "; ".join(dict.fromkeys(f"{f.oracle}: {f.summary}" for f in res.findings)) or res.skip or ""
            out.append(f"patched is {res.verdict}: {said[:300]}")
    if not of(hole, "patched", results):
        out.append("patched was not run")
    return "; ".join(out) or None


def excerpt(hole, results):
    """What the failure looked like, for people: the findings of the unpatched cell, and the trace of this one."""
    finding, res = shown(hole, results)
    lines = [f"# {hole.name}: {hole.reason}", f"# {res.cell.name}, unpatched {res.facts['base']}, "
             + ", ".join(f"{k} {v}" for k, v in hole.settings if v and k != "repeat")]
    for f in res.findings:
        text = f"{f.oracle}: {f.summary}"
        if text not in lines:
            lines.append(text)
    body = [re.sub(r"^(<\d>)?\[[^]]*\]\s*", "", t) for t in finding.detail.splitlines()]
    body = [t for t in body if not _REGISTERS.match(t)]
    return "\n".join([*lines, *(["", *body[:MOST_LINES]] if body else [])]) + "\n"


def kept(base, hole):
    """Where the excerpt of a test is kept."""
    return paths.EXPECT / f"holes-{base}" / f"{hole.name}.txt"
