# SPDX-License-Identifier: MIT
"""Reviewed lists: findings that are known and why they are right as they are.

`BASE text  # why` a line; BASE is a base name or `*`. A line nothing matches any more has to leave
the list, so that it only holds what was looked at.
"""

from . import errors, paths

FOLDER = paths.CHECKS


def load(name, base_name, folder=None):
    """text -> why of tools/check/NAME.allow for a base."""
    path = (folder or FOLDER) / f"{name}.allow"
    allowed = {}
    if not path.exists():
        return allowed
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry, sep, why = line.partition("  # ")
        which, _, text = entry.strip().partition(" ")
        if not sep or not why.strip() or not text.strip():
            raise errors.UsageError(f"{path.name} line {number}: want `BASE text  # why`")
        if which in (base_name, "*"):
            allowed[text.strip()] = why.strip()
    return allowed


def judge(found, allowed):
    """(findings not on the list, lines of the list nothing matched)."""
    return [f for f in found if f not in allowed], [a for a in allowed if a not in found]
