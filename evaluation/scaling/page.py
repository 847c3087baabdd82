"""The page of a benchmark: one HTML file that needs nothing else, made of its cells and conclusions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import jinja2

from evaluation.plots.drawing import Plot
from evaluation.plots.frontier_points import Point, frontier_points
from evaluation.plots.growth_lines import growth_lines
from evaluation.plots.learning_lines import learning_lines
from evaluation.plots.stage_bars import stage_bars
from evaluation.report.wording import FILTERS
from evaluation.scaling.cells import Cell, common, cost, done, shown
from evaluation.scaling.growth import NEAR
from evaluation.scaling.sizes import AXES, LEAST
from evaluation.scaling.table import COLUMNS, megabytes, milliseconds, percent, rows

_BARS: Final = 24
_GROWTH: Final = {
    "seconds": ("Milliseconds per user", 1e3),
    "memory": ("Peak memory, MB", 1e-6),
    "fit": ("Seconds of the fit", 1.0),
    "index": ("Index, MB", 1e-6),
}
"""Costs whose growth is drawn, their label and scale."""
_PLANES: Final = {"seconds": ("milliseconds per user", 1e3), "memory": ("peak memory, MB", 1e-6)}
_DRAWN: Final = {"two_stage": 4, "exhaustive": 1, "source": 3}
"""Kinds whose growth is told, in this order, and how many of each are drawn."""
_NONE: Final = {"n_sizes": 0}
_TOLD: Final = {
    "search": ("search, ms", milliseconds), "features": ("features, ms", milliseconds),
    "ranking": ("ranking, ms", milliseconds), "seconds": ("ms a user", milliseconds),
    "memory": ("peak MB", megabytes), "index": ("index, MB", megabytes),
    "fit": ("fit, s", lambda seconds: "–" if seconds is None else f"{seconds:,.1f}"),
}  # fmt: skip


def render(cells: Sequence[Cell], found: Mapping[str, Any]) -> str:
    """The page as HTML; equal contents give equal bytes.

    Parameters
    ----------
    cells : sequence of mapping
    found : mapping
        The content of `conclusions.json`.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("evaluation.scaling"),
                jinja2.PackageLoader("evaluation.exploration"),
                jinja2.PackageLoader("evaluation.report"),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**FILTERS, "percent": percent, "ms": milliseconds, "mb": megabytes}
    template = environment.get_template("scaling.html.j2")
    view = {
        "x": found,
        "columns": COLUMNS,
        "rows": rows(cells, found),
        "growth_plots": _growth_plots(found["growth"], found["recommended"]),
        "growth_rows": [row for entry in _ordered(found["growth"]) for row in _growth_rows(entry)],
        "near": NEAR,
        **_main(cells, found),
    }
    # The macros of the other report ask for these names of runs; there are none here.
    return template.render(**view, main="", oracle="")


