# SPDX-License-Identifier: MIT
"""Further ways: the hot-plug slot, refused rmmod, a failed probe, and removal in the middle of something."""

import contextlib
import re
import time

from . import agent, dumps
from .boot import BDF
from .ways import DEVICE, DRIVER, LEAVE_TIME, Missing, Remove, Surprise, Unbind, Way, Wrong

GONE_TIME = 30.0  # a slot blinks for five seconds before it acts
BACK_TIME = 30.0
RELEASE_TIME = 5.0  # what a closed file leaves is released by workers, and keeps the module until then
HEARD_TIME = 0.3  # pciehp goes on to the next event when probe is done
PLUGS = 4
PCI_POWER, PCI_EXPRESS = 0x01, 0x10  # capabilities
SUSPEND_TIME = 2.0  # what is idle sleeps within a tenth of that; what is not is held awake
SUSPEND_TRIES = 0.3  # seconds in which a device that just became idle is suspended, or refuses to be
SUSPEND_DELAY = "20"  # ms without a user, in place of the driver's second
DEBUG = "/sys/kernel/debug"
# Where probe can be made to fail, from early to late; a kernel has some of them.
PROBE_POINTS = ("xe_device_probe_early", "xe_ggtt_init_early", "xe_guc_ct_init", "guc_wait_ucode", "xe_wa_gt_init")


def _wait(done, timeout, what):
    """Polls done() in short steps; returns the seconds it took, raises GuestTimeout."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > timeout:
            raise agent.GuestTimeout(f"{what}: not in {timeout:g} s")
        time.sleep(0.005)
    return time.monotonic() - began


def inject(guest, folder):
    """Arms a fault of the kernel's fault injection, by its folder in debugfs: every time, without a trace."""
    for name, value in (("verbose", "0"), ("probability", "100"), ("interval", "0"), ("times", "-1")):
        guest.write(f"{folder}/{name}", value)


def _device_there(boot):
    return BDF in boot.agent.call("list", path="/sys/bus/pci/devices")["names"]


class Slot(Way):
    """Shared by the ways through the hot-plug slot: how the GPU is plugged in again."""

    slot = True

    def back(self, boot):
        """Plugs it in and waits for the driver. QEMU presses the slot's button for a new card; where pciehp hears of
        that when the card is on already, it switches it off five seconds later. That is waited for, not left to the
        next cell."""
        for _ in range(PLUGS):
            start = len(boot.agent.records)
            boot.plug()
            _wait(lambda: boot.render_node() is not None, BACK_TIME, "driver after the GPU was plugged in")
            time.sleep(HEARD_TIME)
            if not any("will power off" in r.text for r in boot.agent.slice(start)):
                return
            _wait(lambda: not boot.plugged(), GONE_TIME, "pciehp after the button that came with the card")
            time.sleep(HEARD_TIME)  # QEMU lets go of a card's socket after it has forgotten the card


class Pciehp(Slot):
    name = "pciehp"
    what = "attention button of the slot: native PCIe hot-plug removes the device in order"

    def leave(self, boot):
        """Presses the button and waits; remove() is timed from the end of the blinking to the device's end."""
        guest = boot.agent
        start = len(guest.records)
        boot.qmp.command("device_del", id="gpu0")

        def acting():
            return any("Powering off due to button press" in r.text for r in guest.slice(start))

        _wait(lambda: acting() or not _device_there(boot), GONE_TIME, "pciehp after the button")
        seconds = _wait(lambda: not _device_there(boot), LEAVE_TIME, "remove() through pciehp")
        _wait(lambda: not boot.plugged(), GONE_TIME, "QEMU's end of the GPU")
        return int(seconds * 1e9)


class Pull(Slot):
    name = "pull"
    what = "the device is dead and out of its slot: pciehp finds the card not present"
    dead = True

    def leave(self, boot):
        """Cuts the slot's power behind pciehp's back: QEMU takes the device out and reports a change of presence.

        From then on QEMU answers reads of the GPU's BARs with zeros; its config space is all ones.
        """
        guest = boot.agent
        port = guest.call("readlink", path=DEVICE)["target"].split("/")[-2]
        config = f"/sys/bus/pci/devices/{port}/config"
        space = config_space(guest, config)
        at = capability(space, PCI_EXPRESS) + 0x18
        control = int.from_bytes(space[at:at + 2], "little")
        # Slot Control: power controller off (bit 10) and power indicator off (9:8) make QEMU take the card out, while
        # interrupts (bit 5) are off. Then power is on again, or pciehp would believe it had done that itself, the
        # indicator is on, which pciehp did not see to for a card that was there at boot, and presence changes
        # interrupt (bit 3), which pciehp asks for only where a slot has no attention button.
        # Both at once: until the driver knows, it reads zeros where a bus without a card gives ones.
        guest.call("poke", path=config, offset=at, words=[control & ~0x0020 | 0x0700, control & ~0x0700 | 0x0128])
        seconds = _wait(lambda: not _device_there(boot), LEAVE_TIME, "remove() of a pulled device")
        # pciehp switches the empty slot off a second later; a card plugged in before would go with that.
        now = [0]

        def off():
            now[0] = int.from_bytes(config_space(guest, config)[at:at + 2], "little")
            return now[0] & 0x0700 == 0x0700

        _wait(off, GONE_TIME, "pciehp's end of the slot's power")
        guest.call("poke", path=config, offset=at, words=[now[0] & ~0x0008])
        return int(seconds * 1e9)

    def back(self, boot):
        boot.gpu.command("dead", on=False)
        super().back(boot)


