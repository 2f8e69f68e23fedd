# SPDX-License-Identifier: MIT
"""IGT's packaged programs under the packaged igt_runner in the guest, judged by our oracles as well.

The guest's /usr is the root file system over 9p. A batch is one igt_runner with consecutive tests of one
program; programs that take the device away get a batch a test, so that what one of them leaves behind is
not the next one's. igt_runner watches kernel log, taint and lockdep; when it gives up, the rest goes on in a
fresh boot.
"""

import fnmatch
import json
import re
import time
from dataclasses import dataclass, replace

from . import agent, cmd, errors, klog, options, oracles, paths, run, vgpu
from .result import Result

KIND = "igt"
PROGRAMS = "/usr/libexec/igt-gpu-tools"
OWN = "/scenarios/igt"  # folder in the guest of our own program in IGT's style, which tools/scenarios builds
OWN_PROGRAM = "xe_hotunplug_held"
DEFAULT = ("core_hotunplug", "device_reset", "xe_create", "xe_query", "xe_mmap", "xe_exec_basic", "xe_exec_store",
           "xe_exec_threads", "xe_exec_balancer", "xe_exec_compute_mode", "xe_exec_fault_mode", "xe_exec_reset",
           "xe_exec_queue_property", "xe_exec_mix_modes", "xe_vm", "xe_evict", "xe_evict_ccs", "xe_dma_buf_sync",
           "xe_prime_self_import", "xe_waitfence", "xe_intel_bb", "xe_huc_copy", "xe_noexec_ping_pong",
           "xe_spin_batch", "xe_copy_basic", "xe_pm", "xe_wedged", "xe_fault_injection", "xe_module_load",
           "xe_sysfs_*", "xe_debugfs", "xe_exec_system_allocator")
# What `make test` runs on the patched side: ways of core_hotunplug, and a test of each main part of the driver.
SHORT = ("core_hotunplug@unplug-rescan", "core_hotunplug@hotunbind-rebind", "core_hotunplug@hotre*-lateclose",
         "xe_create@create-invalid-mbz", "xe_query@query-engines", "xe_mmap@system", "xe_exec_basic@once-userptr",
         "xe_exec_store@basic-store", "xe_vm@munmap-style-unbind-userptr-all", "xe_prime_self_import@basic-with_one_bo")
# These unbind, remove or unload; the others leave the device alone.
ALONE = ("core_hotunplug", "device_reset", "xe_module_load", "xe_wedged", "xe_fault_injection", "xe_configfs",
         "xe_survivability", OWN_PROGRAM)
MEMORY_MIB = 4608  # xe_vm binds buffers of 2 GiB, and xe gives buffers at most half of the memory
BATCH = 40  # tests in one igt_runner: what a broken guest can take with it
TEST_SECONDS = 240  # some make all the contexts that GuC can have
SPOILS = ("device_reset",)  # leaves a device on which later tests skip themselves
SILENT_SECONDS = 60  # without a word from a guest that should be busy
MOST_SILENT = 3
SKIPS = paths.EXPECT / "igt-skips.txt"
EXCUSES = paths.EXPECT / "igt-witness.txt"
NO_REASON = "no reason given"
CUT = {"result": "notrun"}
BROKEN_OFF = ("notrun", "incomplete")
# igt_runner's words, from harmless to bad.
GOOD = ("pass", "dmesg-warn")
RANK = ("notrun", "skip", "pass", "warn", "dmesg-warn", "fail", "dmesg-fail", "timeout", "crash", "abort", "incomplete")

_START = re.compile(r"^\[IGT\] (\S+): starting subtest (\S+)")
_EXEC = re.compile(r"^\[IGT\] (\S+): executing")
_END = re.compile(r"^\[IGT\] (\S+): (?:finished subtest (\S+), (\w+)|exiting, ret=(\d+))")
# The line in which a subtest says how it ended, or what the runner's cut has left of the line's end.
_SKIPS = re.compile(r"(?:.*: *)?(?:S?K?I?P|[A-Z]{0,7} *\(?[\d.]+s\))")
# What every test says.
_COMMON = ("IGT-Version", "Using IGT_SRANDOM", "Starting subtest", "Opened device", "Test requirement not met",
           "Subtest ")
_WORDS = {"SUCCESS": "pass", "0": "pass", "SKIP": "skip", "77": "skip", "FAIL": "fail", "98": "fail"}


