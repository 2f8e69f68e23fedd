# SPDX-License-Identifier: MIT
"""`make igt`: IGT's packaged programs in the guest, on both sides."""

import time

from .. import errors, options
from ..cli import env

HELP = "IGT's packaged programs under igt_runner, with our oracles on top"


def add_arguments(parser):
    options.add(parser, "base", "tests", "sides", "kernel", "iommu", "gpu", "repeat",
                tests="comma list of program[@subtest], patterns allowed; `short` is what `make test` runs "
                      "(the acceptance list of the virtual GPU)", repeat="the whole list so many times, a program in one go (1)")
    parser.add_argument("--limit", default=env("LIMIT"), help="seconds after which the run stops where it is; RESUME goes on")
    parser.add_argument("--resume", default=env("RESUME"), help="same or any: take results that were as expected from earlier "
                        "runs of these kernels and packages, with this virtual GPU or with any")
    parser.add_argument("--list", action="store_true", help="only show the names of the tests")
    parser.add_argument("--table", action="store_true", help="only show the counts of the whole list as far as it has run, as reStructuredText")


def run(args):
    from .. import expect, igt, kept, klog, matrix, paths, rootfs, session, show, tally, ui

    o = options.read(args, sides=options.SIDES, repeat=1)
    iommu, gpu = o.iommu, o.gpu
    resume = matrix.choice("RESUME", args.resume, kept.CHOICES, None)
    limit = matrix.count("LIMIT", args.limit, None, 10**6)
    text = ",".join(igt.SHORT) if args.tests == "short" else args.tests
    if args.list:
        print("\n".join(t.name for t in igt.choose(rootfs.ensure(paths.Cache()), text, igt.DEFAULT)))
        return errors.OK
    if args.table:
        print(tally.table(paths.Cache()), end="")
        return errors.OK
    until = time.monotonic() + limit if limit else None
    s = session.Session("igt", args.base, o.kernel, gpu).prepare(o.sides)
    if not s.sides:
        return errors.SKIPPED
    tests = igt.repeated(igt.choose(s.root, text, igt.DEFAULT, igt.own_folders(s)), o.repeat)
    digest = kept.model_digest()
    s.versions["virtual GPU"] = digest
    package = s.versions.get("igt-gpu-tools-tests", "")
    stores = {name: kept.Kept(s.cache, f"igt-{side.kernel.key}-{gpu}-{iommu}-{package}", digest)
              for name, side in s.sides.items()}
    s.keep = lambda res: stores[res.facts["side"]].add(res)
    lists = klog.load_allowed(), igt.load_skips(), igt.load_excuses()

    def kept_of(side, wanted, model):
        had = stores[side].results(wanted, s.facts(side, iommu), *lists, model)
        lines = expect.load(s.base.name, side, igt.KIND)
        for res in had.values():
            expect.apply(lines, res)
        return had
    for name in s.sides if resume else ():
        s.have[name] = {t: r for t, r in kept_of(name, tests, resume).items() if r.expected in ("expected", "flake")}
        if s.have[name]:
            s.note(f"{name}: {len(s.have[name])} of {len(tests)} results are of earlier runs of this kernel")
    worker = type("Worker", (igt.Worker,), {"until": until, "alone": igt.ALONE if o.repeat == 1 else ()})
    s.run([(iommu, tests)], igt.KIND, worker)
    status = show.verdict(s)
    unfinished = False
    every = igt.choose(s.root, "", igt.DEFAULT)
    for name in s.sides:
        mine = [r for r in s.results if r.facts["side"] == name]
        left = len(tests) - len(mine)
        unfinished |= left > 0
        tally.remember(s.cache, kept_of(name, every, "any").values(), s.base.name, name, gpu, len(every),
                       f"kernel {s.sides[name].kernel.key}, vIOMMU {iommu}, IGT {package}, {s.versions['xe-unplug']}")
        ui.say(tally.line(mine, s.base.name, name, gpu, left))
        if said := tally.rounds(mine):
            ui.say(f"igt {s.base.name} {name} {gpu}: {said}")
        if not text and (said := tally.below(s.cache, name, gpu)):
            ui.say(said)
            status = errors.CHECK_FAILED
    if unfinished:
        ui.say("the list is not done; the same command with RESUME=same goes on")
    return errors.CHECK_FAILED if unfinished else status
