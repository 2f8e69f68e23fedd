# SPDX-License-Identifier: MIT
"""One module a sub-command; see xerig.cli. Each is imported for the parser, so run() imports what it alone needs."""
