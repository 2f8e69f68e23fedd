# SPDX-License-Identifier: MIT
"""Set-up on machines that lack something: one clear line, status 2, and no half-made things left."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import time

import pytest

from sbkit import program, write
from xerig import apt, cli, disk, errors, host, paths, rootfs, setup, sources
from xerig import base as bases


def deb(package, version="6.12.117"):
    """A file that `dpkg-deb --fsys-tarfile` (our shim: cat) turns into the package's files."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as t:
        text = f"VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = {version.rsplit('.')[-1]}\n".encode()
        info = tarfile.TarInfo(f"{package}/Makefile")
        info.size = len(text)
        t.addfile(info, io.BytesIO(text))
    outer = io.BytesIO()
    with tarfile.open(fileobj=outer, mode="w") as t:
        info = tarfile.TarInfo(f"./usr/src/{package}.tar.xz")
        info.size = len(inner.getvalue())
        t.addfile(info, io.BytesIO(inner.getvalue()))
    return outer.getvalue()


@pytest.fixture
def mirror(world, monkeypatch):
    """apt shims that offer versions of linux-source-6.12 from a folder; offer(version) adds one."""
    mirrors = ("http://mirror.invalid/debian", "http://mirror.invalid/debian-security")
    monkeypatch.setattr(apt, "mirrors", lambda *a: mirrors)
    store = world.tmp / "store"
    store.mkdir()
    program(world.shims, "dpkg-deb", 'cat "$2"')
    program(world.shims, "apt-get", f"""
echo "$@" >> {world.tmp}/apt-get.log
case "$*" in *update*) exit 0;; esac
for want; do :; done
f={store}/$(echo "$want" | tr = _)_all.deb
cp "$f" . || {{ echo "E: Version 'x' for 'linux-source-6.12' was not found" >&2; exit 100; }}""")
    program(world.shims, "apt-cache", f"""
case "$*" in
*madison*) for f in $(ls -r {store}); do
   v=${{f#*_}}; echo "linux-source-6.12 | ${{v%_all.deb}} | http://x trixie/main"; done;;
*show*) for want; do :; done; echo "SHA256: $(sha256sum < {store}/$(echo "$want" | tr = _)_all.deb | cut -d' ' -f1)";;
esac""")

    def offer(version, pin=False):
        data = deb("linux-source-6.12", version.split("-")[0])
        write(store / f"linux-source-6.12_{version}_all.deb", data)
        if pin:
            write(world.base.dir / "base", f"package linux-source-6.12\nversion {version}\n"
                  f"sha256 {hashlib.sha256(data).hexdigest()}\nsuites trixie\n")
        return bases.load("6.12")
    world.offer, world.store = offer, store
    return world


def test_unknown_base_is_status_2(world, capsys):
    assert cli.main(["setup", "--base", "5.4"]) == 2
    said = capsys.readouterr().err.strip()
    assert "unknown BASE '5.4': there is 6.12, 7.3" in said and "\n" not in said


def test_base_file_out_of_order(world):
    write(world.base.dir / "base", "package x\n")
    with pytest.raises(errors.UsageError, match="base lacks version, sha256, suites"):
        bases.load("6.12")


def test_sources_are_fetched_once_and_verified(mirror, capsys):
    base = mirror.offer("6.12.117-1", pin=True)
    first = sources.ensure(base, mirror.cache)
    assert (first.path / "Makefile").exists() and first.note is None and first.key == base.sha256
    (mirror.tmp / "apt-get.log").unlink()
    assert sources.ensure(base, mirror.cache) == first
    assert not (mirror.tmp / "apt-get.log").exists()
    assert not list(mirror.cache.path.rglob("*.partial"))


def test_pinned_version_gone_means_newest_of_the_series(mirror, capsys):
    mirror.offer("6.12.118-1")
    base = mirror.offer("6.12.117-1", pin=True)
    (mirror.store / "linux-source-6.12_6.12.117-1_all.deb").unlink()
    used = sources.ensure(base, mirror.cache)
    assert used.version == "6.12.118-1"
    assert "linux-source-6.12 6.12.117-1 has left the mirrors: using 6.12.118-1" in capsys.readouterr().err
    assert sources.ensure(base, mirror.cache).note.endswith("using 6.12.118-1")


