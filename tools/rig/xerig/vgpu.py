# SPDX-License-Identifier: MIT
"""The virtual GPU: builds it, runs it, speaks on its control socket."""

import json
import os
import socket
import time

from . import cmd, errors, paths, procs

START_TIME = 5.0  # seconds until both sockets must be there


def models():
    """Names of the GPUs there are: a file hw/personality_NAME.c each."""
    return tuple(sorted(p.stem.removeprefix("personality_") for p in paths.VGPU.glob("hw/personality_*.c")))


class VgpuError(errors.InfraError):
    """The virtual GPU did not do what it was told."""


def build(cache, *targets):
    """Builds tools/vgpu, or more targets of it; returns the program's path, beside which those are."""
    with cache.making("vgpu") as out:
        cmd.make("the virtual GPU", paths.VGPU, f"O={out}", "all", *(out / t for t in targets), env=cache.environ())
    return out / "vgpu"


def mark(gpu, name, record):
    """A label for the GPU's events from now on. record: of the guest's kernel log and of just now; it tells the guest's
    clock."""
    gpu.command("mark", name=name, guest_us=record.us)


def next_event(gpu):
    """Number that the GPU's next witness event will have."""
    return gpu.command("witness", since=1 << 62)["next"]


def witnessed(gpu, since):
    """Witness events from number since on, the first of a kind with what went before them."""
    return gpu.command("witness", since=since, stories=True)["events"]


class Vgpu:
    """One running virtual GPU. Not thread-safe: one user."""

    def __init__(self, program, run_dir, log_path, personality, tail):
        """tail: what tells the sockets of several in one run_dir apart."""
        self.socket_path = run_dir / f"gpu{tail}"
        self.control_path = run_dir / f"ctl{tail}"
        self._log = open(log_path, "ab")
        self._sock = None
        self._buf = b""
        argv = [program, "--socket", self.socket_path, "--control", self.control_path,
                "--personality", personality]
        self.process = procs.Child(argv, stdout=self._log, stderr=self._log)
        try:
            self._connect()
        except BaseException:
            self.stop()
            raise

    def _connect(self):
        end = time.monotonic() + START_TIME
        while True:
            if not self.process.running():
                raise VgpuError(f"the virtual GPU ended at start: {self._log_tail()}")
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(os.fspath(self.control_path))
                break
            except OSError:
                sock.close()
                if time.monotonic() > end:
                    raise VgpuError("the virtual GPU opens no control socket") from None
                time.sleep(0.005)
        sock.settimeout(10)
        self._sock = sock
        hello = self.command("hello")
        if hello.get("version") != 1:
            raise VgpuError(f"control protocol version {hello.get('version')}, 1 is wanted")
        while not self.socket_path.exists():
            if time.monotonic() > end:
                raise VgpuError("the virtual GPU opens no device socket")
            time.sleep(0.005)

    def _log_tail(self):
        with open(self._log.name, "rb") as f:
            lines = f.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "no word in its log"

    def command(self, cmd, **args):
        """One control command; returns the reply, raises VgpuError on refusal or silence."""
        try:
            self._sock.sendall(json.dumps({"cmd": cmd, **args}).encode() + b"\n")
            while b"\n" not in self._buf:
                data = self._sock.recv(1 << 16)
                if not data:
                    raise VgpuError(f"the virtual GPU is gone: {self._log_tail()}")
                self._buf += data
        except OSError as e:
            raise VgpuError(f"control socket, {cmd}: {e}") from None
        line, self._buf = self._buf.split(b"\n", 1)
        reply = json.loads(line)
        if not reply.get("ok"):
            raise VgpuError(f"control socket, {cmd}: {reply.get('error')}")
        return reply

    def stats(self):
        """Counters of the device (contract of the control socket)."""
        return self.command("stats")["stats"]

    def stop(self):
        """Ends the process."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self.process.stop(grace=1.0)
        self._log.close()
