# SPDX-License-Identifier: MIT
"""xe's own live KUnit in the guest: each case of xe_live_test.ko on the bound virtual GPU, with our oracles.

The cases come from the kernel's sources, so that one that vanishes from the module is a failure and not a
smaller number. kunit's filter picks one case a load of the module: a log slice each.
"""

import fnmatch
import re
import time
from dataclasses import dataclass, field, replace

from . import agent, errors, klog, kunit, options, oracles, paths, run, tree, vgpu
from .oracles import rig
from .result import Result

KIND = "live"
MODULE = "xe_live_test"
CASE_SECONDS = 280.0  # of the 300 that KUnit gives a case
TIMES = "xe_dma_live"  # compares times, so it wants a quiet machine
TESTS = "drivers/gpu/drm/xe/tests"
SKIPS = paths.EXPECT / "live-skips.txt"

_RESULT = re.compile(r"^\s*(ok|not ok) \d+ (\S+)(?: # SKIP ?(.*))?$")


@dataclass(frozen=True)
class LiveTest:
    """One case of a suite, on the sides whose driver has it."""

    suite: str
    case: str
    sides: tuple = field(default=("base", "patched"), compare=False)

    @property
    def name(self):
        return f"{self.suite}.{self.case}"

    def facts(self):
        """What expectations and oracles know a test by."""
        return {"kind": KIND, "test": self.name}


def catalogue(source, config, overlay):
    """Cases of the live module, from the sources (a Path), the configuration of the kernel (text, None for whatever it
    may be) and what the series lays over the sources (path -> bytes or None)."""
    files = {str(p.relative_to(source)): p.read_bytes() for p in sorted((source / TESTS).glob("*.c"))}
    files |= {p: data for p, data in overlay.items() if p.startswith(f"{TESTS}/") and p.endswith(".c")}
    files = {p: data.decode("utf-8", "replace") for p, data in files.items() if data is not None}
    text = "\n".join(files.values())
    module = _configured(files[f"{TESTS}/{MODULE}_mod.c"], config)
    out = []
    for symbol in re.findall(r"^kunit_test_suite\((\w+)\);", module, re.M):
        suite = re.search(r"struct kunit_suite " + symbol + r" = \{(.*?)\n\};", text, re.S)
        name = suite and re.search(r"\.name = \"(\w+)\"", suite[1])
        table = suite and re.search(r"\.test_cases = (\w+)", suite[1])
        body = table and re.search(r"struct kunit_case " + table[1] + r"\[\] = \{(.*?)\n\};", text, re.S)
        if not body or not name:
            raise errors.InfraError(f"the sources do not show the cases of the live suite {symbol}")
        out += [LiveTest(name[1], c) for c in re.findall(r"KUNIT_CASE\w*\((\w+)", body[1])]
    return out


def _configured(text, config):
    """Text without the parts that #ifdef CONFIG_... takes out."""
    def keep(m):
        return m[2] if config is None or re.search(rf"^{m[1]}=[ym]$", config, re.M) else ""
    return re.sub(r"^#ifdef (CONFIG_\w+)\n(.*?)^#endif\n", keep, text, flags=re.S | re.M)


def of_session(session):
    """Cases of the kernels of a prepared session, each with the sides that have it."""
    return _of_sides(session, {name: side.kernel.config.read_text() for name, side in session.sides.items()})


def look_up(session, sides, text):
    """UsageError where the sides of a session that is set up can have no such cases: asked before kernels are built."""
    choose(_of_sides(session, dict.fromkeys(sides)), text)


def _of_sides(session, configs):
    found = {}
    for side, config in configs.items():
        overlay = tree.overlay(session.base, session.source, session.cache)[0] if side == "patched" else {}
        for test in catalogue(session.source.path, config, overlay):
            found.setdefault(test, []).append(side)
    return [replace(test, sides=tuple(sides)) for test, sides in found.items()]


def choose(every, text):
    """Tests of a comma list of suite[.case] names or patterns; all where text is empty."""
    if not text:
        return every
    out = []
    for w in options.words("TESTS", text, "suite[.case], patterns allowed"):
        hits = [t for t in every if fnmatch.fnmatchcase(t.name if "." in w else t.suite, w)]
        if not hits:
            raise errors.UsageError(f"TESTS {w} is unknown; suites: {', '.join(dict.fromkeys(t.suite for t in every))}")
        out += hits
    return list(dict.fromkeys(out))


