# SPDX-License-Identifier: MIT
"""Shared by the set-up and series tests: files, fake programs, and commits on a tiny kernel."""

import os
import stat
import subprocess

from xerig import checkout, tree

MAKEFILE = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nNAME = Test\n"
NEW = "drivers/gpu/drm/xe/xe_dma.c"
DOC = "Documentation/gpu/xe/xe_unplug.rst"
XE_C = "int xe_a(void)\n{\n\treturn 1;\n}\n\nint xe_b(void)\n{\n\treturn 2;\n}\n"


def write(path, data, mode=None):
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    if mode:
        path.chmod(mode)
    return path


def program(folder, name, script):
    """A fake program for PATH."""
    return write(folder / name, f"#!/bin/sh\n{script}\n", 0o755)


def executable(path):
    """Whether a file may be executed."""
    return bool(path.stat().st_mode & stat.S_IXUSR)


def commit(folder, message):
    """git add and commit of everything, as a developer would."""
    env = dict(os.environ, GIT_AUTHOR_NAME="Dev", GIT_AUTHOR_EMAIL="dev@example.org",
               GIT_COMMITTER_NAME="Dev", GIT_COMMITTER_EMAIL="dev@example.org")
    subprocess.run(["git", "-C", folder, "add", "--sparse", "-A"], check=True)
    subprocess.run(["git", "-C", folder, "commit", "-q", "-m", message], check=True, env=env)


def develop(folder, sample="drivers/gpu/drm/xe/xe.c"):
    """Three commits: an edit; a new file with an edit; a change of the new file and a new document."""
    file = folder / sample
    file.write_text("/* first */\n" + file.read_text())
    commit(folder, "drm/xe: Say what comes first\n\nA user cannot see what comes first.\n\nFixes: 0123456789ab (\"x\")")
    write(folder / NEW, "int a;\nint b;\nint c;\n")
    file.write_text(file.read_text() + "/* last */\n")
    commit(folder, "drm/xe/dma: Track mappings – all of them\n\nLeaks show as oopses.\n\n  indented\n\nTail."
           f"\n\nAdds: {NEW}\n\nLink: https://example.org/x")
    write(folder / NEW, "int a;\nint changed;\nint c;\nint d;\n")
    write(folder / DOC, "Unplug\n======\n")
    write(folder / "scripts/new.sh", "#!/bin/sh\n", 0o755)
    commit(folder, "drm/xe: Change the new file")


def write_series(world):
    """The commits of develop() as patches of world.base; returns its git tree, which has them too."""
    checkout.make(world.base, world.source, world.cache)
    folder = tree.checkout_folder(world.base)
    develop(folder)
    checkout.refresh(world.base, world.source, world.cache)
    return folder
