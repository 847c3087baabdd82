"""nDCG@10 against the number of queries that the ranker learnt from."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, MARKERS, Plot, plot, short
from evaluation.plots.frame import heading, legend


def learning_lines(curves: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Curves of `evaluation.scaling.learning_curve`; None without one."""

    def draw(axes: Axes, narrow: bool) -> None:
        for at, curve in enumerate(curves):
            points = [point for point in curve["points"] if point["ndcg@10"]["mean"] is not None]
            x = [point["n_queries"] for point in points]
            mean, low, high = ([point["ndcg@10"][end] for point in points] for end in ("mean", "low", "high"))
            colour = COLOURS[at % len(COLOURS)]
            if len(curves) == 1 and None not in low:
                axes.fill_between(x, low, high, color=colour, alpha=0.12)
            axes.plot(
                x, mean, color=colour, marker=MARKERS[at % len(MARKERS)], markersize=5,
                label=short(curve["configuration"], 40),
            )  # fmt: skip
            axes.axvline(curve["enough"], color=colour, linewidth=1, linestyle=":")
        axes.set_xscale("log")
        ticks = sorted({point["n_queries"] for curve in curves for point in curve["points"]})
        kept = ticks[:: max(1, -(-len(ticks) // (4 if narrow else 9)))]
        axes.set_xticks(kept, [f"{tick:,}" for tick in kept])
        axes.minorticks_off()
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel("queries to learn from, of each past window at most")
        heading(axes, "nDCG@10")
        legend(axes, narrow)

    if not curves:
        return None
    described = "; ".join(
        f"{curve['configuration']}: "
        + ", ".join(f"{point['n_queries']:,} {point['ndcg@10']['mean']:.4f}" for point in curve["points"])
        for curve in curves
    )
    return plot(
        draw, 3.2, f"nDCG@10 by queries to learn from. {described}", narrow_height=2.8 + 0.19 * len(curves)
    )