@dataclass(frozen=True)
class IgtTest:
    """One subtest, or a program without subtests."""

    program: str
    subtest: str = ""
    repeat: int = 0  # counts from 0

    @property
    def igt_name(self):
        """As IGT and the expectations know it."""
        return f"{self.program}@{self.subtest}" if self.subtest else self.program

    @property
    def name(self):
        return self.igt_name + (f"#{self.repeat + 1}" if self.repeat else "")

    def facts(self):
        """What expectations and oracles know a test by."""
        return {"kind": KIND, "test": self.igt_name}


def catalogue(root, programs, folders):
    """Tests of the programs (names or patterns) in IGT's own order, asked of the programs themselves.

    root: a rootfs.Rootfs; folders: host folders with further programs. A name nothing matches is a UsageError.
    """
    found = {p.name: p for folder in (root.path / PROGRAMS.lstrip("/"), *folders) if folder.is_dir()
             for p in sorted(folder.iterdir()) if p.is_file() and p.stat().st_mode & 0o100}
    out = []
    for pattern in programs:
        names = [n for n in found if fnmatch.fnmatchcase(n, pattern)]
        if not names:
            raise errors.UsageError(f"TESTS {pattern} is unknown: the IGT package has no such program")
        for name in names:
            listed = cmd.run([*root.program_argv(), found[name], "--list-subtests"], check=False)
            subtests = [s for s in listed.stdout.split() if re.fullmatch(r"[\w.+-]+", s)]
            out += [IgtTest(name, s) for s in subtests] or [IgtTest(name)]
    return list(dict.fromkeys(out))


def choose(root, text, default, folders=()):
    """Tests of a comma list of program[@subtest] names or patterns, default (programs) where text is empty: programs as
    they are first named, their subtests in the order in which the program runs them, whatever the list's."""
    wanted = options.words("TESTS", text, "program[@subtest], patterns allowed") if text else default
    every = catalogue(root, list(dict.fromkeys(w.split("@")[0] for w in wanted)), folders)
    chosen = set()
    for w in wanted:
        hits = [t for t in every if fnmatch.fnmatchcase(t.name if "@" in w else t.program, w)]
        if not hits:
            program = w.split("@")[0]
            raise errors.UsageError(f"TESTS {w} is unknown: `xe-unplug igt --list --tests {program}` shows names")
        chosen.update(hits)
    return [t for t in every if t in chosen]


def look_up(root, text):
    """UsageError where the package has no such tests: asked before kernels are built, and so not of our own program."""
    wanted = options.words("TESTS", text, "program[@subtest], patterns allowed")
    packaged = [w for w in wanted if not fnmatch.fnmatchcase(OWN_PROGRAM, w.split("@")[0])]
    choose(root, ",".join(packaged), ())


def repeated(tests, count):
    """The whole list count times over."""
    return [replace(t, repeat=n) for n in range(count) for t in tests]


def own_folders(session):
    """Host folders with our own program."""
    return [side.programs / "igt" for side in session.sides.values()][:1]


def batches(tests, alone=ALONE):
    """Lists of tests that share an igt_runner, in order. alone: programs whose tests never do."""
    out = []
    for t in tests:
        last = out[-1] if out else None
        if last and (last[0].program, last[0].repeat) == (t.program, t.repeat) and t.program not in alone \
                and len(last) < BATCH:
            last.append(t)
        else:
            out.append([t])
    return out


def halves(tests, count):
    """Tests for count machines: whole programs, balanced by number."""
    parts = [[] for _ in range(count)]
    groups = {}
    for t in tests:
        groups.setdefault(t.program, []).append(t)
    for group in sorted(groups.values(), key=len, reverse=True):
        min(parts, key=len).extend(group)
    order = {t: n for n, t in enumerate(tests)}
    return [sorted(p, key=order.get) for p in parts]


def load_skips():
    """Reasons for which a test may skip itself, in the format of klog-allow.txt."""
    return klog.load_allowed(SKIPS)


def load_excuses():
    """Events of the witness that a test provokes on purpose, in the same format."""
    return klog.load_allowed(EXCUSES)


def slices(records, tests):
    """Kernel log by test name, from igt's own markers: from one test's start to the next one's. What comes
    before the first start is of the program's fixture, and counted to the first test."""
    names = {(t.program, t.subtest): t.igt_name for t in tests}
    out = {t.igt_name: [] for t in tests}
    early, current = [], None
    for r in records:
        m = _START.match(r.text)
        e = None if m else _EXEC.match(r.text)
        key = (m[1], m[2]) if m else (e[1], "") if e else None
        if key in names:
            current = names[key]
            out[current] += early
            early = []
        (out[current] if current else early).append(r)
    if early:
        out[tests[0].igt_name] += early
    return out


