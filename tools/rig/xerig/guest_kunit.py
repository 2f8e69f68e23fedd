# SPDX-License-Identifier: MIT
"""KUnit suites as modules in the x86 guest: loaded one by one, judged by KTAP and the kernel log."""

import time
from dataclasses import replace

from . import agent, boot, errors, kunit, paths, session

# Of the series: the one that only 7.3 has tests what it adds to drm_gpusvm.
MODULES = {"6.12": ("xe_test",), "7.3": ("xe_test", "drm_gpusvm_test")}
LOAD_TIME = 180.0


def run(base, side, cache):
    """Boots a guest without a GPU, loads the suites of base (base.Base) and side; returns a kunit.Outcome."""
    s = session.Session("kunit", base.name, cache=cache).prepare([side])
    outcome = on_machine(base, s.machine(side, "off"), paths.OUT / "kunit" / f"{base.name}-{side}-x86", cache)
    if side == "patched":
        outcome.expect(kunit.suites_of(base))
    return outcome


def on_machine(base, machine, out, cache, after=None):
    """As run(), for a machine that is made already; out: folder of the logs; after: called with the agent at the end.

    A module that the kernel does not have is an InfraError: no suite may vanish silently.
    """
    began = time.monotonic()
    texts = []
    with guest_of(machine, out) as vm:
        try:
            texts += [load(vm.agent, name, name) for name in MODULES[base.name]]
            if after:
                after(vm.agent)
        except agent.GuestError as e:
            raise errors.InfraError(f"the guest broke during KUnit: {e} (log: {out}/console.log)") from None
    (out / "kernel.log").write_text("".join(texts))
    outcome = heard(base, texts, cache)
    outcome.seconds = time.monotonic() - began
    return outcome


def guest_of(machine, out):
    """A guest without a GPU that runs suites; a boot.Boot, to be used as a context manager."""
    return boot.Boot(replace(machine, kernel_args=(*machine.kernel_args, *kunit.GUEST_ARGS)), out, gpu=False)


def run_suite(base, vm, suite, cache, limit=LOAD_TIME):
    """Runs one suite of the driver's module on a guest of guest_of() ("": all of them); a kunit.Outcome.

    limit: seconds after which the guest counts as broken (agent.GuestError).
    """
    module = MODULES[base.name][0]
    vm.agent.run(["modprobe", "-r", module], LOAD_TIME)
    vm.agent.run(["modprobe", "kunit"], LOAD_TIME)  # whose parameter it is; it went with the last module
    vm.agent.write(kunit.GLOB, suite or "*")
    return heard(base, [load(vm.agent, module, suite, limit)], cache)


def load(guest, module, name, limit=LOAD_TIME):
    """Loads a module, which runs its suites; the kernel log of it as text. name: for the marks around it; limit: as
    run_suite()."""
    begin = guest.mark(f"xe-unplug: kunit {name}: begin")
    child = guest.run(["modprobe", module], limit)
    if child.status:
        raise errors.InfraError(f"modprobe {module} in the guest: {' '.join(child.err) or f'status {child.status}'}")
    end = guest.mark(f"xe-unplug: kunit {name}: end")
    return "\n".join(r.text for r in guest.slice(begin + 1, end)) + "\n"


def heard(base, texts, cache):
    """The kunit.Outcome of what load() has given; each module reports as if it were alone."""
    outcome = kunit.Outcome("x86")
    for text in texts:
        outcome.add(kunit.parse_ktap(base, text, cache))
    outcome.hear("".join(texts), base.name)
    return outcome
