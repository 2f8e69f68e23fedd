# SPDX-License-Identifier: MIT
"""Line counters of a guest kernel: out of its debugfs, through the compiler's gcov, added up over boots."""

import base64
import difflib
import gzip
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import errors, kernel

PULL = """cd /sys/kernel/debug/gcov && busybox find . -name '*.gcda' | while read f; do
echo "> $f"; busybox gzip -c < "$f" | busybox base64; done; echo "> end"
"""
PULL_TIME = 60.0


def pull(guest):
    """Counters since boot: path of the source without its suffix -> .gcda bytes. guest: agent.Agent."""
    child = guest.run(["busybox", "sh", "-c", PULL], PULL_TIME)
    if child.status or child.out[-1:] != ["> end"]:
        raise errors.InfraError("the guest gave no line counters: " + (" ".join(child.err) or "no gcov in its kernel"))
    found, name = {}, None
    for line in child.out:
        if line.startswith("> "):
            m = re.search(r"(drivers/\S+)\.gcda$", line)
            name = m and m[1]
            if name:
                found[name] = []
        elif name:
            found[name].append(line)
    return {name: gzip.decompress(base64.b64decode("".join(lines))) for name, lines in found.items()}


def read(counters, notes):
    """What gcov says of pull()'s counters: path in the tree -> {line: count}. notes: folder of the .gcno files."""
    with tempfile.TemporaryDirectory() as tmp:
        argv = ["gcov", "--json-format", "--stdout"]
        for name, data in counters.items():
            note = (notes / name).with_suffix(".gcno")
            if not note.exists():
                continue
            flat = name.replace("/", "#")
            Path(tmp, f"{flat}.gcno").write_bytes(note.read_bytes())
            Path(tmp, f"{flat}.gcda").write_bytes(data)
            argv.append(f"{flat}.gcda")
        if len(argv) == 3:
            return {}
        done = subprocess.run(argv, cwd=tmp, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise errors.InfraError("gcov: " + (done.stderr.strip().splitlines() or ["failed"])[0])
    return parse(done.stdout)


def parse(text):
    """As read(), from gcov's JSON, a document a line."""
    out = {}
    for row in text.splitlines():
        if not row.startswith("{"):
            continue
        for source in json.loads(row)["files"]:
            m = re.search(r"(?:^|/)((?:drivers|include)/\S+)$", source["file"])
            lines = out.setdefault(m[1], {}) if m else {}
            for line in source["lines"]:
                lines[line["line_number"]] = lines.get(line["line_number"], 0) + line["count"]
    return out


def add(total, more):
    """Adds counts of a boot to those of others, in place."""
    for path, lines in more.items():
        mine = total.setdefault(path, {})
        for number, count in lines.items():
            mine[number] = mine.get(number, 0) + count


@dataclass
class File:
    """A file of the series. lines: number -> count; own: numbers of the lines that the series adds."""

    path: str
    new: bool
    lines: dict
    own: set = field(default_factory=set)

    def share(self, only=None):
        """(reached, all) of the lines with code, or of some of them."""
        mine = [c for n, c in self.lines.items() if only is None or n in only]
        return sum(c > 0 for c in mine), len(mine)

    def missed(self):
        """Ranges (first, last) of lines with code that never ran, over gaps without code."""
        out, last = [], None
        for number in sorted(self.lines):
            if self.lines[number]:
                last = None
            elif last is None:
                out.append([number, number])
                last = out[-1]
            else:
                last[1] = number
        return [tuple(r) for r in out]


def files(counts, overlay, pristine):
    """The File list of a series: its code, and the headers it brings. pristine: the base's tree (a Path)."""
    out = []
    for path in sorted({*kernel.counted(overlay), *(p for p in overlay if p.endswith(".h") and p in counts)}):
        new = not (pristine / path).exists()
        if path.endswith(".h") and not new:
            continue
        text = overlay[path].decode(errors="replace").splitlines()
        if new:
            own = set(range(1, len(text) + 1))
        else:
            own = added((pristine / path).read_text(errors="replace").splitlines(), text)
        out.append(File(path, new, counts.get(path, {}), own))
    return out


def added(before, after):
    """Numbers, from 1, of the lines of after that are not in before."""
    match = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return {n + 1 for tag, _, _, first, last in match.get_opcodes() if tag in ("replace", "insert")
            for n in range(first, last)}
