"""Where the seconds of a user go: stages as stacked bars."""

from collections.abc import Mapping
from typing import Final

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, Plot, label_rows, plot
from evaluation.plots.frame import legend

STAGES: Final = ("search", "features", "ranking", "cutting")
_LEAST_WRITTEN: Final = {False: 0.05, True: 0.14}
"""Share of the bar's stage below which it has no room for its figure."""


def stage_bars(seconds: Mapping[str, Mapping[str, float | None]]) -> Plot | None:
    """A bar a cell, a segment a stage, as shares of their sum; None without a cell.

    Parameters
    ----------
    seconds : mapping of cell to stage to seconds per user
    """
    shares = {}
    for name, stages in seconds.items():
        found = [stages.get(stage) or 0.0 for stage in STAGES]
        if sum(found) > 0:
            shares[name] = [value / sum(found) for value in found]

    def draw(axes: Axes, narrow: bool) -> None:
        for y, values in enumerate(shares.values()):
            left = 0.0
            for at, width in enumerate(values):
                label = STAGES[at] if y == 0 else None
                axes.barh(
                    y, 100 * width, 0.72, left=100 * left, color=COLOURS[at], edgecolor="white",
                    linewidth=0.6, label=label,
                )  # fmt: skip
                if width >= _LEAST_WRITTEN[narrow]:
                    middle = 100 * (left + width / 2)
                    axes.text(
                        middle, y, f"{100 * width:.0f}", color="white", ha="center", va="center", fontsize=8
                    )
                left += width
        label_rows(axes, list(shares), narrow)
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the time per user")
        legend(axes, narrow)

    if not shares:
        return None
    described = "; ".join(
        f"{name}: " + ", ".join(f"{stage} {share:.0%}" for stage, share in zip(STAGES, of, strict=True))
        for name, of in shares.items()
    )
    return plot(draw, 1.0 + 0.32 * len(shares), f"Shares of the stages in the time per user. {described}")
