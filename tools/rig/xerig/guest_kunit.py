# SPDX-License-Identifier: MIT
"""KUnit suites as modules in the x86 guest: loaded one by one, judged by KTAP and the kernel log."""

import time

from . import agent, boot, errors, kunit, paths, session

# Of the series: the one that only 7.3 has tests what it adds to drm_gpusvm.
MODULES = {"6.12": ("xe_test",), "7.3": ("xe_test", "drm_gpusvm_test")}
LOAD_TIME = 180.0


def run(base, side="patched", cache=None):
    """Boots a guest without a GPU, loads the suites of base and side; returns a kunit.Outcome."""
    cache = cache or paths.Cache()
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
    machine.kernel_args = (*machine.kernel_args, *kunit.GUEST_ARGS)
    texts = []
    with boot.Boot(machine, out, gpu=False) as vm:
        guest = vm.agent
        try:
            for name in MODULES[base.name]:
                begin = guest.mark(f"xe-unplug: kunit {name}: begin")
                child = guest.run(["modprobe", name], LOAD_TIME)
                if child.status:
                    why = " ".join(child.err) or f"status {child.status}"
                    raise errors.InfraError(f"modprobe {name} in the guest: {why}")
                end = guest.mark(f"xe-unplug: kunit {name}: end")
                texts.append("\n".join(r.text for r in guest.slice(begin + 1, end)) + "\n")
            if after:
                after(guest)
        except (agent.GuestTimeout, agent.GuestGone, agent.GuestOops) as e:
            raise errors.InfraError(f"the guest broke during KUnit: {e} (log: {out}/console.log)") from None
    (out / "kernel.log").write_text("".join(texts))
    outcome = kunit.Outcome("x86")
    for text in texts:  # each module reports as if it were alone
        outcome.add(kunit.parse_ktap(base, text, cache))
    outcome.hear("".join(texts), base.name)
    outcome.seconds = time.monotonic() - began
    return outcome
