# SPDX-License-Identifier: MIT
"""out/tree/BASE: the working tree people edit, and the way back into the repository."""

import json
import re
import tempfile
from pathlib import Path

from . import base as bases
from . import beforeafter, cmd, errors, git, patchfile, paths, recipients, tree, ui

# What a driver series edits; the rest of the kernel is in git, and one command away on disk.
SPARSE = ("drivers/gpu/drm/xe", "drivers/gpu/drm/ttm", "drivers/gpu/drm/tests", "drivers/gpu/tests",
          "include", "Documentation/gpu/xe", "lib/kunit")
TABLE = "@table@"  # in patches/BASE/cover-letter: where the before/after table goes
REPOSITORY = "@repository@"  # and the address of this repository
PUBLIC = re.compile(r"(?:https?|git)://(?:[\w-]+\.)+[a-z]+/\S+")  # no account, no machine of one's own


def make(base, source, cache):
    """`make tree`: the series as commits in out/tree/BASE, on a sparse checkout.

    Refuses to overwrite work that `make refresh` has not written back.
    """
    folder = tree.checkout_folder(base)
    state = tree.checkout_state(base, source)
    if state == "edited":
        raise errors.UsageError(f"{_rel(folder)} has work in it: `make refresh BASE={base.name}` writes it back, "
                                "or remove that folder")
    repo, tip = tree.commits(base, source, cache)
    if state == "none" or not _same_repo(folder, repo):
        paths.remove(folder)
        _new(folder, repo)
    here = git.Git(folder)
    here("update-ref", "refs/tags/base", repo("rev-parse", "base^{commit}"))
    here("sparse-checkout", "set", "--cone", *_folders(repo, tip))
    here("checkout", "-q", "-f", "-B", "series", tip)
    _record(base, source, tip)
    tree.warn_strays()
    return folder, int(here("rev-list", "--count", "base..HEAD"))


def _rel(path):
    return path.relative_to(paths.REPO) if path.is_relative_to(paths.REPO) else path


def _same_repo(folder, repo):
    try:
        text = (folder / ".git/objects/info/alternates").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.strip() == str(repo.folder / "objects")


def _new(folder, repo):
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(folder.name + ".partial")
    paths.remove(partial)
    git.init(partial, bare=False)
    # The base stays in the cache: a checkout costs its files only.
    (partial / ".git/objects/info/alternates").write_text(f"{repo.folder}/objects\n", encoding="utf-8")
    partial.replace(folder)


def _folders(repo, tip, usual=SPARSE):
    """Folders to have on disk: the usual ones and every other one the series touches."""
    wanted = set(usual)
    for path in repo("diff-tree", "-r", "--name-only", "-z", "base", tip).split("\0"):
        parent = str(Path(path).parent)
        if path and parent != "." and not any(f"{parent}/".startswith(f"{s}/") for s in wanted):
            wanted.add(parent)
    return sorted(wanted)


def _record(base, source, tip):
    paths.write_atomic(tree.record_path(base), json.dumps({"tip": tip, "digest": tree.digest(base, source)}))


def refresh(base, source, cache):
    """`make refresh`: the commits of out/tree/BASE as patches/BASE and new files; returns their number.

    What is written is read back and compared commit by commit before anything is replaced.
    """
    folder = tree.checkout_folder(base)
    if not (folder / ".git").exists():
        raise errors.UsageError(f"there is no {_rel(folder)}: `make tree BASE={base.name}` makes it")
    here = git.Git(folder)
    dirty = here("status", "--porcelain").splitlines()
    if dirty:
        raise errors.UsageError(f"{_rel(folder)} has changes that are in no commit ({dirty[0][3:]}): commit them first")
    if here("rev-list", "--merges", "base..HEAD"):
        raise errors.UsageError(f"{_rel(folder)} has a merge on top of the base: a series is a straight line")
    if not here.ok("merge-base", "--is-ancestor", "base", "HEAD"):
        raise errors.UsageError(f"{_rel(folder)} is not on top of its base: rebase it onto the tag `base`")
    series, files = export(here)
    _prove(here, base, source, cache, series, files)
    _install(base, series, files)
    _record(base, source, here("rev-parse", "HEAD"))
    tree.warn_strays()
    return len(series)


