# SPDX-License-Identifier: MIT
"""Options that several commands share: how they are called, what they say in --help, how they are checked."""

import os
import re
from types import SimpleNamespace

from . import errors
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
    "where": ("uml, x86, or all (all)", None),
    "only": ("alone: the fixes that need nothing else; or numbers as in 1-4,7", None),
    "release": ("kernel release (the only one that fits)", None),
    "points": ("how many, or all", None),
    "repeat": ("how often", None),
    "together": ("how many states a cell holds at once, programs beside each other (1)", None),
    "limit": ("seconds after which the run stops where it is; RESUME goes on", None),
    "resume": ("same or any: take results that were as expected from earlier runs of these kernels, with this virtual "
               "GPU and these guest programs or with any", None),
}
SIDES = {"base": "unpatched", "patched": "patched"}  # and what people call them
IOMMUS = ("on", "off")
USUAL_GPU = "lnl"
MOST_GPUS = 4
ALL = 1 << 40  # POINTS=all


def add(parser, *names, defaults=None, **said):
    """Adds options of KNOWN to a parser; said: name -> help in place of the usual one; defaults: the same for what
    it is where nobody says."""
    for name in names:
        text, default = KNOWN[name]
        option = name.removesuffix("s") if name == "sides" else name
        parser.add_argument(f"--{option}", default=env(option.upper(), (defaults or {}).get(name, default)),
                            help=said.get(name, text))


def read(args, **defaults):
    """The options of args that need a look, looked at: a namespace. A wrong one is a UsageError. (slices.Slices looks
    at limit and resume.)

    defaults: name -> value where the user says nothing; side, sides, state, cpus, points and repeat only appear where
    they have one.
    """
    from . import session
    from .states import STATES

    def get(name):
        return getattr(args, name, None)

    out = SimpleNamespace(
        kernel=choice("KERNEL", get("kernel"), session.VARIANTS, "plain"),
        iommu=choice("IOMMU", get("iommu"), IOMMUS, "on"),
        gpu=gpus(get("gpu"), session.GPUS))
    for name, default in defaults.items():
        if name == "sides":
            out.sides = select("SIDE", get("side"), SIDES, default)
        elif name == "side":
            out.side = choice("SIDE", get("side"), SIDES, default)
        elif name == "state":
            out.state = choice("STATE", get("state"), STATES, default)
        elif name == "cpus":
            out.cpus = count("CPUS", get("cpus"), default, 4)
        elif name == "points":
            out.points = ALL if get("points") == "all" else count("POINTS", get("points"), default, 10**6)
        else:
            out.repeat = count("REPEAT", get("repeat"), default)
    return out


def jobs():
    """JOBS=, which no command has an option for: guests at the same time."""
    return count("JOBS", os.environ.get("JOBS"), 2, 64)


def words(what, text, want):
    """The words of a comma list, each once; an empty list is a UsageError. want: what to say then."""
    found = list(dict.fromkeys(t.strip() for t in text.split(",") if t.strip()))
    if not found:
        raise errors.UsageError(f"{what} is empty; want {want}")
    return found


def select(what, text, known, default):
    """Names of a comma list, in the order of known; `all` is everything; a wrong one is a UsageError."""
    if not text:
        return list(default)
    wanted = words(what, text, f"some of {', '.join(known)}, or all")
    for name in wanted:
        if name not in known and name != "all":
            raise errors.UsageError(f"{what} {name} is unknown; known: {', '.join(known)}, all")
    return [n for n in known if n in wanted or "all" in wanted]


def together(what, text, known):
    """As select(), for names of which several joined by "+" are one more; all of known where text is empty."""
    if not text:
        return list(known)
    joined = [word for word in words(what, text, f"some of {', '.join(known)}, or all") if "+" in word]
    for parts in (word.split("+") for word in joined):
        for name in parts:
            choice(what, name or "(nothing)", known, None)
        if len(set(parts)) < len(parts):
            raise errors.UsageError(f"{what} {'+'.join(parts)} has a name twice")
    single = ",".join(word for word in words(what, text, "") if "+" not in word)
    return select(what, single, known, []) + joined


def choice(what, text, known, default):
    """One name out of known, default where text is empty."""
    if not text:
        return default
    if text not in known:
        raise errors.UsageError(f"{what} {text} is unknown; known: {', '.join(known)}")
    return text


def gpus(text, known):
    """GPU=: one name out of known, or several joined by "+" for a guest with all of them; the first is unplugged."""
    names = [choice("GPU", name.strip() or "(nothing)", known, None) for name in (text or USUAL_GPU).split("+")]
    if len(names) > MOST_GPUS:
        raise errors.UsageError(f"GPU: {len(names)} in one guest, {MOST_GPUS} is the most")
    return "+".join(names)


def count(what, text, default=1, most=10000):
    """A positive number."""
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise errors.UsageError(f"{what} must be a number from 1 to {most}, not {text}")
    return int(text)
