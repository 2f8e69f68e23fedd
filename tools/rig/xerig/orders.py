# SPDX-License-Identifier: MIT
"""Orders: what the program does, and when, after the GPU has left.

run(cell) gets an object with say(command), kill(), wait_exit(), back() and calls them in its order;
each order ends with the program's end and the driver bound again. BESIDE names what the program is
told while the way is still at work; an order without an entry there leaves it alone.
"""


def close_after(cell):
    """Looks at what is left, closes, ends; then the driver comes back."""
    cell.say("gone")
    cell.say("close")
    cell.say("exit")
    cell.wait_exit()
    cell.back()


def munmap_after(cell):
    """As close-after, but unmaps the memory first."""
    cell.say("gone")
    cell.say("munmap")
    cell.say("close")
    cell.say("exit")
    cell.wait_exit()
    cell.back()


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


def during(cell):
    """The program closes everything while the driver is being removed: who comes second finds the work done."""
    cell.say("exit")
    cell.wait_exit()
    cell.back()


def munmap_during(cell):
    """As during, but it unmaps the memory; the files are closed after."""
    cell.say("gone")
    cell.say("close")
    cell.say("exit")
    cell.wait_exit()
    cell.back()


ORDERS = {
    "close-after": close_after,
    "munmap-after": munmap_after,
    "kill": kill,
    "close-after-reprobe": close_after_reprobe,
    "during": during,
    "munmap-during": munmap_during,
}

BESIDE = {"during": "close", "munmap-during": "munmap"}
# Orders that need memory the state can unmap.
UNMAPS = ("munmap-after", "munmap-during")
