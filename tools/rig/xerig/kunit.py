# SPDX-License-Identifier: MIT
"""KUnit suites through the kernel's own kunit.py: on UML, and KTAP from a guest's log.

kunit.py builds in an object folder of the base's build tree, so an edited driver is re-tested in
seconds. It does not fail on a WARN: the log is read for those as that of a cell is, against a reviewed
list of its own.
"""

import json
import os
import re
import subprocess
import sys

from . import buildtree, cmd, errors, kernel, klog, paths, procs, sources, tree, ui

DRIVER_CONFIG = "drivers/gpu/drm/xe"
# TTM's ttm_bo_reserve_deadlock locks itself out on purpose. Lockdep says so, and nothing more from then on.
FILTER = "module!=ttm_bo_test"
# Parameters of a guest kernel that is to run suites; 6.12 ignores the second, which it does not know.
GUEST_ARGS = ("kunit.enable=1", "kunit.autorun=1")
GLOB = "/sys/module/kunit/parameters/filter_glob"  # SUITE or SUITE.CASE that a module runs when it is loaded
ALLOW = paths.CHECKS / "kunit.allow"
X86_ONLY = ("drm_gpusvm_dma_ops", "xe_userptr")  # UML has no ZONE_DEVICE, and so no drm_gpusvm
STATUSES = ("PASS", "FAIL", "SKIP", "ERROR")


class Outcome:
    """suites: name -> {"PASS": n, ...}; failed: names of tests; splats: titles of the log; idle: lines of the
    reviewed list that nothing said; missing: suites that should have run; seconds."""

    def __init__(self, where, suites=(), failed=()):
        self.where, self.suites, self.failed = where, dict(suites), list(failed)
        self.splats, self.idle, self.missing, self.seconds = [], [], [], 0.0

    def count(self, status):
        """Tests with a status."""
        return sum(s[status] for s in self.suites.values())

    @property
    def ok(self):
        """Something ran, nothing failed, the log says what the list knows."""
        return bool(self.count("PASS")) and not self.problems()

    def problems(self):
        """A line each: failed tests, suites that did not run, what the log says, lines that have to leave the list."""
        return ([f"failed {n}" for n in self.failed] +
                [f"suite {n} is missing, or none of its tests ran" for n in self.missing] +
                [f"kernel log: {s}" for s in self.splats] +
                [f"{ALLOW.name}: nothing says any more: {i}" for i in self.idle])

    def add(self, other):
        """The suites of another report of the same place."""
        self.suites.update(other.suites)
        self.failed += other.failed

    def expect(self, suites, skips=False):
        """Suites that have to be there with a test that ran; skips: all of one may skip themselves."""
        self.missing = [s for s in suites if not any(
            n for status, n in self.suites.get(s, {}).items() if skips or status != "SKIP")]

    def hear(self, log, base, allow=ALLOW):
        """Judges the kernel log of all suites; base: its name."""
        facts = {"where": self.where, "base": base}
        said = [e for e in klog.entries(klog.parse_console(log.splitlines())) if e.kind != "line"]
        rules = [r for r in klog.load_allowed(allow) if r.applies(facts)]
        self.splats = [e.title for e in klog.judge(said, rules, facts)]
        self.idle = [r.pattern.pattern for r in rules if not any(r.pattern.search(e.title) for e in said)]

    def as_dict(self):
        """For JSON."""
        return {"where": self.where, "ok": self.ok, "suites": self.suites, "failed": self.failed,
                "splats": self.splats, "idle": self.idle, "missing": self.missing, "seconds": round(self.seconds, 1)}


def suites_of(base):
    """Names of the suites that the series of a base brings; those that need a device are of `make live`."""
    found = []
    for path in sorted(tree.added_by(base.name)):
        if path.endswith(".c") and "/tests/" in path and not path.endswith("_live_test.c"):
            text = tree.new_file(base, path).read_text(encoding="utf-8", errors="replace")
            found += re.findall(r"struct kunit_suite \w+ = \{[^}]*?\.name = \"(\w+)\"", text)
    return found