def test_package_gone_altogether(mirror):
    base = bases.load("6.12")
    with pytest.raises(errors.UsageError, match="linux-source-6.12 is gone from trixie: .*BASE_SRC="):
        sources.ensure(base, mirror.cache)


def test_no_network(mirror):
    program(mirror.shims, "apt-get", "echo \"W: Failed to fetch http://mirror.invalid/  Could not resolve "
            "'mirror.invalid'\" >&2; exit 0")
    with pytest.raises(errors.UsageError, match="no network to mirror.invalid") as e:
        sources.ensure(bases.load("6.12"), mirror.cache)
    assert e.value.status == 2 and "\n" not in str(e.value)


def test_expired_release_file_is_said_and_accepted(mirror, capsys):
    base = mirror.offer("6.12.117-1", pin=True)
    real = (mirror.shims / "apt-get").read_text()
    program(mirror.shims, "apt-get", real.split("\n", 1)[1].replace(
        "*update*) exit 0;;", "*Check-Valid-Until=false*update*) exit 0;; *update*) "
        "echo 'E: Release file for http://x/InRelease is expired (invalid since 1d).' >&2; exit 100;;"))
    sources.ensure(base, mirror.cache)
    assert "expired: going on without the date check, signatures are still checked" in capsys.readouterr().err


def test_damaged_download_is_removed(mirror):
    base = mirror.offer("6.12.117-1", pin=True)
    write(mirror.store / "linux-source-6.12_6.12.117-1_all.deb", b"half a pack")
    with pytest.raises(errors.UsageError, match="damaged download: linux-source-6.12_6.12.117-1_all.deb"):
        sources.ensure(base, mirror.cache)
    assert not list(mirror.cache.dl.iterdir())


def test_damaged_file_of_an_earlier_run_is_fetched_again(mirror, capsys):
    base = mirror.offer("6.12.117-1", pin=True)
    write(mirror.cache.dl / "linux-source-6.12_6.12.117-1_all.deb", b"half a pack")
    assert sources.ensure(base, mirror.cache).version == "6.12.117-1"
    assert "is damaged (checksum): fetching it again" in capsys.readouterr().err


def test_interrupted_unpacking_repairs_itself(mirror):
    base = mirror.offer("6.12.117-1", pin=True)
    name = "linux-source-6.12-6.12.117-1"
    write(mirror.cache.src / f"{name}.partial" / "half", "")
    write(mirror.cache.src / name / "no-stamp", "")
    write(mirror.cache.dl / "6.12.partial" / "half.deb", "")
    path = sources.ensure(base, mirror.cache).path
    assert (path / "Makefile").exists() and not (path / "no-stamp").exists()
    assert not list(mirror.cache.path.rglob("*.partial"))


def test_archive_that_does_not_unpack(mirror):
    base = mirror.offer("6.12.117-1", pin=True)
    program(mirror.shims, "dpkg-deb", "echo 'dpkg-deb: error: unexpected end of file' >&2; exit 2")
    with pytest.raises(errors.UsageError, match="cannot unpack linux-source-6.12"):
        sources.ensure(base, mirror.cache)


def test_not_enough_disk_says_how_much(mirror, monkeypatch):
    base = mirror.offer("6.12.117-1", pin=True)
    monkeypatch.setattr(disk, "free_gb", lambda path: 0.5)
    with pytest.raises(errors.UsageError, match=r"kernel sources 6.12: needs 2.0 GB in .*, 0.5 GB are free"):
        sources.ensure(base, mirror.cache)
    with pytest.raises(errors.UsageError, match="not enough disk for this set-up"):
        monkeypatch.setattr(host, "missing", lambda: [])
        setup.run([base], mirror.cache)


