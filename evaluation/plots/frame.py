"""What stands around a plot: what its values are above it, what its lines are below."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.plots.drawing import QUIET


def heading(axes: Axes, text: str) -> None:
    """What the values are, from the left edge of the drawing on: there is little room on a telephone."""
    _figure(axes).suptitle(text, x=0.005, ha="left", fontsize=9, color=QUIET)


def legend(axes: Axes, narrow: bool) -> None:
    """Names of the lines, below the drawing; none where there is but one."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        letters = 44 if narrow else 120  # that have room in a line
        columns = max(1, min(len(labels), letters // (max(map(len, labels)) + 7)))
        _figure(axes).legend(handles, labels, loc="outside lower left", ncols=columns, fontsize=8)


def _figure(axes: Axes) -> Figure:
    figure = axes.figure
    assert isinstance(figure, Figure)  # and no part of one
    return figure
