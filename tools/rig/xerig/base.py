# SPDX-License-Identifier: MIT
"""A base: a kernel the series is for, described by patches/NAME/base.

That file has `key value` lines: package (Debian package with the sources), version (of that
package, pinned), sha256 (of its .deb), suites (where Debian offers it), more-suites (where other
versions of it are), oldest (first version the series is for), and any number of `since VERSION TITLE`,
a patch that older versions do not need, and `alone TITLE`, a fix that needs no other patch and can be
sent by itself.
"""

import dataclasses
import os
import re
from pathlib import Path

from . import errors, options, paths


@dataclasses.dataclass(frozen=True)
class Base:
    """name "6.12", version "6.12.117-1", sha256 of the .deb, dir patches/NAME; since: title -> first version;
    alone: titles; oldest: version, or "" for any."""

    name: str
    version: str
    package: str
    sha256: str
    suites: tuple
    dir: Path
    more_suites: tuple = ()
    since: dict = dataclasses.field(default_factory=dict, hash=False)
    alone: tuple = ()
    oldest: str = ""

    def patches(self):
        """The patch files in order."""
        return sorted(self.dir.glob("[0-9][0-9][0-9][0-9]-*.patch"))


def names():
    """Names of all bases, oldest first."""
    found = [p.parent.name for p in (paths.REPO / "patches").glob("*/base")]
    return sorted(found, key=lambda n: [int(x) for x in re.findall(r"\d+", n)])


def load(name):
    """The base called name; UsageError where there is none or its file is not in order."""
    if name not in names():
        raise errors.UsageError(f"unknown BASE {name!r}: there is {', '.join(names()) or 'none'}")
    path = paths.REPO / "patches" / name / "base"
    fields, since, alone = {}, {}, []
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#", 1)[0].split(None, 1)
        if line and line[0] == "since":
            version, _, title = line[1].strip().partition(" ")
            since[title.strip()] = version
        elif line and line[0] == "alone":
            alone.append(line[1].strip())
        elif line:
            fields[line[0]] = line[1].strip() if len(line) > 1 else ""
    lacks = [k for k in ("package", "version", "sha256", "suites") if not fields.get(k)]
    if lacks:
        raise errors.UsageError(f"patches/{name}/base lacks {', '.join(lacks)}")
    return Base(name, fields["version"], fields["package"], fields["sha256"],
                tuple(fields["suites"].split()), path.parent, tuple(fields.get("more-suites", "").split()),
                since, tuple(alone), fields.get("oldest", ""))


def load_list(text):
    """Bases of a comma list, `all` or nothing meaning every base."""
    everything = not text or text == "all"
    found = [load(n) for n in (names() if everything else options.words("BASE", text, ", ".join(names())))]
    if len(found) > 1 and os.environ.get("BASE_SRC"):
        raise errors.UsageError(f"BASE_SRC= is the tree of one base: say BASE={'|'.join(b.name for b in found)}")
    return found
