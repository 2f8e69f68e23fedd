# SPDX-License-Identifier: MIT
"""The series on other versions of its base: what is taken, what is merged, what conflicts."""

import shutil
import subprocess

import pytest

from sbkit import XE_C, write
from xerig import applies, apt, errors, kernel_files
from xerig import base as bases

FILE = "drivers/gpu/drm/xe/xe.c"


class Mirror:
    """An Apt whose suites offer versions, each a package with a kernel tree."""

    def __init__(self, versions):
        self.offers = versions

    def update(self):
        if self.offers is None:
            raise errors.UsageError("reading the package lists failed: The repository 'x' does not have a Release "
                                    "file.")

    def versions(self, _package):
        return list(self.offers)


@pytest.fixture
def mirror(series, monkeypatch):
    """series, with other versions: world.offer(suite, {version: text of xe.c})."""
    offers = {}

    def folder(base, version, _mirror, _wanted, cache):
        text = next(v[version] for v in offers.values() if v and version in v)
        where = cache.src / f"files-{version}"
        write(where / FILE, text)
        return where
    monkeypatch.setattr(apt, "Apt", lambda path, suites: Mirror(offers.get(suites[0])))
    monkeypatch.setattr(kernel_files, "ensure", folder)
    base = series.base.dir / "base"
    base.write_text(base.read_text() + "more-suites old gone\n")
    series.offer = lambda suite, versions: offers.update({suite: versions})
    series.run = lambda: applies.run(bases.load("6.12"), series.source, series.cache)
    series.rows = lambda: applies.rows(bases.load("6.12"), series.source, series.cache)
    return series


def test_newest_and_older_take_the_series(mirror, capsys):
    mirror.offer("trixie", {"6.12.117-1": XE_C, "6.12.94-1": "/* moved */\n" * 9 + XE_C})
    mirror.offer("old", {"6.12.95-1~bpo12+1": XE_C, "6.12.117-1~deb12u1": XE_C, "7.3.1-1": XE_C})
    found, note = mirror.run()
    assert found == [] and note == "3 versions, 6.12.94-1 to 6.12.117-1"
    said = capsys.readouterr().err
    assert "gone: the mirror does not have it" in said and "3 exact" in said
    assert "6.12.117-1" in (mirror.repo / "out/check/applies-6.12.txt").read_text()


def test_conflict_is_a_finding_with_its_patch(mirror):
    mirror.offer("trixie", {"6.12.117-1": XE_C, "6.12.94-1": "int other;\n"})
    found, _ = mirror.run()
    assert "6.12.94-1: patch 1 (drm/xe: Say what comes first): conflict" in found


def test_fuzz_is_for_older_versions_only(mirror):
    fuzzy = XE_C.replace("\treturn 1;", "\treturn 7;")
    mirror.offer("trixie", {"6.12.117-1": XE_C, "6.12.94-1": fuzzy})
    old = mirror.rows()[0]
    assert old.done[0][2] in (applies.FUZZ, applies.MERGE) and old.findings(newest=False) == []
    mirror.offer("trixie", {"6.12.117-1": fuzzy})
    assert "patch 1" in mirror.run()[0][0]


def test_patch_that_older_versions_do_not_need(mirror):
    base = mirror.base.dir / "base"
    base.write_text(base.read_text() + "since 6.12.100 drm/xe: Say what comes first\n")
    mirror.offer("trixie", {"6.12.117-1": XE_C, "6.12.94-1": XE_C})
    assert [r.done[0][2] for r in mirror.rows()] == [applies.LATER, applies.EXACT]
    base.write_text(base.read_text() + "since 6.12.100 drm/xe: Renamed since\n")
    assert mirror.run()[0][-1] == "patches/6.12/base: since: no patch is called 'drm/xe: Renamed since'"


def test_versions_the_series_is_not_for_are_said_and_not_tried(mirror, capsys):
    base = mirror.base.dir / "base"
    base.write_text(base.read_text() + "oldest 6.12.107\n")
    mirror.offer("trixie", {"6.12.117-1": XE_C, "6.12.107-1": XE_C, "6.12.94-1": "int other;\n"})
    found, _ = mirror.run()
    assert found == []
    said = capsys.readouterr().err
    assert "not for it: patches/6.12/base says 6.12.107 or later" in said and said.count("3 exact") == 2


def test_nothing_on_offer_is_one_line(mirror):
    with pytest.raises(errors.UsageError, match="linux-source-6.12 is in none of trixie, old, gone"):
        mirror.run()


def test_files_of_a_version_are_fetched_once_and_again_for_more(world, monkeypatch):
    top = world.tmp / "deb/linux-source-6.12"
    shutil.copytree(world.kernel, top)
    (world.tmp / "deb/usr/src").mkdir(parents=True)
    archive = world.tmp / "deb/usr/src/linux-source-6.12.tar.xz"
    subprocess.run(["tar", "-cJf", archive, "-C", top.parent, top.name], check=True)
    shutil.rmtree(top)
    write(world.tmp / "deb/DEBIAN/control", "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\n"
                                            "Description: x\n")
    deb = world.tmp / "p.deb"
    subprocess.run(["dpkg-deb", "-b", world.tmp / "deb", deb], check=True, capture_output=True)

    class Source(Mirror):
        fetched = 0

        def sha256(self, _package, _version):
            from xerig import paths
            return paths.sha256(deb)

        def download(self, _package, _version, folder):
            Source.fetched += 1
            return shutil.copy(deb, folder / "x.deb") and folder / "x.deb"
    base = bases.load("6.12")
    odd = ["scripts/run.sh", "no/such/file.c"]
    for wanted in ([FILE], [FILE, "include/drm/drm.h"], odd, odd):
        folder = kernel_files.ensure(base, "6.12.94-1", Source({}), wanted, world.cache)
    assert Source.fetched == 2 and (folder / "scripts/run.sh").exists() and (folder / FILE).exists()
    assert not list(world.cache.dl.rglob("*.deb"))
    monkeypatch.setattr(Source, "sha256", lambda *a: "0" * 64)
    with pytest.raises(errors.UsageError, match="damaged download"):
        kernel_files.ensure(base, "6.12.95-1", Source({}), [FILE], world.cache)
