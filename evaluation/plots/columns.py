"""Counts or shares of labels that have an order, a column each."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, Plot, plot
from evaluation.plots.frame import heading


def columns(
    values: Mapping[str, float], below: str, label: str, *, percent: bool = False, wide: str = "half"
) -> Plot | None:
    """Columns side by side; None without any.

    Parameters
    ----------
    values : mapping of label to value
    below : str
        What the labels tell apart.
    label : str
        Of the vertical axis.
    percent : bool
        Whether the values are shares, written as percents.
    wide : str
        See `evaluation.plots.drawing.plot`.
    """
    names = list(values)
    heights = [value * (100 if percent else 1) for value in values.values()]

    def draw(axes: Axes, narrow: bool) -> None:
        axes.bar(range(len(names)), heights, 0.78, color=COLOURS[0])
        letters = 40 if narrow else 120 if wide == "wide" else 54  # that have room below the axis
        every = -(-len(names) * (max(map(len, names)) + 2) // letters)
        axes.set_xticks(range(0, len(names), every), names[::every], fontsize=8)
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.9g}{' %' if percent else ''}")
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel(below)
        heading(axes, label)

    if not names:
        return None
    form = ".1%" if percent else ",.4g"
    described = ", ".join(f"{name}: {value:{form}}" for name, value in values.items())
    return plot(draw, 2.6, f"{label} by {below}. {described}", wide=wide)
