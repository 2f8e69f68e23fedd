# SPDX-License-Identifier: MIT
"""Held states: what a program in the guest has in its hands when the GPU leaves. One program each in tools/scenarios."""

from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """name: of the program as well; munmap: there is memory whose munmap after removal is a case of its own."""

    name: str
    what: str
    munmap: bool = False
    options: tuple = ()
    held_seconds: float = 30.0  # longest time to reach the state on a loaded machine


STATES = {s.name: s for s in (
    State("idle-fd", "an open render node, nothing else"),
    State("bo-mmap", "a buffer with a CPU mapping"),
    State("bo-bound", "a buffer bound in a VM"),
    State("many-bos", "10,000 buffers", held_seconds=60.0),
    State("userptr", "user memory bound in a VM", munmap=True),
    State("userptr-munmapped", "user memory bound, then munmapped", munmap=True),
    State("queue-idle", "a queue after finished and verified jobs"),
    State("queue-endless", "a queue running an endless batch"),
    State("dmabuf-open", "an exported dma-buf, its handle open"),
    State("dmabuf-closed", "an exported dma-buf, its handle closed"),
    State("user-fence", "a thread waiting on a user fence"),
)}
