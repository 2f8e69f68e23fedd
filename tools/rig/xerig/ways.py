# SPDX-License-Identifier: MIT
"""Ways the GPU leaves and comes back. Each works on a boot.Boot; leave() returns nanoseconds of remove().

What is more than one write into sysfs (slots, modules, injected failures) is in ways_more.
"""

from .boot import BDF, DRIVER

LEAVE_TIME = 30.0  # seconds after which remove() counts as stuck
DEVICE = f"/sys/bus/pci/devices/{BDF}"


class Wrong(Exception):
    """What happened on the way is a fault of the driver: one line, for the rig oracle."""


class Missing(Exception):
    """The kernel or QEMU lacks what this way needs: the cell is skipped, one line says why."""


class Way:
    """One way out and the way back.

    dead: the device does not answer while the driver lets go; resets: a GT reset, or a device that is
    given up after one, may end jobs before that; runs_on: engines cannot be stopped, only kept from memory; slot: it
    goes through pciehp; suspends: nothing may keep the device awake; asleep: it dies suspended, and calls fail with
    what runtime PM has to say until the driver is told; files: True where a program has to have some open, False where
    none may; all: other GPUs go with it; lasts: seconds for which jobs that do not end are left alone with the device
    as it is then.
    """

    name = what = ""
    dead = resets = runs_on = slot = suspends = asleep = all = False
    files = None
    lasts = 0.0

    def prepare(self, boot):
        """What happens to the device before the driver is told."""
        if self.dead:
            boot.gpu.command("dead", on=True)

    def leave(self, boot):
        """Tells the driver; returns the guest's nanoseconds from the write to its return."""
        raise NotImplementedError

    def held(self, boot):
        """What is to be seen when the device has left and the program still holds its files."""

    def back(self, boot):
        """Brings the driver back to the device."""
        raise NotImplementedError


class Unbind(Way):
    name = "unbind"
    what = "driver/unbind in sysfs"

    def leave(self, boot):
        return boot.agent.write(f"{DRIVER}/unbind", BDF, LEAVE_TIME)

    def back(self, boot):
        boot.agent.write(f"{DRIVER}/bind", BDF, LEAVE_TIME)


class Remove(Way):
    name = "remove"
    what = "remove of the PCI device in sysfs"

    def leave(self, boot):
        return boot.agent.write(f"{DEVICE}/remove", "1", LEAVE_TIME)

    def back(self, boot):
        boot.agent.write("/sys/bus/pci/rescan", "1", LEAVE_TIME)


class Surprise(Remove):
    name = "surprise"
    what = "the device is dead first (all ones, no DMA, no interrupt), then removed"
    dead = True

    def back(self, boot):
        boot.gpu.command("dead", on=False)
        super().back(boot)


def _all():
    from . import ways_more
    return {w.name: w for w in (Unbind(), Remove(), Surprise(), *ways_more.WAYS)}


# The ways of the default table; the others take seconds of waiting each, or need what not every kernel has.
CORE = ("unbind", "remove", "surprise")
WAYS = _all()
