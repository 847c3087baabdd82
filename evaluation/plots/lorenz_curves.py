"""How unevenly something is shared out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, DASHES, QUIET, Plot, plot
from evaluation.plots.frame import heading


def lorenz_curves(curves: Mapping[str, Sequence[float]]) -> Plot:
    """Lorenz curves: share of the total held by the smallest units.

    Parameters
    ----------
    curves : mapping of name to shares
        At evenly spaced shares of the units, from 0 to 1.
    """

    def draw(axes: Axes, narrow: bool) -> None:
        axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1, linestyle=":", label="all equal")
        for at, (name, shares) in enumerate(curves.items()):
            x = np.linspace(0, 100, len(shares))
            axes.plot(x, 100 * np.asarray(shares), label=name, color=COLOURS[at], linestyle=DASHES[at])
        axes.set_xlabel("% of them, the smallest first")
        heading(axes, "% of the total that they hold")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.legend(loc="upper left", fontsize=8)

    halves = ", ".join(f"{name} {shares[len(shares) // 2]:.1%}" for name, shares in curves.items())
    return plot(draw, 3.4, f"Lorenz curves; the smaller half holds: {halves}", wide="half", narrow_height=3.0)