def config_space(guest, config):
    """The first 256 bytes of a config space of the guest."""
    return bytes.fromhex("".join("".join(guest.run(["od", "-An", "-v", "-tx1", "-N256", config], 10).out).split()))


def capability(data, ident, who="the slot"):
    """Offset of a capability in a config space; Missing where there is none."""
    at = data[0x34] if len(data) == 256 else 0
    for _ in range(48):
        if at < 0x40:
            break
        if data[at] == ident:
            return at
        at = data[at + 1]
    raise Missing(f"{who} has no PCI capability {ident:#x}")


def _refcount(guest):
    return int(guest.read("/sys/module/xe/refcnt"))


def _unload(guest):
    """Takes the module away, which nobody may be using, when workers have let go of it; returns the nanoseconds of
    rmmod."""
    def unused():
        dumps.drop(guest)
        return not _refcount(guest)

    with contextlib.suppress(agent.GuestTimeout):
        _wait(unused, RELEASE_TIME, "users of the module")
    began = time.monotonic_ns()
    if guest.run(["busybox", "rmmod", "xe"], LEAVE_TIME).status:
        raise Wrong(f"rmmod is refused with all files closed: reference count {_refcount(guest)}")
    return time.monotonic_ns() - began


class Rmmod(Unbind):
    name = "rmmod"
    what = "rmmod is refused while a file is open, with the device and without; later it works"
    files = True

    def prepare(self, boot):
        self._refused(boot, "with the device bound")

    def held(self, boot):
        self._refused(boot, "after unbind")

    def back(self, boot):
        """The module goes where nobody holds it, and comes back."""
        if boot.agent.running():
            self._refused(boot, "after removal")
            super().back(boot)
            return
        _unload(boot.agent)
        boot.agent.run(["modprobe", "xe"], LEAVE_TIME)

    @staticmethod
    def _refused(boot, when):
        if not boot.agent.run(["busybox", "rmmod", "xe"], LEAVE_TIME).status:
            raise Wrong(f"rmmod {when} took the module from under an open file")


class Unload(Way):
    name = "unload"
    what = "rmmod with the device bound, as soon as all files are closed: workers still have what was in them"
    files = False
    all = True

    def leave(self, boot):
        return _unload(boot.agent)

    def back(self, boot):
        boot.agent.run(["modprobe", "xe"], LEAVE_TIME)


class FailedProbe(Unbind):
    name = "failed-probe"
    what = "unbound, then probed again with failures injected from early to late, then bound"

    def leave(self, boot):
        guest = boot.agent
        points = self._points(guest)
        took = super().leave(boot)
        for point in points:
            self._arm(guest, point)
            try:
                super().back(boot)
            except agent.AgentError:
                continue  # as asked
            finally:
                guest.write(f"{DEBUG}/fail_function/inject", "\n")
            raise Wrong(f"probe succeeded although {point}() failed")
        return took

    @staticmethod
    def _points(guest):
        try:
            known = guest.read(f"{DEBUG}/error_injection/list")
        except agent.AgentError:
            raise Missing("the kernel has no error injection") from None
        points = [p for p in PROBE_POINTS if re.search(rf"^{p} \[xe\]", known, re.M)]
        if not points:
            raise Missing("this xe has no function whose failure can be injected in probe")
        return points

    @staticmethod
    def _arm(guest, point):
        top = f"{DEBUG}/fail_function"
        guest.write(f"{top}/inject", point)
        guest.write(f"{top}/{point}/retval", "0xfffffffffffffff4")  # -ENOMEM
        inject(guest, top)


def _debugfs(boot, folder, name):
    """Path of a file or folder that this xe has in debugfs; Missing where not, or the way would be a plain removal."""
    guest = boot.agent
    card = next(n for n in guest.call("list", path=f"{DEVICE}/drm")["names"] if n.startswith("card"))
    path = f"{DEBUG}/dri/{card[4:]}{folder}"
    try:
        there = name in guest.call("list", path=path)["names"]
    except agent.AgentError:
        there = False
    if not there:
        raise Missing(f"this xe has no {folder[1:] + '/' if folder else ''}{name} in debugfs")
    return f"{path}/{name}"


