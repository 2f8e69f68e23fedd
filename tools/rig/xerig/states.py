# SPDX-License-Identifier: MIT
"""Held states: what a program in the guest has in its hands when the GPU leaves. tools/scenarios has one each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """name: of the program as well; munmap: there is memory whose munmap after removal is a case of its own.

    dead_options: given to the program when the device will be dead before the driver is told;
    reset_options: given to it when a GT reset runs before or beside the removal;
    endless: its jobs last as long as somebody's time-out, so that of states that are held together it comes last;
    faults: its VM takes page faults: the driver lets its jobs run when no other kind of job does, so that its like only
    is held together with it;
    slow_options: given to it on a slow kernel, and beside other states, where the number of objects is not what is
    looked for;
    awake: it keeps the device from being suspended at runtime, with a long-running VM, somebody in an ioctl, an
    importer; endless jobs and VMs that take faults do so anyway;
    second: the program works with another GPU of the guest, too, and skips where there is none;
    slow: what the GPU takes its time for while it leaves, as its control command of that name has it: the state is
    after a moment that passes too fast otherwise;
    unfit: (way, why it cannot be held there), ...;
    modules: loaded before the first sample; remove_seconds: remove() that takes longer waits for something it must not.
    """

    name: str
    what: str
    munmap: bool = False
    dead_options: tuple = ()
    reset_options: tuple = ()
    slow_options: tuple = ()
    second: bool = False
    endless: bool = False
    faults: bool = False
    slow: tuple = ()
    awake: bool = False
    unfit: tuple = ()
    held_seconds: float = 30.0  # longest time to reach the state on a loaded machine
    modules: tuple = ()
    # A job timeout is 5 s at least: who waits for one is found out, a loaded machine is not.
    remove_seconds: float = 4.0
    default: bool = True
    parts: tuple = ()  # the states, where several are held together

    @property
    def sleeps(self):
        """Whether the device can be suspended at runtime under it."""
        return not (self.awake or self.endless or self.faults) and all(part.sleeps for part in self.parts)

    def each(self):
        """The states to hold, in the order of their start."""
        return sorted(self.parts, key=lambda part: part.endless) or [self]


STATES = {s.name: s for s in (
    State("idle-fd", "an open render node, nothing else"),
    State("bo-mmap", "a buffer with a CPU mapping"),
    State("bo-bound", "a buffer bound in a VM"),
    # as many unmaps through an emulated IOMMU on a loaded machine; as many waits would take longer
    State("many-bos", "10,000 buffers (1,000 with KERNEL=debug)", held_seconds=60.0, remove_seconds=10.0,
          slow_options=("--count", "1000")),
    State("bo-scattered", "a buffer bound at 2,500 places, each with page tables of its own", held_seconds=60.0,
          default=False),
    State("many-vms", "150 address spaces", held_seconds=60.0, default=False, awake=True),
    State("userptr", "user memory bound in a VM", munmap=True),
    State("userptr-munmapped", "user memory bound, then munmapped", munmap=True),
    State("userptr-partial", "bound user memory with a page munmapped", munmap=True, default=False),
    State("userptr-remapped", "bound user memory replaced at its address", munmap=True, default=False),
    State("userptr-moved", "bound user memory moved by mremap", munmap=True, default=False),
    State("userptr-forked", "bound user memory after fork and copy on write", munmap=True, default=False),
    State("userptr-racing", "munmap, bind and exec of one memory at once", munmap=True, reset_options=("--reset", "1"),
          default=False, awake=True),
    State("userptr-kinds", "huge, shared and read-only user memory, bound in two VMs", munmap=True, default=False),
    State("userptr-peer", "user memory bound on two GPUs (GPU=lnl+bmg)", munmap=True, second=True, default=False),
    State("fault-userptr", "user memory in a VM that takes page faults", munmap=True, faults=True, default=False),
    State("fault-svm", "user memory at the CPU's addresses, page faults", munmap=True,
          dead_options=("--lost", "1"), faults=True, default=False),
    State("svm-vram", "user memory that has moved to local memory (GPU=bmg)", munmap=True,
          dead_options=("--lost", "1"), faults=True, default=False),
    State("svm-blocked", "user memory that has moved, and a bind that waits for another driver (GPU=bmg)", munmap=True,
          dead_options=("--lost", "1"), faults=True, default=False),
    State("queue-idle", "a queue after finished and verified jobs"),
    State("queue-endless", "a queue running an endless batch", reset_options=("--reset", "1"), endless=True),
    State("queue-many", "200 queues (50 with KERNEL=debug), each running an endless batch", held_seconds=60.0,
          slow_options=("--count", "50"), reset_options=("--reset", "1"), endless=True, default=False),
    State("mixed-load", "200 queues, 10,000 buffers, 1,000 userptrs and a stuck ioctl (KERNEL=debug: 50, 1,000, 100)",
          munmap=True, held_seconds=120.0, remove_seconds=10.0,
          slow_options=("--queues", "50", "--bos", "1000", "--userptrs", "100"), reset_options=("--reset", "1"),
          endless=True, default=False),
    State("queue-queued", "jobs running, queued and waiting for a fence", reset_options=("--reset", "1"), endless=True,
          default=False),
    State("foreign-fence", "jobs and a bind that wait for a fence of another driver", endless=True, default=False),
    State("preempt-vm", "a busy long-running VM with userptrs", munmap=True, default=False, awake=True),
    State("preempt-many", "2,000 buffers in a busy long-running VM", held_seconds=60.0, default=False, awake=True),
    # xe waits 50 ms for each of two wells and 5 ms for a reset: as long as that after it has stopped talking to the GuC
    # the GPU may execute.
    State("preempt-racing", "busy long-running VMs whose pages go all the time; the GPU wakes slowly", munmap=True,
          slow=(("wake_us", 40000), ("reset_us", 4000)), unfit=(("wedged", "a wedged device executes on"),),
          default=False, awake=True),
    State("dmabuf-open", "an exported dma-buf, its handle open"),
    State("dmabuf-closed", "an exported dma-buf, its handle closed"),
    State("dmabuf-imported", "buffers of another driver, bound", modules=("vgem",), default=False),
    State("dmabuf-second", "buffers exported to a second device and process", modules=("vgem",), default=False,
          awake=True),
    State("dmabuf-peer", "buffers shared with another GPU (GPU=lnl+bmg)", second=True,
          dead_options=("--lost", "1"), default=False),
    State("vram-mmap", "local memory with a CPU mapping (GPU=bmg)", default=False),
    State("vram-bound", "local memory bound in a VM (GPU=bmg)", default=False),
    State("vram-dmabuf", "exported local memory (GPU=bmg)", dead_options=("--lost", "1"), default=False),
    State("user-fence", "a thread waiting on a user fence", awake=True),
    State("syncobj-waiter", "threads and a process waiting on sync objects", reset_options=("--reset", "1"), endless=True,
          default=False),
    State("hang-fault", "a CPU fault that waits for an endless batch", munmap=True, reset_options=("--reset", "1"),
          endless=True, default=False),
    State("ioctl-stuck", "ioctls asleep in a copy from user memory", default=False, awake=True),
    State("fd-passed", "a device file whose creator is dead", default=False),
    State("debugfs-forcewake", "a file of debugfs that holds force wake", default=False, awake=True),
    State("oa-stream", "an OA stream with readers asleep", default=False, awake=True),
    State("eu-stall-stream", "an EU stall stream with readers asleep (7.3)", dead_options=("--lost", "1"), default=False,
          awake=True),
)}


def find(name):
    """The State of a name, or of several joined by "+": held together, each by a program of its own."""
    parts = tuple(STATES[n] for n in name.split("+"))
    if len(parts) == 1:
        return parts[0]
    return State(name, " + ".join(s.what for s in parts), munmap=all(s.munmap for s in parts),
                 modules=tuple(dict.fromkeys(m for s in parts for m in s.modules)), default=False, parts=parts,
                 slow=tuple(t for s in parts for t in s.slow), remove_seconds=max(s.remove_seconds for s in parts))
