"""How much each source finds among its first k."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, DASHES, INK, MARKERS, Plot, plot, short
from evaluation.retrieval import CUTOFFS
from evaluation.sections import POOL


def recall_curves(retrieval: Mapping[str, Mapping[str, Any]]) -> Plot | None:
    """Recall of each source and of the pool over the length of the list; None without sources."""
    curves = {
        source: [figures[f"recall@{k}"]["mean"] for k in CUTOFFS]
        for source, figures in retrieval.items()
        if figures[f"recall@{CUTOFFS[-1]}"]["mean"] is not None
    }

    def draw(axes: Axes, narrow: bool) -> None:
        order = sorted(curves, key=lambda source: (source != POOL, -curves[source][-1], source))
        for at, source in enumerate(order):
            pool = source == POOL
            axes.plot(
                CUTOFFS, curves[source], label="all sources, fused" if pool else short(source, 30),
                color=INK if pool else COLOURS[(at - 1) % len(COLOURS)], linewidth=2.6 if pool else 1.5,
                linestyle=DASHES[0 if pool else (at - 1) // len(COLOURS) % len(DASHES)],
                marker="o" if pool else MARKERS[at % len(MARKERS)], markersize=5,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(CUTOFFS, [str(k) for k in CUTOFFS])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel("first k candidates")
        if narrow:
            axes.legend(loc="upper left", bbox_to_anchor=(0, -0.24))
        else:
            axes.set_ylabel("recall")
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))

    if not curves:
        return None
    ends = ", ".join(f"{source} {values[-1]:.3f}" for source, values in curves.items())
    legend = 0.19 * len(curves)  # stands beside the wide drawing, below the narrow one
    description = f"Recall over the first k candidates; at {CUTOFFS[-1]}: {ends}"
    return plot(draw, max(3.6, 0.6 + legend), description, narrow_height=2.6 + legend)
