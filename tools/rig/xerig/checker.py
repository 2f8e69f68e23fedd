# SPDX-License-Identifier: MIT
"""The sparse that a kernel accepts: the host's, or where that is too old the one of Debian testing.

7.3 asks scripts/checker-valid.sh for what it needs of sparse. Where the answer is no, kbuild says so in
a warning and goes on without any checker; so it has to be asked before.
"""

from . import apt, cmd, errors, paths, rootfs, ui

PACKAGE = "sparse"
REFUSED = "is not available or not up to date"  # kbuild's words


def argv(source, cache):
    """How to call a sparse that is good for source (sources.Source); UsageError where there is none."""
    if _valid(source, [PACKAGE]):
        return [PACKAGE]
    # It needs libraries as new as itself: those of the guest's root, as QEMU does.
    newer = [*rootfs.ensure(cache).program_argv(), f"{_testing(cache)}/usr/bin/sparse"]
    if not _valid(source, newer):
        raise errors.UsageError(f"Linux {source.version} takes neither this machine's sparse nor that of Debian "
                                f"{rootfs.SUITE}")
    return newer


def _valid(source, call):
    script = source.path / "scripts/checker-valid.sh"
    if not script.exists():
        return True
    return cmd.run(["sh", script, *call, "-m64"], check=False).stdout.strip() == "1"


def _testing(cache):
    """Folder with the unpacked package of Debian testing, fetched once."""
    folder = cache.check / f"sparse-{rootfs.SUITE}"
    with cache.lock("sparse"):
        if folder.exists():
            return folder
        ui.say(f"this machine's sparse is too old for the kernel: fetching the one of Debian {rootfs.SUITE}")
        mirror = apt.Apt(cache.apt / "sparse", (rootfs.SUITE,))
        mirror.update()
        versions = mirror.versions(PACKAGE)
        if not versions:
            raise errors.UsageError(f"package {PACKAGE} is gone from Debian {rootfs.SUITE}")
        partial = folder.with_name(folder.name + ".partial")
        paths.remove(partial)
        partial.mkdir()
        cmd.run(["dpkg-deb", "-x", mirror.download(PACKAGE, versions[0], partial), partial])
        partial.replace(folder)
    return folder
