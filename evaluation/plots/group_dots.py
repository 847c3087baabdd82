"""Means by group, of one run or of two."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from evaluation.groups import FEWEST
from evaluation.plots.drawing import COLOURS, MARKERS, QUIET, Plot, label_rows, plot, short, whisker


def group_dots(runs: Mapping[str, Mapping[str, Mapping[str, Any]]], metric: str) -> Plot | None:
    """Means with intervals by group, the first run as dots, a second as squares; None without any.

    A group of fewer than `FEWEST` has its name and its size alone; its interval would set the scale for all.

    Parameters
    ----------
    runs : mapping of run to mapping of label to {"mean", "low", "high", "n"}
    metric : str
        Name of the axis.
    """
    sizes = {label: figures["n"] for groups in runs.values() for label, figures in groups.items()}
    labels = list(sizes)

    def draw(axes: Axes, narrow: bool) -> None:
        for at, groups in enumerate(runs.values()):
            colour = COLOURS[0] if at == 0 else QUIET
            shift = (at - (len(runs) - 1) / 2) * 0.26
            for label, figures in groups.items():
                if figures["n"] >= FEWEST:
                    whisker(axes, figures, labels.index(label) + shift, colour, MARKERS[at], hollow=at > 0)
        axes.set_xlim(left=0)
        label_rows(axes, [f"{short(label, 20)}  ({n:,})" for label, n in sizes.items()], narrow)
        axes.set_xlabel(metric)

    if not labels:
        return None
    description = f"{metric} by group: " + ", ".join(f"{label} ({n:,} users)" for label, n in sizes.items())
    return plot(draw, 0.7 + 0.36 * len(labels), description, wide="half")
