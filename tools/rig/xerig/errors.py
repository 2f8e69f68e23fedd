# SPDX-License-Identifier: MIT
"""Exit statuses and the exceptions that carry them (Documentation/rig.rst, "Exit status")."""

OK = 0
CHECK_FAILED = 1
USAGE = 2
SKIPPED = 77


class RigError(Exception):
    """Ends the command with one line on stderr: what was wrong and what to do."""

    status = USAGE


class UsageError(RigError):
    """Wrong use, or the machine lacks something."""


class InfraError(RigError):
    """The rig itself failed: QEMU, the virtual GPU or the build, not the driver under test."""

    status = CHECK_FAILED
