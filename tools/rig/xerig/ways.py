# SPDX-License-Identifier: MIT
"""Ways the GPU leaves and comes back. Each works on a boot.Boot; leave() returns nanoseconds of remove()."""

from .boot import BDF

LEAVE_TIME = 30.0  # seconds after which remove() counts as stuck


class Way:
    """One way out and the way back."""

    name = what = ""
    dead = False

    def prepare(self, boot):
        """What happens to the device before the driver is told."""

    def leave(self, boot):
        """Tells the driver; returns the guest's nanoseconds from the write to its return."""
        raise NotImplementedError

    def back(self, boot):
        """Brings the driver back to the device."""
        raise NotImplementedError


class Unbind(Way):
    name = "unbind"
    what = "driver/unbind in sysfs"

    def leave(self, boot):
        return boot.agent.write("/sys/bus/pci/drivers/xe/unbind", BDF, LEAVE_TIME)

    def back(self, boot):
        boot.agent.write("/sys/bus/pci/drivers/xe/bind", BDF, LEAVE_TIME)


class Remove(Way):
    name = "remove"
    what = "remove of the PCI device in sysfs"

    def leave(self, boot):
        return boot.agent.write(f"/sys/bus/pci/devices/{BDF}/remove", "1", LEAVE_TIME)

    def back(self, boot):
        boot.agent.write("/sys/bus/pci/rescan", "1", LEAVE_TIME)


class Surprise(Remove):
    name = "surprise"
    what = "the device is dead first (all ones, no DMA, no interrupt), then removed"
    dead = True

    def prepare(self, boot):
        boot.gpu.command("dead", on=True)

    def back(self, boot):
        boot.gpu.command("dead", on=False)
        super().back(boot)


WAYS = {w.name: w for w in (Unbind(), Remove(), Surprise())}
