# SPDX-License-Identifier: MIT
"""`make bench`: figures, each taken in one run beside what it is compared with. One module a part.

A part has NAME and measure(base, gpu, out) -> Figures: names of both, folder for logs and plots.
"""

from dataclasses import asdict, dataclass, field

from .. import errors


@dataclass(frozen=True)
class Limit:
    """What a figure must not exceed. figure, limit: numbers with the same unit; how: which figure it is."""

    what: str
    figure: float
    limit: float
    unit: str
    how: str = ""

    @property
    def good(self):
        """Whether it is kept. A figure that is none keeps nothing."""
        return self.figure <= self.limit

    def __str__(self):
        tail = f" ({self.how})" if self.how else ""
        sign = "at most" if self.good else "MORE than"
        return f"{self.what}: {self.figure:.4g}, {sign} {self.limit:g} {self.unit}{tail}"


@dataclass
class Figures:
    """What one part found. rows: (what, figure, remark) strings; data: for bench.json; plots: files; limits: Limits
    that the run is judged by."""

    title: str
    rows: list = field(default_factory=list)
    data: dict = field(default_factory=dict)
    plots: list = field(default_factory=list)
    limits: list = field(default_factory=list)

    def verdict(self):
        """One line: how many limits are kept, and those that are not. None where there are none."""
        if not self.limits:
            return None
        bad = [str(x) for x in self.limits if not x.good]
        return "; ".join([f"{len(self.limits) - len(bad)} of {len(self.limits)} limits kept", *bad])

    def judged(self):
        """The limits for bench.json."""
        return [{**asdict(x), "good": x.good} for x in self.limits]


def expect(line, word):
    """The rest of a line that must begin with word."""
    if line is None or line.split(" ", 1)[0] != word:
        raise errors.InfraError(f"the benchmark in the guest said: {line}")
    return line[len(word):]


def plot(path, lines, xlabel, ylabel, title, lowest=None):
    """Draws lines, (points, style, colour, label) each with points (x, y), both axes logarithmic; returns path.

    lowest: where the y axis begins.
    """
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for points, style, colour, label in lines:
        axes.plot(*zip(*points), style, marker="o", color=colour, label=label)
    axes.set(xscale="log", yscale="log", ylim=(lowest, None), xlabel=xlabel, ylabel=ylabel, title=title)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
    return path