def ask_reset(boot):
    """Asks for a reset of the first GT, which a worker does."""
    boot.agent.call("read", LEAVE_TIME, path=_debugfs(boot, "/gt0", "force_reset"))


class ResetRemove(Remove):
    name = "reset-remove"
    what = "a GT reset is on its way when the device is removed"
    resets = True

    def leave(self, boot):
        guest = boot.agent
        asked = guest.begin("read", path=_debugfs(boot, "/gt0", "force_reset"))
        took = super().leave(boot)
        try:
            guest.end(asked, "read", LEAVE_TIME)
        except agent.AgentError:
            pass  # the file may have gone with the device
        return took


class Wedged(Unbind):
    name = "wedged"
    what = "a GT reset fails, the driver gives the device up (wedged), then unbind"
    resets = True
    lasts = 6.0  # a job times out after 5

    SAID = "Xe has declared device"

    def prepare(self, boot):
        guest = boot.agent
        fault = _debugfs(boot, "", "fail_gt_reset")
        since = len(guest.slice(0))
        inject(guest, fault)
        try:
            ask_reset(boot)
            _wait(lambda: any(self.SAID in r.text for r in guest.slice(since)), LEAVE_TIME, "a wedged device")
        finally:
            guest.write(f"{fault}/probability", "0")


class ResetFails(Unbind):
    name = "reset-fails"
    what = "unbind of a GPU whose reset does not end: engines go on until its function is reset"
    runs_on = True

    RESET_US = 8_000_000  # longer than any removal

    def prepare(self, boot):
        # Asleep it would fail to wake, which is something else.
        boot.agent.write(f"{DEVICE}/power/control", "on")
        boot.gpu.command("slow", reset_us=self.RESET_US)

    def back(self, boot):
        # The next binding lets it access memory again: the last one has to have got it out of what it was doing.
        boot.gpu.command("slow")
        boot.agent.write(f"{DEVICE}/power/control", "auto")
        super().back(boot)


class RemoveProbe(Remove):
    name = "remove-probe"
    what = "unbound, then removed while probe is at work"

    DELAY = 0.15  # seconds into a probe of about one

    def leave(self, boot):
        guest = boot.agent
        took = Unbind().leave(boot)
        asked = guest.begin("write", path=f"{DRIVER}/bind", data=BDF)
        time.sleep(self.DELAY)
        super().leave(boot)
        try:
            guest.end(asked, "write", LEAVE_TIME)
        except agent.AgentError:
            pass  # probe may lose
        return took


def suspend(boot):
    """Waits until the device is runtime suspended; Missing where something keeps it awake. No list excuses that: states
    that may are none of this way's (matrix.cells())."""
    guest, power = boot.agent, f"{DEVICE}/power"
    usual = guest.read(f"{power}/autosuspend_delay_ms").strip()
    guest.write(f"{power}/control", "auto")
    guest.write(f"{power}/autosuspend_delay_ms", SUSPEND_DELAY)
    until = time.monotonic() + SUSPEND_TIME * guest.pace
    while (status := guest.read(f"{power}/runtime_status").strip()) != "suspended":
        if status == "error":
            raise Wrong("the driver failed to suspend the device at runtime")
        if time.monotonic() > until:
            guest.write(f"{power}/autosuspend_delay_ms", usual)
            raise Missing("the device does not suspend at runtime")
        time.sleep(0.02)


class SuspendRemove(Remove):
    name = "suspend-remove"
    what = "the device is runtime suspended (D3hot), then removed"
    suspends = True

    def prepare(self, boot):
        suspend(boot)


class SuspendSurprise(Surprise):
    name = "suspend-surprise"
    what = "the device is runtime suspended and dies in its sleep, then it is removed"
    suspends = asleep = True

    def prepare(self, boot):
        suspend(boot)
        config = f"{DEVICE}/config"
        at = capability(config_space(boot.agent, config), PCI_POWER, "the GPU")
        super().prepare(boot)
        # It will come back in D0 without being woken. QEMU, which keeps the BARs of a device in D3hot away, has to
        # learn that from a write, as it asks nobody. A dead device does not see it.
        boot.agent.call("poke", path=config, offset=at + 4, words=[0])


class SurpriseSuspend(Surprise):
    name = "surprise-suspend"
    what = "the device dies, and would be runtime suspended then, as nobody uses it; at last it is removed"
    suspends = True

    def prepare(self, boot):
        suspend(boot)  # or it would be a mere surprise
        guest, control = boot.agent, f"{DEVICE}/power/control"
        guest.write(control, "on")
        super().prepare(boot)
        guest.write(control, "auto")
        time.sleep(SUSPEND_TRIES * guest.pace)


WAYS = (Pciehp(), Pull(), Rmmod(), Unload(), FailedProbe(), ResetRemove(), Wedged(), ResetFails(), RemoveProbe(),
        SuspendRemove(), SuspendSurprise(), SurpriseSuspend())
