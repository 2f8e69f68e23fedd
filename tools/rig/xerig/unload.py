# SPDX-License-Identifier: MIT
"""What a boot's cells have left behind: with all files closed the driver can be unloaded, and the kernel is content.

A device that somebody still has a reference to shows here only: unloading waits for it for ever. And of what leaked
inside of a device the kernel complains when that is released.
"""

from . import agent, dumps, klog
from .oracles import Finding

LIMIT = 10.0  # seconds


def look(guest, rules, facts):
    """Unloads xe at the end of a boot; Findings about all of its cells.

    guest: the agent; facts: of the last cell, for the allow-list. Where programs still run or the guest is not in
    order nothing is done.
    """
    if guest.closed() or guest.fatal or guest.running():
        return []
    try:
        dumps.drop(guest)
        first = guest.mark("xe-unplug: unload: begin")
        child = guest.run(["busybox", "rmmod", "xe"], LIMIT * guest.pace)
        last = guest.mark("xe-unplug: unload: end")
    except agent.GuestTimeout:
        return [Finding("rig", f"xe is not unloaded {LIMIT:g} s after all was closed, since boot",
                        "\n".join(str(r) for r in guest.slice(0)[-40:]))]
    except (agent.GuestGone, agent.GuestOops) as e:
        return [Finding("klog", f"unloading xe, since boot: {e}")]
    if child.status:
        return [Finding("rig", f"xe cannot be unloaded with all closed, since boot: {' '.join(child.err)}")]
    bad = klog.judge(klog.entries(guest.slice(first + 1, last)), rules, facts)
    return [Finding("klog", f"unloading xe, since boot: {e.kind}: {e.title}", e.text()) for e in bad
            if e.kind not in klog.OWNED]
