"""Estimates with their intervals, a row each."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, MARKERS, QUIET, Plot, label_rows, plot, whisker
from evaluation.plots.frame import heading, legend


def interval_rows(
    series: Mapping[str, Mapping[str, Mapping[str, Any]]],
    label: str,
    *,
    line: float | None = 0.0,
    percent: bool = False,
    intervals: str = "95 % intervals",
    wide: str = "wide",
) -> Plot | None:
    """Dots with intervals, one row a label; several series stand in the same row, one below the other.

    Parameters
    ----------
    series : mapping of name to mapping of label to {"mean", "low", "high"}
        At most three; a mean of None leaves the place empty.
    label : str
        Of the axis.
    line : float or None
        Where a vertical line stands for "no difference".
    percent : bool
        Whether the estimates are shares, written as percents.
    intervals : str
        What the lines are.
    wide : str
        See `evaluation.plots.drawing.plot`.
    """
    scale = 100 if percent else 1
    known = {
        name: {own: f for own, f in values.items() if f["mean"] is not None}
        for name, values in series.items()
    }
    known = {name: values for name, values in known.items() if values}
    labels = list(dict.fromkeys(own for values in known.values() for own in values))

    def draw(axes: Axes, narrow: bool) -> None:
        if line is not None:
            axes.axvline(line * scale, color=QUIET, linewidth=1)
        for at, (name, values) in enumerate(known.items()):
            shift = (at - (len(known) - 1) / 2) * 0.26
            for own, figures in values.items():
                scaled = {
                    key: None if figures[key] is None else figures[key] * scale
                    for key in ("mean", "low", "high")
                }
                whisker(axes, scaled, labels.index(own) + shift, COLOURS[at], MARKERS[at], hollow=at > 0)
            axes.plot(
                [],
                [],
                MARKERS[at],
                color=COLOURS[at],
                markerfacecolor="white" if at else COLOURS[at],
                label=name,
            )
        # Paths and features differ at their ends.
        room = 22 if narrow else 34
        label_rows(axes, [own if len(own) <= room else f"…{own[1 - room :]}" for own in labels], narrow)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}{' %' if percent else ''}")
        heading(axes, label)
        legend(axes, narrow)

    if not labels:
        return None
    described = "; ".join(
        f"{name}: " + ", ".join(f"{own} {f['mean']:.3g}" for own, f in values.items())
        for name, values in known.items()
    )
    height = 0.75 + 0.32 * len(labels)
    below = 0.3 if len(known) > 1 else 0  # for the legend
    return plot(
        draw,
        height + below,
        f"{label}, with {intervals}. {described}",
        narrow_height=height + (len(known) - 1) * 0.25 + below,
        wide=wide,
    )
