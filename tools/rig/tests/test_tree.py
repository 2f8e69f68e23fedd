# SPDX-License-Identifier: MIT
"""Series <-> working tree: the way there and back loses nothing and invents nothing."""

import json
import os
import subprocess

import pytest

from sbkit import DOC, NEW, develop, executable, write, write_series
from xerig import base as bases
from xerig import checkout, errors, git, patchfile, paths, recipients, sources, tree

MAINTAINERS = """print "Ann Bee <ann\\@example.org> (supporter:XE)\\nxe\\@lists.example.org (open list:XE)\\n";
print "Zoë <z\\@example.org> (reviewer)\\ndoc\\@lists.example.org (open list:DOC)\\n" if `grep -c xe_unplug $ARGV[-1]` > 0;
"""


def snapshot(repo):
    """Every file below patches/ and the new files, with content."""
    return {p.relative_to(repo).as_posix(): p.read_bytes() for p in sorted(repo.rglob("*"))
            if p.is_file() and "out" not in p.relative_to(repo).parts}


def test_round_trip_is_lossless_and_stable(world, monkeypatch):
    monkeypatch.setattr(checkout, "identity", lambda: ("Dev", "dev@example.org"))
    checkout.make(world.base, world.source, world.cache)
    folder = tree.checkout_folder(world.base)
    develop(folder)
    shape = git.Git(folder)("log", "--format=%T %s %b", "base..HEAD").replace(f"Adds: {NEW}\n\n", "")
    assert checkout.refresh(world.base, world.source, world.cache) == 3
    first = snapshot(world.repo)
    assert [n for n in first if n.startswith("patches/6.12/0")] == [
        "patches/6.12/0001-drm-xe-Say-what-comes-first.patch",
        "patches/6.12/0002-drm-xe-dma-Track-mappings-all-of-them.patch",
        "patches/6.12/0003-drm-xe-Change-the-new-file.patch"]
    assert first[NEW] == b"int a;\nint changed;\nint c;\nint d;\n"
    assert first[DOC] == b"Unplug\n======\n"
    assert executable(world.repo / "scripts/new.sh")
    second = first["patches/6.12/0002-drm-xe-dma-Track-mappings-all-of-them.patch"].decode()
    assert f"Adds: {NEW}\n" in second and "int b;" not in second and "Dev" not in second
    assert "+int changed;" in first["patches/6.12/0003-drm-xe-Change-the-new-file.patch"].decode()
    paths.remove(folder)
    checkout.make(world.base, world.source, world.cache)
    assert git.Git(folder)("log", "--format=%T %s %b", "base..HEAD") == shape
    checkout.refresh(world.base, world.source, world.cache)
    assert snapshot(world.repo) == first


def test_overlay_is_the_series_or_the_edited_tree(world):
    files, note = tree.overlay(world.base, world.source, world.cache)
    assert files == {} and "no patches yet" in note
    checkout.make(world.base, world.source, world.cache)
    folder = tree.checkout_folder(world.base)
    develop(folder)
    edited, note = tree.overlay(world.base, world.source, world.cache)
    assert "as it stands" in note and edited[NEW].endswith(b"int d;\n")
    checkout.refresh(world.base, world.source, world.cache)
    assert tree.overlay(world.base, world.source, world.cache) == (edited, None)
    paths.remove(folder)
    assert tree.overlay(world.base, world.source, world.cache) == (edited, None)
    checkout.make(world.base, world.source, world.cache)
    (folder / "drivers/gpu/drm/xe/untracked.c").write_text("x\n")
    files, _ = tree.overlay(world.base, world.source, world.cache)
    assert files["drivers/gpu/drm/xe/untracked.c"] == b"x\n"


def test_tree_left_behind_by_newer_patches_is_not_used(world):
    write_series(world)
    last = world.base.patches()[-1]
    (world.repo / DOC).write_text("Other\n")
    files, note = tree.overlay(world.base, world.source, world.cache)
    assert files[DOC] == b"Other\n" and "older than" in note
    checkout.make(world.base, world.source, world.cache)
    assert (tree.checkout_folder(world.base) / DOC).read_text() == "Other\n"
    assert last.exists()


def test_unwritten_work_is_not_overwritten(world):
    checkout.make(world.base, world.source, world.cache)
    develop(tree.checkout_folder(world.base))
    with pytest.raises(errors.UsageError, match="has work in it"):
        checkout.make(world.base, world.source, world.cache)
    (tree.checkout_folder(world.base) / "Makefile").write_text("x\n")
    with pytest.raises(errors.UsageError, match="no commit"):
        checkout.refresh(world.base, world.source, world.cache)


