# SPDX-License-Identifier: MIT
"""The series as git commits on its base, from and to the files of this repository.

A file of the base is changed by patches only. A file the base does not have lies in the repository
at its in-tree path (or in patches/BASE/files/ where one base needs its own), in the form it has
after the last patch; the patch that brings it says `Adds: path`. What it looked like before later
patches changed it follows from taking those back.
"""

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

from . import base as bases
from . import errors, git, patchfile, paths, ui

FORMAT = 1
NEW_FILE_FOLDERS = ("drivers", "include", "Documentation/gpu")


def checkout_folder(base):
    """Where `make tree` puts the working tree of a base."""
    return paths.OUT / "tree" / base.name


def new_file(base, path):
    """The repository's file for a new kernel file: the base's own version if there is one."""
    own = base.dir / "files" / path
    return own if own.exists() else paths.REPO / path


def read_series(base):
    """The patches of a base in order."""
    return [patchfile.parse(p.read_bytes(), p.name) for p in base.patches()]


def added_by(name):
    """Paths the patches of a base add, without parsing them as mails: quick, for messages."""
    found = set()
    for p in bases.load(name).patches():
        found |= set(patchfile.ADDS.findall(p.read_text(encoding="utf-8", errors="replace").split("\ndiff --git")[0]))
    return found


def digest(base, source):
    """Identifies everything the commits are made of."""
    h = hashlib.sha256(f"{FORMAT} {source.key}".encode())
    for p in base.patches():
        h.update(p.name.encode() + b"\0" + p.read_bytes())
    for path in sorted(added_by(base.name)):
        file = new_file(base, path)
        h.update(path.encode() + b"\0" + (file.read_bytes() if file.exists() else b"") + _mode(file).encode())
    return h.hexdigest()[:32]


def commits(base, source, cache):
    """(Git of the cache's repository, commit id of the last patch); made once per content."""
    repo = git.base_repo(base, source, cache)
    ref = f"refs/series/{digest(base, source)}"
    file = repo.folder / ref
    if file.exists():
        return repo, file.read_text(encoding="ascii").strip()
    with cache.lock(f"git-{base.name}"):
        tip = build(repo, base, read_series(base), lambda path: _final(base, path), ref)
    return repo, tip


def _final(base, path):
    file = new_file(base, path)
    if not file.is_file():
        raise errors.UsageError(f"a patch of {base.name} adds {path}, but the repository has no such file")
    return file.read_bytes(), _mode(file)


def _mode(file):
    return "100755" if file.exists() and os.access(file, os.X_OK) else "100644"


def build(repo, base, series, final, ref):
    """Commits of a series on tag `base` of repo, the last one as ref; returns its id.

    final(path) -> (bytes, mode) of a new file after the last patch.
    Raises PatchError naming the patch that does not apply; nothing is applied with fuzz.
    """
    adder = {}
    for i, patch in enumerate(series):
        for path in patch.adds:
            if path in adder:
                raise PatchError(f"{patch.name} adds {path}, which {series[adder[path]].name} added")
            adder[path] = i
    base_id = repo("rev-parse", "base^{commit}")
    touched = sorted(set().union(*(p.touches() for p in series)) | adder.keys()) if series else []
    in_base = _entries(repo, base_id, touched)
    for path in adder:
        if path in in_base:
            raise PatchError(f"{series[adder[path]].name} adds {path}, which {base.name} has already: "
                             "its change belongs into the patch")
    with tempfile.TemporaryDirectory() as tmp:
        first = _first_forms(repo, series, adder, final, Path(tmp, "new"))
        index = git.Git(repo.folder, Path(tmp, "index"), bare=True)
        index("update-index", "-z", "--index-info", data="".join(
            f"{mode} {blob}\t{path}\0" for path, (mode, blob) in in_base.items()))
        before, stream = in_base, []
        for i, patch in enumerate(series):
            if patch.diff:
                _apply(index, patch, base)
            if patch.adds:
                index("update-index", "-z", "--index-info", data="".join(
                    f"{first[p][0]} {first[p][1]}\t{p}\0" for p in patch.adds))
            after = _listing(index)
            stream.append(_commit(ref, patch, i, before, after, base_id if i == 0 else None))
            before = after
    if not series:
        repo("update-ref", ref, base_id)
        return base_id
    repo("fast-import", "--quiet", "--force", "--done", data=b"".join(stream) + b"done\n")
    return repo("rev-parse", ref)


class PatchError(errors.InfraError):
    """The series does not fit its base: a finding about the series, status 1."""


def _entries(repo, commit, wanted):
    """path -> (mode, blob) of the wanted paths that a commit has."""
    if not wanted:
        return {}
    found = {}
    for row in repo("ls-tree", "-r", "-z", commit, "--", *wanted).split("\0"):
        if row:
            meta, path = row.split("\t", 1)
            mode, _, blob = meta.split()
            found[path] = (mode, blob)
    return {p: e for p, e in found.items() if p in set(wanted)}


def _listing(index):
    found = {}
    for row in index("ls-files", "-s", "-z").split("\0"):
        if row:
            meta, path = row.split("\t", 1)
            mode, blob, _ = meta.split()
            found[path] = (mode, blob)
    return found


