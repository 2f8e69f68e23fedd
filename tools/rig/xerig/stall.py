# SPDX-License-Identifier: MIT
"""Stalls a task of the guest at the entry of a function of the driver (tools/rig/stall), while the rig does something
else: the module, and how it is told."""

import hashlib
import re
import shutil
import time

from . import agent, buildtree, cmd, errors, kernel, paths

SOURCE = paths.RIG / "stall"
GUEST_PATH = "lib/stall.ko"
FILES = "/sys/kernel/debug/stall"
SECONDS = 0.7  # at most, where the removal waits for the task: less than GuC may take to answer
TRACE_TIME = 120.0  # to set a probe at each function of the driver
NO_CALL = re.compile(r"^__pfx_|\.cold$|^(init|cleanup)_module$|_kunit|_test")


def build(cache, base, source, variant, made):
    """Compiles the module for a kernel; returns its path. source: sources.Source; made: kernel.Kernel."""
    inputs = [source.key.encode(), made.config.read_bytes(), *(p.read_bytes() for p in sorted(SOURCE.iterdir()))]
    folder = cache.build / "stall" / hashlib.sha256(b"\0".join(inputs)).hexdigest()[:16]
    product = folder / "stall.ko"
    if product.exists():
        return product  # without the lock that a build of minutes may have
    with cache.lock(f"build-{base.name}"):
        partial = folder.with_suffix(".partial")
        paths.remove(partial)
        shutil.copytree(SOURCE, partial)
        built = buildtree.BuildTree(cache, base, source)
        objects, options = built.objects(variant), [f"M={partial}"]
        make = kernel.Make(cache, built.src, objects)
        if not (objects / "Module.symvers").exists():
            # The kernel is a kept one and its objects have gone: what it was configured with is enough.
            if not (objects / ".config").exists():
                shutil.copyfile(made.config, objects / ".config")
            make("what modules are made with", ["modules_prepare"])
            options.append("KBUILD_MODPOST_WARN=1")
        make("the module that stalls tasks", ["modules"], options, quiet=True)
        paths.remove(folder)
        partial.replace(folder)
    return product


def functions(made):
    """Names of the driver's functions where a task can be stalled. made: kernel.Kernel."""
    module = next(made.modules.rglob("xe.ko"), None)
    if not module:
        raise errors.InfraError(f"no xe.ko in {made.modules}")
    rows = (row.split() for row in cmd.run(["nm", module]).stdout.splitlines())
    return sorted({row[-1] for row in rows if row[-2] in ("t", "T") and not NO_CALL.search(row[-1])})


class Stall:
    """The module in a guest."""

    def __init__(self, guest):
        self.guest = guest
        try:
            guest.read(f"{FILES}/at")
        except agent.AgentError:
            guest.run(["/bin/busybox", "insmod", f"/{GUEST_PATH}"], 10.0)
            guest.read(f"{FILES}/at")

    def watch(self, names):
        """From now on calls of these functions are noted."""
        self.guest.write(f"{FILES}/calls", "\n".join(f"xe:{n}" for n in names), TRACE_TIME)

    def again(self):
        """What was called so far is forgotten."""
        self.guest.write(f"{FILES}/calls", "again")

    def called(self):
        """The functions that were called since by somebody who may sleep: name -> whether by a kernel thread, too."""
        rows = (s.partition(":")[2].partition(" ") for s in self.guest.read(f"{FILES}/calls").splitlines())
        return {name: bool(kthread) for name, _, kthread in rows}

    def no_watch(self):
        """The end of watch()."""
        self.guest.write(f"{FILES}/calls", "\n", TRACE_TIME)

    def arm(self, name, kthread=False):
        """The next task that calls a function, and may sleep there, is stalled; InfraError where there is none of that
        name. kthread: only if it is a kernel thread."""
        who = " kthread" if kthread else ""
        try:
            self.guest.write(f"{FILES}/at", f"xe:{name} {round(SECONDS * self.guest.pace * 1000)}{who}")
        except agent.AgentError as e:
            raise errors.InfraError(f"no task can be stalled at {name}: {e}") from None

    def wait(self, until):
        """Whether a task is stalled now; waits for it until(), which is asked from time to time."""
        while True:
            over = until()
            if self.guest.read(f"{FILES}/at").strip() in ("stalled", "left"):
                return True
            if over:
                return False
            time.sleep(0.02)

    def end(self):
        """Lets the task go and catches no other."""
        self.guest.write(f"{FILES}/at", "\n")
