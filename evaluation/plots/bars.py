"""Shares of labels without an order, a bar each."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from evaluation.plots.drawing import COLOURS, Plot, label_rows, plot
from evaluation.plots.frame import heading, legend


def bars(series: Mapping[str, Mapping[str, float]], label: str, *, wide: str = "wide") -> Plot | None:
    """Bars of shares from the left, one group of bars a label; None without any.

    Parameters
    ----------
    series : mapping of name to mapping of label to share
        At most two; the first as full bars, the second as lines that end in a mark.
    label : str
        Of the axis.
    wide : str
        See `evaluation.plots.drawing.plot`.
    """
    labels = list(dict.fromkeys(name for values in series.values() for name in values))

    def draw(axes: Axes, narrow: bool) -> None:
        for at, (name, values) in enumerate(series.items()):
            y = [labels.index(own) for own in values]
            x = [100 * share for share in values.values()]
            if at == 0:
                axes.barh(y, x, 0.68, color=COLOURS[0], label=name)
            else:
                axes.plot(x, y, "D", color=COLOURS[1], markersize=5, markeredgecolor="white", label=name)
        axes.set_xlim(0, max(1, *(100 * s for values in series.values() for s in values.values())) * 1.05)
        label_rows(axes, labels, narrow)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        heading(axes, label)
        legend(axes, narrow)

    if not labels:
        return None
    described = "; ".join(
        f"{name}: " + ", ".join(f"{own} {share:.1%}" for own, share in values.items())
        for name, values in series.items()
    )
    below = 0.3 if len(series) > 1 else 0  # for the legend
    return plot(draw, 0.75 + 0.27 * len(labels) + below, f"{label}. {described}", wide=wide)
