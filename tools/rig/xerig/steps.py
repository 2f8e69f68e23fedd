# SPDX-License-Identifier: MIT
"""Steps of `make test`: each returns counts, and never hides an exception as success."""

import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from . import base as bases
from . import check, cli, errors, guest_kunit, hunt, igt, klog, kunit, matrix, meta, mutants, paths, procs, results, run
from . import live as live_tests
from . import session
from . import sweep as sweeps
from . import tree, ui
from .states import STATES


@dataclass
class Outcome:
    """What a step found: counts, and a line for each thing that is wrong or was left out."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lines: list = field(default_factory=list)
    seconds: float = 0.0

    def add(self, good, line):
        """Counts one check."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.lines.append(line)


def program(argv, log, env):
    """Runs a program with its output in a file; returns (status, output). What `make test` was told is not for it."""
    ui.show(argv)
    env = {k: v for k, v in env.items() if k not in cli.VARIABLES}
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", env=env, check=False)
    log.write_text(done.stdout)
    return done.returncode, done.stdout


def vgpu_units(cache, out):
    """Unit tests of the virtual GPU, under ASan and UBSan."""
    argv = ["make", "-s", "-j2", "-C", paths.VGPU, f"O={cache.programs('vgpu-check')}", "check"]
    status, text = program(argv, out / "vgpu-units.log", cache.environ())
    m = re.search(r"(\d+) tests passed, (\d+) failed", text)
    o = Outcome(int(m[1]), int(m[2])) if m else Outcome()
    if (status or not o.passed) and not o.failed:
        o.failed += 1
    if o.failed:
        o.lines = [s for s in text.splitlines() if "not ok" in s or "rror" in s][:10] or text.splitlines()[-3:]
    return o


def rig_units(cache, out):
    """Tests of the rig itself: oracles, reports, clean-up, tree round trip."""
    xml = out / "rig-units.xml"
    env = dict(cache.environ(), PYTHONPATH=str(paths.RIG), PYTHONDONTWRITEBYTECODE="1")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={xml}", paths.RIG / "tests"]
    status, text = program(argv, out / "rig-units.log", env)
    if not xml.exists():
        return Outcome(failed=1, lines=text.splitlines()[-3:])
    o = Outcome()
    for case in ET.parse(xml).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("skipped") is not None:
            o.skipped += 1
            o.lines.append(f"skipped {name}: {case.find('skipped').get('message')}")
        else:
            o.add(case.find("failure") is None and case.find("error") is None, f"failed {name}")
    if status and not o.failed:
        o.add(False, f"pytest ended with status {status}")
    return o


def guest_programs(cache, out, base):
    """Protocol and helpers of the guest programs, without a GPU."""
    s = session.Session("test", base, cache=cache).prepare(["base"])
    where = cache.programs("scenarios") / s.sides["base"].kernel.key
    argv = ["make", "-s", "-C", paths.SCENARIOS, f"UAPI={s.sides['base'].kernel.uapi}", f"OUT={where}", "check"]
    status, text = program(argv, out / f"guest-programs-{base}.log", cache.environ())
    m = re.search(r"(\d+) passed, (\d+) failed", text)
    ran = re.search(r"^Ran (\d+) tests?", text, re.M)
    o = Outcome(int(m[1]), int(m[2])) if m else Outcome(int(ran[1]) if ran and not status else 0)
    if status or not o.passed:
        o.failed = max(o.failed, 1)
        o.lines = text.splitlines()[-5:]
    return o


def static_checks(cache, out, base):
    """`make check` without the build of each patch."""
    argv = [sys.executable, paths.RIG / "main.py", "check", "--base", base, "--tests", ",".join(check.QUICK)]
    status, text = program(argv, out / f"check-{base}.log", cache.environ())
    return Outcome(failed=1, lines=text.splitlines()[-8:]) if status else Outcome(passed=1)


def kunit_uml(cache, _out, base):
    """KUnit on UML."""
    return _nothing_to_run(base) or _kunit(kunit.run_uml(bases.load(base), "patched", cache)[0])


def kunit_guest(cache, _out, base):
    """KUnit modules in the x86 guest."""
    return _nothing_to_run(base) or _kunit(guest_kunit.run(bases.load(base), "patched", cache))


def _nothing_to_run(base):
    """A skip where there is no series: the driver's own suites on the driver as it is prove nothing of ours."""
    if bases.load(base).patches():
        return None
    return Outcome(skipped=1, lines=[f"{base} has no patches yet: there is nothing of ours to run"])


def _kunit(found):
    o = Outcome(found.count("PASS"), len(found.failed), found.count("SKIP"))
    o.lines = found.problems()
    o.failed = len(o.lines)
    if not found.count("PASS"):
        o.add(False, "no test ran")
    return o


