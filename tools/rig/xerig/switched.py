# SPDX-License-Identifier: MIT
"""A kernel with many mutants in it, each behind a switch (switches.py): which fit in, the build, who reaches them."""

import hashlib
import json
import re
import time

from . import agent, buildtree, cellrun, errors, guest_kunit, kconfig, kernel, sources, switches, ui, unload
from .memo import Memo

FORMAT = 1
ROUNDS = 12  # the compiler is asked at most so often what does not fit
SUITE = "KUnit "
SPOILT = 2  # cells that may be missing
PARAMETERS = "/sys/module/xe/parameters"
ERROR = re.compile(r"([\w./-]+\.[ch]):(\d+):\d+: error: (.*)")
NAME = re.compile("[‘'`](\\w+)[’'`]")


class Switched:
    """kernel; numbers: mutant -> its switch; without: mutants that take out nothing that runs. The others need kernels
    of their own."""

    def __init__(self, made, numbers, without):
        self.kernel, self.numbers, self.without = made, numbers, without


def place(series, every, levels):
    """mutant -> Regions of those that can be told by a switch; levels: mutant -> where to begin (index of
    switches.LEVELS), raised here. Past the last level a mutant is left out."""
    files, out = {}, {}

    def parsed(path, data):
        key = path, hashlib.sha256(data).digest()
        if key not in files:
            files[key] = switches.File(data)
        return files[key]

    for mutant, overlay in every.items():
        if overlay is None:
            continue
        changed = [p for p in series if overlay.get(p) != series[p]]
        if not all(switchable(p) and series[p] is not None and overlay.get(p) is not None for p in changed):
            levels[mutant] = len(switches.LEVELS)
        while levels.setdefault(mutant, 0) < len(switches.LEVELS):
            found = [switches.regions(p, parsed(p, series[p]), parsed(p, overlay[p]), levels[mutant]) for p in changed]
            if None not in found:
                out[mutant] = [r for part in found for r in part]
                break
            levels[mutant] += 1
    # No switch for what makes no difference: the driver's code is the same without it.
    return {m: r for m, r in out.items() if r}


def switchable(path):
    """Whether switches go into a file: code of the driver, which they are declared for."""
    return path.startswith(switches.PRIVATE) and path.endswith((".c", ".h")) and "/tests/" not in path


def blame(said, owners, numbers, regions, texts):
    """Mutants that errors of the compiler speak of: {mutant}; owners, texts: of switches.overlay_of(), by path."""
    by_number = {n: m for m, n in numbers.items()}
    out = set()
    for line in said:
        m = ERROR.search(line)
        path = m and next((p for p in owners if m[1].endswith("/" + p) or m[1] == p), None)
        if not path:
            continue
        at = int(m[2]) - 1
        owner = owners[path][at] if at < len(owners[path]) else None
        if owner and owner[1]:
            out.add(by_number[owner[0]])
            continue
        # What the series' own text misses was declared in a block that has come to be around it.
        words = set(NAME.findall(m[3]))
        mine = {by_number[n] for n in _around(texts[path], at)}
        out |= {u for u in mine if _speaks_of(regions[u], words)} or mine
    return out


def _speaks_of(regions, words):
    """Whether the text of a mutant has one of the words, and could still be grown."""
    return not all(r.whole for r in regions) and any(words & set(re.findall(r"\w+", " ".join(r.new))) for r in regions)


def _around(text, at):
    """Numbers of the switches in the function that line at is in."""
    lines = text.split(b"\n")
    first = max((n for n in range(at + 1) if lines[n].rstrip() == b"{"), default=0)
    last = next((n for n in range(at, len(lines)) if lines[n].rstrip() == b"}"), len(lines))
    return {int(n) for line in lines[first:last] for n in re.findall(rb"xe_mutant\((\d+)\)", line)}


def make(session, series, every):
    """A Switched of all mutants of every (mutant -> overlay or None) that fit into one kernel."""
    cache = session.cache
    inputs = json.dumps([FORMAT, sorted(m.name for m in every), buildtree.hashes(series)])
    state = f"switches-{session.base.name}-{hashlib.sha256(inputs.encode()).hexdigest()[:16]}"
    known = cache.read_state(state) or {}
    levels = {m: known[m.name] for m in every if m.name in known}
    makefile = series.get(switches.MAKEFILE) or (session.source.path / switches.MAKEFILE).read_bytes()
    for _ in range(ROUNDS):
        regions = place(series, every, levels)
        numbers = {m: n for n, m in enumerate(regions, 1)}
        crossing = switches.clashes({numbers[m]: r for m, r in regions.items()})
        if crossing:
            for m in [m for m in numbers if numbers[m] in crossing]:
                levels[m] += 1
            continue
        by_number = {numbers[m]: r for m, r in regions.items()}
        overlay, owners = switches.overlay_of(series, by_number)
        overlay[switches.MAKEFILE] = makefile + b"\nxe-y += xe_mutant.o\n"
        said = [] if known.get("settled") else _compile(session, overlay, sorted(p for p in owners if p.endswith(".c")))
        guilty = blame(said, owners, numbers, regions, overlay)
        if not said:
            cache.write_state(state, {**{m.name: level for m, level in levels.items()}, "settled": True})
            made = kernel.of_overlay(session.base, session.variant, overlay, cache)
            return Switched(made, numbers, {m for m, o in every.items() if o is not None and m not in numbers
                                            and levels[m] < len(switches.LEVELS)})
        if not guilty:
            raise kernel.BuildError("the kernel with switches does not build, and no mutant is to blame: " + said[0])
        ui.say(f"{session.base.name}: {len(guilty)} of {len(numbers)} mutants do not fit in as they are")
        for m in guilty:
            levels[m] += 1
        cache.write_state(state, {m.name: level for m, level in levels.items()})
    raise kernel.BuildError(f"the kernel with switches still does not build after {ROUNDS} rounds")


