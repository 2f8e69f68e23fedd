# SPDX-License-Identifier: MIT
"""One tree per base to build kernels in: the pristine sources with the series laid over them.

Both sides of a comparison share the tree and its object folders, because make then builds only
what the series touches. make knows a change by the file's time, which is not enough when a file
goes base -> patched -> base between two builds of one object folder. So times say nothing here: a
file of the series always has the same old one, each object folder remembers what it was last built
from, and the objects that depend on a file that differs from that are removed before make runs.
"""

import hashlib
import json
import os
import shutil

from . import cmd, paths, sources

CODE = (".c", ".h", ".S")
PRIVATE = "drivers/gpu/drm/xe/"
OLD = 1000000000        # time of every file of a series, older than any object


class BuildTree:
    """folder/src is the tree, folder/NAME an object folder. Callers hold the lock `build-BASE`."""

    def __init__(self, cache, base, source):
        """cache, base, source (sources.Source); makes the tree if it is not there yet."""
        name = f"own-{source.path.name}" if source.own else source.key[:12]
        self.folder = cache.build / f"{base.name}-{name}"
        self.folder.mkdir(exist_ok=True)
        self.src = self.folder / "src"
        self.source, self.pristine = source, source.path
        self.state = self.folder / "overlay.json"
        if source.own:
            self._write({})
            sources.sync(source.path, self.src, sources.files_of(source.path))
        elif not self.src.exists():
            self._link()

    def _link(self):
        partial = self.folder / "src.partial"
        paths.remove(partial)
        # Hard links: the tree costs folders only. Nothing writes into a linked file, see _write().
        if cmd.run(["cp", "-al", self.pristine, partial], check=False).returncode:
            paths.remove(partial)
            cmd.run(["cp", "-a", "--reflink=auto", self.pristine, partial])
        self.state.unlink(missing_ok=True)
        partial.replace(self.src)

    def objects(self, name):
        """The object folder called name."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def seed(self, name, other):
        """A new object folder begins as a copy of another whose kernel is built: make redoes what options change."""
        if (self.folder / name).exists() or not (self.folder / other / "vmlinux").exists():
            return
        partial = self.folder / f"{name}.partial"
        paths.remove(partial)
        cmd.run(["cp", "-a", "--reflink=auto", self.folder / other, partial])
        (partial / "asked.stamp").unlink(missing_ok=True)
        paths.write_atomic(self.folder / f"{name}.built.json", json.dumps(self._record(other)))
        partial.replace(self.folder / name)

    def lay(self, overlay, name):
        """Make the tree base + overlay for a build in object folder name.

        overlay: path -> bytes, or None for a file the series deletes. Returns the paths that differ from what
        the folder was built from. Call built() when the build came to its end.
        """
        target = self._write(overlay)
        record = self._record(name)
        stale = {p for p in record.keys() | target.keys() if record.get(p, "") != target.get(p, "")}
        drop_dependents(self.folder / name, stale)
        for path in stale:
            # Rules that are no compilation (Makefile, Kconfig, tables) go by time alone.
            file = self.src / path
            if not path.endswith(CODE) and file.exists():
                self._own_copy(file)
                file.touch()
        paths.write_atomic(self.folder / f"{name}.built.json",
                           json.dumps({**record, **{p: "unknown" for p in stale}}))
        return stale

    def built(self, overlay, name):
        """Record that object folder name now stands for this overlay."""
        paths.write_atomic(self.folder / f"{name}.built.json", json.dumps(hashes(overlay)))

    def _record(self, name):
        return _read(self.folder / f"{name}.built.json")

    def _write(self, overlay):
        target, now = hashes(overlay), _read(self.state)
        changed = {p for p in now.keys() | target.keys() if now.get(p, "") != target.get(p, "")}
        if changed:
            paths.write_atomic(self.state, json.dumps({**now, **{p: "unknown" for p in changed}}))
        for path in changed:
            file, origin = self.src / path, self.pristine / path
            file.unlink(missing_ok=True)
            if path in overlay:
                if overlay[path] is not None:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(overlay[path])
                    if origin.exists():
                        shutil.copymode(origin, file)
                    os.utime(file, (OLD, OLD))
            elif origin.exists():
                shutil.copyfile(origin, file)
                shutil.copymode(origin, file)
                os.utime(file, (OLD, OLD))
        if changed:
            paths.write_atomic(self.state, json.dumps(target))
        return target

    def _own_copy(self, file):
        """Break a hard link, so that a new time does not reach the pristine file."""
        if file.stat().st_nlink > 1:
            copy = file.with_name(file.name + ".partial")
            shutil.copy2(file, copy)
            copy.replace(file)


def drop_dependents(objects, stale):
    """Remove the objects whose dependencies, as kbuild recorded them, name one of these files."""
    code = [b"/" + os.fsencode(p) for p in stale if p.endswith(CODE)]
    if not code:
        return
    # Headers in the driver's folder are the driver's own: no need to look at the whole kernel.
    top = objects / PRIVATE if all(p.startswith(b"/" + PRIVATE.encode()) for p in code) else objects
    for folder, _, files in os.walk(top):
        for name in files:
            if not (name.startswith(".") and name.endswith(".o.cmd")):
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                said = f.read()
            if any(c in said for c in code):
                paths.remove(os.path.join(folder, name[1:-len(".cmd")]))


def hashes(overlay):
    """path -> content hash of an overlay, None for a deleted file."""
    return {p: None if d is None else hashlib.sha256(d).hexdigest() for p, d in sorted(overlay.items())}


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
