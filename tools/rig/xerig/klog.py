# SPDX-License-Identifier: MIT
"""Reads slices of the kernel log: groups traces into entries, says what kind each is, applies the allow-list."""

import fnmatch
import re
from dataclasses import dataclass, field

from . import errors, paths
from . import facts as of
from .agent import Record

ALLOW_FILE = paths.EXPECT / "klog-allow.txt"

# Kinds from most to least telling; the first that matches a line of the entry names it.
KINDS = (
    ("panic", re.compile(r"^Kernel panic")),
    ("kasan", re.compile(r"^BUG: (KASAN|KFENCE|KMSAN)")),
    ("lockdep", re.compile(r"^(WARNING: (possible|inconsistent|suspicious|bad unlock|held lock|lock held|Nested)|"
                           r"BUG: (held lock|invalid wait|sleeping)|INFO: (possible|trying to register))")),
    ("dma-api", re.compile(r"^DMA-API: ")),
    ("oops", re.compile(r"^(BUG: (kernel NULL|unable to handle|spinlock|scheduling|Bad page)|Oops|kernel BUG at|"
                        r"general protection|Unable to handle kernel|stack segment|divide error)")),
    ("iommu", re.compile(r"^DMAR: |^AMD-Vi: |.*\bDMAR\b.*fault", re.I)),
    ("hung", re.compile(r"^(INFO: task .* blocked|watchdog: |rcu: INFO: .*stall|workqueue: .* hogged)")),
    ("kmemleak", re.compile(r"^kmemleak: \d+ new suspected")),
    ("ubsan", re.compile(r"^UBSAN: ")),
    ("bug", re.compile(r"^(BUG|INTERNAL ERROR|=+ ?BUG)")),
    ("warn", re.compile(r"^(WARNING: |refcount_t: )|\[drm\] .*Assertion|------------\[ cut here")),
)
SPLATS = {"panic", "kasan", "lockdep", "oops", "hung", "ubsan", "bug", "warn"}
# Reported by oracles of their own; the kernel-log oracle leaves them alone.
OWNED = {"dma-api": "dma-debug", "iommu": "iommu", "kmemleak": "memory"}

_CUT = re.compile(r"^-+\[ cut here \]-+")
_DEATH = re.compile(r"Kernel panic|BUG: |Oops")
_END = re.compile(r"^---\[ end (trace|Kernel panic)")
_START = re.compile(
    r"^(BUG: |Oops|general protection fault|kernel BUG at|Kernel panic|WARNING: (possible|inconsistent|suspicious|"
    r"bad unlock|held lock|lock held|Nested|CPU|\S+:\d+ at)|INFO: (task .* blocked|possible|trying to register)|"
    r"watchdog: |rcu: INFO|UBSAN: |Unable to handle kernel|DMA-API: |refcount_t: )")
_RULE = re.compile(r"^(=+|#+|-+)$")
# Lines that belong to a trace that has begun; the kernel shows a line break inside of a record as \x0a.
_INSIDE = re.compile(
    r"^(\\x0a)*(\s|$|Modules linked in|CPU: |Hardware name|RIP: |RSP: |R[A-Z0-9]{2}: |[CDEFG]S: |CR2: |PKRU: |Code: |"
    r"Call Trace|PGD |#PF: |Oops|Tainted|Workqueue: |Sched_ext|stack backtrace|but |and |the existing|other info|"
    r"\d+ locks? held|irq event stamp|(hard|soft)irqs last|Mapped at:|DMA-API: Mapped at|Read of size|Write of size|"
    r"Allocated by|Freed by|Last potentially|The buggy address|Memory state|page: |flags: |raw: |page dumped|>|"
    r"Kernel Offset|task:|[a-z_0-9.]+\+0x|note: |Showing all locks|-> |which |(ff|00)[0-9a-f]{2,}|WARNING: |"
    r"Second to last|\d+\.\d+\S* #\d+ (Not t|T)ainted|\S+/\d+ (is (trying|freeing|leaving|exiting)|just changed|\[HC)|inconsistent \{|\{[-A-Z ]+\} state was)")
# The function that a title names with what happened there.
_PLACE = {"oops": re.compile(r"^RIP: \S+:([\w.]+)\+"), "lockdep": re.compile(r", at: ([\w.]+)\+0x")}
# What the kernel shows through sysrq, states of tasks first and memory last; a driver may speak in between.
_SHOWS = re.compile(r"^sysrq: Show State$")
_SHOWN = re.compile(r"^\d+ pages reserved$")
_DRIVER = re.compile(r"\[(drm|TTM)\]|^xe ")
_OURS = re.compile(r"\+0x\S+ \[(xe|ttm|drm\w*|gpu_sched)\]")
# Fault injection, in the breakpoint that it sits on: what comes after it in a trace is only where that is.
_INJECTED = re.compile(r"\bfei_kprobe_handler\+0x")
_PENDING = re.compile(r"pending DMA allocations.*\[count=(\d+)\]")


@dataclass
class Entry:
    """One event of the log: a single line, or a whole trace."""

    kind: str  # one of KINDS' names, or "line"
    level: int  # lowest (worst) level of its lines, 0 to 7
    title: str
    us: int
    lines: list = field(default_factory=list)
    allowed: str | None = None  # the reason, where the allow-list knows it

    def text(self):
        """All lines of it."""
        return "\n".join(self.lines)


def death(lines):
    """How a kernel died, from the lines of its console: the first bad one of the last 400; None if it says nothing."""
    line = next((s for s in lines[-400:] if _DEATH.search(s)), None)
    return line and re.sub(r"^\[[^]]*\]\s*", "", line)


