# SPDX-License-Identifier: MIT
"""`make holes`: the holes of the audit, each failing without the series in its known way, and clean with it."""

import itertools

from .. import errors, options

HELP = "the audit's holes: each must fail unpatched as its line says, and be clean patched"


def add_arguments(parser):
    options.add(parser, "base", "tests", defaults={"base": "7.3"}, base="kernel base (7.3)",
                tests="F2, or F2.1, comma list (all)")
    parser.add_argument("--keep", action="store_true", help="write what the failures look like into tools/rig/expect")


def run(args):
    from .. import base, holes, session, ui

    every = holes.load(base.load(args.base).name)
    if not every:
        ui.say(f"{args.base} has no list of holes")
        return errors.SKIPPED
    tests = holes.select(every, args.tests)
    bad, seen = [], 0
    order = sorted((h for h in tests if h.cell), key=lambda h: h.where)
    for (kernel, gpu, boot_args), mine in itertools.groupby(order, key=lambda h: h.where):
        mine = list(mine)
        s = session.Session("holes", args.base, kernel, gpu, kernel_args=boot_args.split()).prepare(("base", "patched"))
        s.run(holes.plan(mine))
        for h in mine:
            seen += 1
            why = holes.judge(h, s.results)
            finding, res = holes.shown(h, s.results)
            if finding:
                text = holes.excerpt(h, s.results)
                (s.run_dir / f"{h.name}.txt").write_text(text)
                if args.keep and not why:
                    holes.kept(args.base, h).parent.mkdir(exist_ok=True)
                    holes.kept(args.base, h).write_text(text)
            said = f"{finding.oracle}: {finding.summary}"[:110] if finding else ""
            print(f"{h.name:6} {h.cell.name:34} {f'NOT as listed: {why}' if why else f'as listed: {said}'}", flush=True)
            bad += [h.name] if why else []
    for h in tests:
        if not h.cell:
            print(f"{h.name:6} no test: {h.reason}")
    if not seen:
        ui.say("nothing of that can be run")
        return errors.SKIPPED
    word = f"{len(bad)} NOT as listed: {' '.join(bad)}" if bad else \
        "each fails unpatched as listed and is clean patched"
    print(f"verdict holes {args.base}: {seen} tests; {word}")
    return errors.CHECK_FAILED if bad else errors.OK
