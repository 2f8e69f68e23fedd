# SPDX-License-Identifier: MIT
"""The guest's initramfs: busybox, the agent, modules, GPU firmware, the scenario programs.

Written as an uncompressed newc archive: QEMU copies it into the guest faster than an emulated
processor unpacks gzip.
"""

import hashlib
import os
import stat

from . import cmd, errors, paths

AGENT_SOURCE = paths.RIG / "agent"
FORMAT = 3  # part of the cache key: raise it when what build() writes changes
KEEP = 16  # archives that stay in the cache

SHELL_RC = """\
cat <<'TEXT'

The GPU is 0000:01:00.0, the driver is loaded with: modprobe xe
  unplug:  echo 1 > /sys/bus/pci/devices/0000:01:00.0/remove
  back:    echo 1 > /sys/bus/pci/rescan
  hold:    /scenarios/NAME --device /dev/dri/renderD128   (then: verify, gone, munmap, close, exit)
The guest ends with: exit
TEXT
exec sh -i
"""


def build_agent(cache):
    """Compiles the agent; returns the program's path."""
    with cache.making("agent") as out:
        cmd.make("the guest's agent", AGENT_SOURCE, f"O={out}", env=cache.environ())
    return out / "agent"


class Archive:
    """A newc cpio archive in memory order: add() what is wanted, then write()."""

    def __init__(self):
        self._items = {}

    def add_dir(self, path):
        """A folder, with those above it."""
        parts = path.strip("/").split("/")
        for i in range(1, len(parts) + 1):
            self._items.setdefault("/".join(parts[:i]), (stat.S_IFDIR | 0o755, None))

    def add_file(self, path, source, mode=0o644):
        """source: a Path, or bytes."""
        path = path.strip("/")
        if "/" in path:
            self.add_dir(path.rsplit("/", 1)[0])
        self._items[path] = (stat.S_IFREG | mode, source)

    def add_link(self, path, target):
        """A symbolic link; its folder is there."""
        self._items[path.strip("/")] = (stat.S_IFLNK | 0o777, target.encode())

    def add_node(self, path, major, minor):
        """A character device; its folder is there."""
        self._items[path.strip("/")] = (stat.S_IFCHR | 0o600, (major, minor))

    def key(self):
        """Content key: names, modes, and for files size and modification time or the bytes."""
        h = hashlib.sha256(str(FORMAT).encode())
        for path, (mode, source) in sorted(self._items.items()):
            h.update(f"{path}\0{mode:o}\0".encode())
            if isinstance(source, bytes):
                h.update(source)
            elif isinstance(source, os.PathLike):
                st = os.stat(source)
                h.update(f"{source}\0{st.st_size}\0{st.st_mtime_ns}".encode())
            elif source:
                h.update(repr(source).encode())
        return h.hexdigest()[:16]

    def write(self, path):
        """Writes the archive."""
        with open(path, "wb") as f:
            for ino, (name, (mode, source)) in enumerate(sorted(self._items.items()), 1):
                data, rdev = b"", (0, 0)
                if isinstance(source, tuple):
                    rdev = source
                elif isinstance(source, bytes):
                    data = source
                elif source is not None:
                    with open(source, "rb") as s:
                        data = s.read()
                self._entry(f, ino, name, mode, data, rdev)
            self._entry(f, 0, "TRAILER!!!", 0, b"", (0, 0))

    @staticmethod
    def _entry(f, ino, name, mode, data, rdev):
        raw = name.encode() + b"\0"
        fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % v for v in fields) + raw
        f.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))


def find_modules(tree):
    """The directory with modules.dep under (or at) tree."""
    if (tree / "modules.dep").exists():
        return tree
    for dep in sorted(tree.rglob("modules.dep")):
        return dep.parent
    raise errors.InfraError(f"no modules.dep under {tree}")


def _firmware(root):
    """GuC firmware files of the guest root, by name below /lib/firmware."""
    top = root / "usr" / "lib" / "firmware"
    if not top.is_dir():
        top = root / "lib" / "firmware"
    found = {str(p.relative_to(top)): p for p in (top / "xe").glob("*_guc_*.bin*")}
    if not found:
        raise errors.UsageError("the guest root filesystem has no xe firmware: run `make setup`")
    return found


def build(cache_dir, root, release, modules, agent, scenarios=None, more=()):
    """Makes (or finds in cache_dir) the initramfs; returns its path.

    root: guest root filesystem; modules: tree with modules.dep; agent: the program;
    scenarios: directory of static programs or None; more: (path in the guest, file) of whatever else there is to be.
    """
    busybox = next((p for p in (root / "usr/bin/busybox", root / "bin/busybox") if p.exists()), None)
    if busybox is None:
        raise errors.UsageError("the guest root filesystem has no busybox: run `make setup`")
    ar = Archive()
    for name in ("bin", "dev", "proc", "sys", "tmp", "run", "mnt", "root", "etc", "scenarios"):
        ar.add_dir(name)
    ar.add_link("sbin", "bin")
    # Where the root file system is shared: programs of Debian beside our own modules and firmware.
    ar.add_link("usr", "mnt/usr")
    ar.add_link("lib64", "mnt/usr/lib64")
    ar.add_node("dev/console", 5, 1)
    ar.add_file("init", agent, 0o755)
    ar.add_file("bin/busybox", busybox, 0o755)
    for name in ("sh", "modprobe"):
        ar.add_link(f"bin/{name}", "busybox")
    ar.add_file("etc/shell.rc", SHELL_RC.encode())
    top = find_modules(modules)
    for path in sorted(top.rglob("*")):
        if path.is_file() and (path.suffix == ".ko" or path.parent == top and path.name.startswith("modules.")):
            ar.add_file(f"lib/modules/{release}/{path.relative_to(top)}", path)
    for name, path in _firmware(root).items():
        ar.add_file(f"lib/firmware/{name}", path.resolve())
    for path in sorted(scenarios.rglob("*")) if scenarios else ():
        name = path.relative_to(scenarios)
        if path.is_file() and (os.access(path, os.X_OK) and len(name.parts) == 1 or name.parts[0] == "igt"):
            ar.add_file(f"scenarios/{name}", path, path.stat().st_mode & 0o777)
    for name, path in more:
        ar.add_file(name, path)
    out = cache_dir / f"{ar.key()}.cpio"
    if not out.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        part = out.with_suffix(f".{os.getpid()}")
        ar.write(part)
        part.rename(out)
        for old in sorted(cache_dir.glob("*.cpio"), key=lambda p: p.stat().st_mtime)[:-KEEP]:
            old.unlink(missing_ok=True)
    os.utime(out)
    return out
