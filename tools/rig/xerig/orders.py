# SPDX-License-Identifier: MIT
"""Orders: what the program does, and when, after the GPU has left.

run(cell) gets an object with say(command), kill(), wait_exit(), back() and calls them in its order;
each order ends with the program's end and the driver bound again.
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


ORDERS = {
    "close-after": close_after,
    "munmap-after": munmap_after,
    "kill": kill,
    "close-after-reprobe": close_after_reprobe,
}
