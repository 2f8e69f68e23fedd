# SPDX-License-Identifier: MIT
"""`make mutants`: is every part of the series needed by some test?"""

from .. import errors, options

HELP = "each patch, hunk and call of the series taken out: does a test notice?"
POINTS = 5


def add_arguments(parser):
    options.add(parser, "base", "tests", "points", "gpu", points=f"how many more, or all ({POINTS})",
                tests="names or patterns: PATCH@FILE@HUNK, PATCH@all@1, FILE@CALL@N")
    parser.add_argument("--list", action="store_true", help="only show the mutants, and what is known of them")


def run(args):
    from .. import klog, mutants, session, show, tree, ui

    o = options.read(args, points=POINTS)
    s = session.Session("mutants", args.base, "plain", o.gpu).prepare(["patched"])
    overlay, _ = tree.overlay(s.base, s.source, s.cache)
    if not overlay:
        ui.say(f"{s.base.name} has no series")
        return errors.SKIPPED
    every = mutants.catalogue(tree.read_series(s.base), overlay, s.source.path)
    known = mutants.memo_of(s).known()
    if args.list:
        for m in every:
            verdict, text = known.get(m.name, ("", "" if every[m] is not None else "cannot be taken out alone"))
            print(f"{m.name:50} {({'clean': 'killed', 'dirty': 'SURVIVES'}).get(verdict, verdict):9} {text}")
        return errors.OK
    wanted = mutants.choose(every, args.tests, o.points, known)
    if not wanted:
        ui.say("every mutant of this series was run; --list shows what became of them")
        return errors.OK
    mutants.walk(s, wanted, every, klog.load_allowed())
    for r in s.results:
        word = {"clean": "killed by", "dirty": "SURVIVES", "skip": "not run:"}.get(r.verdict, r.verdict)
        print(f"{r.cell.name:50} {word} {r.held.get('killed_by') or r.skip or ''}")
    s.note(f"clean means killed; {sum(m.name in known for m in every) + len(wanted)} of {len(every)} mutants were run so far")
    return show.verdict(s)
