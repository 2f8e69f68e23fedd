# SPDX-License-Identifier: MIT
"""Orders: what the program does, and when, once the GPU has left.

run(cell) gets an object with say(command), kill(), wait_exit(), back() and calls them in its order;
each order ends with the program's end and the driver bound again. BEFORE names what the program is
told right before anything happens to the device, BESIDE what while the way is at work; an order that is in
neither leaves it alone till then.
"""


def _end(cell):
    """The program ends; then the driver comes back."""
    cell.say("exit")
    cell.wait_exit()
    cell.back()


def close_after(cell):
    """Looks at what is left, closes, ends; then the driver comes back."""
    cell.say("gone")
    cell.say("close")
    _end(cell)


def munmap_after(cell):
    """As close-after, but unmaps the memory first."""
    cell.say("gone")
    cell.say("munmap")
    cell.say("close")
    _end(cell)


def kill(cell):
    """The program is killed with everything in its hands."""
    cell.say("gone")
    cell.kill()
    cell.wait_exit()
    cell.back()


def close_after_reprobe(cell):
    """The driver comes back first: the old files must not touch the new instance."""
    cell.say("gone")
    cell.back()
    cell.say("close")
    cell.say("exit")
    cell.wait_exit()


def close_before(cell):
    """The program has closed everything right before, and what happens to the device meets workers and nobody else."""
    _end(cell)


def during(cell):
    """The program closes everything while the driver is being removed: who comes second finds the work done."""
    _end(cell)


def munmap_during(cell):
    """As during, but it unmaps the memory; the files are closed after."""
    cell.say("gone")
    cell.say("close")
    _end(cell)


ORDERS = {
    "close-after": close_after,
    "munmap-after": munmap_after,
    "kill": kill,
    "close-after-reprobe": close_after_reprobe,
    "close-before": close_before,
    "during": during,
    "munmap-during": munmap_during,
}

BEFORE = {"close-before": "close"}
BESIDE = {"during": "close", "munmap-during": "munmap"}
# Orders that need memory the state can unmap.
UNMAPS = ("munmap-after", "munmap-during")


def told(order):
    """What the program of an order has been told by the time the device has left, or None."""
    return {**BEFORE, **BESIDE}.get(order)
