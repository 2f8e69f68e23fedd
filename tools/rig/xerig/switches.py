# SPDX-License-Identifier: MIT
"""Text of many mutants in one driver: what each takes out stays, behind a switch of its own.

`if (xe_mutant(7)) { without } else { as it is }`, wherever both are whole statements of a function. A statement that
is not whole is grown until it is; where that does not do (labels, variables that live on), all changes of a function
become one, and at last the function's whole body is there twice. What a mutant takes away outside of functions
(prototypes, includes, members) stays: nothing runs there. It stands in the way of one thing only, a mutant that
changes a table; that, and a mutant which takes out a whole function, gets a kernel of its own.
"""

import difflib
import re
from dataclasses import dataclass

LEVELS = ("statements", "one stretch", "whole body")
HEADER = "drivers/gpu/drm/xe/xe_mutant.h"
SOURCE = "drivers/gpu/drm/xe/xe_mutant.c"
MAKEFILE = "drivers/gpu/drm/xe/Makefile"
PRIVATE = "drivers/gpu/drm/xe/"
MOST = 4095  # switches that fit into a page of hexadecimal digits, and more than a series has
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
LABEL = re.compile(r"^\s*(?!default\b)(\w+)\s*:(?!:)\s*$")
CASE = re.compile(r"^\s*(case\b.*|default\s*):")
SCOPED = re.compile(r"\b(guard|CLASS|scoped_cond_guard)\(|\b__free\b|\b__cleanup\b")

HERE = "xe_mutant_here"  # function of the driver that is called where the mutant that is on is met
HEADER_TEXT = f"""/* SPDX-License-Identifier: MIT */
#ifndef _XE_MUTANT_H_
#define _XE_MUTANT_H_

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/types.h>

extern unsigned int xe_mutant_on;
extern bool xe_mutant_dry;
extern unsigned long xe_mutant_met[BITS_TO_LONGS({MOST + 1})];

void xe_mutant_here(void);

/* Whether mutant @n is on, and not only looked at; notes that somebody has come by. */
static __always_inline bool xe_mutant(unsigned int n)
{{
	if (!test_bit(n, xe_mutant_met))
		set_bit(n, xe_mutant_met);
	if (likely(READ_ONCE(xe_mutant_on) != n))
		return false;
	xe_mutant_here();
	return !READ_ONCE(xe_mutant_dry);
}}

#endif
"""
SOURCE_TEXT = f"""// SPDX-License-Identifier: MIT
#include "xe_mutant.h"

#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/moduleparam.h>

unsigned int xe_mutant_on;
EXPORT_SYMBOL_GPL(xe_mutant_on);
module_param_named(mutant, xe_mutant_on, uint, 0644);

bool xe_mutant_dry;
EXPORT_SYMBOL_GPL(xe_mutant_dry);
module_param_named(mutant_dry, xe_mutant_dry, bool, 0644);

/* Where a task can be stalled that is about to do what the mutant takes out. */
noinline void xe_mutant_here(void)
{{
	barrier();
}}
EXPORT_SYMBOL_GPL(xe_mutant_here);

unsigned long xe_mutant_met[BITS_TO_LONGS({MOST + 1})];
EXPORT_SYMBOL_GPL(xe_mutant_met);

static int forget(const char *text, const struct kernel_param *kp)
{{
	bitmap_zero(xe_mutant_met, {MOST + 1});
	return 0;
}}

static int show(char *text, const struct kernel_param *kp)
{{
	return bitmap_print_to_pagebuf(true, text, xe_mutant_met, {MOST + 1});
}}

static const struct kernel_param_ops met_ops = {{ .set = forget, .get = show }};
module_param_cb(met, &met_ops, NULL, 0644);
"""


@dataclass(frozen=True)
class Region:
    """Lines first to last (excluded) of a file of the series, and what a mutant has in their place."""

    path: str
    first: int
    last: int
    new: tuple
    whole: bool = False

    def within(self, other):
        """Whether another region of the file has all its lines."""
        return other.first <= self.first and self.last <= other.last


