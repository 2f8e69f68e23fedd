# SPDX-License-Identifier: MIT
"""git on repositories of the rig, deaf to the user's configuration, and the base as one commit."""

import os
import re
import stat
import subprocess

from . import cmd, disk, errors, paths, ui

IDENT = ("xe-unplug", "xe-unplug@localhost")   # author of what has no author yet
DATE = 1700000000                              # of every commit the rig makes: same input, same id
# Function names in hunk headers would otherwise depend on where git runs.
ATTRIBUTES = "*.c diff=cpp\n*.h diff=cpp\n*.rs diff=rust\n*.rst diff=markdown\n"
BASE_GB = 0.6


class Git:
    """Calls git for one repository; index: another index file."""

    def __init__(self, folder, index=None, bare=False):
        self.folder = folder
        self.env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", LC_ALL="C.UTF-8",
                        GIT_AUTHOR_NAME=IDENT[0], GIT_AUTHOR_EMAIL=IDENT[1],
                        GIT_COMMITTER_NAME=IDENT[0], GIT_COMMITTER_EMAIL=IDENT[1],
                        GIT_AUTHOR_DATE=f"{DATE} +0000", GIT_COMMITTER_DATE=f"{DATE} +0000")
        # A hook of the caller (make test in a pre-commit hook) must not redirect us.
        for name in [n for n in self.env if n in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")]:
            del self.env[name]
        if index:
            self.env["GIT_INDEX_FILE"] = str(index)
        self.argv = ["git", f"--git-dir={folder}"] if bare else ["git", "-C", str(folder)]

    def __call__(self, *args, data=None, check=True):
        """Standard output as text, without the last newline."""
        return self.bytes(*args, data=data, check=check).decode(errors="surrogateescape").rstrip("\n")

    def bytes(self, *args, data=None, check=True):
        """Standard output as it is; data is bytes or str for standard input."""
        data = data.encode(errors="surrogateescape") if isinstance(data, str) else data
        r = cmd.run([*self.argv, *args], env=self.env, data=data, check=False, text=False)
        if check and r.returncode:
            said = r.stderr.decode(errors="replace")
            # Below it git explains its usage.
            fatal = re.search(r"^(?:fatal|error): (.*)$", said, re.M)
            raise GitError(f"git {args[0]}: {fatal[1] if fatal else cmd.last_line(r)}", said)
        return r.stdout

    def dated_now(self):
        """Date what is made from here on today: for mails, not for commits that are to be found again."""
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            self.env.pop(name, None)

    def ok(self, *args):
        """Whether the command succeeds."""
        return cmd.run([*self.argv, *args], env=self.env, check=False).returncode == 0


class GitError(errors.InfraError):
    """git failed; said is its whole standard error."""

    def __init__(self, line, said=""):
        super().__init__(line)
        self.said = said


def init(folder, bare):
    """A new repository that names functions in hunks the same way everywhere."""
    cmd.run(["git", "init", "-q", *(["--bare"] if bare else []), "-b", "series", folder])
    info = (folder if bare else folder / ".git") / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(ATTRIBUTES, encoding="ascii")
    git = Git(folder, bare=bare)
    for key, value in (("gc.auto", "0"), ("core.abbrev", "12"), ("pack.compression", "1"),
                       ("core.looseCompression", "1"), ("index.version", "4")):
        git("config", key, value)
    return git


def base_repo(base, source, cache):
    """Bare repository with the base as one commit, tag `base`; made on first use. Returns a Git."""
    folder = cache.git / f"{base.name}-{source.key[:12]}.git"
    if not folder.exists():
        with cache.lock(f"git-{base.name}"):
            if not folder.exists():
                _import(base, source, cache, folder)
    return Git(folder, bare=True)


def _import(base, source, cache, folder):
    disk.require(cache.path, BASE_GB, f"the git base of {base.name}")
    partial = folder.with_name(folder.name + ".partial")
    paths.remove(partial)
    git = init(partial, bare=True)
    progress = ui.Progress(f"git base of {base.name}")
    argv = [*git.argv, "fast-import", "--quiet", "--depth=0", "--done"]
    ui.show(argv)
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=git.env)
    try:
        for piece in _stream(f"Linux {source.version}", source.path, progress):
            p.stdin.write(piece)
        said = p.communicate()[1]
    except BrokenPipeError:
        said = p.stderr.read()
        p.wait()
    if p.returncode:
        raise GitError(f"git fast-import: {said.decode(errors='replace').strip().splitlines()[0]}")
    partial.replace(folder)
    progress.done()


def _stream(message, top, progress):
    """fast-import input that makes one commit of all files of a tree."""
    head = f"{IDENT[0]} <{IDENT[1]}> {DATE} +0000"
    text = message.encode()
    yield b"commit refs/tags/base\ncommitter %s\ndata %d\n%s\n" % (head.encode(), len(text), text)
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(d for d in folders if d != ".git")
        links = [d for d in folders if os.path.islink(os.path.join(folder, d))]
        for name in sorted(files + links):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                kind, data = b"120000", os.fsencode(os.readlink(path))
            else:
                kind = b"100755" if mode & 0o100 else b"100644"
                with open(path, "rb") as f:
                    data = f.read()
            rel = os.path.relpath(path, top)
            if rel == ".gitignore":
                data = without_debian(data)
            yield b"M %s inline %s\ndata %d\n%s\n" % (kind, quote(rel), len(data), data)
            progress.step()
    yield b"done\n"


def without_debian(ignore):
    """Debian's .gitignore hides every file, new ones of a series too: leave only the kernel's part."""
    return re.sub(rb"(\n#[^\n]*)*\n/\*\n!/debian/\n", b"\n", ignore)


def quote(path):
    """A path as fast-import wants it."""
    raw = os.fsencode(path)
    if re.search(rb'["\n\\]|^ ', raw):
        raw = b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
    return raw