def test_second_base_shares_a_new_file_and_may_override_it(world):
    write_series(world)
    other = bases.load("7.3")
    write(other.dir / "0001-x.patch", f"Subject: [PATCH] drm/xe: Add it\n\nWhy.\n\nAdds: {NEW}\n---\n")
    checkout.make(other, world.source, world.cache)
    folder = tree.checkout_folder(other)
    assert (folder / NEW).read_bytes() == (world.repo / NEW).read_bytes()
    write(other.dir / "files" / NEW, "int own;\n")
    checkout.make(other, world.source, world.cache)
    assert (folder / NEW).read_text() == "int own;\n"
    (folder / NEW).write_text("int own2;\n")
    subprocess.run(["git", "-C", folder, "commit", "-q", "--amend", "-a", "--no-edit"], check=True,
                   env=dict(os.environ, GIT_COMMITTER_NAME="D", GIT_COMMITTER_EMAIL="d@e"))
    before = (world.repo / NEW).read_bytes()
    checkout.refresh(other, world.source, world.cache)
    assert (other.dir / "files" / NEW).read_text() == "int own2;\n"
    assert (world.repo / NEW).read_bytes() == before


def test_patch_that_does_not_fit_is_named(world):
    write(world.base.dir / "0001-bad.patch", "Subject: [PATCH] bad\n\n---\n"
          "diff --git a/Makefile b/Makefile\n--- a/Makefile\n+++ b/Makefile\n@@ -1,2 +1,2 @@\n"
          "-NOT THERE\n+X\n PATCHLEVEL = 12\n")
    with pytest.raises(tree.PatchError, match="0001-bad.patch does not apply to 6.12: patch failed: Makefile:1"):
        checkout.make(world.base, world.source, world.cache)


def test_added_file_that_is_missing_or_in_the_base(world):
    patch = write(world.base.dir / "0001-a.patch", f"Subject: [PATCH] a\n\nAdds: {NEW}\n---\n")
    with pytest.raises(errors.UsageError, match=f"adds {NEW}, but the repository has no such file"):
        checkout.make(world.base, world.source, world.cache)
    patch.write_text("Subject: [PATCH] a\n\nAdds: Makefile\n---\n")
    write(world.repo / "Makefile", "x\n")
    with pytest.raises(tree.PatchError, match="has already"):
        checkout.make(world.base, world.source, world.cache)


def test_new_file_edited_past_a_later_patch_is_said(world):
    write_series(world)
    (world.repo / NEW).write_text("nothing like it\n")
    paths.remove(tree.checkout_folder(world.base))
    with pytest.raises(tree.PatchError, match="cannot be taken back"):
        checkout.make(world.base, world.source, world.cache)


def test_someone_elses_authorship_is_kept(world):
    patch = patchfile.Patch("0001-a.patch", "a: b\n\nBody\n", [], b"", ("Ann Öther", "ann@example.org"))
    again = patchfile.parse(patchfile.render(patch), "0001-a.patch")
    assert (again.author, again.message) == (patch.author, patch.message)


