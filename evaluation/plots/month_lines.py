"""Figures by month, a line each."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, DASHES, Plot, plot, short
from evaluation.plots.frame import heading, legend

_MARKED_MONTHS = 36  # up to here each month has a marker of its own


def month_lines(
    series: Mapping[str, Sequence[float | None]],
    months: Sequence[str],
    label: str,
    *,
    percent: bool = False,
    limits: tuple[float, float] | None = None,
) -> Plot | None:
    """Lines over months; None without a figure.

    Parameters
    ----------
    series : mapping of name to figures
        One for each month; None leaves a gap.
    months : sequence of str
        "2022-07".
    label : str
        Of the vertical axis.
    percent : bool
        Whether the figures are shares, written as percents.
    limits : (float, float) or None
        Of the vertical axis; None: from 0 on.
    """
    known = {name: values for name, values in series.items() if any(v is not None for v in values)}

    def draw(axes: Axes, narrow: bool) -> None:
        for at, (name, values) in enumerate(known.items()):
            y = np.array([np.nan if v is None else v for v in values], float) * (100 if percent else 1)
            axes.plot(
                np.arange(len(y)), y, label=short(name, 24), color=COLOURS[at % len(COLOURS)], linewidth=1.6,
                linestyle=DASHES[at // len(COLOURS) % len(DASHES)],
                marker="o" if len(months) <= _MARKED_MONTHS else "", markersize=3,
            )  # fmt: skip
        if limits is None:
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(limits)
        month_ticks(axes, months, 4 if narrow else 9)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.9g}{' %' if percent else ''}")
        axes.locator_params(axis="y", nbins=5)
        heading(axes, label)
        legend(axes, narrow)

    if not known or len(months) < 2:
        return None
    described = "; ".join(f"{name}: {_ends(values)}" for name, values in known.items())
    rows = (len(known) + 1) // 2
    return plot(
        draw, 2.8, f"{label}, {months[0]} to {months[-1]}. {described}", narrow_height=2.5 + 0.17 * rows
    )


def month_ticks(axes: Axes, months: Sequence[str], at_most: int) -> None:
    """Names of some months below the axis: Januaries where there are enough of them."""
    januaries = [at for at, month in enumerate(months) if month.endswith("-01")]
    places = januaries if len(januaries) >= 3 else list(range(len(months)))
    places = places[:: max(1, -(-len(places) // at_most))]
    names = [months[at][:4] if len(januaries) >= 3 else months[at] for at in places]
    axes.set_xticks(places, names)


def _ends(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{known[0]:,.4g} to {known[-1]:,.4g}, at most {max(known):,.4g}"
