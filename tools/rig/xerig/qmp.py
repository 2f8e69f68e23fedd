# SPDX-License-Identifier: MIT
"""QEMU's machine protocol: commands and their answers."""

import json
import socket
import time

from . import errors


class QmpError(errors.InfraError):
    """QEMU refused a command, or said nothing."""


class Qmp:
    """One connection on a connected socket. Not thread-safe: one user."""

    def __init__(self, sock, timeout=10.0):
        self._sock, self._buf, self._timeout = sock, b"", timeout
        self._receive("QMP", self._timeout)  # the greeting
        self.command("qmp_capabilities")

    def _receive(self, command, timeout):
        end = time.monotonic() + timeout
        try:
            while b"\n" not in self._buf:
                self._sock.settimeout(max(0.001, end - time.monotonic()))
                data = self._sock.recv(1 << 16)
                if not data:
                    raise QmpError(f"{command}: QEMU is gone")
                self._buf += data
        except (socket.timeout, BlockingIOError):
            raise QmpError(f"{command}: no word from QEMU in {timeout:g} s") from None
        except OSError as e:
            raise QmpError(f"{command}: {e}") from None
        line, self._buf = self._buf.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, **arguments):
        """One command; returns what QEMU returned, raises QmpError where it refused."""
        try:
            self._sock.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        except OSError as e:
            raise QmpError(f"{name}: {e}") from None
        while True:
            msg = self._receive(name, self._timeout)
            if "error" in msg:
                raise QmpError(f"{name}: {msg['error'].get('desc')}")
            if "return" in msg:
                return msg["return"]  # else an event, which nobody waits for

    def close(self):
        """Ends the connection."""
        self._sock.close()