def test_mail_with_footer_folded_subject_and_adds_below_the_line(world):
    mail = (b"From 1234 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n"
            b"Subject: [PATCH v2 3/7] drm/xe: A title that is so long that the mail\n folds it\n\nWhy.\n\n"
            b"Link: https://example.org\n---\nAdds: x/y.c\n f | 1 +\n\n"
            b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n a\n+b\n-- \n2.39.5\n\n")
    p = patchfile.parse(mail, "m")
    assert p.subject == "drm/xe: A title that is so long that the mail folds it"
    assert p.adds == ["x/y.c"] and p.diff.endswith(b"+b\n") and "Adds" not in p.message
    with pytest.raises(errors.UsageError, match="no Subject"):
        patchfile.parse(b"nothing\n", "m")


def test_series_applies_with_git_am_and_is_signed(world, monkeypatch):
    folder = write_series(world)
    write(world.base.dir / "cover-letter", "drm/xe: Unplug\n\nTable:\n\n@table@\n\nMade in\n@repository@\nEnd.\n")
    origin = []
    monkeypatch.setattr(checkout, "published", lambda: origin and origin[0] or None)
    one = {"state": "userptr", "order": "close-after", "iommu": "on", "gpu": "lnl", "splats": 2}
    run = {"base": world.base.name, "command": "make hotunplug",
           "versions": {"linux-source": "1.2.3", "series": tree.digest(world.base, world.source)}, "results": [
               {**one, "side": "base", "way": "unbind", "leaked_mappings": 15, "verdict": "dirty"},
               {**one, "side": "base", "way": "remove", "leaked_mappings": None, "verdict": "hang"},
               {**one, "side": "patched", "way": "remove", "leaked_mappings": 0, "verdict": "clean"},
               {**one, "side": "patched", "way": "unbind", "leaked_mappings": 0, "verdict": "dirty"}]}
    monkeypatch.setattr(paths, "OUT", world.tmp / "out")
    write(paths.OUT / "1-hotunplug-x" / "results.json", json.dumps(run))
    monkeypatch.setattr(checkout, "identity", lambda: ("Ex Porter", "ex@example.org"))
    write(world.kernel / "scripts/get_maintainer.pl", MAINTAINERS)
    out, count, who = checkout.series(world.base, world.source, world.cache)
    assert count == 3 and who == (2, 2)
    cover = (out / "0000-cover-letter.patch").read_text()
    assert "[PATCH 0/3] drm/xe: Unplug" in cover and "End." in cover and "@table@" not in cover
    assert "1.2.3, virtual lnl, translating IOMMU; unbind/remove." in cover
    assert "\nuserptr     15/-              2/2     0/0             2/2     dirty/clean\n" in cover
    mails = sorted(out.glob("000[1-9]*.patch"))
    assert all("Signed-off-by: Ex Porter <ex@example.org>" in m.read_text() for m in mails)
    assert "\nTo: xe@lists.example.org\nCc: Ann Bee <ann@example.org>\n" in mails[0].read_text()
    assert "doc@lists" not in mails[0].read_text() and "doc@lists" in mails[2].read_text()
    assert "\nTo: xe@lists.example.org,\n    doc@lists.example.org\n" in cover
    assert "=?utf-8?q?Zo=C3=AB?= <z@example.org>" in cover
    clone = world.tmp / "am"
    subprocess.run(["git", "clone", "-q", "--no-checkout", folder, clone], check=True)
    subprocess.run(["git", "-C", clone, "checkout", "-q", "base"], check=True)
    subprocess.run(["git", "-C", clone, "-c", "user.name=x", "-c", "user.email=x@y", "am", "-q", "--empty=drop",
                    out / "0000-cover-letter.patch", *mails], check=True)  # as the README says
    assert git.Git(clone)("rev-parse", "HEAD^{tree}") == git.Git(folder)("rev-parse", "HEAD^{tree}")
    assert "Made in\n(address of the repository)\n" in cover
    origin.append("https://git.example.org/xe-unplug")
    run["versions"]["series"] = "another"
    write(paths.OUT / "1-hotunplug-x" / "results.json", json.dumps(run))
    checkout.series(world.base, world.source, world.cache)
    cover = (out / "0000-cover-letter.patch").read_text()
    assert "(no table: " in cover and "Made in\nhttps://git.example.org/xe-unplug\n" in cover
    monkeypatch.setattr(checkout, "identity", lambda: ("", ""))
    with pytest.raises(errors.UsageError, match="user.name"):
        checkout.series(world.base, world.source, world.cache)


@pytest.mark.parametrize("origin, public", [
    ("https://git.example.org/a/b.git", True), ("git://git.example.org/b", True),
    ("https://who:secret@git.example.org/b", False), ("git@git.example.org:a/b", False), ("/srv/main", False),
    ("file:///srv/main", False), ("https://localhost/b", False), ("", False)])
def test_only_an_address_for_everybody_is_mailed(tmp_path, monkeypatch, origin, public):
    git.init(tmp_path, bare=False)
    subprocess.run(["git", "-C", tmp_path, "config", "remote.origin.url", origin], check=True)
    monkeypatch.setattr(paths, "REPO", tmp_path)
    assert checkout.published() == (origin if public else None)


@pytest.fixture
def exported(world, monkeypatch):
    """world.export(ONLY) of a series of three in which the last needs the second."""
    monkeypatch.setattr(checkout, "identity", lambda: ("Ex Porter", "ex@example.org"))
    write(world.kernel / "scripts/get_maintainer.pl", MAINTAINERS)
    write_series(world)
    world.export = lambda only: checkout.series(bases.load("6.12"), world.source, world.cache, only)
    return world


def test_part_of_a_series_is_mails_of_their_own(exported):
    out, count, _ = exported.export("1-2")
    names = sorted(p.name for p in out.iterdir())
    assert count == 2 and len(names) == 2 and out.name == "6.12-1-2"
    texts = [(out / n).read_text() for n in names]
    assert all("[PATCH 1/" not in t and "[PATCH]" in t and "\nTo: " in t for t in texts)
    whole, count, _ = exported.export(None)
    assert count == 3 and whole.name == "6.12" and out.exists()


def test_what_needs_another_patch_does_not_stand_alone(exported):
    with pytest.raises(tree.PatchError, match="patch 3 of 6.12 does not stand alone"):
        exported.export("1,3")


@pytest.mark.parametrize("only", ["0", "4", "2-1", "1-9", "x", "1,,2"])
def test_wrong_numbers_are_one_line(exported, only):
    with pytest.raises(errors.UsageError, match="want `alone`, or numbers from 1 to 3") as e:
        exported.export(only)
    assert "\n" not in str(e.value) and e.value.status == 2


def test_patches_that_stand_alone_are_named_in_the_base_file(exported):
    with pytest.raises(errors.UsageError, match="names no patch that stands alone"):
        exported.export("alone")
    file = exported.base.dir / "base"
    text = file.read_text()
    file.write_text(text + "alone drm/xe: Say what comes first\n")
    out, count, _ = exported.export("alone")
    assert count == 1 and out.name == "6.12-alone"
    file.write_text(text + "alone drm/xe: Renamed\n")
    with pytest.raises(errors.UsageError, match="alone: no patch is called 'drm/xe: Renamed'"):
        exported.export("alone")


def test_tree_without_maintainers_script(exported):
    (exported.kernel / "scripts/get_maintainer.pl").unlink()
    with pytest.raises(errors.UsageError, match="has no scripts/get_maintainer.pl"):
        exported.export(None)


def test_a_script_that_does_not_know_an_option_is_asked_without_it(exported):
    old = 'use Getopt::Long; GetOptions("git!" => \\$a, "git-fallback!" => \\$a, "roles!" => \\$a, "rolestats!" => \\$a, ' \
        '"fixes!" => \\$a) or die "invalid argument\\n";\n'
    write(exported.kernel / "scripts/get_maintainer.pl", old + MAINTAINERS)
    out, _, who = exported.export("1-2")
    assert who == (1, 1) and all("\nTo: xe@lists.example.org\n" in m.read_text() for m in out.iterdir())


def test_recipients_are_parsed_as_the_script_prints_them():
    said = ('"Chris K." <c@example.org> (maintainer:X,reviewer:Y)\nD <d@example.org> (supporter:X)\n'
            "x@lists.example.org (moderated list:X)\nlinux-kernel@vger.kernel.org (open list)\n"
            "D <D@example.org> (reviewer:Z)\n\nnonsense\n")
    rows = recipients.parse(said)
    assert rows == [("Chris K.", "c@example.org", False), ("D", "d@example.org", False),
                    ("", "x@lists.example.org", True), ("", "linux-kernel@vger.kernel.org", True)]
    mail = recipients.headed("From: a\nSubject: s\n\nbody\n\nmore\n", rows)
    assert mail == ('From: a\nSubject: s\nTo: x@lists.example.org\nCc: "Chris K." <c@example.org>,\n'
                    "    D <d@example.org>,\n    linux-kernel@vger.kernel.org\n\nbody\n\nmore\n")
    assert recipients.headed("S: s\n\nb", rows[:1]).startswith('S: s\nTo: "Chris K." <c@example.org>\n\n')


def test_stray_new_files_are_named(world):
    write(world.repo / "drivers/gpu/drm/xe/xe_lost.c", "")
    assert tree.strays() == ["drivers/gpu/drm/xe/xe_lost.c"]


@pytest.mark.parametrize("name", ["6.12", "7.3"])
def test_round_trip_on_the_real_base(name, tmp_path, monkeypatch):
    cache = paths.Cache()
    base = bases.load(name)
    if os.environ.get("BASE_SRC") or not sources.present(base, cache):
        pytest.skip("kernel sources are not in the cache (make setup)")
    source = sources.ensure(base, cache)
    if not (cache.git / f"{name}-{source.key[:12]}.git").exists():
        pytest.skip("the git base is not in the cache yet (make tree)")
    repo = tmp_path / "repo"
    write(repo / "patches" / name / "base", (base.dir / "base").read_bytes())
    monkeypatch.setattr(paths, "REPO", repo)
    monkeypatch.setattr(paths, "OUT", repo / "out")
    monkeypatch.setattr(checkout, "SPARSE", ("drivers/gpu/drm/xe",))
    base = bases.load(name)
    folder, count = checkout.make(base, source, cache)
    assert count == 0
    develop(folder, "drivers/gpu/drm/xe/xe_bo.c")
    checkout.refresh(base, source, cache)
    first, shape = snapshot(repo), git.Git(folder)("log", "--format=%T", "base..HEAD")
    paths.remove(folder)
    checkout.make(base, source, cache)
    assert git.Git(folder)("log", "--format=%T", "base..HEAD") == shape
    checkout.refresh(base, source, cache)
    assert snapshot(repo) == first