def export(here):
    """(patches, new files) of the commits base..HEAD; new files: path -> (bytes, mode) at HEAD."""
    ids = here("rev-list", "--reverse", "base..HEAD").split()
    new = _new_files(here)
    adder = {}
    for i, commit in enumerate(ids):
        for path in here("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=A", "--name-only",
                         f"{commit}^", commit).split("\0"):
            if path in new:
                adder[path] = i
    own = identity()
    series = []
    for i, commit in enumerate(ids):
        adds = sorted(p for p in adder if adder[p] == i)
        message, name, mail = here("show", "-s", "--format=%B%x00%an%x00%ae", commit).split("\0")
        author = (name, mail.strip())
        if author == own or author[1].endswith("@localhost"):
            author = git.IDENT
        diff, stat = _diff(here, commit, adds)
        patch = patchfile.Patch("", patchfile.without_adds(message.strip("\n") + "\n"), adds, diff, author)
        patch.name = patchfile.file_name(i + 1, patch.subject)
        series.append((patch, patchfile.render(patch, stat)))
    return series, new


def _new_files(here):
    found = {}
    for row in here("diff-tree", "-r", "-z", "--raw", "--no-renames", "--diff-filter=A", "--abbrev=40",
                    "base", "HEAD").split("\0:"):
        if not row:
            continue
        meta, path = row.rstrip("\0").split("\0", 1)
        mode, blob = meta.lstrip(":").split()[1], meta.split()[3]
        if mode not in ("100644", "100755"):
            raise errors.UsageError(f"{path} is neither a plain file nor a program: a series cannot carry it")
        found[path] = (here.bytes("cat-file", "blob", blob), mode)
    return found


def _diff(here, commit, adds):
    """(diff, diffstat) of a commit without the files it adds."""
    without = ["--", ".", *[f":(exclude,top,literal){p}" for p in adds]]
    how = ["-r", "--root", "-M", "--abbrev=12", "--no-color", f"{commit}^", commit, *without]
    diff = here.bytes("diff-tree", "-p", "--binary", *how)
    stat = here("diff-tree", "--stat=78", "--summary", *how) if diff else ""
    return diff, stat


def identity():
    """(name, mail) of the user, whose own commits carry no author in the repository."""
    ask = [cmd.run(["git", "-C", paths.REPO, "config", f"user.{k}"], check=False).stdout.strip()
           for k in ("name", "email")]
    return tuple(ask)


def published():
    """Address from which everybody can clone what this repository was cloned from, or None."""
    from . import cmd
    said = cmd.run(["git", "-C", paths.REPO, "config", "remote.origin.url"], check=False).stdout.strip()
    return said if PUBLIC.fullmatch(said) else None


def _prove(here, base, source, cache, series, files):
    """Build the series from what is about to be written; every tree and message must be the same."""
    repo = git.base_repo(base, source, cache)
    again = [patchfile.parse(data, patch.name) for patch, data in series]
    ref = "refs/series/refresh"
    with cache.lock(f"git-{base.name}"):
        tip = tree.build(repo, base, again, lambda path: files[path], ref)
        show = ("log", "--reverse", "--format=%T%x00%B%x01")
        want = _logs(here(*show, "base..HEAD"))
        got = _logs(repo(*show, f"base..{tip}"))
        repo("update-ref", "-d", ref)
    for (patch, _), a, b in zip(series, want, got):
        if a != b:
            what = "files" if a[0] != b[0] else "message"
            raise errors.InfraError(f"{patch.name} would not come back the same ({what}); nothing was written")


def _logs(text):
    rows = [r.strip("\n") for r in text.split("\x01")]
    return [(r.split("\0")[0], patchfile.without_adds(r.split("\0")[1]).strip("\n")) for r in rows if r]


