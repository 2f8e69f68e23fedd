# SPDX-License-Identifier: MIT
"""Disk space, asked for before something big is made."""

import shutil

from . import errors


def free_gb(path):
    """Free space in GB where path is, or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 1e9


def require(path, need_gb, what):
    """UsageError unless need_gb GB are free for `what`."""
    free = free_gb(path)
    if free < need_gb:
        raise errors.UsageError(f"not enough disk for {what}: needs {need_gb:.1f} GB in {path}, "
                                f"{free:.1f} GB are free (CACHE= moves the cache)")
