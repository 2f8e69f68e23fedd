# SPDX-License-Identifier: MIT
"""One virtual machine with the virtual GPU in a hot-plug slot, and its end."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import agent, errors, klog, procs, qmp, vgpu

BOOT_TIME = 60.0  # seconds until the agent must have spoken; a loaded machine needs ten
PROBE_TIME = 60.0
BDF = "0000:01:00.0"  # of the GPU that is unplugged, and the only one mostly
DRIVER = "/sys/bus/pci/drivers/xe"
# No HuC and GSC on the virtual GPU; empty names are how xe is told (rig-facts).
XE_OPTIONS = ("xe.force_probe=*", "xe.huc_firmware_path=", "xe.gsc_firmware_path=")
# Without hardware help a string instruction moves an element at a time: bytes, where the guest takes these features for
# the sign that nothing is quicker.
TCG_CPU = "max,erms=off,fsrm=off,fsrs=off,fsrc=off,fzrm=off"


@dataclass
class Machine:
    """What a guest is made of. Paths are the host's; shares: (9p tag, directory, path in guest, read-only).

    personality: names of the GPUs joined by "+": the first is unplugged, the others look on.
    pace: how many times slower than with a plain kernel things may be.
    """

    qemu: list
    bzimage: Path
    initrd: Path
    vgpu: Path
    iommu: bool = True
    personality: str = "lnl"
    accel: str = "tcg,thread=multi"
    memory_mib: int = 1024
    pace: int = 1
    cpus: int = 2
    shares: list = field(default_factory=list)
    kernel_args: tuple = ()


def bdf(number):
    """PCI address of a GPU of the guest, counted from 0: each is alone below a root port."""
    return f"0000:{number + 1:02x}:00.0"


def start_gpus(m, run_dir, log_dir):
    """A virtual GPU process for each personality of machine m, in order."""
    gpus = []
    try:
        for number, name in enumerate(m.personality.split("+")):
            tail = str(number) if number else ""
            gpus.append(vgpu.Vgpu(m.vgpu, run_dir, log_dir / f"vgpu{tail}.log", name, tail))
    except BaseException:
        for gpu in gpus:
            gpu.stop()
        raise
    return gpus


def runtime_dir():
    """A fresh private directory with a path short enough for unix sockets (108 bytes).

    Its name carries our pid; directories of rigs that were killed are removed on the way.
    """
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    if len(base) > 60 or not os.access(base, os.W_OK):
        base = "/tmp"
    for old in Path(base).glob("xeu-*-*"):
        pid = old.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and old.stat().st_uid == os.getuid():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"xeu-{os.getpid()}-", dir=base))


def gpu_device(number, gpu_socket):
    """The number-th GPU as QEMU's -device and device_add take it."""
    return {"driver": "vfio-user-pci", "id": f"gpu{number}", "bus": f"rp{number}",
            "socket": {"path": str(gpu_socket), "type": "unix"}}


def qemu_argv(m, gpu_sockets, serial, agent_fd=None, qmp_fd=None):
    """QEMU's command line for machine m; serial: the argument of -serial."""
    # no_timer_check: a busy host can hold up the timer for the few ticks in which the kernel tries it.
    # tsc=reliable: the emulated TSC is one for all processors, and the other clock, HPET, costs an access to a device
    # under QEMU's global lock each time that anybody asks what time it is.
    cmdline = ["console=ttyS0", "panic=-1", "tsc=reliable", "no_timer_check", "printk.devkmsg=on", "printk.time=1",
               "kasan_multi_shot", *XE_OPTIONS, *m.kernel_args]
    if len(gpu_sockets) > 1:
        # Two cards with memory do not fit below 4 GiB. The firmware then takes the end of the address space, where QEMU
        # reserves what real AMD processors use otherwise, and a card that comes back would find no room in its window.
        cmdline.append("pci=no_e820")
    if m.shares:
        cmdline.append("XE_UNPLUG_9P=" + ",".join(f"{t}:{g}{':ro' if ro else ''}" for t, _, g, ro in m.shares))
    argv = [*map(str, m.qemu), "-machine", "q35,memory-backend=mem0,sata=off,smbus=off",
            "-accel", m.accel, "-cpu", TCG_CPU if m.accel.startswith("tcg") else "max",
            "-smp", str(m.cpus), "-m", f"{m.memory_mib}M",
            "-object", f"memory-backend-memfd,id=mem0,size={m.memory_mib}M,share=on",
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-kernel", str(m.bzimage), "-initrd", str(m.initrd), "-append", " ".join(cmdline),
            "-serial", serial]
    if m.iommu:
        argv += ["-device", "intel-iommu,caching-mode=on,intremap=on"]
    if agent_fd is not None:
        argv += ["-device", "virtio-serial-pci,id=vser",
                 "-chardev", f"socket,id=agent,fd={agent_fd}",
                 "-device", "virtserialport,chardev=agent,name=xe-unplug.agent"]
    if qmp_fd is not None:
        argv += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"]
    for tag, directory, _, ro in m.shares:
        argv += ["-virtfs", f"local,path={directory},mount_tag={tag},security_model=none,multidevs=remap"
                 + (",readonly=on" if ro else "")]
    if gpu_sockets:
        argv += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
    for n, path in enumerate(gpu_sockets):
        device = gpu_device(n, path)
        argv += ["-device", f"pcie-root-port,id=rp{n},bus=pcie.0,chassis={n + 1},slot={n + 1}",
                 "-device", json.dumps(device, separators=(",", ":"))]
    return argv


