# SPDX-License-Identifier: MIT
"""One patch file of patches/BASE: a mail as git format-patch writes it, less what only makes churn.

No commit id, no date, no version footer. Author and sign-off are the exporter's (`make series`),
so they are not in the file; the author of someone else's patch is kept. New files are not in the
diff: the line `Adds: path` names each, and the repository has the file itself at that path.
"""

import dataclasses
import re
import tempfile
from email.utils import formataddr
from pathlib import Path

from . import cmd, errors, git

ZERO = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001"
ADDS = re.compile(r"^Adds: +(\S+)[ \t]*$", re.M)


@dataclasses.dataclass
class Patch:
    """message: subject, empty line, body; adds: paths; diff: bytes; author: (name, mail)."""

    name: str
    message: str
    adds: list
    diff: bytes
    author: tuple = git.IDENT

    @property
    def subject(self):
        """First line of the message."""
        return self.message.split("\n", 1)[0]

    def touches(self):
        """Paths the diff names, on either side."""
        found = set()
        for old, new in re.findall(rb"^diff --git a/(\S+) b/(\S+)$", self.diff, re.M):
            found |= {old.decode(), new.decode()}
        return found


def without_adds(text):
    """A message without its Adds lines: they belong to the file in patches/, not to the commit."""
    if not ADDS.search(text):
        return text
    return re.sub(r"\n{3,}", "\n\n", ADDS.sub("", text)).rstrip("\n") + "\n"


def parse(data, name):
    """A Patch from the bytes of a file; UsageError where it is no patch mail."""
    with tempfile.TemporaryDirectory() as tmp:
        body, rest = Path(tmp, "body"), Path(tmp, "rest")
        r = cmd.run(["git", "mailinfo", "-u", "--encoding=UTF-8", body, rest], cwd=tmp, data=data, check=False,
                    text=False)
        if r.returncode:
            raise errors.UsageError(f"{name} is not a patch mail: {cmd.last_line(r)}")
        text, rest = body.read_text(encoding="utf-8", errors="surrogateescape"), rest.read_bytes()
    head = dict(s.split(": ", 1) for s in r.stdout.decode(errors="replace").splitlines() if ": " in s)
    if not head.get("Subject"):
        raise errors.UsageError(f"{name} has no Subject")
    start = re.search(rb"^diff --git ", rest, re.M)
    preface, diff = (rest[:start.start()], rest[start.start():]) if start else (rest, b"")
    adds = ADDS.findall(text) + ADDS.findall(preface.decode(errors="replace"))
    text = without_adds(text)
    message = (head["Subject"] + "\n\n" + text.strip("\n")).strip("\n") + "\n"
    author = (head["Author"], head["Email"]) if head.get("Email") else git.IDENT
    return Patch(name, message, sorted(dict.fromkeys(adds)), re.sub(rb"\n-- \n[^\n]*\n\s*\Z", b"\n", diff), author)


def render(patch, stat=""):
    """The bytes of the file for a Patch; parse() of them gives it back."""
    subject, _, body = patch.message.partition("\n")
    head = [ZERO]
    if patch.author != git.IDENT:
        head.append(f"From: {formataddr(patch.author, 'utf-8')}")
    head.append(f"Subject: [PATCH] {subject}")
    if not patch.message.isascii():
        head += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=UTF-8",
                 "Content-Transfer-Encoding: 8bit"]
    text = "\n".join(head) + "\n\n"
    body = body.strip("\n")
    if body:
        text += body + "\n\n"
    text += "".join(f"Adds: {p}\n" for p in patch.adds)
    text += "---\n" + (stat.rstrip("\n") + "\n\n" if stat else "")
    return text.encode(errors="surrogateescape") + patch.diff


def file_name(number, subject):
    """NNNN-title.patch, as git format-patch names it."""
    title = re.sub(r"[^A-Za-z0-9._]+", "-", subject)
    title = re.sub(r"\.{2,}", ".", title).strip("-.")[:52].rstrip("-.")
    return f"{number:04d}-{title}.patch"
