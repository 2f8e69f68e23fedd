# SPDX-License-Identifier: MIT
"""`make matrix`: any subset of the product of states, ways, orders and configurations."""

import itertools

from .. import errors, options

HELP = "any subset of states, ways and orders, with a verdict each"


def add_arguments(parser):
    options.add(parser, "base", "state", "way", "order", "sides", "kernel", "iommu", "gpu", "repeat", "limit", "resume",
                "together", base="kernel bases, comma list or all (6.12)",
                state="comma list; userptr+queue-many holds both at once (all)",
                way="comma list or all (unbind,remove,surprise)", order="comma list or all (close-after)",
                kernel="plain, debug, or plain,debug (plain)", iommu="on, off, or on,off (on)",
                gpu="virtual GPUs, comma list (lnl); lnl+bmg: two in one guest",
                repeat="how often each cell is run (1)")
    parser.add_argument("--table", action="store_true",
                        help="run nothing; show which cells have results, and how many are left")
    parser.add_argument("--record", action="store_true",
                        help="as --table, and write what is clean into tools/rig/walked, for other machines")


def run(args):
    from .. import base as bases
    from .. import matrix, product, session, show, slices
    from ..orders import ORDERS
    from ..run import Worker
    from ..states import STATES
    from ..ways import CORE, WAYS

    states = options.together("STATE", args.state, STATES)
    most = options.count("TOGETHER", args.together, 1, len(STATES))
    ways = options.select("WAY", args.way, WAYS, CORE)
    orders = options.select("ORDER", args.order, ORDERS, ["close-after"])
    sides = options.select("SIDE", args.side, options.SIDES, options.SIDES)
    iommus = options.select("IOMMU", args.iommu, options.IOMMUS, ("on",))
    kernels = options.select("KERNEL", args.kernel, session.VARIANTS, ("plain",))
    gpus = options.words("GPU", args.gpu or options.USUAL_GPU, f"some of {', '.join(session.GPUS)}")
    gpus = list(dict.fromkeys(options.gpus(g, session.GPUS) for g in gpus))
    names = [b.name for b in bases.load_list(args.base)]
    cells = matrix.cells(states, ways, orders, options.count("REPEAT", args.repeat))
    if not cells:
        raise errors.UsageError("nothing to run: munmap orders need a STATE with memory to unmap")
    if args.table or args.record:
        left = product.show(product.rows(names, kernels, gpus, sides, iommus, cells, args.record))
        return errors.CHECK_FAILED if left else errors.OK
    walk = slices.Slices(args)
    ends = set()
    for base, kernel, gpu in itertools.product(names, kernels, gpus):
        if walk.late():
            missed = len(sides) * len(iommus) * len(cells)
            walk.missed(missed, missed)
            continue
        s = session.Session("matrix", base, kernel, gpu).prepare(sides)
        walk.run(s, [(iommu, cells) for iommu in iommus], Worker, each=matrix.each,
                 pack=(lambda left: matrix.together(left, most)) if most > 1 else None)
        ends.add(show.verdict(s))
    status = errors.CHECK_FAILED if errors.CHECK_FAILED in ends else errors.OK if errors.OK in ends else errors.SKIPPED
    return walk.status(status)
