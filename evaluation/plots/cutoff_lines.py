"""What each cut-off leaves for a test, and the one that is advised."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, DASHES, INK, Plot, plot
from evaluation.plots.frame import heading, legend
from evaluation.plots.month_lines import month_ticks


def cutoff_lines(candidates: Sequence[Mapping[str, Any]], chosen: str) -> Plot | None:
    """Shares over the candidates for a cut-off; None for fewer than two.

    Parameters
    ----------
    candidates : sequence of mapping
        As of `split_advice`, oldest first.
    chosen : str
        The day that is advised.
    """
    days = [candidate["day"] for candidate in candidates]
    lines = {
        "transactions after it": [c["share_after"] for c in candidates],
        "of the users asked for, with history": [c["with_history"] / c["queries"] for c in candidates],
        "of what they get, on unknown items": [c["cold_items"] for c in candidates],
    }

    def draw(axes: Axes, narrow: bool) -> None:
        for at, (name, shares) in enumerate(lines.items()):
            axes.plot(100 * np.array(shares), label=name, color=COLOURS[at], linestyle=DASHES[at])
        advised = days.index(chosen)
        axes.axvline(advised, color=INK, linewidth=1.2, linestyle=":")
        is_late = advised > len(days) / 2
        axes.annotate(
            chosen, (advised, 1), xycoords=("data", "axes fraction"), xytext=(-5 if is_late else 5, 0),
            textcoords="offset points", ha="right" if is_late else "left", va="top", color=INK,
        )  # fmt: skip
        axes.set_ylim(0, 102)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        # Beginnings of months are named like months, other days in full.
        is_monthly = all(day.endswith("-01") for day in days)
        month_ticks(axes, [day[:7] if is_monthly else day for day in days], 3 if narrow else 7)
        heading(axes, "by the day of the cut-off")
        legend(axes, narrow)

    if len(days) < 2:
        return None
    at = days.index(chosen)
    told = ", ".join(f"{name} {shares[at]:.1%}" for name, shares in lines.items())
    return plot(draw, 2.9, f"By cut-off, {days[0]} to {days[-1]}; at {chosen}: {told}", narrow_height=3.3)