class File:
    """A C file by lines: as it is, without comments and literals, and where function bodies are."""

    def __init__(self, data):
        text = data.decode(errors="surrogateescape")
        self.lines = text.split("\n")
        self.clean = TOKEN.sub(_blank, text).split("\n")
        self.bodies, start = [], None
        for n, line in enumerate(self.lines):
            if line.rstrip() == "{":
                start = n + 1
            elif line.rstrip() == "}" and start is not None:
                self.bodies.append((start, n))
                start = None

    def body(self, first, last):
        """The function body that has lines first to last, or None."""
        return next((b for b in self.bodies if b[0] <= first and last <= b[1]), None)


def _blank(m):
    s = m[0]
    return s[0] + s[0] if s[0] in "\"'" else re.sub(r"[^\n]", " ", s)


def same_ends(a, b):
    """(head, tail): so many lines at the beginning, and behind those at the end, two lists have in common."""
    head = next((n for n, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    most = min(len(a), len(b)) - head
    return head, next((n for n in range(most) if a[-1 - n] != b[-1 - n]), most)


def changes(a, b):
    """(i1, i2, j1, j2) of the lines that differ."""
    head, tail = same_ends(a, b)
    codes = difflib.SequenceMatcher(None, a[head:len(a) - tail], b[head:len(b) - tail], autojunk=False).get_opcodes()
    return [(i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in codes if tag != "equal"]


def regions(path, was, now, level):
    """Regions of one file for a mutant that has File now in place of was; [] where nothing that runs differs, None
    where it cannot be told by a switch at this level."""
    found, touched = {}, {}
    for i1, i2, j1, j2 in changes(was.lines, now.lines):
        touched.setdefault(was.body(i1, i2), []).append((i1, j1, i2 - j2))
        if [c for c in was.clean[i1:i2] if c.strip()] == [c for c in now.clean[j1:j2] if c.strip()]:
            continue
        body = was.body(i1, i2)
        if body is None:
            braces = any(x in c for c in was.clean[i1:i2] for x in "{}")
            if braces or any(c.strip() for c in now.clean[j1:j2]) or _table(was, i1):
                return None
            continue
        found.setdefault(body, []).append((i1, i2, j1, j2))
    out = []
    for body, mine in found.items():
        if level:
            mine = [(mine[0][0], mine[-1][1], mine[0][2], mine[-1][3])]
        if level == 2:
            (i1, j1, _), (_, _, moved) = touched[body][0], touched[body][-1]
            mine = [(*body, j1 - (i1 - body[0]), body[1] - moved)]
        for edit in mine:
            grown = edit if level == 2 else _grow(was, now, body, *edit)
            if grown is None:
                return None
            i1, i2, j1, j2 = grown
            if level < 2 and (_awkward(was.clean[i1:i2]) or _awkward(now.clean[j1:j2])):
                return None
            region = Region(path, i1, i2, tuple(now.lines[j1:j2]), level == 2)
            if any("#" == c.lstrip()[:1] or line.endswith("\\") for c, line in
                   [*zip(was.clean[i1:i2], was.lines[i1:i2]), *zip(now.clean[j1:j2], region.new)]):
                return None
            if region not in out:
                out.append(region)
    out.sort(key=lambda r: r.first)
    if any(r.last > s.first for r, s in zip(out, out[1:])):
        return None
    return out


def _table(file, at):
    """Whether a line outside of functions is inside of braces: an initializer, which is as good as code."""
    depth, n = 0, at - 1
    while n >= 0 and not re.match(r"[};]", file.clean[n]):
        depth += file.clean[n].count("{") - file.clean[n].count("}")
        if depth > 0:
            return "=" in file.clean[n]
        n -= 1
    return False


def _balance(lines):
    """(depth at the end, lowest depth) over brackets of all kinds."""
    depth = low = 0
    for line in lines:
        for c in line:
            if c in "([{":
                depth += 1
            elif c in ")]}":
                depth -= 1
                low = min(low, depth)
    return depth, low


def _code(lines):
    return [s for line in lines if (s := line.strip())]


def _grow(was, now, body, i1, i2, j1, j2):
    """The same change with as much around it as makes whole statements on both sides; None where that cannot be."""
    def up():
        nonlocal i1, j1
        if i1 <= body[0] or j1 <= 0 or was.lines[i1 - 1] != now.lines[j1 - 1]:
            return False
        i1, j1 = i1 - 1, j1 - 1
        return True

    def down():
        nonlocal i2, j2
        if i2 >= body[1] or j2 >= len(now.lines) or was.lines[i2] != now.lines[j2]:
            return False
        i2, j2 = i2 + 1, j2 + 1
        return True

    while True:
        sides = was.clean[i1:i2], now.clean[j1:j2]
        before, after = _code(was.clean[body[0]:i1]), _code(was.clean[i2:body[1]])
        balances = [_balance(s) for s in sides]
        codes = [_code(s) for s in sides]
        if (before and before[-1][-1] not in ";{}:") or any(low < 0 for _, low in balances) or \
                any(c and re.match(r"else\b", c[0]) for c in codes):
            if not up():
                return None
        elif any(depth > 0 for depth, _ in balances) or any(c and c[-1][-1] not in ";}" for c in codes) or \
                (after and re.match(r"else\b", after[0])):
            if not down():
                return None
        else:
            return i1, i2, j1, j2


def _awkward(lines):
    """Whether these lines, put into a block, would mean something else: labels, and what lives to the block's end."""
    depth = 0
    for line in lines:
        if LABEL.match(line) or (not depth and (CASE.match(line) or SCOPED.search(line))):
            return True
        depth += line.count("{") - line.count("}")
    return False


def _labels(lines):
    found = [m[1] for line in lines if (m := LABEL.match(line))]
    return [f"__label__ {', '.join(dict.fromkeys(found))};"] if found else []


def render(file, placed):
    """(text, owner of each line) of a File with switches; placed: (number, Region) list, one in the other or apart.

    owner: (number, whether it is the mutant's own text) of the innermost switch, or None.
    """
    out, owner = [], []

    def put(lines, who):
        out.extend(lines)
        owner.extend([who] * len(lines))

    def stretch(first, last, inside, who):
        at = first
        while inside:
            n, r = inside[0]
            mine, rest = [], []
            for other in inside[1:]:
                (mine if other[1].first < r.last and other[1].within(r) else rest).append(other)
            put(file.lines[at:r.first], who)
            old = file.lines[r.first:r.last]
            put([f"{{ if (xe_mutant({n})) {{"], who)
            put([*(_labels([TOKEN.sub(_blank, x) for x in r.new]) if r.whole else ()), *r.new], (n, True))
            put(["} else {"], who)
            put(_labels(file.clean[r.first:r.last]) if r.whole else [], (n, False))
            stretch(r.first, r.last, mine, (n, False))
            put(["} }"], who)
            at, inside = r.first + len(old), rest
        put(file.lines[at:last], who)

    stretch(0, len(file.lines), sorted(placed, key=lambda p: (p[1].first, -p[1].last, p[0])), None)
    at = next((n for n, line in enumerate(out) if re.match(r"\s*#\s*include\b", line)), 0)
    out.insert(at, f'#include "{HEADER.rsplit("/", 1)[1]}"')
    owner.insert(at, None)
    return "\n".join(out).encode(errors="surrogateescape"), owner


def clashes(regions_of):
    """Numbers whose regions lie across another's in the same file; regions_of: number -> Regions. The later one."""
    out, by_path = set(), {}
    for n, mine in regions_of.items():
        for r in mine:
            for m, other in by_path.get(r.path, ()):
                apart = r.first >= other.last or other.first >= r.last
                if m not in out and not apart and not r.within(other) and not other.within(r):
                    out.add(n)
            by_path.setdefault(r.path, []).append((n, r))
    return out


def overlay_of(series, regions_of):
    """(overlay with all switches, path -> owner of each line); series: path -> bytes."""
    out, owners, by_path = dict(series), {}, {}
    for n, mine in regions_of.items():
        for r in mine:
            by_path.setdefault(r.path, []).append((n, r))
    for path, placed in by_path.items():
        out[path], owners[path] = render(File(series[path]), placed)
    out[HEADER], out[SOURCE] = HEADER_TEXT.encode(), SOURCE_TEXT.encode()
    return out, owners
