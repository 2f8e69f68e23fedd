# SPDX-License-Identifier: MIT
"""Who a series goes to: the base's own get_maintainer.pl is asked about each mail when it is exported.

The answers stand as To and Cc in the mails, where git send-email takes them from. Names and
addresses are the base's (its MAINTAINERS); the repository has none of them.
"""

import concurrent.futures
import os
import re
from email.utils import formataddr

from . import cmd, errors, paths

SCRIPT = "scripts/get_maintainer.pl"
NEWER = "--no-substatus"
LIST = re.compile(r"\blist\b")
EVERYBODY = "linux-kernel@vger.kernel.org"  # a list to keep posted, not one to address
LINE = re.compile(r'^(?:"?([^"<]*?)"?\s*<)?([^<>\s]+@[^<>\s]+?)>?(?:\s+\((.*)\))?$')


def of_mail(source, mail):
    """[(name, address, is a list)] for a patch mail, as the kernel tree of source names them."""
    if not (source.path / SCRIPT).exists():
        raise errors.UsageError(f"{source.path} has no {SCRIPT}: nobody to send the series to")
    asked = ["perl", SCRIPT, "--no-git", "--no-git-fallback", "--roles", "--no-rolestats", "--no-fixes"]
    r = cmd.run([*asked, NEWER, mail], cwd=source.path, check=False)
    if r.returncode and f"Unknown option: {NEWER[2:]}" in r.stderr:  # the script of 6.12
        r = cmd.run([*asked, mail], cwd=source.path, check=False)
    if r.returncode:
        raise errors.InfraError(f"{SCRIPT}: {cmd.last_line(r)}")
    return parse(r.stdout)


def parse(text):
    """Lines of get_maintainer.pl --roles; later lines about an address that was named before are left out."""
    found = {}
    for line in text.splitlines():
        m = LINE.match(line.strip())
        if m:
            found.setdefault(m[2].lower(), ((m[1] or "").strip(), m[2], bool(LIST.search(m[3] or ""))))
    return list(found.values())


def address(mails, source):
    """Writes To and Cc into the mails (paths); a cover letter, the one without a diff, gets everybody's.

    Returns (number of lists, number of people).
    """
    patches = [m for m in mails if "\ndiff --git " in m.read_text(encoding="utf-8", errors="replace")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = dict(zip(patches, pool.map(lambda m: of_mail(source, m), patches)))
    union = list({a[1].lower(): a for rows in answers.values() for a in rows}.values())
    for mail in mails:
        text = mail.read_text(encoding="utf-8", errors="surrogateescape")
        paths.write_atomic(mail, headed(text, answers.get(mail, union)).encode(errors="surrogateescape"))
    lists = sum(a[2] for a in union)
    return lists, len(union) - lists


def headed(text, rows):
    """A mail with To (lists) and Cc (people, and the list of everybody) behind its other headers."""
    to = [a for a in rows if a[2] and a[1] != EVERYBODY] or rows
    head, _, body = text.partition("\n\n")
    for name, some in (("To", to), ("Cc", [a for a in rows if a not in to])):
        if some:
            head += f"\n{name}: " + ",\n    ".join(formataddr(a[:2], "utf-8") for a in some)
    return f"{head}\n\n{body}"