def run_uml(base, side, cache):
    """Build and run the xe suites and the series' own on UML; returns (Outcome, note).

    A build that fails shows the compiler's lines and raises BuildError. Takes the lock `build-BASE`.
    """
    source = sources.ensure(base, cache)
    overlay, note = tree.overlay(base, source, cache) if side == "patched" else ({}, None)
    with cache.lock(f"build-{base.name}"):
        built = buildtree.BuildTree(cache, base, source)
        objects = built.objects("uml")
        built.lay(overlay, "uml")
        report = objects / "kunit.json"
        report.unlink(missing_ok=True)
        name = f"kunit-{base.name}"
        times = cache.read_state("build-times")
        progress = ui.Progress(f"KUnit {base.name} on UML", last=times.get(name, 0))
        argv = [sys.executable, "tools/testing/kunit/kunit.py", "run", "--kunitconfig", DRIVER_CONFIG,
                "--kunitconfig", str(paths.REPO / ".kunitconfig"), f"--jobs={os.cpu_count() or 1}",
                f"--build_dir={objects}", f"--json={report}", "--filter", FILTER]
        ui.show(argv, built.src)
        env = dict(cache.environ(), PYTHONDONTWRITEBYTECODE="1")
        said = _watched(argv, built.src, env)
        (objects / "kunit.log").write_text(said, encoding="utf-8")
        if not report.exists():
            progress.end()
            raise _not_run(base, said, objects)
        built.built(overlay, "uml")
        outcome = parse("uml", report.read_text(encoding="utf-8"))
        outcome.hear((objects / "test.log").read_text(encoding="utf-8", errors="replace"), base.name)
        if side == "patched":
            outcome.expect([s for s in suites_of(base) if s not in X86_ONLY], skips=True)
        outcome.seconds = progress.done(f"{outcome.count('PASS')} passed")
        times = cache.read_state("build-times")
        times[name] = round(outcome.seconds, 1)
        cache.write_state("build-times", times)
    return outcome, note


def _watched(argv, folder, env):
    """What kunit.py said. It goes when the rig goes, with the make and the kernel it has started."""
    p = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *argv], cwd=folder, env=env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, errors="replace", start_new_session=True)
    try:
        return "".join(p.communicate())
    except BaseException:
        procs.end_group(p)
        raise


def _not_run(base, said, objects):
    lines = [s for s in said.splitlines() if s.strip()]
    cause = [i for i, s in enumerate(lines) if re.search(r"\berror\b|Error|undefined reference|not in \.config", s)]
    first = max(0, cause[0] - 3) if cause else max(0, len(lines) - 20)
    ui.say("\n".join(lines[first:first + 40]))
    return kernel.BuildError(f"KUnit {base.name}: the UML kernel was not built or did not run "
                             f"(whole log: {objects}/kunit.log)")


def parse(where, report):
    """Outcome from kunit.py's JSON, the kernel log not heard yet."""
    suites, failed = {}, []
    _walk(json.loads(report), "", suites, failed)
    return Outcome(where, suites, failed)


def _walk(group, above, suites, failed):
    """Count test cases per top suite; parametrised cases are groups inside groups."""
    name = group.get("name") or ""
    suite = above or ("" if name in ("KUnit Test Group", "main") else name)
    for case in group.get("test_cases", []):
        row = suites.setdefault(suite or name, dict.fromkeys(STATUSES, 0))
        status = case["status"] if case["status"] in STATUSES else "ERROR"
        row[status] += 1
        if status in ("FAIL", "ERROR"):
            failed.append(f"{name}.{case['name']}")
    for sub in group.get("sub_groups", []):
        _walk(sub, suite, suites, failed)


def parse_ktap(base, text, cache):
    """As parse(), of KTAP in a guest's kernel log (timestamps allowed), read by the kernel's kunit.py."""
    source = sources.ensure(base, cache)
    report = cache.tmp / f"ktap-{os.getpid()}.json"
    cmd.run([sys.executable, source.path / "tools/testing/kunit/kunit.py", "parse", f"--json={report}"], data=text,
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"), check=False)
    try:
        return parse("x86", report.read_text(encoding="utf-8"))
    except OSError as e:
        raise errors.InfraError("kunit.py read no KTAP from the guest's log") from e
    finally:
        report.unlink(missing_ok=True)


def table(outcome):
    """Lines of a table, suites with trouble first."""
    order = sorted(outcome.suites.items(), key=lambda s: (-(s[1]["FAIL"] + s[1]["ERROR"]), s[0]))
    width = max([len(n) for n in outcome.suites] + [5])
    lines = [f"{'suite':{width}}  pass  fail  skip"]
    lines += [f"{n:{width}}  {s['PASS']:4}  {s['FAIL'] + s['ERROR']:4}  {s['SKIP']:4}" for n, s in order]
    lines.append(f"{'total':{width}}  {outcome.count('PASS'):4}  {outcome.count('FAIL') + outcome.count('ERROR'):4}  "
                 f"{outcome.count('SKIP'):4}")
    return lines