def waited(before, now):
    """Seconds between two answers of Boot.held_up(), of all threads together. They wait at the same time, so this is
    rather too much than too little."""
    return sum(max(seconds - before.get(thread, 0), 0) for thread, seconds in now.items())


class Boot:
    """A running guest: .agent, .gpus, .gpu (the first, None without one), .console (path); .boot_seconds, and
    .probe_seconds once load_xe() was called. Use as a context manager."""

    def __init__(self, machine, log_dir, gpu=True):
        self.machine = machine
        self.log_dir = log_dir
        self.console = log_dir / "console.log"
        self.agent = self._qemu = self._qmp = self._monitor = None
        self.gpus = []
        self.boot_seconds = self.probe_seconds = None
        self._dir = runtime_dir()
        log_dir.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            self._start(gpu)
            self.agent.wait_ready(BOOT_TIME)
            # What a kernel says of an emulated machine while it boots is no test's; what the driver says is.
            self.agent.mark("xe-unplug: booted", BOOT_TIME)
            self.agent.unheard()
        except (agent.GuestGone, agent.GuestTimeout) as e:
            why = self._why_dead() or str(e)
            self.stop()
            raise errors.InfraError(f"the guest did not come up: {why}") from None
        except BaseException:
            self.stop()
            raise
        self.boot_seconds = time.monotonic() - began

    def _start(self, gpu):
        if gpu:
            self.gpus = start_gpus(self.machine, self._dir, self.log_dir)
        ours, theirs = socket.socketpair()
        qours, qtheirs = socket.socketpair()
        argv = qemu_argv(self.machine, [g.socket_path for g in self.gpus], f"file:{self.console}",
                         theirs.fileno(), qtheirs.fileno())
        (self.log_dir / "qemu.cmd").write_text(" ".join(argv) + "\n")
        with theirs, qtheirs, open(self.log_dir / "qemu.log", "wb") as log:
            self._qemu = procs.Child(argv, stdout=log, stderr=log, pass_fds=(theirs.fileno(), qtheirs.fileno()))
        self.agent = agent.Agent(ours, self.machine.pace)
        self._monitor = qours

    @property
    def gpu(self):
        """The virtual GPU that is unplugged, or None."""
        return self.gpus[0] if self.gpus else None

    def _why_dead(self):
        text = (self.log_dir / "qemu.log").read_text("utf-8", "replace").strip() if self._qemu else ""
        if self._qemu and not self._qemu.running() and text:
            return text.splitlines()[-1]
        return klog.death(self.console_lines())

    def held_up(self):
        """Seconds that each thread of QEMU, and of the virtual GPUs that serve it, was ready and the host ran others:
        by thread, as QEMU's come and go. Empty where the host does not tell."""
        waited = {}
        folders = [Path(f"/proc/{g.process.pid}/task/{g.process.pid}") for g in self.gpus]
        with contextlib.suppress(OSError):
            folders += Path(f"/proc/{self._qemu.pid}/task").iterdir()
        for folder in folders:
            with contextlib.suppress(OSError, ValueError, IndexError):
                waited[folder.name] = int((folder / "schedstat").read_text().split()[1]) / 1e9
        return waited

    def console_lines(self):
        """Lines of the serial console so far; the only voice of a kernel that has panicked."""
        try:
            return self.console.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []

    @property
    def qmp(self):
        """QEMU's monitor; spoken to by few ways only, so the connection waits for the first."""
        if self._qmp is None:
            self._qmp = qmp.Qmp(self._monitor)
        return self._qmp

    def plugged(self):
        """Whether QEMU has the GPU. It sends DEVICE_DELETED only for what QMP was asked to delete."""
        return any(d["name"] == "gpu0" for d in self.qmp.command("qom-list", path="/machine/peripheral"))

    def plug(self):
        """Plugs the GPU into its slot again; the guest's pciehp finds it."""
        self.qmp.command("device_add", **gpu_device(0, self.gpu.socket_path))

    def load_others(self):
        """Binds xe to all GPUs but the first, so that what they hold can be told from what it leaves behind."""
        if len(self.gpus) < 2:
            return
        self.agent.write("/sys/bus/pci/drivers_autoprobe", "0")
        self.agent.run(["modprobe", "xe"], PROBE_TIME)
        for number in range(1, len(self.gpus)):
            self.agent.write(f"{DRIVER}/bind", bdf(number), PROBE_TIME)
            if self.render_node(number) is None:
                raise errors.InfraError(f"xe did not probe virtual GPU {number + 1}: " + self._last_words())
        self.agent.write("/sys/bus/pci/drivers_autoprobe", "1")

    def load_xe(self):
        """Binds xe to the first GPU: modprobe, unless load_others() did that. InfraError when no render node comes."""
        began = time.monotonic()
        if len(self.gpus) < 2:
            self.agent.run(["modprobe", "xe"], PROBE_TIME)
        else:
            self.agent.write(f"{DRIVER}/bind", BDF, PROBE_TIME)
        self.probe_seconds = time.monotonic() - began
        if self.render_node() is None:
            raise errors.InfraError("xe did not probe the virtual GPU: " + self._last_words())

    def _last_words(self):
        with_xe = [r.text for r in self.agent.records if r.level <= 4 and "xe" in r.text]
        return with_xe[-1] if with_xe else "no word from xe in the kernel log"

    def render_node(self, number=0):
        """Path of a GPU's render node in the guest, or None when no driver is bound."""
        try:
            names = self.agent.call("list", path=f"/sys/bus/pci/devices/{bdf(number)}/drm")["names"]
        except agent.AgentError:
            return None
        nodes = [n for n in names if n.startswith("renderD")]
        return f"/dev/dri/{nodes[0]}" if nodes else None

    def stop(self):
        """Ends QEMU and the virtual GPU; the guest is not asked. May be called twice."""
        if self._qemu:
            self._qemu.stop(grace=0)
        if self.agent:
            self.agent.close()
        if self._monitor:
            self._monitor.close()
        for gpu in self.gpus:
            gpu.stop()
        shutil.rmtree(self._dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.stop()


def choose_accel(cache_dir, machine, probe_dir):
    """'kvm' if a guest with this kernel really comes up under it, else TCG. Asked once per QEMU and host kernel."""
    tcg = "tcg,thread=multi"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return tcg
    key = f"{machine.qemu[-1]} {os.uname().release}"
    note = cache_dir / "accel.json"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(note.read_text())
        if known.get("key") == key:
            return known["accel"]
    accel = tcg
    ours, theirs = socket.socketpair()
    trial = Machine(machine.qemu, machine.bzimage, machine.initrd, machine.vgpu, iommu=False,
                    accel="kvm,kernel-irqchip=split", memory_mib=512)
    probe_dir.mkdir(parents=True, exist_ok=True)
    argv = qemu_argv(trial, [], f"file:{probe_dir / 'kvm-probe.log'}", theirs.fileno())
    with theirs:
        child = procs.Child(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(theirs.fileno(),))
    probe = agent.Agent(ours)
    try:
        probe.wait_ready(6.0)
        accel = "kvm,kernel-irqchip=split"
    except (agent.GuestGone, agent.GuestTimeout):
        pass
    finally:
        child.stop(grace=0)
        probe.close()
    cache_dir.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"key": key, "accel": accel}))
    return accel
