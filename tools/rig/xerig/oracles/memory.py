# SPDX-License-Identifier: MIT
"""Memory: what remove() did not give back, and what nobody gives back."""

from . import Finding

NAME = "memory"

# The guest's free memory moves by itself by less than this between two idle moments (KiB).
NOISE_KIB = 4096
# remove() is only asked about buffers that cannot drown in that noise.
BIG_KIB = 16384


def check(ev):
    out = []
    before, after = ev.samples.get("before"), ev.samples.get("after")
    if before and after and before.free_kib - after.free_kib > NOISE_KIB:
        out.append(Finding(NAME, f"{before.free_kib - after.free_kib} KiB less free than before, all closed and bound again"))
    held, removed = ev.samples.get("held"), ev.samples.get("removed")
    bo_kib = ev.held.get("bo_bytes", 0) // 1024
    # Shared buffers survive an orderly removal by contract; the rest belongs to nobody any more.
    if held and removed and bo_kib >= BIG_KIB and not ev.facts["state"].startswith("dmabuf"):
        kept = bo_kib - (removed.free_kib - held.free_kib)
        if kept > bo_kib // 2:
            out.append(Finding(NAME, f"{kept} KiB of {bo_kib} KiB in buffers not freed by remove()"))
    if ev.kmemleak:
        out.append(Finding(NAME, "kmemleak: " + ev.kmemleak.splitlines()[0], ev.kmemleak))
    return out
