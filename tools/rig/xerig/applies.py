# SPDX-License-Identifier: MIT
"""Does the series apply to every version of its base that the mirror offers?

People run other point releases than the one that is pinned. Of each one on offer the files around
the series are kept in the cache; the newest has to take every patch as it is, the older ones may
need git's three-way merge. What a patch is not needed for is said in patches/BASE/base.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import apt, errors, git, kernel_files, paths, sources, tree, ui

EXACT, FUZZ, MERGE, CONFLICT, LATER = "exact", "fuzz", "merge", "conflict", "not needed"


@dataclass
class Row:
    """A version, where it comes from, and what each patch did: list of (number, title, how)."""

    version: str
    suite: str
    done: list
    why: str = ""  # the series is not for this version

    def count(self, how):
        """Number of patches that went in that way."""
        return sum(h == how for _, _, h in self.done)

    def findings(self, newest):
        """What is wrong with that; the newest version takes no fuzz."""
        bad = (CONFLICT, MERGE, FUZZ) if newest else (CONFLICT,)
        return [f"{self.version}: patch {n} ({t}): {h}" for n, t, h in self.done if h in bad]

    def __str__(self):
        if self.why:
            return f"{self.version:20} {self.suite:20} {self.why}"
        parts = [f"{self.count(h)} {h}" for h in (EXACT, FUZZ, MERGE, CONFLICT, LATER) if self.count(h)]
        rest = [f"{n} {h}" for n, _, h in self.done if h not in (EXACT, LATER)]
        tail = f" (patches: {', '.join(rest)})" if rest else ""
        return f"{self.version:20} {self.suite:20} {', '.join(parts)}{tail}"


def offered(base, cache):
    """(version, suite, Apt) of each different source on offer, oldest first.

    A rebuild for another Debian release (~deb12u1, ~bpo12+1) counts once. A suite the mirror does not have
    is said and left out.
    """
    found = {}
    for suite in (*base.suites, *base.more_suites):
        source = apt.Apt(cache.apt / f"{base.name}-{suite}", (suite,))
        try:
            source.update()
        except errors.UsageError as e:
            if "does not have a Release file" not in str(e):
                raise
            ui.say(f"{suite}: the mirror does not have it")
            continue
        for version in source.versions(base.package):
            plain = version.split("~")[0]
            if sources.of_series(base.name, version) and (
                    plain not in found or "~" in found[plain][0] and "~" not in version):
                found[plain] = (version, suite, source)
    if not found:
        raise errors.UsageError(f"package {base.package} is in none of {', '.join((*base.suites, *base.more_suites))}")
    return [found[v] for v in sorted(found, key=_numbers)]


def _numbers(version):
    return [int(x) for x in re.findall(r"\d+", version)]


def rows(base, source, cache):
    """A Row for each version on offer, oldest first."""
    repo, tip = tree.commits(base, source, cache)
    series = []
    for commit in repo("rev-list", "--reverse", f"base..{tip}").split():
        series.append((repo("show", "-s", "--format=%s", commit),
                       repo.bytes("diff-tree", "-p", "-r", "--binary", "--full-index", f"{commit}^", commit)))
    wanted = [p for p in tree.files_at(repo, tip)]
    out = []
    for version, suite, mirror in offered(base, cache):
        if base.oldest and _numbers(version) < _numbers(base.oldest):
            out.append(Row(version, suite, [], f"not for it: patches/{base.name}/base says {base.oldest} or later"))
            continue
        folder = kernel_files.ensure(base, version, mirror, wanted, cache)
        with tempfile.TemporaryDirectory(dir=cache.tmp) as tmp:
            out.append(Row(version, suite, apply(series, base.since, version, folder, wanted, repo, Path(tmp))))
    return out


def apply(series, since, version, folder, wanted, repo, tmp):
    """Applies (title, diff) pairs to the files of a folder; returns (number, title, how) of each.

    since: title -> first version a patch is for; repo: has the objects that a three-way merge asks for.
    """
    index = _index(folder, wanted, repo, tmp)
    done = []
    for number, (title, diff) in enumerate(series, 1):
        if title in since and _numbers(version) < _numbers(since[title]):
            how = LATER
        else:
            how = _one(index, diff)
        done.append((number, title, how))
    return done


def _index(folder, wanted, repo, tmp):
    """A Git whose index has those files of the folder that exist, and whose objects include repo's."""
    init = git.init(tmp / "git", bare=True)
    (init.folder / "objects/info/alternates").write_text(f"{repo.folder}/objects\n", encoding="utf-8")
    index = git.Git(init.folder, tmp / "index", bare=True)
    lines = []
    for path in wanted:
        if (folder / path).is_file():
            blob = index("hash-object", "-w", "--stdin", data=(folder / path).read_bytes())
            lines.append(f"100644 {blob}\t{path}\0")
    index("update-index", "-z", "--index-info", data="".join(lines))
    return index


def _one(index, diff):
    if not diff:
        return EXACT
    for how, options in ((EXACT, ()), (FUZZ, ("-C1",)), (MERGE, ("--3way",))):
        before = index("write-tree")
        try:
            index("apply", "--cached", "--whitespace=nowarn", *options, "-", data=diff)
        except git.GitError:
            # A merge leaves its conflicts behind.
            index("read-tree", before)
            continue
        return how
    return CONFLICT


def run(base, source, cache):
    """(findings, note) for `make check`; the table goes to out/check/applies-BASE.txt and to stderr."""
    table = rows(base, source, cache)
    text = [str(r) for r in table]
    ui.say("\n".join(text))
    out = paths.OUT / "check"
    out.mkdir(parents=True, exist_ok=True)
    paths.write_atomic(out / f"applies-{base.name}.txt", "\n".join(text) + "\n")
    found = [f for r in table for f in r.findings(r is table[-1])]
    titles = {t for _, t, _ in table[-1].done}
    found += [f"patches/{base.name}/base: since: no patch is called {t!r}" for t in base.since if t not in titles]
    return found, f"{len(table)} versions, {table[0].version} to {table[-1].version}"
