# SPDX-License-Identifier: MIT
"""What long walks remember from one run to the next."""

import json
import threading


class Memo:
    """What became of tests, by name, kept over runs. Without a cache nothing is kept. Any thread.

    A line of JSON each, the last one of a name counts: adding one of thousands costs no more than one of ten.
    """

    _lock = threading.Lock()

    def __init__(self, cache, key):
        self.path = cache and cache.state / f"{key}.jsonl"

    def known(self):
        """name -> what was added for it. A line that a full disk or a kill has cut is nothing known."""
        out = {}
        if self.path and self.path.exists():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    name, what = json.loads(line)
                except (ValueError, TypeError):
                    continue
                out[name] = what
        return out

    def add(self, name, what):
        """One more."""
        if self.path is None:
            return
        line = json.dumps([name, what]).encode() + b"\n"
        with self._lock, open(self.path, "a+b") as f:
            size = f.seek(0, 2)
            if size:
                f.seek(size - 1)
                if f.read(1) != b"\n":
                    line = b"\n" + line
            f.write(line)