def test_own_tree_is_copied_and_followed(world, monkeypatch):
    monkeypatch.setenv("BASE_SRC", str(world.kernel))
    first = sources.ensure(world.base, world.cache)
    assert first.own and (first.path / "drivers/gpu/drm/xe/xe.c").exists()
    time = (first.path / "Makefile").stat().st_mtime_ns
    (world.kernel / "drivers/gpu/drm/xe/xe.c").write_text("changed, longer than before to be seen by size\n" * 9)
    (world.kernel / "include/drm/drm.h").unlink()
    second = sources.ensure(world.base, world.cache)
    assert second.key != first.key and "changed" in (second.path / "drivers/gpu/drm/xe/xe.c").read_text()
    assert not (second.path / "include/drm/drm.h").exists()
    assert (second.path / "Makefile").stat().st_mtime_ns == time


@pytest.mark.parametrize("change, says", [
    (lambda k: (k / "Makefile").unlink(), "is not a kernel source tree"),
    (lambda k: write(k / "Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 2\n"), "is 6.1.2: say BASE=6.1"),
    (lambda k: paths.remove(k / "drivers"), "has no drivers/gpu/drm/xe"),
])
def test_own_tree_that_will_not_do(world, monkeypatch, change, says):
    monkeypatch.setenv("BASE_SRC", str(world.kernel))
    change(world.kernel)
    with pytest.raises(errors.UsageError, match=says):
        sources.ensure(world.base, world.cache)


def test_both_formats_of_package_sources_are_read(tmp_path):
    write(tmp_path / "sources.list", "# deb http://no/debian x main\ndeb [arch=amd64 signed-by=/k] http://a/debian/ "
          "bookworm main contrib # why\ndeb-src http://b/debian bookworm main\n")
    write(tmp_path / "sources.list.d/d.sources", "Types: deb deb-src\nURIs: http://c/debian\nSuites: trixie "
          "trixie-updates\nComponents: main\n\nTypes: deb\nURIs: http://c/debian-security\nSuites: trixie-security\n"
          "Components: main\n\nEnabled: no\nTypes: deb\nURIs: http://d/debian\nSuites: sid\nComponents: main\n")
    assert [s[0] for s in apt.machine_sources(tmp_path)] == ["http://a/debian", "http://c/debian",
                                                             "http://c/debian-security"]
    assert apt.mirrors(tmp_path) == ("http://a/debian", "http://c/debian-security")
    assert apt.source_line("trixie-security", etc=tmp_path).endswith("http://c/debian-security trixie-security main")


def test_security_mirror_is_derived_and_none_is_an_error(tmp_path):
    write(tmp_path / "sources.list", "deb http://other/tool stable main\ndeb http://a/debian bookworm main\n")
    assert apt.mirrors(tmp_path) == ("http://a/debian", "http://a/debian-security")
    write(tmp_path / "sources.list", "deb http://other/tool stable main\n")
    with pytest.raises(errors.UsageError, match="no Debian mirror in"):
        apt.mirrors(tmp_path)


@pytest.fixture
def machine(world, monkeypatch):
    """Debian 12 where dpkg has all packages but bc and flex; apt-get succeeds and installs."""
    monkeypatch.setattr(host, "OS_RELEASE", write(world.tmp / "os-release",
                        'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'))
    have = write(world.tmp / "have", "".join(f"{n} installed\n" for n, _ in host.wanted() if n not in ("bc", "flex")))
    program(world.shims, "dpkg-query", f"cat {have}; exit 1")
    program(world.shims, "apt-get", f"echo \"$@\" >> {world.tmp}/apt-get.log\n"
            f"case \"$*\" in *install*) printf 'bc installed\\nflex installed\\n' >> {have};; esac")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return world


def test_only_missing_packages_are_installed_once(machine):
    host.ensure(machine.cache)
    host.ensure(machine.cache)
    log = (machine.tmp / "apt-get.log").read_text().splitlines()
    assert len(log) == 1 and log[0].endswith("--no-install-recommends bc flex")
    assert host.done(machine.cache)


def test_stale_lists_are_renewed(machine):
    real = (machine.shims / "apt-get").read_text().split("\n", 1)[1]
    flag = machine.tmp / "updated"
    program(machine.shims, "apt-get", f"case \"$*\" in *update*) touch {flag}; exit 0;; esac\n"
            f"[ -e {flag} ] || {{ echo 'E: Unable to locate package bc' >&2; exit 100; }}\n{real}")
    host.ensure(machine.cache)
    assert host.missing() == []