def _install(base, series, files):
    """Put patches and new files where they belong; unchanged files are not touched."""
    before = tree.added_by(base.name)
    others = {n: tree.added_by(n) for n in bases.names() if n != base.name}
    wanted = {patch.name: data for patch, data in series}
    for old in base.patches():
        if old.name not in wanted:
            old.unlink()
    for name, data in wanted.items():
        _write(base.dir / name, data)
    for path, (data, mode) in files.items():
        target = tree.new_file(base, path)
        changed = _write(target, data)
        target.chmod(0o755 if mode == "100755" else 0o644)
        sharing = [n for n, adds in others.items()
                   if path in adds and not (bases.load(n).dir / "files" / path).exists()]
        if changed and sharing and target == paths.REPO / path:
            ui.say(f"{path} is shared: the series of {', '.join(sharing)} changed with it")
    for path in before - files.keys():
        own = base.dir / "files" / path
        if own.exists():
            own.unlink()
        elif not any(path in adds for adds in others.values()):
            (paths.REPO / path).unlink(missing_ok=True)


def _write(path, data):
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    paths.write_atomic(path, data)
    return True


def can_send(base, only):
    """UsageError where series() would refuse; asked before anything is set up."""
    if not all(identity()):
        raise errors.UsageError("`make series` signs with your name: set git config user.name and user.email")
    if not base.patches():
        raise errors.UsageError(f"{base.name}: no patches yet, there is no series to write")
    if only == "alone" and not base.alone:
        raise errors.UsageError(f"ONLY=alone: patches/{base.name}/base names no patch that stands alone")
    if only and only != "alone":
        numbers(only, len(base.patches()))


def series(base, source, cache, only=None):
    """`make series`: mailable patches, addressed, in out/series; returns (folder, number of patches, (lists, people)).

    only: text as chosen() takes it; those patches alone, each a mail of its own without cover letter.
    """
    can_send(base, only)
    name, mail = identity()
    repo, tip = tree.commits(base, source, cache)
    out = paths.OUT / "series" / base.name
    if only:
        out = out.with_name(f"{base.name}-{re.sub(r'[^0-9a-z]+', '-', only)}")
        tip = alone(repo, base, tip, chosen(only, base, repo, tip))
    paths.remove(out)
    found = mails(repo, tip, out, (name, mail), cache, "--no-numbered" if only else "--cover-letter")
    if not only:
        _cover(base, found[0], beforeafter.newest(base.name, tree.digest(base, source)))
    return out, len(found) - (not only), recipients.address(found, source)


def chosen(text, base, repo, tip):
    """Numbers of patches, in order: "alone" for those patches/BASE/base says stand alone, or "1-4,7"."""
    titles = [repo("show", "-s", "--format=%s", c) for c in repo("rev-list", "--reverse", f"base..{tip}").split()]
    if text != "alone":
        return numbers(text, len(titles))
    lost = [t for t in base.alone if t not in titles]
    if lost:
        raise errors.UsageError(f"patches/{base.name}/base: alone: no patch is called {lost[0]!r}")
    return sorted(titles.index(t) + 1 for t in base.alone)


def numbers(text, most):
    """Numbers of "1-4,7", each from 1 to most."""
    found = set()
    for part in text.split(","):
        m = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part.strip())
        first, last = (int(m[1]), int(m[2] or m[1])) if m else (0, 0)
        if not 1 <= first <= last <= most:
            raise errors.UsageError(f"ONLY={text}: want `alone`, or numbers from 1 to {most} as in 1-4,7")
        found |= set(range(first, last + 1))
    return sorted(found)


def alone(repo, base, tip, numbers):
    """Commits of those patches on the base without the others; returns the id of the last one.

    PatchError where one needs a patch that was left out.
    """
    ids = repo("rev-list", "--reverse", f"base..{tip}").split()
    base_id = parent = repo("rev-parse", "base^{commit}")
    with tempfile.TemporaryDirectory() as tmp:
        index = git.Git(repo.folder, Path(tmp, "index"), bare=True)
        index("read-tree", base_id)
        for number in numbers:
            commit = ids[number - 1]
            try:
                index("apply", "--cached", "--whitespace=nowarn", "-",
                      data=repo.bytes("diff-tree", "-p", "-r", "--binary", "--full-index", f"{commit}^", commit))
            except git.GitError as e:
                raise tree.PatchError(f"patch {number} of {base.name} does not stand alone: {tree.reason(e)}") from e
            message = Path(tmp, "message")
            message.write_bytes(repo.bytes("show", "-s", "--format=%B", commit))
            maker = git.Git(repo.folder, bare=True)
            who = repo("show", "-s", "--format=%an%x00%ae", commit).split("\0")
            maker.env.update(GIT_AUTHOR_NAME=who[0], GIT_AUTHOR_EMAIL=who[1])
            parent = maker("commit-tree", index("write-tree"), "-p", parent, "-F", message)
    return parent


