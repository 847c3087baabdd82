"""Differences with their intervals, a line each."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, QUIET, Plot, label_rows, plot, whisker


def forest(differences: Mapping[str, Mapping[str, Any]], metric: str) -> Plot | None:
    """Paired differences with their intervals, a line each; None where there is none.

    Parameters
    ----------
    differences : mapping of label to figures
        Best known last; each {"mean", "low", "high"}.
    metric : str
        Name of the axis.
    """
    rows = [(label, f) for label, f in differences.items() if f["mean"] is not None and f["low"] is not None]

    def draw(axes: Axes, narrow: bool) -> None:
        axes.axvline(0, color=QUIET, linewidth=1)
        for y, (_, figures) in enumerate(rows):
            sure = figures["low"] > 0 or figures["high"] < 0
            colour = QUIET if not sure else COLOURS[0] if figures["low"] > 0 else COLOURS[1]
            whisker(axes, figures, y, colour, "D" if sure else "o", hollow=not sure)
            if not narrow:
                axes.annotate(
                    f"{figures['mean']:+.4f}  [{figures['low']:+.4f}, {figures['high']:+.4f}]",
                    (1.01, y), xycoords=("axes fraction", "data"), va="center", color=colour,
                )  # fmt: skip
        label_rows(axes, [label for label, _ in rows], narrow)
        axes.set_xlabel(f"difference in {metric}")

    if not rows:
        return None
    description = f"Difference in {metric} with 95 % intervals against " + ", ".join(r for r, _ in rows)
    return plot(draw, 0.75 + 0.32 * len(rows), description)
