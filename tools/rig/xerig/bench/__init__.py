# SPDX-License-Identifier: MIT
"""`make bench`: figures, each taken in one run beside what it is compared with. One module a part.

A part has NAME, WHAT and measure(args, out) -> Figures.
"""

from dataclasses import dataclass, field


@dataclass
class Figures:
    """What one part found. rows: (what, figure, remark) strings; data: for bench.json; plots: files."""

    title: str
    rows: list = field(default_factory=list)
    data: dict = field(default_factory=dict)
    plots: list = field(default_factory=list)


def median(values):
    """The middle of values; the mean of the two in the middle of an even number."""
    v = sorted(values)
    half = len(v) // 2
    return v[half] if len(v) % 2 else (v[half - 1] + v[half]) / 2
