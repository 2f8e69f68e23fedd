# SPDX-License-Identifier: MIT
"""Runs host programs that are expected to end by themselves (the rig's guests are not: procs.py)."""

import re
import subprocess

from . import errors, ui


def run(argv, *, cwd=None, env=None, data=None, check=True, text=True):
    """Run argv to its end and return subprocess's result with both outputs captured.

    data: standard input, else none. check: a failing program raises InfraError with the last line
    it wrote. A program that is not installed raises UsageError.
    """
    argv = [str(a) for a in argv]
    ui.show(argv, cwd)
    feed = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    try:
        r = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=text,
                           errors="replace" if text else None, check=False, **feed)
    except FileNotFoundError as e:
        raise missing(argv[0], cwd) from e
    if check and r.returncode:
        raise errors.InfraError(f"{' '.join(argv[:3])} failed: {last_line(r)}")
    return r


def make(what, folder, *words, env=None):
    """make in a folder of this repository; an InfraError says that `what` cannot be built, and the compiler's first
    complaint."""
    r = run(["make", "-s", "-j2", "-C", folder, *words], env=env, check=False)
    if r.returncode:
        # The last line is make's, which only says that it gave up.
        said = [s.strip() for s in r.stderr.splitlines() if re.search(r"\berror\b|undefined reference|No rule", s)]
        raise errors.InfraError(f"cannot build {what}: {said[0] if said else last_line(r)}")


def missing(program, cwd=None):
    """UsageError for a program (or its working folder) that is not there."""
    where = f" (or folder {cwd})" if cwd else ""
    return errors.UsageError(f"{program}{where} is not there; `make setup` installs what is needed")


def last_line(result):
    """The last non-empty line a program wrote, stderr first."""
    for out in (result.stderr, result.stdout):
        if isinstance(out, bytes):
            out = out.decode(errors="replace")
        lines = [s.strip() for s in (out or "").splitlines() if s.strip()]
        if lines:
            return lines[-1]
    return f"status {result.returncode}"
