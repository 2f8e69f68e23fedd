# SPDX-License-Identifier: MIT
"""The program in the guest: the answers it gave to each command, its end, and whether it lived as it should."""

import signal

from . import Finding

NAME = "program"


def check(ev):
    out = []
    said = "\n".join(ev.stderr[-40:])
    for command, answer, _seconds in ev.replies:
        if answer is None:
            out.append(Finding(NAME, f"{command}: the program ended without an answer", said))
        elif answer.startswith("fail"):
            out.append(Finding(NAME, f"{command}: {answer[4:].strip()}", said))
        elif not answer.startswith(("ok", "held", "skip")):
            out.append(Finding(NAME, f"{command}: not an answer: {answer[:200]}", said))
    if ev.skip:
        return out
    spoke = bool(out)
    for who, status, by in ev.ends:
        if by is not None and not (ev.killed and by == signal.SIGKILL):
            out.append(Finding(NAME, f"{who} was killed by signal {by}", said))
        elif status and not spoke:
            out.append(Finding(NAME, f"{who} ended with status {status}", said))
    return out