def parse_console(lines):
    """Records from serial console text, which has no levels: all count as warnings."""
    out = []
    for i, line in enumerate(lines):
        m = re.match(r"^\[\s*(\d+)\.(\d{6})\](?:\[\s*[TC]\d+\])? (.*)$", line.rstrip("\r"))
        us = int(m[1]) * 1000000 + int(m[2]) if m else 0
        out.append(Record(4, i, us, m[3] if m else line.rstrip("\r")))
    return out


def _kind(lines):
    best = None
    for text in lines:
        for rank, (name, pattern) in enumerate(KINDS):
            if pattern.search(text):
                if best is None or rank < best[0]:
                    best = (rank, name)
                break
    return best[1] if best else "line"


def _title(lines, kind):
    pattern = dict(KINDS).get(kind)
    for text in lines:
        if kind != "warn" and pattern is not None and pattern.search(text):
            places = (m[1] for t in lines if kind in _PLACE and (m := _PLACE[kind].search(t)))
            place = next(places, None)
            return f"{text} in {place}" if place else text
    body = [t for t in lines if not _CUT.match(t) and not _RULE.match(t)]
    where = next((t for t in body if t.startswith("WARNING: ")), None)
    if where is None:
        return body[0] if body else lines[0]
    said = body[0] if body[0] is not where else ""
    place = re.search(r"(\S+:\d+)(?: at)? (\S+\+0x[0-9a-f]+)", where) or re.search(r"at (\S+:\d+) (\S+)", where)
    short = f"WARNING at {place[1]} {place[2].split('+')[0]}" if place else where
    return f"{short}: {said}" if said else short


def entries(records):
    """Groups records into entries, in order."""
    out, group, cut = [], [], False

    def flush():
        nonlocal group, cut
        if group:
            texts = [r.text for r in group]
            kind = _kind(texts)
            out.append(Entry(kind, min(r.level for r in group), _title(texts, kind), group[0].us,
                             [str(r) for r in group]))
        group, cut = [], False

    for r in records:
        if _CUT.match(r.text):
            flush()
            group, cut = [r], True
        elif cut:
            group.append(r)
            if _END.match(r.text):
                cut = False  # a "Mapped at" trace may follow and belongs to it
        elif group and (_INSIDE.match(r.text) or _RULE.match(r.text) or _END.match(r.text)):
            group.append(r)
        elif _START.match(r.text) or (_RULE.match(r.text) and r.level <= 4):
            flush()
            group = [r]
        elif group and _RULE.match(group[-1].text) and len(group) == 1:
            group.append(r)
        else:
            flush()
            if r.text.strip():
                out.append(Entry(_kind([r.text]), r.level, r.text, r.us, [str(r)]))
    flush()
    return out


@dataclass(frozen=True)
class Allowed:
    """A line of the allow-list: conditions (key -> values) and the pattern of the title."""

    conditions: tuple
    pattern: re.Pattern
    reason: str

    def applies(self, facts):
        """Whether the conditions hold; values are shell patterns."""
        return all(any(fnmatch.fnmatchcase(mine, v) for v in values for mine in of.values(facts, key))
                   for key, values in self.conditions)


def load_allowed(path=ALLOW_FILE):
    """Reads the allow-list. A line: [key=value[,value] ...] /pattern/ reason.

    Keys are facts of the cell (way, state, order, base, side, iommu). A bad line is a UsageError.
    """
    rules = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        m = re.match(r"^((?:\w+=\S+\s+)*)/(.*)/\s+(\S.*)$", line)
        if not m:
            raise errors.UsageError(f"{path.name}:{number}: want: [key=value ...] /pattern/ reason")
        try:
            pattern = re.compile(m[2])
        except re.error as e:
            raise errors.UsageError(f"{path.name}:{number}: {e}") from None
        conditions = tuple((k, tuple(v.split(","))) for k, v in (c.split("=", 1) for c in m[1].split()))
        rules.append(Allowed(conditions, pattern, m[3]))
    return rules


def known(text, rules, facts):
    """The reason of the first rule that applies to the facts and matches the text, or None."""
    return next((r.reason for r in rules if r.applies(facts) and r.pattern.search(text)), None)


def judge(found, rules, facts):
    """Marks the entries the rules allow; returns those that count: not allowed and level warning or worse,
    or of any kind that is never an information."""
    bad = []
    for e in found:
        if e.level > 4 and e.kind in ("line", "iommu"):
            continue
        # Whatever a lock's report is called: where a driver's lock is in the circle it is the driver's
        injected = next((n for n, t in enumerate(e.lines) if _INJECTED.search(t)), None)
        ours = e.kind == "lockdep" and any(_OURS.search(t) for t in e.lines[:injected])
        e.allowed = None if ours else known(e.title, rules, facts)
        if e.allowed is None:
            bad.append(e)
    return bad


def asked_for(found):
    """Those entries that are a dump of tasks, schedulers and memory, which somebody asked for through sysrq. Reports,
    and what drivers say meanwhile, are none of it, nor is anything where the dump has no end."""
    out, dump = [], None
    for e in found:
        if _SHOWS.match(e.title):
            dump = []
        elif dump is not None:
            if e.kind == "line" and not _DRIVER.search(e.title):
                dump.append(e)
            if _SHOWN.match(e.title):
                out, dump = out + dump, None
    return out


def pending_dma(found):
    """Sum of the leaked-mapping counts that DMA-API debugging printed at driver unbind, or None."""
    counts = [int(m[1]) for e in found for line in e.lines[:6] if (m := _PENDING.search(line))]
    return sum(counts) if counts else None
