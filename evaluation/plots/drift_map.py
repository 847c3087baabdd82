"""How far each thing moved in each month, as a map of colours."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap

from evaluation.plots.drawing import Plot, plot, short
from evaluation.plots.frame import heading
from evaluation.plots.month_lines import month_ticks

LIMITS: Final = (0.0, 0.02, 0.1, 0.25)
_COLOURS: Final = ("#e8eef3", "#a9c9e2", "#e2a45c", "#b34700")
LEGEND: Final = tuple(
    zip(("below .02, or chance", "below .1", "below .25", "above: shifted"), _COLOURS, strict=True)
)


def drift_map(things: Mapping[str, Mapping[str, Any]], months: Sequence[str]) -> Plot | None:
    """A row for each thing, a column for each month, coloured by its index; None without any.

    Parameters
    ----------
    things : mapping of name to {"psi", "by_chance"}
        Two figures for each month, None is left blank; an index that does not exceed chance has the colour of
        0.
    months : sequence of str
    """
    names = list(things)
    psi, by_chance = (
        np.array([[np.nan if v is None else v for v in things[name][key]] for name in names], float)
        for key in ("psi", "by_chance")
    )
    table = np.where(psi <= by_chance, 0.0, psi)

    def draw(axes: Axes, narrow: bool) -> None:
        colours = ListedColormap(list(_COLOURS)).with_extremes(bad="white")
        norm = BoundaryNorm([*LIMITS, max(10.0, float(np.nanmax(table)) + 1)], len(_COLOURS))
        edges = np.arange(table.shape[1] + 1) - 0.5, np.arange(len(names) + 1) - 0.5
        axes.pcolormesh(
            *edges,
            np.ma.masked_invalid(table),
            cmap=colours,
            norm=norm,
            edgecolors="white" if len(months) <= 60 else "none",
            linewidth=0.4,
        )
        axes.set_yticks(range(len(names)), [short(name, 18 if narrow else 34) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False)
        axes.tick_params(axis="y", length=0)
        month_ticks(axes, months, 4 if narrow else 9)
        heading(axes, "population stability index against the months before")

    if not names or not np.isfinite(table).any():
        return None
    worst = ", ".join(f"{name} at most {np.nanmax(row):.2f}" for name, row in zip(names, psi, strict=True))
    return plot(draw, 0.75 + 0.26 * len(names), f"Population stability index by month: {worst}")
