# SPDX-License-Identifier: MIT
"""Entry point of the rig: one sub-command a module of xerig.commands."""

import sys

from xerig.cli import main

sys.exit(main(sys.argv[1:]))
