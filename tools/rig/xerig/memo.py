# SPDX-License-Identifier: MIT
"""What long walks remember from one run to the next."""

import threading


class Memo:
    """What became of tests, by name, kept over runs. Without a cache nothing is kept. Any thread."""

    _lock = threading.Lock()

    def __init__(self, cache, key):
        self.cache, self.key = cache, key

    def known(self):
        """name -> what was added for it."""
        return self.cache.read_state(self.key) if self.cache else {}

    def add(self, name, what):
        """One more."""
        if self.cache is None:
            return
        with self._lock:
            done = self.known()
            done[name] = what
            self.cache.write_state(self.key, done)
