# SPDX-License-Identifier: MIT
"""`make test`: everything CI checks. The last line is "N passed, N failed, N skipped"."""

import functools

from .. import errors, options

HELP = "everything CI checks"


def add_arguments(parser):
    options.add(parser, "base", "tests", defaults={"base": "all"}, base="kernel bases, comma list (all)", tests="comma list of steps to run (all)")


def plan(bases, steps):
    """(name, callable(cache, out)) in order: the cheap first, builds before what needs them."""
    rows = [("vgpu", steps.vgpu_units), ("rig", steps.rig_units)]
    for b in bases:
        rows.append((f"programs {b}", functools.partial(steps.guest_programs, base=b)))
    for b in bases:
        rows.append((f"smoke {b}", functools.partial(steps.smoke, base=b)))
        rows.append((f"meta {b}", functools.partial(steps.meta_tests, base=b)))
        rows.append((f"igt {b}", functools.partial(steps.igt_short, base=b)))
        rows.append((f"live {b}", functools.partial(steps.live, base=b)))
        rows.append((f"sweep {b}", functools.partial(steps.sweep, base=b)))
    for b in bases:
        rows.append((f"check {b}", functools.partial(steps.static_checks, base=b)))
        rows.append((f"mutant {b}", functools.partial(steps.mutant, base=b)))
        rows.append((f"kunit-x86 {b}", functools.partial(steps.kunit_guest, base=b)))
        rows.append((f"kunit-uml {b}", functools.partial(steps.kunit_uml, base=b)))
    return rows


def run(args):
    from .. import base as bases
    from .. import paths, setup, ui

    cache = paths.Cache()
    chosen = bases.load_list(args.base)
    for b in chosen:
        setup.ensure_all(b, cache)
    from .. import results, steps, table
    from rich.table import Table

    rows = plan([b.name for b in chosen], steps)
    if args.tests:
        known = {name.split()[0] for name, _ in rows}
        wanted = [w.strip() for w in args.tests.split(",")]
        for w in wanted:
            if w not in known:
                raise errors.UsageError(f"TESTS {w} is unknown; known: {', '.join(sorted(known))}")
        rows = [r for r in rows if r[0].split()[0] in wanted]
    out = results.new_run_dir("test")
    before = cache.read_state("test-times")
    done = []
    for name, fn in rows:
        last = f" (last time {ui.duration(before[name])})" if name in before else ""
        ui.say(f"== {name}{last}")
        o = steps.timed(fn, cache, out)
        done.append((name, o))
        ui.say(f"== {name}: {o.passed} passed, {o.failed} failed, {o.skipped} skipped, {ui.duration(o.seconds)}")
        for line in o.lines[:10]:
            ui.say(f"     {line}")
    con = table.console()
    t = Table(pad_edge=False, header_style="bold")
    for title in ("step", "passed", "failed", "skipped", "time", "last time"):
        t.add_column(title, justify="left" if title == "step" else "right")
    for name, o in done:
        colour = "red" if o.failed else "green"
        t.add_row(f"[{colour}]{name}[/]", str(o.passed), str(o.failed), str(o.skipped), ui.duration(o.seconds),
                  ui.duration(before[name]) if name in before else "-")
    con.print(t)
    _junit(out, done)
    cache.write_state("test-times", {**before, **{n: round(o.seconds, 1) for n, o in done}})
    passed, failed, skipped = (sum(getattr(o, k) for _, o in done) for k in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return errors.CHECK_FAILED if failed else errors.OK


def _junit(out, done):
    """junit.xml: a suite with one case a step, its counts in the text."""
    import xml.etree.ElementTree as ET

    from .. import junit
    root = ET.Element("testsuites", name="xe-unplug")
    suite = junit.new_suite(root, "make test")
    for name, o in done:
        status = "failed" if o.failed else "passed" if o.passed else "skipped"
        junit.add_case(suite, "test", name, o.seconds, status,
                       f"{o.passed} passed, {o.failed} failed, {o.skipped} skipped", "\n".join(o.lines))
    ET.ElementTree(root).write(out / "junit.xml", encoding="utf-8", xml_declaration=True)
