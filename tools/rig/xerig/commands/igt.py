# SPDX-License-Identifier: MIT
"""`make igt`: IGT's packaged programs in the guest, on both sides."""

from .. import errors, options

HELP = "IGT's packaged programs under igt_runner, with our oracles on top"


def add_arguments(parser):
    options.add(parser, "base", "tests", "sides", "kernel", "iommu", "gpu", "cpus", "repeat", "limit", "resume",
                tests="comma list of program[@subtest], patterns allowed; `short` is what `make test` runs "
                      "(the acceptance list of the virtual GPU)",
                repeat="the whole list so many times, a program in one go (1)",
                resume="same or any: take results that were as expected from earlier runs of these kernels and "
                       "packages, with this virtual GPU or with any")
    parser.add_argument("--list", action="store_true", help="only show the names of the tests")
    parser.add_argument("--table", action="store_true",
                        help="only show the counts of the whole list as far as it has run, as reStructuredText")


def run(args):
    from .. import igt, kept, klog, paths, rootfs, session, show, slices, tally, ui

    o = options.read(args, sides=options.SIDES, repeat=1, cpus=2)
    iommu, gpu = o.iommu, o.gpu
    walk = slices.Slices(args, igt.KIND)
    text = ",".join(igt.SHORT) if args.tests == "short" else args.tests
    if args.list:
        print("\n".join(t.name for t in igt.choose(rootfs.ensure(paths.Cache()), text, igt.DEFAULT)))
        return errors.OK
    if args.table:
        print(tally.table(paths.Cache()), end="")
        return errors.OK
    s = session.Session("igt", args.base, o.kernel, gpu).set_up()
    if text:
        igt.look_up(s.root, text)
    s.prepare(o.sides)
    tests = igt.repeated(igt.choose(s.root, text, igt.DEFAULT, igt.own_folders(s)), o.repeat)
    model, lists = kept.digest(paths.VGPU), (klog.load_allowed(), igt.load_skips(), igt.load_excuses())
    s.versions["virtual GPU"] = model
    package = s.versions.get("igt-gpu-tools-tests", "")
    worker = type("Worker", (igt.Worker,), {"alone": igt.ALONE if o.repeat == 1 else (), "cpus": o.cpus})
    stores = walk.run(s, [(iommu, tests)], worker, lists, model, package)
    status = show.verdict(s)
    every = igt.choose(s.root, "", igt.DEFAULT)
    for name in s.sides:
        mine = [r for r in s.results if r.facts["side"] == name]
        had = slices.known(stores[name, iommu], s, name, iommu, every, lists, "any", igt.KIND)
        had |= slices.left_out(s, name, iommu, every, igt.KIND)
        tally.remember(s.cache, had.values(), s.base.name, name, gpu, every,
                       f"kernel {s.sides[name].kernel.key}, vIOMMU {iommu}, IGT {package}, {s.versions['xe-unplug']}")
        ui.say(tally.line(mine, s.base.name, name, gpu, len(tests) - len(mine)))
        if said := tally.rounds(mine):
            ui.say(f"igt {s.base.name} {name} {gpu}: {said}")
        if not text and (said := tally.below(s.cache, name, gpu)):
            ui.say(said)
            status = errors.CHECK_FAILED
    return walk.status(status)
