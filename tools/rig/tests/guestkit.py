# SPDX-License-Identifier: MIT
"""A guest and a GPU made of Python, for tests of what the rig does to them."""

from xerig import agent


class FakeGpu:
    """Takes down the control commands in log; its triggers fire or do not."""

    def __init__(self, fires=True):
        self.log, self.fires = [], fires

    def command(self, cmd, **args):
        self.log.append((cmd, *args.values()))
        return {"next": 0, "events": [], "live_dma_pages": 0, "contexts": 0, "jobs_running": 0, "bus_master": False,
                "triggers": [{"fired": self.fires}]}

    def stats(self):
        return {"live_dma_pages": 0}


class FakeGuest:
    """Takes down in did what it is told; log: what its kernel says after the begin of a test. 3 mappings are alive."""

    pace = 1
    lost = False

    def __init__(self, log=()):
        self.did, self.records, self.kernel, self.free = [], [], list(log), 900_000

    def mark(self, text, *_a, **_k):
        self.records.append(agent.Record(6, 0, 0, text))
        if text.endswith("begin"):
            self.records += [agent.Record(3, 0, 0, t) for t in self.kernel]
        return len(self.records) - 1

    def slice(self, begin, end=None):
        return self.records[begin:end]

    def unheard(self, end=None):
        return self.records[:end]

    def begin(self, _op, **args):
        return args["path"]

    def end(self, path, *_a):
        info = f"MemFree: {self.free} kB\nMemAvailable: 9 kB\n"
        return {"data": info if "meminfo" in path else "100" if "total" in path else "97"}

    def write(self, path, data, _timeout=0):
        self.did.append(path.rsplit("/", 1)[1])
        return 7

    def closed(self):
        return False
