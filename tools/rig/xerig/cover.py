# SPDX-License-Identifier: MIT
"""Line coverage of the series: KUnit, live KUnit and cells on a kernel that counts, against thresholds."""

import contextlib
import json

from . import agent, errors, gcov, guest_kunit, live, matrix, run, tree, ui
from .orders import ORDERS
from .session import Session
from .states import STATES
from .ways import CORE, WAYS

# What the issue asks for, per cent of the lines with code.
TOUCHED = {"xe_bo.c": 60, "xe_vm.c": 60, "xe_migrate.c": 60, "xe_device.c": 60}
NEW = 90
AROUND = 2  # lines shown before and behind those that never ran
PARTS = ("kunit", "live", "cells")


def threshold(file):
    """Per cent a gcov.File has to reach, or None."""
    return NEW if file.new else TOUCHED.get(file.path.rsplit("/", 1)[-1])


def passed(file):
    """Whether a file reaches its threshold; a file without code does."""
    want = threshold(file)
    reached, every = file.share()
    return want is None or (reached * 100 >= want * every if every else file.path.endswith(".h"))


def plan():
    """(gpu, cells): every state, way and order at least once, not their product."""
    states = [s for s in STATES if not s.startswith("vram") and not s.endswith("-peer")]
    few = ["userptr", "queue-endless", "bo-mmap"]
    more = [w for w in WAYS if w not in CORE]
    orders = [o for o in ORDERS if o not in ("close-after", "munmap-after")]
    lnl = matrix.cells(states, CORE, ["close-after"]) + matrix.cells(states, ["unbind"], ["munmap-after"]) + \
        matrix.cells(few, more, ["close-after"]) + matrix.cells(few, ["unbind", "unload"], orders)
    local = ["vram-mmap", "vram-bound", "vram-dmabuf", "bo-bound", "many-bos", "queue-endless", "dmabuf-open",
             "dmabuf-closed", "dmabuf-second", "fault-userptr"]
    bmg = matrix.cells(local, ["unbind", "surprise"], ["close-after"])
    peers = matrix.cells(["dmabuf-peer", "userptr-peer"], ["unbind", "surprise"], ["close-after"])
    return [("lnl", lnl), ("bmg", bmg), ("lnl+bmg", peers), ("bmg+lnl", peers[:1])]


class Counting:
    """A Worker that gives the counters of each boot to `counters` (a list) before the boot ends."""

    counters = None

    @contextlib.contextmanager
    def _boot(self):
        with super()._boot() as (vm, *rest):
            try:
                yield (vm, *rest)
            finally:
                if not vm.agent.closed() and not vm.agent.fatal:
                    with contextlib.suppress(agent.GuestError, errors.InfraError):
                        self.counters.append(gcov.pull(vm.agent))


def counting(worker, counters):
    """A class of workers that counts."""
    return type("Worker", (Counting, worker), {"counters": counters})


class Cover:
    """Runs the parts on a base; counts: path -> {line: count}; said: a line a part; session: the last one."""

    def __init__(self, base_name):
        self.base_name = base_name
        self.counts, self.said = {}, []
        self.session = self._session("lnl")

    def _session(self, gpu):
        return Session("cover", self.base_name, "cover", gpu).prepare(["patched"])

    def _take(self, counters):
        notes = self.session.sides["patched"].kernel.bzimage.parent / "gcno"
        for one in counters:
            gcov.add(self.counts, gcov.read(one, notes))

    def kunit(self):
        """The suites that need no GPU."""
        s, counters = self.session, []
        found = guest_kunit.on_machine(s.base, s.machine("patched", "off"), s.run_dir / "kunit", s.cache,
                                       lambda guest: counters.append(gcov.pull(guest)))
        self._take(counters)
        self.said.append(f"KUnit: {found.count('PASS')} passed, {len(found.failed)} failed")

    def live(self):
        """xe's own live suites."""
        for gpu in ("lnl", "bmg"):
            self._run(gpu, lambda s: live.choose(live.of_session(s), None), "live KUnit", live.KIND, live.Worker)

    def cells(self):
        """Cells of the rig."""
        for gpu, cells in plan():
            self._run(gpu, lambda _s, cells=cells: cells, "cells", None, run.Worker)

    def _run(self, gpu, choose, what, kind, worker):
        counters, s = [], self._session(gpu)
        s.run([("on", choose(s))], kind, counting(worker, counters))
        if not counters:
            raise errors.InfraError(f"{what} on {gpu}: no boot gave its counters")
        self._take(counters)
        words = {v: sum(r.verdict == v for r in s.results) for v in ("clean", "dirty", "hang", "infra", "skip")}
        self.said.append(f"{what} on {gpu}: " + ", ".join(f"{n} {v}" for v, n in words.items() if n))

    def files(self):
        """The File list of the series."""
        s = self.session
        overlay, _ = tree.overlay(s.base, s.source, s.cache)
        return gcov.files(self.counts, overlay, s.source.path)


def write(out, cover, found, parts, seconds):
    """cover.json and cover.html in folder out; returns the data."""
    data = {"base": cover.base_name, "versions": cover.session.versions, "parts": list(parts), "said": cover.said,
            "seconds": round(seconds, 1), "files": {f.path: {
                "new": f.new, "lines": f.share()[1], "reached": f.share()[0], "own_lines": f.share(f.own)[1],
                "own_reached": f.share(f.own)[0], "threshold": threshold(f), "passed": passed(f),
                "missed": f.missed()} for f in found}}
    (out / "cover.json").write_text(json.dumps(data, indent=1) + "\n")
    from . import html  # jinja2 is not there before the set-up
    overlay, _ = tree.overlay(cover.session.base, cover.session.source, cover.session.cache)
    texts = {f.path: overlay[f.path].decode(errors="replace").splitlines() for f in found}
    html.write_cover(out, data, {f.path: source(f, texts[f.path]) for f in found})
    ui.say(f"{out}/cover.html")
    return data


def source(file, text):
    """(number, count or None, text, own) of the lines around those that never ran; None where lines are left out."""
    shown = {n for first, last in file.missed() for n in range(first - AROUND, last + AROUND + 1) if 0 < n <= len(text)}
    out = []
    for n in sorted(shown):
        if out and out[-1][0] != n - 1:
            out.append((n - 1, None, "", False))
        out.append((n, file.lines.get(n), text[n - 1], n in file.own))
    return out