def why_skipped(text):
    """The requirement a test says it lacks, in one line."""
    m = re.findall(r"Test requirement: (.*)", text)
    if m:
        return m[-1].strip()
    lines = [s.strip() for s in text.splitlines()
             if s.strip() and not _SKIPS.fullmatch(s.strip()) and not s.startswith(_COMMON)]
    return lines[-1] if lines else NO_REASON


def why_failed(text):
    """The line of a test's output that says best what went wrong."""
    for pattern in (r"(?:Failed assertion|Test assertion failure).*", r".*(?:CRITICAL|Timed out|Received signal).*"):
        m = re.findall(pattern, text)
        if m:
            wanted = next((x for x in m if "Failed assertion" in x), m[0])
            return wanted.strip()
    lines = [s.strip() for s in text.splitlines() if s.strip()]
    return lines[-1] if lines else "no word"


def read_results(text):
    """results.json of igt_runner as test name -> dict(result, seconds, text, dynamic); {} where it is broken."""
    try:
        tests = json.loads(text)["tests"]
    except (ValueError, KeyError):
        return {}
    out = {}
    for full, row in tests.items():
        parts = full.split("@")
        name = "@".join(parts[1:3])
        took = row.get("time") or {}
        one = out.setdefault(name, {"result": "notrun", "seconds": 0.0, "text": "", "dynamic": {}})
        result = row.get("result", "notrun")
        if len(parts) > 3:
            one["dynamic"]["@".join(parts[3:])] = result
        elif one["result"] == "notrun" or RANK.index(result) > RANK.index(one["result"]):
            one["result"] = result
        if result in RANK and len(parts) > 3 and RANK.index(result) > RANK.index("warn") > RANK.index(one["result"]):
            one["result"] = result
        one["seconds"] = max(one["seconds"], float(took.get("end", 0)) - float(took.get("start", 0)))
        if len(parts) <= 3 or result not in ("pass", "skip"):
            one["text"] += row.get("out", "") + row.get("err", "")
    complete_skips(out)
    return out


def complete_skips(tests):
    """Gives each skip of read_results() its whole reason: of subtests that lack the same only the first says
    what, and the runner cuts what one says where it reads the start of the next."""
    skips = {}
    for name, one in tests.items():
        if one["result"] == "skip":
            skips.setdefault(name.split("@")[0], []).append(one)
    for mine in skips.values():
        texts = {why_skipped(one["text"]): one["text"] for one in mine}
        last = None
        for one in mine:
            why = why_skipped(one["text"])
            whole = max((w for w in texts if w.startswith(why)), key=len)
            one["text"] = last if why == NO_REASON and last else texts[whole]
            last = one["text"]


def words(event):
    """An event of the witness as igt-witness.txt names it."""
    return f"{event.get('kind')}: {event.get('detail')}"


def excuse(event, rules, facts, near):
    """Name of the test that provokes an event of the witness on purpose, or None. rules: of igt-witness.txt;
    near: names of the tests it may belong to, since the witness hears of a test a moment after its start.
    """
    return next((n for n in near if klog.known(words(event), rules, {**facts, "test": n})), None)


def beside(ran, seen, n):
    """Names of the tests next to the n-th of those that ran in one runner; one that skips itself takes no time.
    seen: entries of read_results() by name."""
    def first(tests):
        return [x.igt_name for x in tests if seen.get(x.igt_name, CUT)["result"] != "skip"][:1]
    return first(reversed(ran[:n])) + first(ran[n + 1:])


def told(test, seen, records, entries):
    """igt_runner's word for a test, without what it takes for a fault and is none."""
    result = seen["result"] if seen else "incomplete"
    if result == "abort" and any(e.allowed and e.level <= 4 for e in entries):
        result = (from_log(records, test) or {"result": result})["result"]  # what taints the kernel may be allowed
    if result == "warn" and "WARNING: " not in seen["text"]:
        # Several subtests share a stderr, and the runner takes a cut line of one for a word of the next.
        result = "pass"
    return result