@pytest.mark.parametrize("error, says", [
    ("E: Unable to locate package flex", "package flex is gone from the mirror"),
    ("E: Package 'flex' has no installation candidate", "package flex is gone from the mirror"),
    ("Err:1 http://m/debian\n  Temporary failure resolving 'm'", "no network"),
    ("E: You don't have enough free space in /var/cache/apt/archives/.", "disk full"),
])
def test_apt_failures_are_one_line(machine, error, says):
    message = error.replace("'", "'\\''")
    program(machine.shims, "apt-get", f"case \"$*\" in *update*) exit 0;; esac\necho '{message}' >&2; exit 100")
    with pytest.raises(errors.UsageError, match=says) as e:
        host.ensure(machine.cache)
    assert "\n" not in str(e.value) and e.value.status == 2


def test_not_root_and_no_sudo(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(host.shutil, "which", lambda n: None if n == "sudo" else f"/usr/bin/{n}")
    with pytest.raises(errors.UsageError, match="not root and no sudo; as root: apt-get install bc flex"):
        host.ensure(machine.cache)


def test_user_installs_by_sudo(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(machine.shims, "sudo", f"echo sudo >> {machine.tmp}/sudo.log; exec \"$@\"")
    host.ensure(machine.cache)
    assert (machine.tmp / "sudo.log").exists() and host.missing() == []


@pytest.mark.parametrize("text, name", [
    ('ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora Linux 41"\n', "Fedora Linux 41"),
    ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n', "bullseye"),
    ("", "an unknown system"),
])
def test_unsupported_distribution_lists_what_is_missing(machine, text, name):
    write(host.OS_RELEASE, text)
    with pytest.raises(errors.UsageError, match="is not supported .*; missing here: bc flex") as e:
        host.ensure(machine.cache)
    assert name in str(e.value) and e.value.status == 2


def test_supported_once_everything_is_there(machine):
    write(host.OS_RELEASE, "ID=fedora\n")
    write(machine.tmp / "have", "".join(f"{n} installed\n" for n, _ in host.wanted()))
    host.ensure(machine.cache)


def test_package_list_gives_a_reason_for_each():
    rows = host.wanted()
    assert all(why for _, why in rows)
    assert [n for n, _ in rows] == sorted({n for n, _ in rows})


@pytest.fixture
def bootstrap(world, monkeypatch):
    """mmdebstrap shim that makes a root with a QEMU shim in it."""
    monkeypatch.setattr(apt, "mirrors", lambda *a: ("http://mirror.invalid/debian", "x"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    status = "".join(f"Package: {p}\nVersion: 1.{i}\n\n" for i, p in enumerate(rootfs.PACKAGES))
    write(world.tmp / "status", status)
    world.good = f"""
for a; do into=$dest; dest=$last; last=$a; done
mkdir -p $dest/usr/bin $dest/lib64 $dest/var/lib/dpkg
cp {world.tmp}/status $dest/var/lib/dpkg/status
: > $dest/usr/bin/qemu-system-x86_64
printf '#!/bin/sh\\necho name \\\\"vfio-user-pci\\\\"\\n' > $dest/lib64/ld-linux-x86-64.so.2
chmod +x $dest/lib64/ld-linux-x86-64.so.2"""
    program(world.shims, "mmdebstrap", world.good)
    return world


def test_root_is_made_once_with_its_versions(bootstrap):
    write(bootstrap.cache.root / (rootfs._path(bootstrap.cache).name + ".partial") / "half", "")
    root = rootfs.ensure(bootstrap.cache)
    assert root.versions["kmod"] == "1.5" and "--library-path" in root.qemu_argv()
    program(bootstrap.shims, "mmdebstrap", "exit 1")
    assert rootfs.ensure(bootstrap.cache) == root
    assert not list(bootstrap.cache.root.glob("*.partial"))


def test_expired_testing_is_accepted_with_a_line(bootstrap, capsys):
    program(bootstrap.shims, "mmdebstrap", "case \"$*\" in *Check-Valid-Until*) ;; *) echo 'E: Release file for "
            "http://m/InRelease is expired (invalid since 3d)' >&2; exit 25;; esac\n" + bootstrap.good)
    rootfs.ensure(bootstrap.cache)
    assert "signatures are still checked" in capsys.readouterr().err


def test_package_gone_from_testing(bootstrap):
    program(bootstrap.shims, "mmdebstrap", "echo 'E: Unable to locate package igt-gpu-tools-tests' >&2; exit 25")
    with pytest.raises(errors.UsageError, match="package igt-gpu-tools-tests is gone from the mirror"):
        rootfs.ensure(bootstrap.cache)
    assert not rootfs.present(bootstrap.cache)


def test_user_without_namespaces_and_sudo(bootstrap, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(rootfs.shutil, "which", lambda n: None)
    program(bootstrap.shims, "mmdebstrap", "echo 'E: unable to pick unshare mode' >&2; exit 25")
    with pytest.raises(errors.UsageError, match="no sudo: run `make setup` as root once"):
        rootfs.ensure(bootstrap.cache)


ABLE = os.geteuid() == 0 and subprocess.run([*rootfs.ALONE, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not ABLE, reason="root and mount namespaces only")
def test_a_bootstrap_that_is_cut_off_leaves_no_mount_and_no_process(bootstrap):
    sleep = f"sleep 77.{os.getpid()}"  # as nobody else's
    program(bootstrap.shims, "mmdebstrap", "for a; do dest=$last; last=$a; done\n"
            f"mkdir -p $dest/sys; mount -t tmpfs t $dest/sys; echo cut-off > {bootstrap.tmp}/up; setsid {sleep}")
    rig = subprocess.Popen([sys.executable, "-c", f"""
import sys
sys.path.insert(0, {str(paths.RIG)!r})
from pathlib import Path
from xerig import apt, paths, rootfs
apt.mirrors = lambda *a: ("http://mirror.invalid/debian", "x")
rootfs.ensure(paths.Cache({str(bootstrap.cache.path)!r}))"""])
    end = time.monotonic() + 10
    while not (bootstrap.tmp / "up").exists() and time.monotonic() < end:
        time.sleep(0.02)
    rig.kill()
    rig.wait()
    left = None
    while left != "" and time.monotonic() < end + 5:
        left = subprocess.run(["pgrep", "-f", sleep], capture_output=True, text=True, check=False).stdout
        time.sleep(0.02)
    mounts = host.mounts_below(bootstrap.cache.path)
    for point in mounts:
        subprocess.run(["umount", point], check=True)
    assert (bootstrap.tmp / "up").exists() and left == "" and mounts == []


def test_what_an_older_rig_left_mounted_is_unmounted_first(bootstrap, monkeypatch):
    table = write(bootstrap.tmp / "mounts", "proc /proc proc rw 0 0\nt /c/r.partial/dev tmpfs rw 0 0\n"
                  "d /c/r.partial/dev/pts d rw 0 0\nx /c/r.partial2/sys sysfs ro 0 0\n")
    assert host.mounts_below("/c/r.partial", table) == ["/c/r.partial/dev/pts", "/c/r.partial/dev"]
    program(bootstrap.shims, "umount", f"echo $* >> {bootstrap.tmp}/umounted")
    write(bootstrap.tmp / "r" / "file", "")
    monkeypatch.setattr(host, "mounts_below", lambda _path: ["/c/b", "/c/a"])
    host.remove_root_owned(bootstrap.tmp / "r")
    assert (bootstrap.tmp / "umounted").read_text() == "/c/b\n/c/a\n" and not (bootstrap.tmp / "r").exists()


def test_cache_folder_that_cannot_be_made(world):
    write(world.tmp / "file", "")
    with pytest.raises(errors.UsageError, match="cannot use the cache folder"):
        paths.Cache(world.tmp / "file" / "cache").dl


def test_ensure_all_is_silent_and_quick_when_done(mirror, bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(host, "missing", lambda: [])
    base = mirror.offer("6.12.117-1", pin=True)
    setup.ensure_all(base, mirror.cache)
    host.ensure(mirror.cache)
    capsys.readouterr()
    root, source = setup.ensure_all(base, mirror.cache)
    assert capsys.readouterr().err == "" and source.version == "6.12.117-1" and root.versions