def _main(cells: Sequence[Cell], found: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of the data set that the answer is of; of the largest, if there is no answer."""
    choice = found["recommended"]
    entry = next((e for e in found["data"] if choice and e["data"] == choice["data"]), None)
    entry = entry or next(iter(found["data"]), None)
    if entry is None:
        return dict.fromkeys(("entry", "by_seconds", "close_up", "by_memory", "bars", "learning", "front"))
    own = [cell for cell in done(cells) if cell["cell"] in entry["figures"]]
    unsaid = [*AXES.values(), *common(own)]
    names = {cell["cell"]: shown(cell, unsaid) for cell in own}
    two_stage = [cell for cell in own if cell["kind"] == "two_stage"]
    two_stage.sort(key=lambda cell: (cost(cell, "seconds") or 0.0, cell["cell"]))
    return {
        "entry": entry,
        "by_seconds": _plane(own, entry, "seconds", names),
        "close_up": _plane(two_stage, entry, "seconds", names) if len(two_stage) < len(own) else None,
        "by_memory": _plane(own, entry, "memory", names),
        "bars": stage_bars({names[cell["cell"]]: cell["seconds_per_user"] for cell in two_stage[:_BARS]}),
        "learning": learning_lines(entry["learning"]),
        "front": _front(own, entry, names),
    }


def _plane(
    cells: Sequence[Cell], entry: Mapping[str, Any], name: str, names: Mapping[str, str]
) -> Plot | None:
    """Cells by nDCG@10 and a cost; close up, if there are none but two-stage cells."""
    label, scale = _PLANES[name]
    chosen = entry["recommended"] and entry["recommended"]["cell"]
    points = []
    for cell in cells:
        value, figures = cost(cell, name), _figures(cell, entry)
        if value is not None and figures is not None:
            key = cell["cell"]
            low, high = (float("nan") if end is None else end for end in figures[1:])
            is_frontier, is_chosen = key in entry["frontier"], key == chosen
            kind = "two_stage" if cell["kind"] == "two_stage" else "yardstick"
            points.append(
                Point(names[key], kind, value * scale, figures[0], low, high, is_frontier, is_chosen)
            )
    joined = [names[key] for key in entry[f"frontier_of_{name}"]]
    from_zero = any(point.kind != "two_stage" for point in points)
    return frontier_points(points, label, joined, from_zero=from_zero)


def _figures(cell: Cell, entry: Mapping[str, Any]) -> tuple[float, float | None, float | None] | None:
    """nDCG@10 and its ends; of a cell that was asked for fewer users, by its difference to the best."""
    figures, to_best = cell["ndcg@10"], entry["to_best"].get(cell["cell"])
    if figures["mean"] is None:
        return None
    if to_best is None or (cell["n_queries"] or 0) >= entry["n_queries"]:
        return figures["mean"], figures["low"], figures["high"]
    of_best = to_best["level"] - to_best["mean"]
    low, high = (None if to_best[end] is None else of_best + to_best[end] for end in ("low", "high"))
    return to_best["level"], low, high


def _front(cells: Sequence[Cell], entry: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Cells on the frontier, the cheapest first, and then what they are compared with."""
    by_name = {cell["cell"]: cell for cell in cells}
    chosen = entry["recommended"] and entry["recommended"]["cell"]
    yardsticks = [cell["cell"] for cell in cells if cell["kind"] in ("exhaustive", "oracle")]
    extra = [chosen] if chosen and chosen not in entry["frontier"] else []
    return [
        {
            "name": names[key],
            "cell": by_name[key],
            "to_best": entry["to_best"].get(key),
            "is_chosen": key == chosen,
            "is_yardstick": key in yardsticks,
        }
        for key in [*entry["frontier"], *extra, *yardsticks]
    ]


def _growth_plots(growth: Sequence[Mapping[str, Any]], choice: Mapping[str, Any] | None) -> list[Plot]:
    """Of the configurations that matter most: the recommended one, others with two stages, yardsticks."""
    chosen = None if choice is None else choice["configuration"]
    order = sorted(growth, key=lambda entry: entry["configuration"] != chosen)
    drawn = [entry for kind, n in _DRAWN.items() for entry in [e for e in order if e["kind"] == kind][:n]]
    plots = []
    for name, (label, scale) in _GROWTH.items():
        for axis in AXES:
            costs = {
                entry["configuration"]: entry["costs"][name]
                for entry in drawn
                if entry.get("costs", {}).get(name, {}).get("exponents", {}).get(axis, _NONE)["n_sizes"]
                >= LEAST
            }
            plots.append(growth_lines(costs, axis, label, scale=scale))
    return [plot for plot in plots if plot is not None]


def _rounded(exponent: Mapping[str, Any] | None) -> dict[str, float | None] | None:
    """An exponent to two digits, without a negative zero."""
    if exponent is None:
        return None
    ends = {end: exponent[end] for end in ("mean", "low", "high")}
    return {end: None if value is None else round(value, 2) + 0.0 for end, value in ends.items()}


def _ordered(growth: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(
        growth, key=lambda entry: list(_DRAWN).index(entry["kind"]) if entry["kind"] in _DRAWN else 9
    )


def _growth_rows(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of growth: a cost of a configuration each."""
    if "reason" in entry or entry["kind"] == "oracle":
        return []
    found = []
    for name, (label, written) in _TOLD.items():
        law = entry["costs"].get(name)
        if law is None or (name == "search" and entry["kind"] == "source"):
            continue
        target = entry["target"]
        check = next((c for c in law["checks"] if c["n_items"] == target["n_items"]), None)
        found.append(
            {
                "configuration": entry["configuration"],
                "cost": label,
                "is_main": name in ("seconds", "memory"),
                "exponents": [_rounded(law["exponents"].get(axis)) for axis in AXES],
                "form": {"power": "power", "affine": "shares"}[law["form"]],
                "target": f"{target['n_items']:,.0f} items and {target['n_users']:,.0f} users",
                "predicted": [written(law["predicted"][end]) for end in ("mean", "low", "high")],
                "measured": check and written(check["measured"]),
                "error": check and check["relative_error"],
                "is_near": check and check["is_near"],
            }
        )
    return found
