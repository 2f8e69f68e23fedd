# SPDX-License-Identifier: MIT
"""One module a sub-command; see xerig.cli."""
