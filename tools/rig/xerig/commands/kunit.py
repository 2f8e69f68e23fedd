# SPDX-License-Identifier: MIT
"""make kunit: the KUnit suites on UML and in the x86 guest."""

import json

from .. import base as bases
from .. import errors, kunit, options, paths, setup, ui

HELP = "KUnit suites on UML and in the x86 guest"
PLACES = ("uml", "x86")


def add_arguments(parser):
    options.add(parser, "base", "side", "where", base="bases, comma list or all (6.12)",
                side="base or patched (patched)")


def run(args):
    side = options.choice("SIDE", args.side, options.SIDES, "patched")
    where = options.select("WHERE", args.where, PLACES, PLACES)
    cache = paths.Cache()
    good = True
    for base in bases.load_list(args.base):
        setup.ensure_all(base, cache)
        good &= run_base(base, side, where, cache)
    return errors.OK if good else errors.CHECK_FAILED


def run_base(base, side, where, cache):
    """All suites of one base; prints tables, writes out/kunit/BASE.json; True if all is well."""
    outcomes = []
    if "uml" in where:
        outcome, note = kunit.run_uml(base, side, cache)
        outcomes.append(outcome)
        if note:
            ui.say(note)
    if "x86" in where:
        from .. import guest_kunit
        outcomes.append(guest_kunit.run(base, side, cache))
    for outcome in outcomes:
        print(f"KUnit {base.name} {side} on {outcome.where}")
        print("\n".join(kunit.table(outcome)))
        print("\n".join(outcome.problems()))
    (paths.OUT / "kunit").mkdir(parents=True, exist_ok=True)
    paths.write_atomic(paths.OUT / "kunit" / f"{base.name}.json",
                       json.dumps([o.as_dict() for o in outcomes], indent=1) + "\n")
    return bool(outcomes) and all(o.ok for o in outcomes)