def judge(test, facts, seen, records, witness, rules, skips, died=None, excuses=(), near=()):
    """A Result of one test. seen: its entry of read_results(), None if the runner never told;
    died: why the guest broke while it ran; excuses, near: as for excuse(), near beside the test itself.
    """
    res = Result(test, {**facts, **test.facts()})
    meant = [excuse(e, excuses, res.facts, (test.igt_name, *near)) for e in witness]
    ev = oracles.Evidence(res.facts, witness=[e for e, who in zip(witness, meant) if not who])
    ev.entries = klog.entries(records)
    dump = {id(e) for e in klog.asked_for(ev.entries)}  # the runner's, when a test's time is over
    ev.bad_entries = [e for e in klog.judge(ev.entries, rules, res.facts)
                      if not e.title.startswith("[IGT]") and id(e) not in dump]
    ev.kernel_died = died
    res.log, res.entries, res.witness = [str(r) for r in records], ev.entries, witness
    res.findings = oracles.judge(ev)
    res.leaked = klog.pending_dma(ev.entries)
    res.splats = sum(e.kind in klog.SPLATS for e in ev.bad_entries)
    result = told(test, seen, records, ev.entries)
    if seen:
        res.seconds = seen["seconds"]
        res.replies = [(d, r, 0.0) for d, r in seen["dynamic"].items()]
    res.held = {"igt": result}
    if any(meant):
        res.held["excused"] = {words(e): who for e, who in zip(witness, meant) if who}
    if result == "skip":
        res.skipped(why_skipped(seen["text"]), skips)
    elif result not in GOOD and not (result == "incomplete" and died) and not \
            (result in ("dmesg-fail", "abort") and res.findings and not re.search("assert|FAIL", seen["text"])):
        text = seen["text"] if seen else ""
        res.findings.append(oracles.Finding("program", f"{result}: {why_failed(text)}", text[-20000:]))
    if result in ("timeout", "incomplete") and not died:
        res.verdict = "hang"
    elif res.findings:
        res.verdict = "dirty"
    elif res.skip:
        res.verdict = "skip"
    # What one test leaks at unbind is counted again at the next one's; on a kernel that has warned, be it of
    # something allowed, no further igt_runner begins.
    warned = any("[ cut here ]" in line for e in ev.entries for line in e.lines[:1])
    res.broken = bool(died or warned or res.leaked or test.program in SPOILS or res.verdict == "hang" or
                      {e.kind for e in ev.entries} & {"lockdep", "panic", "hung", "oops"})
    return res


