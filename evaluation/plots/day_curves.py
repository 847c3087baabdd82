"""Shares that grow with the days."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, DASHES, Plot, plot, short
from evaluation.plots.frame import heading

_MARKS: Final = (1, 7, 30, 90, 365, 1095, 3650)


def day_curves(
    curves: Mapping[str, Mapping[str, Sequence[Any]]], label: str, *, wide: str = "half"
) -> Plot | None:
    """Curves over days, on a logarithmic scale; None without any.

    Parameters
    ----------
    curves : mapping of name to {"days", "share"}
    label : str
        Of the vertical axis.
    wide : str
        See `evaluation.plots.drawing.plot`.
    """
    drawn = {name: curve for name, curve in curves.items() if len(curve["days"]) > 1}

    def draw(axes: Axes, narrow: bool) -> None:
        for at, (name, curve) in enumerate(drawn.items()):
            y = [100 * share for share in curve["share"]]
            axes.step(
                curve["days"], y, where="post", label=short(name, 30), color=COLOURS[at], linestyle=DASHES[at]
            )
        axes.set_xscale("log")
        longest = max(curve["days"][-1] for curve in drawn.values())
        marks = [mark for mark in _MARKS if mark <= longest]
        axes.set_xticks(marks, [str(mark) for mark in marks])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel("days")
        heading(axes, label)
        if len(drawn) > 1:
            axes.legend(loc="best", fontsize=8)

    if not drawn:
        return None
    ends = ", ".join(
        f"{name} {curve['share'][-1]:.1%} at {curve['days'][-1]:,.4g}" for name, curve in drawn.items()
    )
    return plot(draw, 2.8, f"{label} over days; at the end: {ends}", wide=wide)
