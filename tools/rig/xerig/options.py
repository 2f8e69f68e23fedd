# SPDX-License-Identifier: MIT
"""Options that several commands share: how they are called, what they say in --help, how they are checked."""

from types import SimpleNamespace

from .cli import env

# name -> (what --help says, what it is where nobody says)
KNOWN = {
    "base": ("kernel base (6.12)", "6.12"),
    "state": ("program of the workload", None),
    "way": ("how the GPU leaves", None),
    "order": ("what the program does then", None),
    "side": ("base or patched", None),
    "sides": ("base, patched or both (base,patched)", None),
    "kernel": ("plain or debug", None),
    "iommu": ("on or off (on)", None),
    "cpus": ("processors of the guest, 1 to 4 (2)", None),
    "gpu": ("virtual GPU (lnl), or several in one guest: lnl+bmg, where the first is unplugged", None),
    "tests": ("comma list of names, patterns allowed", None),
    "points": ("how many, or all", None),
    "repeat": ("how often", None),
    "limit": ("seconds after which the run stops where it is; RESUME goes on", None),
    "resume": ("same or any: take results that were as expected from earlier runs of these kernels, with this virtual GPU "
               "and these guest programs or with any", None),
}
SIDES = ("base", "patched")
ALL = 1 << 40  # POINTS=all


def add(parser, *names, defaults=None, **said):
    """Adds options of KNOWN to a parser; said: name -> help in place of the usual one; defaults: the same for what it
    is where nobody says."""
    for name in names:
        text, default = KNOWN[name]
        option = name.removesuffix("s") if name == "sides" else name
        parser.add_argument(f"--{option}", default=env(option.upper(), (defaults or {}).get(name, default)),
                            help=said.get(name, text))


def read(args, **defaults):
    """The options of args that need a look, looked at: a namespace. A wrong one is a UsageError. (slices.Slices looks at
    limit and resume.)

    defaults: name -> value where the user says nothing; side, state, cpus, points and repeat only appear where they have
    one, and sides where it is not None.
    """
    from . import matrix, session
    from .states import STATES

    def get(name):
        return getattr(args, name, None)

    out = SimpleNamespace(
        kernel=matrix.choice("KERNEL", get("kernel"), session.VARIANTS, "plain"),
        iommu=matrix.choice("IOMMU", get("iommu"), ("on", "off"), "on"),
        gpu=matrix.gpus(get("gpu"), session.GPUS))
    for name, default in defaults.items():
        if name == "sides":
            out.sides = matrix.select("SIDE", get("side"), SIDES, default)
        elif name == "side":
            out.side = matrix.choice("SIDE", get("side"), SIDES, default)
        elif name == "state":
            out.state = matrix.choice("STATE", get("state"), STATES, default)
        elif name == "cpus":
            out.cpus = matrix.count("CPUS", get("cpus"), default, 4)
        elif name == "points":
            out.points = ALL if get("points") == "all" else matrix.count("POINTS", get("points"), default, 10**6)
        else:
            out.repeat = matrix.count("REPEAT", get("repeat"), default)
    return out
