# SPDX-License-Identifier: MIT
"""Debian packages by apt with a configuration and lists of the cache's own.

The machine's package sources are read, to learn its mirror, and never written. Settings of the
machine that concern the transport (proxies) stay in force.
"""

import re
import urllib.parse
from pathlib import Path

from . import cmd, errors, ui

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NO_NETWORK = re.compile(r"Could not resolve|Temporary failure|Unable to connect|Could not connect|"
                        r"Connection (refused|timed out|failed)|Network is unreachable|"
                        r"No route to host|Connection reset", re.I)
EXPIRED = re.compile(r"Release file for \S+ is (expired|not valid yet)|is not valid (yet|anymore)", re.I)
GONE = re.compile(r"Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate|"
                  r"Version '[^']*' for '([^']+)' was not found")


def machine_sources(etc=Path("/etc/apt")):
    """(uri, suites, components) of each package source the machine has, both file formats."""
    found = []
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    for path in lists:
        for line in _lines(path):
            m = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s*(.*)", line)
            if m:
                found.append((m[1].rstrip("/"), m[2].split(), m[3].split("#")[0].split()))
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        stanza = {}
        for line in [*_lines(path), ""]:
            m = re.match(r"([A-Za-z-]+):\s*(.*)", line)
            if m:
                stanza[m[1].lower()] = m[2].strip()
            elif not line.strip():
                if "deb" in stanza.get("types", "").split() and stanza.get("enabled", "yes") != "no":
                    found += [(u.rstrip("/"), stanza.get("suites", "").split(),
                               stanza.get("components", "").split())
                              for u in stanza.get("uris", "").split()]
                stanza = {}
    return found


def _lines(path):
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [s for s in text.splitlines() if not s.lstrip().startswith("#")]


def mirrors(etc=Path("/etc/apt")):
    """(main, security) mirror of the machine; UsageError where none carries Debian itself."""
    main = security = None
    for uri, suites, components in machine_sources(etc):
        if "main" not in components:
            continue
        if any(s.endswith("-security") or s.endswith("/updates") for s in suites):
            security = security or uri
        elif urllib.parse.urlsplit(uri).path.rstrip("/").endswith("debian"):
            main = main or uri
    if not main:
        raise errors.UsageError(f"no Debian mirror in {etc}/sources.list or {etc}/sources.list.d")
    return main, security or main + "-security"


def source_line(suite, components="main", etc=Path("/etc/apt")):
    """A sources.list line for a suite of the machine's mirror, checked against Debian's own keys."""
    main, security = mirrors(etc)
    uri = security if suite.endswith("-security") else main
    return f"deb [signed-by={KEYRING}] {uri} {suite} {components}"


def failure(output, doing):
    """The exception that says in one line why apt or mmdebstrap failed."""
    gone = GONE.search(output)
    if NO_NETWORK.search(output):
        host = re.search(r"(?:resolve|connect to|reach) '?([\w.-]+)", output)
        to = f" to {host[1]}" if host else ""
        return errors.UsageError(f"no network{to}: {doing} needs the Debian mirror of this machine")
    if gone:
        return errors.UsageError(f"package {next(g for g in gone.groups() if g)} is gone from the mirror ({doing})")
    if re.search(r"No space left on device|enough free space", output):
        return errors.UsageError(f"disk full while {doing}")
    said = [s for s in output.splitlines() if s.startswith("E:")] or output.splitlines() or ["no output"]
    return errors.UsageError(f"{doing} failed: {said[0].removeprefix('E:').strip()}")


class Apt:
    """apt on suites of the machine's mirror, state in folder."""

    def __init__(self, folder, suites):
        self.folder = Path(folder)
        for sub in ("lists/partial", "cache/archives/partial"):
            (self.folder / sub).mkdir(parents=True, exist_ok=True)
        sources = self.folder / "sources.list"
        sources.write_text("".join(source_line(s) + "\n" for s in suites), encoding="utf-8")
        self.options = []
        for key, value in (("Dir::Etc::SourceList", sources), ("Dir::Etc::SourceParts", "-"),
                           ("Dir::Etc::Preferences", "-"), ("Dir::Etc::PreferencesParts", "-"),
                           ("Dir::State::Lists", self.folder / "lists"),
                           ("Dir::Cache", self.folder / "cache"), ("Acquire::Languages", "none"),
                           ("Acquire::Retries", "2"), ("APT::Sandbox::User", "root")):
            self.options += ["-o", f"{key}={value}"]

    def update(self):
        """Fetch the lists; an expired Release file is said and then accepted, unsigned never is."""
        r = self._get("update")
        if r.returncode or EXPIRED.search(r.stderr):
            if EXPIRED.search(r.stderr):
                ui.say("the mirror's Release file is expired: going on without the date check, "
                       "signatures are still checked")
                self.options += ["-o", "Acquire::Check-Valid-Until=false"]
                r = self._get("update")
        errs = "\n".join(s for s in r.stderr.splitlines() if s.startswith(("E:", "W:", "Err")))
        if r.returncode or NO_NETWORK.search(errs):
            raise failure(r.stderr, "reading the package lists")

    def versions(self, package):
        """Versions on offer, newest first."""
        r = cmd.run(["apt-cache", *self.options, "madison", package])
        rows = [s.split("|") for s in r.stdout.splitlines()]
        seen = [v[1].strip() for v in rows if len(v) == 3 and v[0].strip() == package]
        return list(dict.fromkeys(seen))

    def sha256(self, package, version):
        """Checksum the signed lists give for a version, or None."""
        r = cmd.run(["apt-cache", *self.options, "show", "--no-all-versions", f"{package}={version}"])
        m = re.search(r"^SHA256: ([0-9a-f]{64})$", r.stdout, re.M)
        return m[1] if m else None

    def download(self, package, version, folder):
        """Download one .deb into folder; returns its path."""
        r = self._get("download", f"{package}={version}", cwd=folder)
        # The architecture is in the name; a package for all of them says so.
        found = list(Path(folder).glob(file_name(package, version).replace("_all.", "_*.")))
        if r.returncode or not found:
            raise failure(r.stderr or "no file came", f"downloading {package} {version}")
        return found[0]

    def _get(self, *args, cwd=None):
        return cmd.run(["apt-get", "-q", *self.options, *args], cwd=cwd, check=False)


def file_name(package, version):
    """Name apt gives an architecture-independent .deb."""
    return f"{package}_{version.replace(':', '%3a')}_all.deb"
