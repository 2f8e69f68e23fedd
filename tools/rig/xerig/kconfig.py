# SPDX-License-Identifier: MIT
"""Configuration fragments (tools/rig/config) and the check that the kernel took them."""

import re

from . import cmd, errors, paths

FOLDER = paths.RIG / "config"
VARIANTS = ("plain", "debug", "cover")
LINE = re.compile(r'(CONFIG_\w+)=("[^"]*"|\S+)\s*(?:#\s*(?:\[([^]]*)\])?\s*(.*))?$')


def parse(text, words):
    """name -> value of the lines that hold for these words (base name, side).

    A line may name in brackets where it holds: every word of the brackets must be given.
    """
    options = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        m = LINE.match(line)
        if not m or not m[4]:
            raise errors.UsageError(f"config line {number}: want CONFIG_NAME=value  # why, got {line!r}")
        if set((m[3] or "").split()) <= set(words):
            options[m[1]] = m[2]
    return options


def options(variant, base_name, side):
    """What the kernel of this variant, base and side is asked for; "lint" is for static checks only."""
    if variant not in (*VARIANTS, "lint"):
        raise errors.UsageError(f"unknown KERNEL {variant!r}: there is {', '.join(VARIANTS)}")
    asked = {}
    for name in ("common", variant):
        asked.update(parse((FOLDER / f"{name}.config").read_text(encoding="utf-8"), (base_name, side)))
    return asked


def text(asked):
    """The fragment in the kernel's own format."""
    return "".join(f"{k}={v}\n" if v != "n" else f"# {k} is not set\n" for k, v in asked.items())


def configure(src, objects, asked, env, extra=()):
    """Everything off but what is asked for, then look that all of it is really set. extra: make's, as CC=."""
    fragment = objects / "asked.config"
    paths.write_atomic(fragment, text(asked))
    r = cmd.run(["make", "-s", "-C", src, f"O={objects}", "ARCH=x86_64", f"KCONFIG_ALLCONFIG={fragment}",
                 *extra, "allnoconfig"], env=env, check=False)
    if r.returncode:
        raise errors.InfraError(f"kernel configuration failed: {cmd.last_line(r)}")
    lost = refused(asked, (objects / ".config").read_text(encoding="utf-8"))
    if lost:
        raise errors.InfraError(f"the kernel did not take {', '.join(lost)}: "
                                "a dependency is off or the option is gone (tools/rig/config)")


def refused(asked, config):
    """Options asked for that a .config does not have."""
    have = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", config, re.M))
    return [f"{k}={v}" for k, v in asked.items() if have.get(k, "n") != v]