def _compile(session, overlay, paths_c):
    """Compiles files of the driver with the overlay; the compiler's errors."""
    cache, base = session.cache, session.base
    with cache.lock(f"build-{base.name}"):
        built = buildtree.BuildTree(cache, base, sources.ensure(base, cache))
        objects = built.objects(session.variant)
        built.lay(overlay, session.variant)
        kernel.configured(built, objects, kconfig.options(session.variant, base.name, "patched"), overlay, cache)
        said, ok = kernel.Make(cache, built.src, objects).attempt(
            f"{base.name}: mutants behind switches", [p[:-2] + ".o" for p in paths_c])
        built.built(overlay, session.variant)  # what is not of it has been removed
        return [] if ok else [s for s in said if ERROR.search(s)] or said[-1:]


class Reach:
    """Which test comes by which switch, found once for each kernel with switches, virtual GPU and programs."""

    def __init__(self, session, switched, model):
        self.s, self.switched = session, switched
        self.memo = Memo(session.cache, f"mutants-reach-{switched.kernel.key}-{model}")
        self.known = {name: (set(met), seconds) for name, (met, seconds) in self.memo.known().items()}

    def learn(self, name, met, seconds):
        """A test and what it came by."""
        self.known[name] = set(met), seconds
        self.memo.add(name, [sorted(met), round(seconds, 1)])

    def who(self, number, names):
        """Those of the names that come by a switch, in order."""
        return [n for n in names if n in self.known and number in self.known[n][0]]

    def suites(self):
        """Names of the KUnit suites, as tests are called here."""
        return [n for n in self.known if n.startswith(SUITE)]

    def seconds(self, name):
        """How long it took."""
        return self.known[name][1]

    def cells(self, machine, facts, rules, wanted, out, note):
        """Runs cells without any mutant; InfraError where some are not clean: nothing could be said of mutants. A
        single one that a loaded machine spoils is left out for this time."""
        left, spoilt = [c for c in wanted if c.name not in self.known], 0
        while left:
            with cellrun.booted(machine, out / f"reach-{facts['gpu']}-{len(left)}") as (vm, lingering):
                while left:
                    cell = left.pop(0)
                    note(f"who reaches what: {cell.name}")
                    vm.agent.write(f"{PARAMETERS}/met", "0")
                    one = cellrun.CellRun(vm, cell, facts, rules, lingering)
                    res = one.run()
                    lingering = one.lingering
                    if res.verdict not in ("clean", "skip"):
                        spoilt += 1
                        if spoilt <= SPOILT:
                            break
                        raise errors.InfraError(f"the series with switches is not clean: {cell.name}: "
                                                f"{res.findings[0].summary if res.findings else res.verdict}")
                    # rmmod has taken the counters with it: whoever is in doubt is asked.
                    met = set(self.switched.numbers.values()) if cell.way == "rmmod" else bits(vm.agent)
                    self.learn(cell.name, () if res.verdict == "skip" else met, res.seconds)
                    if res.broken:
                        break
                else:
                    found = unload.look(vm.agent, rules, res.facts)
                    if found:
                        raise errors.InfraError(f"the series with switches is not clean: {found[0].summary}")

    def kunit(self, machine, out, note):
        """The same for each KUnit suite."""
        if any(n.startswith(SUITE) for n in self.known):
            return
        note("who reaches what: KUnit")
        base, cache, learned = self.s.base, self.s.cache, []
        with guest_kunit.guest_of(machine, out / "reach-kunit") as vm:
            for suite in sorted(guest_kunit.run_suite(base, vm, "", cache).suites):
                vm.agent.write(f"{PARAMETERS}/met", "0")
                began = time.monotonic()
                found = guest_kunit.run_suite(base, vm, suite, cache)
                if trouble(found):
                    raise errors.InfraError(f"the series with switches fails KUnit: {trouble(found)}")
                learned.append((SUITE + suite, bits(vm.agent), time.monotonic() - began))
        for one in learned:
            self.learn(*one)



def trouble(found):
    """What is wrong with an Outcome of a part of the suites, in words, or None."""
    if found.failed or found.splats:
        return f"failed {found.failed[0]}" if found.failed else f"kernel log: {found.splats[0]}"
    return None if found.suites else "nothing ran"



def bits(guest):
    """Numbers of the switches that were passed since the last look."""
    try:
        text = guest.read(f"{PARAMETERS}/met")
    except agent.AgentError as e:
        raise errors.InfraError(f"the driver does not say what was reached: {e}") from None
    out = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        out |= set(range(int(first), int(last or first) + 1))
    return out


def arguments(number, dry=False):
    """Kernel arguments that turn a mutant on before the driver's first line runs; dry: the driver does as without it,
    and only can be stalled where it would be met."""
    return (f"xe.mutant={number}", *(["xe.mutant_dry=1"] if dry else ()))
