# SPDX-License-Identifier: MIT
"""Device core dumps in the guest."""

import contextlib

from . import agent

FOLDER = "/sys/class/devcoredump"


def files(guest):
    """The files of the dumps there are; AgentError where a kernel cannot have any."""
    return [f"{FOLDER}/{name}/data" for name in guest.call("list", path=FOLDER)["names"] if name.startswith("devcd")]


def drop(guest):
    """Throws them away: one that nobody has read holds the module for five minutes."""
    with contextlib.suppress(agent.AgentError):
        for path in files(guest):
            guest.write(path, "0")
