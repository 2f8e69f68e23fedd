# SPDX-License-Identifier: MIT
"""`make test`: everything CI checks. The last line is "N passed, N failed, N skipped"."""

from .. import errors, options

HELP = "everything CI checks"
LINES = 10  # of what a step has to say


def add_arguments(parser):
    options.add(parser, "base", "tests", defaults={"base": "all"}, base="kernel bases, comma list (all)",
                tests="comma list of steps to run (all)")


def run(args):
    from .. import base as bases
    from .. import paths, results, setup, steps, ui

    wanted = options.select("TESTS", args.tests, steps.NAMES, steps.NAMES)
    options.jobs()  # read by the steps; a wrong one would be told after minutes
    chosen = bases.load_list(args.base)
    cache = paths.Cache()
    for b in chosen:
        setup.ensure_all(b, cache)

    from rich.table import Table  # not there before the set-up

    from .. import table
    out = results.new_run_dir("test")
    before = cache.read_state("test-times")
    done = []
    for name, step, more in steps.plan([b.name for b in chosen], wanted):
        last = f" (last time {ui.duration(before[name])})" if name in before else ""
        ui.say(f"== {name}{last}")
        o = steps.timed(step, cache, out, *more)
        done.append((name, o))
        ui.say(f"== {name}: {o.passed} passed, {o.failed} failed, {o.skipped} skipped, {ui.duration(o.seconds)}")
        for line in o.lines[:LINES]:
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
    # Once more: who reads a log from its end, or has no more than that, sees what failed.
    for name, o in done:
        for line in o.lines[:LINES] if o.failed else ():
            print(f"{name}: {line}")
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
