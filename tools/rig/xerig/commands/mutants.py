# SPDX-License-Identifier: MIT
"""`make mutants`: is every part of the series needed by some test?"""

from .. import errors, options

HELP = "each patch, hunk and call of the series taken out: does a test notice?"
POINTS = 5


def add_arguments(parser):
    options.add(parser, "base", "tests", "points", "gpu", "limit", "resume", points=f"how many, or all ({POINTS})",
                tests="names or patterns: PATCH@FILE@HUNK, PATCH@all@1, FILE@CALL@N",
                resume="same or any: leave out what was run with this state of the series, or what any state's tests "
                       "killed")
    parser.add_argument("--list", action="store_true", help="only show the mutants, and what is known of them")
    parser.add_argument("--record", action="store_true",
                        help="run nothing; write what is known into tools/rig/walked, for other machines")


def run(args):
    from .. import expect, hunt, klog, mutants, past, session, show, slices, tree, ui

    o = options.read(args, points=POINTS)
    part = slices.Slices(args, mutants.KIND)
    s = session.Session("mutants", args.base, "plain", o.gpu).set_up()
    series, _ = tree.overlay(s.base, s.source, s.cache)
    if not series:
        ui.say(f"{s.base.name} has no series")
        return errors.SKIPPED
    every = mutants.catalogue(tree.read_series(s.base), series, s.source.path)
    named = mutants.choose(every, args.tests) if args.tests else None  # before a kernel is built
    s.prepare(["patched"])
    idents = {m: mutants.identity(series, every[m]) for m in every}
    had = past.Past(s.cache, s.base.name, s.sides["patched"].kernel.key)
    lines = expect.mutants(s.base.name)
    reasons = past.explained(lines)
    for where in mutants.stray(lines, series, every):
        s.note(f"{where} explains no mutant of the series: it must leave, or follow what has changed")
    if args.record:
        ui.say(f"{had.path.name}: {had.save(i for i in idents.values() if i)} of {len(every)} mutants")
        return errors.OK
    if args.list:
        known = had.known()
        for m in every:
            verdict, text = known.get(idents[m], ("", "" if idents[m] else "cannot be taken out alone"))
            why = reasons.get(idents[m])
            word = shown(verdict or "dirty" if why else verdict, why)
            print(f"{m.name:50} {word:9} {text if verdict == 'clean' else why or text}")
        print(past.standing(every, idents, known, reasons))
        return errors.OK
    known = had.known(part.resume) if part.resume else {}
    left = [m for m in every if idents[m] and idents[m] not in known]
    # By content: at random, and the same ones after a change elsewhere in the series.
    wanted = named or sorted(left, key=idents.get)[:o.points]
    if not wanted:
        ui.say(f"{past.standing(every, idents, had.known(), reasons)}; --list shows what became of them")
        return errors.OK
    hunt.walk(s, wanted, every, klog.load_allowed(), idents=idents, late=part.late)
    part.missed(len(wanted) - len(s.results), len(wanted))
    for r in s.results:
        why = reasons.get(r.facts["takes"])
        word = {"clean": "killed by", "skip": "not run:"}.get(r.verdict) or shown(r.verdict, why)
        text = r.held.get("killed_by") or r.skip or why or f"({r.facts['takes']})"
        print(f"{r.cell.name:50} {word} {text}" + (": the explanation must leave" if why and r.verdict == "clean" else ""))
    s.note(f"clean means killed; {past.standing(every, idents, had.known(), reasons)}")
    return part.status(show.verdict(s))


def shown(verdict, why):
    """A verdict in words."""
    if verdict == "dirty":
        return "explained:" if why else "SURVIVES"
    return "killed" if verdict == "clean" else verdict