def read_ktap(lines, case):
    """(status, reason) of a case in KTAP: pass, fail or skip; (None, ...) where it has no result.

    A case whose parameters were all skipped is a skip: it has looked at no device.
    """
    status, why, params = None, "", []
    for text in lines:
        m = _RESULT.match(text)
        if not m:
            continue
        word = "skip" if m[3] is not None else "pass" if m[1] == "ok" else "fail"
        if m[2] == case:
            status, why = word, m[3] or ""
        elif status is None:
            params.append((word, m[3] or ""))
    if status != "fail" and params and all(w == "skip" for w, _ in params):
        return "skip", (why or params[-1][1]).strip()
    return status, why.strip()


class LiveRun:
    """One case on a running boot. run() never raises for what the driver or the guest does."""

    def __init__(self, vm, test, facts, rules, lingering, skips):
        self.vm, self.test, self.rules, self.skips, self.lingering = vm, test, rules, skips, lingering
        self.result = Result(test, {**facts, **test.facts()})

    def run(self):
        """Loads the module for the case; returns the judged result."""
        guest, gpu, res = self.vm.agent, self.vm.gpu, self.result
        ev = oracles.Evidence(res.facts)
        began, first, last, since = time.monotonic(), 0, None, 0
        try:
            first = guest.mark(f"xe-unplug: {self.test.name}: begin")
            vgpu.mark(gpu, self.test.name, guest.slice(first, first + 1)[0])
            since = vgpu.next_event(gpu)
            guest.write(kunit.GLOB, self.test.name)
            child = guest.run(["modprobe", MODULE], CASE_SECONDS)
            if child.status:
                ev.infra.append(f"modprobe {MODULE}: {' '.join(child.err) or child.status}")
            guest.run(["busybox", "rmmod", MODULE], 20)  # modprobe -r would take xe away as well
            last = guest.mark(f"xe-unplug: {self.test.name}: end")
        except agent.GuestOops as e:
            ev.kernel_died = str(e)
            guest.settle_log(0.2, 2.0)
        except agent.GuestTimeout as e:
            ev.stuck.append(str(e))
        except agent.GuestGone as e:
            ev.kernel_died = klog.death(self.vm.console_lines())
            if ev.kernel_died is None:
                ev.infra.append(f"the guest is gone ({e})")
        except (agent.AgentError, errors.InfraError) as e:
            ev.infra.append(str(e))
        self._judge(ev, guest.slice(first + 1, last), since)
        res.seconds = time.monotonic() - began
        return res

    def _judge(self, ev, records, since):
        res = self.result
        ev.entries = klog.entries(records)
        # KUnit reports a failed expectation in the log as well; that is the case's own word.
        ev.bad_entries = [e for e in klog.judge(ev.entries, self.rules, res.facts)
                          if not e.title.lstrip().startswith("# ")]
        try:
            ev.witness = vgpu.witnessed(self.vm.gpu, since)
        except errors.InfraError as e:
            ev.infra.append(str(e))
        res.log, res.entries, res.witness = [str(r) for r in records], ev.entries, ev.witness
        res.findings = oracles.judge(ev)
        lines = [r.text for r in records]
        status, why = read_ktap(lines, self.test.case)
        if status == "skip":
            res.skipped(why or "no reason given", self.skips)
        elif status != "pass" and not res.findings or status == "fail":
            said = next((s.strip() for s in lines if "EXPECTATION FAILED" in s or "ASSERTION FAILED" in s), None)
            said = said or ("failed" if status else "no result")
            res.findings.append(oracles.Finding("program", said, "\n".join(lines[-80:])))
        res.splats = sum(e.kind in klog.SPLATS for e in ev.bad_entries)
        res.verdict = "infra" if ev.infra else "hang" if ev.stuck else "dirty" if res.findings else \
            "skip" if res.skip else "clean"
        res.broken = bool(rig.check(ev) or {e.kind for e in ev.entries} & {"lockdep", "panic", "hung", "oops"})


class Worker(run.Worker):
    """Runs live cases, as many as possible a boot."""

    skips = None
    unloads = False  # each case does

    @staticmethod
    def tune(machine, _session, _side):
        """KUnit has to be told that it may run."""
        machine.kernel_args = (*machine.kernel_args, *kunit.GUEST_ARGS)
        return machine

    def cell_run(self, vm, test, lingering):
        """As run.Worker."""
        if self.skips is None:
            self.skips = klog.load_allowed(SKIPS)
        return LiveRun(vm, test, self.job.facts, self.rules, lingering, self.skips)
