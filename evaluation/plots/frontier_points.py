"""Accuracy against what it costs: a point a cell, the frontier a line, the chosen cell in a ring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from evaluation.plots.drawing import COLOURS, INK, MARKERS, QUIET, Plot, plot, short
from evaluation.plots.frame import heading, legend

_TWO_STAGE: Final = COLOURS[0]


@dataclass(frozen=True)
class Point:
    """A cell in the plane of cost and accuracy.

    Parameters
    ----------
    name : str
    kind : str
        "two_stage" for the cells among which one is chosen; of others `name` stands in the legend.
    cost : float
        In the unit of the axis.
    mean, low, high : float
        nDCG@10; NaN ends where there is no interval.
    is_frontier, is_chosen : bool
    """

    name: str
    kind: str
    cost: float
    mean: float
    low: float
    high: float
    is_frontier: bool
    is_chosen: bool


def frontier_points(
    points: Sequence[Point], cost: str, frontier: Sequence[str], *, from_zero: bool = True
) -> Plot | None:
    """Cells by nDCG@10 and a cost on a logarithmic axis; None without two-stage cells.

    Parameters
    ----------
    points : sequence of Point
    cost : str
        What the horizontal axis says.
    frontier : sequence of str
        Names of the cells on the frontier of these two, which a line joins.
    from_zero : bool
        Whether the axis of nDCG@10 begins at 0.
    """
    own = [point for point in points if point.kind == "two_stage"]
    line = sorted((point for point in points if point.name in set(frontier)), key=lambda point: point.cost)

    def draw(axes: Axes, narrow: bool) -> None:
        if len(line) > 1:
            x, y = [point.cost for point in line], [point.mean for point in line]
            axes.step(x, y, where="post", color=QUIET, linewidth=1.1, linestyle="--", zorder=1)
        for is_frontier, label in ((True, "two stages, on the frontier"), (False, "two stages, surpassed")):
            some = [point for point in own if point.is_frontier == is_frontier and not point.is_chosen]
            _marks(axes, some, label, _TWO_STAGE, "o", hollow=not is_frontier)
        others = [point for point in points if point.kind != "two_stage"]
        for at, point in enumerate(others):
            _marks(axes, [point], short(point.name.replace("_", " "), 28), _colour(at), MARKERS[1 + at % 7])
        for point in own:
            if point.is_chosen:
                _marks(axes, [point], "recommended", INK, "*", size=13)
        _scales(axes, [point.cost for point in points], narrow, from_zero)
        axes.set_xlabel(cost)
        heading(axes, "nDCG@10, 95 % intervals")
        legend(axes, narrow)

    if not own:
        return None
    described = "; ".join(f"{p.name}: nDCG {p.mean:.4f} at {p.cost:,.4g}" for p in points)
    rows = 2 + len([point for point in points if point.kind != "two_stage"]) // 2
    return plot(draw, 4.2, f"nDCG@10 against {cost}. {described}", narrow_height=3.1 + 0.19 * rows)


def _scales(axes: Axes, costs: Sequence[float], narrow: bool, from_zero: bool) -> None:
    axes.set_xscale("log")
    if from_zero:
        axes.set_ylim(bottom=0)
    if max(costs) < 10 * min(costs):
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8))
        axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.9g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.locator_params(axis="y", nbins=6)


def _marks(
    axes: Axes, points: Sequence[Point], label: str, colour: str, marker: str, *, hollow: bool = False,
    size: float = 6.5,
) -> None:  # fmt: skip
    for at, point in enumerate(points):
        if point.low == point.low:
            axes.plot([point.cost] * 2, [point.low, point.high], color=colour, linewidth=1.1, alpha=0.55)
        axes.plot(
            [point.cost], [point.mean], marker, color=colour, markersize=size,
            markerfacecolor="white" if hollow else colour, label=label if at == 0 else None, zorder=3,
        )  # fmt: skip


def _colour(at: int) -> str:
    return COLOURS[1 + at % (len(COLOURS) - 1)]