class Worker(run.Worker):
    """Runs the tests of its jobs in batches, a fresh boot after whatever makes a boot worthless."""

    split = staticmethod(halves)
    skips = excuses = None
    alone = ALONE
    cpus = 2
    silent = 0  # runners in a row that ran nothing

    @classmethod
    def tune(cls, machine, session, _side):
        """The root file system as /usr, memory for tests that fill it, and as many processors as were asked for."""
        machine.cpus = cls.cpus
        machine.shares = [("root", str(session.root.path), "/mnt", True)]
        machine.memory_mib = max(machine.memory_mib, MEMORY_MIB)
        # With memory above 4 GiB xe, which asks before it sets its DMA mask, takes bounce buffers' limit for its own,
        # and DMA-API debugging warns of every longer segment. A device of 64 bits needs no bounce buffers.
        machine.kernel_args = (*machine.kernel_args, "swiotlb=noforce")
        return machine

    def _one_boot(self, tests):
        """As run.Worker: (tests done from the head of the list, None or why the boot failed)."""
        self._check()
        self._in_time()
        if self.skips is None:
            self.skips, self.excuses = load_skips(), load_excuses()
        done, why = 0, None
        try:
            with self._boot() as (vm, name, _):
                for batch in batches(tests, self.alone):
                    self._in_time()
                    ran = self._batch(vm, batch)
                    done += len(ran)
                    for res in ran:
                        res.boot = name
                        self.sink(res)
                    if len(ran) < len(batch) or any(r.broken for r in ran) or vm.agent.closed() or \
                            vm.render_node() is None:
                        break
        except (errors.InfraError, agent.GuestError) as e:
            self._check()
            why = str(e)
        return done, why

    def _batch(self, vm, batch):
        """Runs one igt_runner; returns results of the tests that ran, from the batch's head."""
        guest, gpu = vm.agent, vm.gpu
        first = guest.mark(f"xe-unplug: igt {batch[0].program}: begin")
        since = vgpu.next_event(gpu)
        packaged = guest.run(["sh", "-c", f"test -x {PROGRAMS}/{batch[0].program}"], 10).status == 0
        folder = PROGRAMS if packaged else OWN
        listed = "".join(f"igt@{t.igt_name}\n" for t in batch)
        guest.run(["sh", "-c", "printf %s \"$0\" > /tmp/list", listed], 10)
        began = time.monotonic()
        died, text = None, ""
        pid = guest.spawn(["/usr/bin/igt_runner", "--test-list", "/tmp/list",
                           "--abort-on-monitored-error=taint,lockdep", "--per-test-timeout", str(TEST_SECONDS),
                           "--inactivity-timeout", str(TEST_SECONDS), "--multiple-mode", "--overwrite",
                           "--disk-usage-limit", "64M", folder, "/tmp/results"])
        try:
            self._follow(vm, pid, first, TEST_SECONDS * len(batch) + 60)
            text = guest.read("/tmp/results/results.json", 30)
        except agent.GuestOops as e:
            died = str(e)
            guest.settle_log(0.2, 2.0)
        except agent.GuestTimeout as e:
            died = f"stuck: {e}"
        except agent.GuestGone as e:
            died = klog.death(vm.console_lines())
            if died is None:
                raise errors.InfraError(f"the guest is gone ({e})") from None
        except agent.AgentError as e:
            raise errors.InfraError(f"igt_runner left no results: {e}: {' '.join(guest.child(pid).err[-2:])}") from None
        return self._results(vm, batch, pid, (first, since), text, died, time.monotonic() - began)

    def _follow(self, vm, pid, first, limit):
        """Waits for the runner's end; the witness is told which test runs."""
        guest, at, end, heard = vm.agent, first, time.monotonic() + limit, time.monotonic()
        told = False
        while not guest.child(pid).ended:
            self._check()
            fresh = guest.slice(at)
            at += len(fresh)
            for r in fresh:
                if m := _START.match(r.text):
                    vgpu.mark(vm.gpu, f"{m[1]}@{m[2]}", r)
                    self.note(f"{self.job.label}: {m[1]}@{m[2]}")
            if self._late() and not told:
                told = True
                guest.call("signal", pid=pid, sig=2)  # the runner ends its test, and does not count it
            now = time.monotonic()
            if fresh:
                heard = now
            elif now - heard > SILENT_SECONDS:
                guest.read("/proc/uptime", 10.0)
                heard = now
            if now > end:
                raise agent.GuestTimeout("igt_runner does not end")
            guest.wait_news(pid, at, 0.3)

    def _results(self, vm, batch, pid, start, text, died, seconds):
        guest, (first, since) = vm.agent, start
        try:
            last = guest.mark("xe-unplug: igt: end", 5.0, watch=False) if not died else None
        except (agent.GuestGone, agent.GuestTimeout, agent.AgentError):
            last = None
        logs = slices(guest.slice(first + 1, last), batch)
        events = vgpu.witnessed(vm.gpu, since)
        found = {name.lower(): one for name, one in read_results(text).items()}  # as the runner writes names
        seen = {t.igt_name: found[t.igt_name.lower()] for t in batch if t.igt_name.lower() in found}
        for t in batch:
            # Broken lines of a subtest before it can hide from the runner that one has ended.
            said = from_log(logs[t.igt_name], t)
            if said and seen.get(t.igt_name, CUT)["result"] == "incomplete":
                seen[t.igt_name]["result"] = said["result"]
        if self._late() and not died:
            # What ran when the runner was told to end is "incomplete".
            logs = {name: log for name, log in logs.items() if seen.get(name, CUT)["result"] not in BROKEN_OFF}
            seen = {name: one for name, one in seen.items() if one["result"] not in BROKEN_OFF}
        ran = [t for t in batch if logs.get(t.igt_name) and (t.igt_name in seen or died)]
        if died:  # no results.json: igt's own words in the log tell how those before it ended
            seen = {t.igt_name: said for t in ran if (said := from_log(logs[t.igt_name], t))}
        ran = [t for t in batch if t in ran or seen.get(t.igt_name, CUT)["result"] != "notrun"]
        ran = batch[:1 + max(map(batch.index, ran))] if ran else []
        if not ran:
            self._in_time()
            said = guest.child(pid)
            why = "igt_runner ran nothing: " + " ".join((said.err or said.out)[-3:])
            self.silent += 1
            if self.silent > MOST_SILENT:
                raise errors.InfraError(why)
            ran = Result(batch[0], {**self.job.facts, **batch[0].facts()}, verdict="infra", broken=True)
            ran.findings.append(oracles.Finding("rig", f"infra: {why}"))
            return [ran]
        self.silent = 0
        out = []
        for n, t in enumerate(ran):
            near = beside(ran, seen, n)
            mine = [e for e in events if e.get("mark") == t.igt_name or (e.get("mark") not in logs and t is ran[0])]
            out.append(judge(t, self.job.facts, seen.get(t.igt_name), logs.get(t.igt_name, []), mine, self.rules,
                             self.skips, died if t is ran[-1] else None, self.excuses, near))
        if len(out) == 1:
            out[0].seconds = seconds
        return out


def from_log(records, test):
    """A test's entry of read_results() from igt's lines in the kernel log, or None where it did not end."""
    for r in records:
        m = _END.match(r.text)
        if m and m[1] == test.program and (m[2] or "") == test.subtest:
            return {"result": _WORDS.get(m[3] or m[4], "crash"), "seconds": 0.0, "text": "", "dynamic": {}}
    return None
