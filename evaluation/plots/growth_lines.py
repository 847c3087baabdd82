"""How a cost grows: what was measured, the law that was fitted, what it foretells and what came."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from evaluation.plots.drawing import COLOURS, DASHES, INK, MARKERS, Plot, plot, short
from evaluation.plots.frame import heading, legend

_ROOM: Final = 1.6


def growth_lines(
    costs: Mapping[str, Mapping[str, Any]], axis: str, label: str, *, scale: float = 1.0
) -> Plot | None:
    """Costs over sizes, both logarithmic; None without a law along this axis.

    Parameters
    ----------
    costs : mapping of configuration to a cost of `evaluation.scaling.growth`
    axis : str
        "n_items" or "n_users".
    label : str
        Of the cost, with its unit.
    scale : float
        What costs are multiplied by to be in that unit.
    """
    drawn = {name: found for name, found in costs.items() if axis in found["curves"]}

    def draw(axes: Axes, _: bool) -> None:
        for at, (name, found) in enumerate(drawn.items()):
            _line(axes, at, short(name, 34), found, axis, scale)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _frame(axes, _shown(drawn.values(), axis, scale))
        axes.set_xlabel({"n_items": "items", "n_users": "users"}[axis])
        heading(axes, label)
        legend(axes, narrow=True)  # as little room as on a telephone

    if not drawn:
        return None
    described = "; ".join(_described(name, found, axis, scale) for name, found in drawn.items())
    return plot(
        draw, 3.0 + 0.16 * len(drawn), f"{label} over {axis[2:]}. {described}",
        narrow_height=2.8 + 0.19 * len(drawn), wide="half",
    )  # fmt: skip


def _line(axes: Axes, at: int, name: str, found: Mapping[str, Any], axis: str, scale: float) -> None:
    """A configuration: its law for each size on the other axis, what was measured, what checks it."""
    colour, dash = COLOURS[at % len(COLOURS)], DASHES[at // len(COLOURS) % len(DASHES)]
    marker = MARKERS[at % len(MARKERS)]
    for curve in found["curves"][axis]:
        x, mean, low, high = (list(column) for column in zip(*curve["points"], strict=True))
        is_last = curve is found["curves"][axis][-1]
        axes.plot(
            x, _scaled(mean, scale), color=colour, linestyle=dash,
            linewidth=1.4 if is_last else 0.7, alpha=1.0 if is_last else 0.45,
        )  # fmt: skip
        if is_last and None not in low:
            axes.fill_between(x, _scaled(low, scale), _scaled(high, scale), color=colour, alpha=0.1)
    observed = found["observed"]
    axes.plot(
        [point[axis] for point in observed], _scaled([point["value"] for point in observed], scale),
        marker, color=colour, markersize=5, label=name,
    )  # fmt: skip
    for check in found["checks"]:
        axes.plot(
            [check[axis]], [check["measured"] * scale], marker, color=colour, markersize=8,
            markerfacecolor="white", markeredgewidth=1.6,
        )  # fmt: skip


def _frame(axes: Axes, shown: Sequence[float]) -> None:
    """Ends and ticks for what was measured and foretold; a band may lead far beyond."""
    axes.set_ylim(min(shown) / _ROOM, max(shown) * _ROOM)
    is_short = max(shown) < 6 * min(shown)
    if is_short:
        axes.set_ylim(min(shown) * 0.94, max(shown) * 1.06)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    for one in (axes.xaxis, axes.yaxis):
        one.set_major_formatter(lambda value, _: f"{value:,.9g}")
        one.set_minor_formatter(lambda value, _: "")
    if not is_short and max(shown) < 100 * min(shown):
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:,.9g}" if f"{value:e}"[0] in "25" else "")
        axes.tick_params(axis="y", which="minor", labelcolor=INK)
    elif is_short:
        axes.yaxis.set_minor_locator(NullLocator())


def _shown(costs: Iterable[Mapping[str, Any]], axis: str, scale: float) -> list[float]:
    """Every cost that must be in sight."""
    found = []
    for one in costs:
        found += [point["value"] * scale for point in one["observed"]]
        found += [check["measured"] * scale for check in one["checks"]]
        found += [point[1] * scale for curve in one["curves"][axis] for point in curve["points"]]
    return found


def _described(name: str, found: Mapping[str, Any], axis: str, scale: float) -> str:
    mean = found["exponents"][axis]["mean"]
    ends = [point["value"] * scale for point in found["observed"]]
    return f"{name}: from {min(ends):,.4g} to {max(ends):,.4g}, exponent {mean:.2f}"


def _scaled(values: Sequence[float], scale: float) -> list[float]:
    return [value * scale for value in values]