def meta_tests(cache, out, base):
    """Every oracle seen red on the unpatched base or by a fault; a boot each, so that none excuses another."""
    wanted = [m for m in meta.TESTS if m.base == base]
    s = session.Session("meta", base, cache=cache).prepare(sorted({m.side for m in wanted}))
    rules, todo = klog.load_allowed(), [m for m in wanted if m.side in s.sides]
    none = [f"{m.name}: there is no series" for m in wanted if m not in todo]
    o = Outcome(skipped=len(none), lines=none)
    jobs, owner = [], {}
    for n, m in enumerate(todo):
        cell = matrix.Cell(m.cell.state, m.cell.way, m.cell.order, n)
        owner[cell] = m
        jobs.append(run.Job(s.facts(m.side, m.iommu), s.machine(m.side, m.iommu), [cell], out / "meta" / f"{base}-{n}",
                            f"meta-{n}", {cell: m.fault} if m.fault else {}))
    seen = []
    with procs.guard():
        run.run_jobs([jobs[0::2], jobs[1::2]], rules, seen.append, lambda t: None)
    judged = {res.cell: meta.judge(owner[res.cell], res) for res in seen}
    for cell, m in owner.items():
        said = judged.get(cell, "no result")
        o.add(said is None, f"{m.name}: wanted \"{m.text}\", got {said}")
    return o


def smoke(_cache, _out, base):
    """A few cells on both sides, against the expectations."""
    s = session.Session("smoke", base).prepare(["base", "patched"])
    s.run([("on", matrix.smoke())])
    o = Outcome(*results.counts(s.results))
    o.lines = [f"{r.facts['side']} {_told(r)}" for r in s.results if r.odd] + s.notes
    return o


def _told(res):
    return f"{res.cell.name}: {res.verdict} {' '.join(res.oracles())} ({res.expected})"


def igt_short(_cache, _out, base):
    """A few of IGT's tests on the patched side."""
    return _nothing_to_run(base) or _tests(base, "igt", igt.KIND, igt.Worker,
                                           lambda s: igt.choose(s.root, "", igt.SHORT))


def live(_cache, _out, base):
    """xe's live KUnit on the patched side, but for the suite that compares times: `make bench` shows those."""
    return _nothing_to_run(base) or _tests(base, "live", live_tests.KIND, live_tests.Worker, lambda s: [
        t for t in live_tests.of_session(s) if t.suite != live_tests.TIMES])


def sweep(_cache, _out, base):
    """A few points of the sweep on the patched side."""
    return _nothing_to_run(base) or _tests(base, "sweep", sweeps.KIND, sweeps.Worker,
                                           lambda _s: sweeps.parse(",".join(sweeps.SHORT), STATES))


def mutant(cache, _out, base):
    """The series without one hunk, which somebody has to notice."""
    skipped = _nothing_to_run(base)
    if skipped:
        return skipped
    s = session.Session("mutant", base, cache=cache).prepare(["patched"])
    overlay, _ = tree.overlay(s.base, s.source, cache)
    every = mutants.catalogue(tree.read_series(s.base), overlay, s.source.path)
    hunt.walk(s, mutants.choose(every, mutants.META), every, klog.load_allowed(), battery=hunt.META_BATTERY)
    o, first = Outcome(), hunt.META_BATTERY[0][0]
    for r in s.results:
        killer = r.held.get("killed_by", "")
        good = r.verdict == "clean" and killer.startswith(first)
        o.add(good, f"{r.cell.name}: {r.skip or killer or 'nobody noticed'}")
    return o


def _tests(base, what, kind, worker, choose):
    s = session.Session(what, base).prepare(["patched"])
    s.run([("on", choose(s))], kind, worker)
    o = Outcome(*results.counts(s.results))
    o.lines = [_told(r) for r in s.results if r.odd]
    if not o.passed:
        o.add(False, "no test ran")
    return o


def timed(fn, *args):
    """The step's outcome with its time; an exception of the rig is a failure with its text."""
    began = time.monotonic()
    try:
        o = fn(*args)
    except errors.RigError as e:
        o = Outcome(failed=1, lines=[str(e)])
    if not o.passed + o.failed + o.skipped:
        o.add(False, "nothing ran")
    o.seconds = time.monotonic() - began
    return o


# What a user calls it, and the step; the cheap first, builds before what needs them. Steps of a group go base by base.
ALONE = {"vgpu": vgpu_units, "rig": rig_units}
GROUPS = ({"programs": guest_programs},
          {"smoke": smoke, "meta": meta_tests, "igt": igt_short, "live": live, "sweep": sweep},
          {"check": static_checks, "mutant": mutant, "kunit-x86": kunit_guest, "kunit-uml": kunit_uml})
NAMES = (*ALONE, *(name for group in GROUPS for name in group))


def plan(base_names, wanted):
    """(title, step, its arguments behind cache and out) in order; wanted: some of NAMES."""
    rows = [(name, step, ()) for name, step in ALONE.items() if name in wanted]
    return rows + [(f"{name} {b}", step, (b,)) for group in GROUPS for b in base_names
                   for name, step in group.items() if name in wanted]