def _first_forms(repo, series, adder, final, index_path):
    """path -> (mode, blob) a new file has in the patch that adds it: later changes taken back."""
    index = git.Git(repo.folder, index_path, bare=True)
    rows = []
    for path in adder:
        data, mode = final(path)
        rows.append(f"{mode} {repo('hash-object', '-w', '--stdin', data=data)}\t{path}\0")
    index("update-index", "-z", "--index-info", data="".join(rows))
    for i in reversed(range(len(series))):
        later = sorted(p for p in series[i].touches() if p in adder and adder[p] < i)
        if not later:
            continue
        try:
            index("apply", "--cached", "-R", "--whitespace=nowarn", *[f"--include={p}" for p in later], "-",
                  data=series[i].diff)
        except git.GitError as e:
            raise PatchError(f"{later[0]} is not what it is after {series[i].name}: "
                             f"that patch cannot be taken back from it ({reason(e)})") from e
    return _listing(index)


def _apply(index, patch, base):
    try:
        index("apply", "--cached", "--whitespace=nowarn", "-", data=patch.diff)
    except git.GitError as e:
        raise PatchError(f"{patch.name} does not apply to {base.name}: {reason(e)}") from e


def reason(e):
    """What git said of a patch that it would not take, in one line."""
    said = [s.removeprefix("error: ") for s in e.said.splitlines() if s.startswith("error:")]
    return said[0] if said else str(e)


def _commit(ref, patch, number, before, after, parent):
    message = patch.message.encode(errors="surrogateescape")
    name, mail = patch.author
    when = git.DATE + 1 + number
    out = [f"commit {ref}\nauthor {name} <{mail}> {when} +0000\n"
           f"committer {git.IDENT[0]} <{git.IDENT[1]}> {when} +0000\ndata {len(message)}\n".encode(), message, b"\n"]
    if parent:
        out.append(f"from {parent}\n".encode())
    for path in sorted(before.keys() - after.keys()):
        out.append(b"D " + git.quote(path) + b"\n")
    for path, (mode, blob) in sorted(after.items()):
        if before.get(path) != (mode, blob):
            out.append(f"M {mode} {blob} ".encode() + git.quote(path) + b"\n")
    return b"".join(out) + b"\n"


def overlay(base, source, cache):
    """(path -> bytes or None, note): what the patched side lays over the base.

    From out/tree/BASE where that has work in it, else from patches/BASE.
    """
    work = checkout_state(base, source)
    if work in ("edited", "clean"):
        folder = checkout_folder(base)
        here = git.Git(folder)
        changed = _names(here("diff", "-z", "--name-only", "--no-renames", "base"))
        changed += _names(here("ls-files", "-z", "--others", "--exclude-standard"))
        files = {p: (folder / p).read_bytes() if (folder / p).is_file() else None for p in sorted(set(changed))}
        note = f"patched side: out/tree/{base.name} as it stands" if work == "edited" else None
        return files, note or _empty(base, files)
    if not base.patches():
        return {}, _empty(base, {})
    repo, tip = commits(base, source, cache)
    files = files_at(repo, tip)
    note = None
    if work == "stale":
        note = f"out/tree/{base.name} is older than patches/{base.name} and unedited: using the patches"
    return files, note


def files_at(repo, commit, blobs=None):
    """path -> bytes, or None where deleted: what a commit of the series has different from the base.

    blobs: id -> bytes of what was read before, added to: commits of one series share most of their files.
    """
    blobs, files = {} if blobs is None else blobs, {}
    rows = _names(repo("diff-tree", "-r", "-z", "--no-abbrev", "--no-renames", "base", commit))
    for meta, path in zip(rows[::2], rows[1::2]):
        _, mode, _, blob, _ = meta.split()
        files[path] = None if mode == "000000" else blob
    _read(repo, {b for b in files.values() if b and b not in blobs}, blobs)
    return {p: b and blobs[b] for p, b in files.items()}


def _read(repo, ids, blobs):
    said, at = repo.bytes("cat-file", "--batch", data="".join(f"{i}\n" for i in sorted(ids))), 0
    while at < len(said):
        start = said.index(b"\n", at) + 1
        blob, _, size = said[at:start].decode("ascii").split()
        blobs[blob], at = said[start:start + int(size)], start + int(size) + 1


def _empty(base, files):
    return None if files else f"{base.name}: no patches yet, the patched side is empty"


def _names(text):
    return [p for p in text.split("\0") if p]


def record_path(base):
    """What `make tree` or `make refresh` last left in the working tree."""
    return checkout_folder(base) / ".git" / "xe-unplug.json"


def checkout_state(base, source):
    """none, edited (differs from what make tree left), clean (as the patches), stale (older)."""
    folder = checkout_folder(base)
    try:
        record = json.loads(record_path(base).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "edited" if (folder / ".git").exists() else "none"
    here = git.Git(folder)
    if here("rev-parse", "HEAD") != record["tip"] or here("status", "--porcelain"):
        return "edited"
    return "clean" if record["digest"] == digest(base, source) else "stale"


def strays():
    """New kernel files in the repository that no patch of any base adds."""
    named = set().union(*(added_by(n) for n in bases.names()), set())
    found = []
    for top in NEW_FILE_FOLDERS:
        for file in sorted((paths.REPO / top).rglob("*")):
            rel = file.relative_to(paths.REPO).as_posix()
            if file.is_file() and rel not in named and not re.search(r"\.(o|ko|cmd|pyc|orig|rej)$", rel):
                found.append(rel)
    return found


def warn_strays():
    """Say which new files are in no series."""
    for path in strays():
        ui.say(f"{path} is in no patch: a line `Adds: {path}` in the patch that brings it is missing")