def mails(repo, tip, out, who, cache, *options):
    """The commits base..tip as mails of `who` in folder out; returns the files in order."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.tmp) as tmp:
        signed = _signed(repo, tip, *who, Path(tmp))
    here = git.Git(repo.folder, bare=True)
    here.env.update(GIT_COMMITTER_NAME=who[0], GIT_COMMITTER_EMAIL=who[1])
    here.dated_now()
    here("format-patch", "-q", "-M", "--binary", "--zero-commit", "--signature=", "--abbrev=12",
         "--stat=78", "-o", out, *options, f"base..{signed}")
    return sorted(out.glob("[0-9]*.patch"))


def scratch(folder, repo, tip):
    """A working tree of the base with what commit tip touches; returns its Git."""
    _new(folder, repo)
    here = git.Git(folder)
    here("update-ref", "refs/tags/base", repo("rev-parse", "base^{commit}"))
    here("sparse-checkout", "set", "--cone", *_folders(repo, tip, ()))
    here("checkout", "-q", "--detach", "base")
    return here


def _signed(repo, tip, name, mail, tmp):
    """The same commits by the exporter, signed off; returns the id of the last one."""
    parent = repo("rev-parse", "base^{commit}")
    for commit in repo("rev-list", "--reverse", f"base..{tip}").split():
        row = repo("show", "-s", "--format=%T%x00%an%x00%ae%x00%B", commit).split("\0")
        author = (row[1], row[2]) if (row[1], row[2]) != git.IDENT else (name, mail)
        message = tmp / "message"
        message.write_text(row[3].strip("\n") + "\n", encoding="utf-8", errors="surrogateescape")
        sign = f"Signed-off-by: {name} <{mail}>"
        repo("interpret-trailers", "--in-place", "--if-exists=addIfDifferent", "--trailer", sign, message)
        maker = git.Git(repo.folder, bare=True)
        maker.env.update(GIT_AUTHOR_NAME=author[0], GIT_AUTHOR_EMAIL=author[1],
                         GIT_COMMITTER_NAME=name, GIT_COMMITTER_EMAIL=mail)
        maker.dated_now()
        parent = maker("commit-tree", row[0], "-p", parent, "-F", message)
    return parent


def _cover(base, path, run):
    """Fill in the cover letter from patches/BASE/cover-letter: subject, empty line, text.

    A line @table@ in it becomes the before/after table of run, @repository@ the address this repository was cloned
    from; where there is no run of this series, or no address for everybody, it says so.
    """
    source = base.dir / "cover-letter"
    text = path.read_text(encoding="utf-8")
    if source.exists():
        subject, _, body = source.read_text(encoding="utf-8").partition("\n")
    else:
        subject, body = "drm/xe: Survive hot-unplug with resources held", f"Made for Linux {base.version}."
    if TABLE in body and run is None:
        ui.say(f"no run of this series yet: `make hotunplug BASE={base.name}` makes the cover letter's table")
    table = beforeafter.text(run).rstrip() if run else "(no table: the series as it stands has not been run)"
    body = body.replace(TABLE, table)
    if REPOSITORY in body:
        address = published()
        if not address:
            ui.say("the cover letter does not say where this repository is: its `origin` is no public address")
        body = body.replace(REPOSITORY, address or "(address of the repository)")
    text = text.replace("*** SUBJECT HERE ***", subject.strip()).replace("*** BLURB HERE ***", body.strip("\n"))
    paths.write_atomic(path, text)
