"""All that the cells of a benchmark tell: `conclusions.json` but for the commands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluation.scaling.cells import Cell, common, cost, done, ndcg, shown
from evaluation.scaling.choice import Choice, Values, chosen, differences, share_of
from evaluation.scaling.frontier import frontier
from evaluation.scaling.growth import growth
from evaluation.scaling.learning_curve import learning_curves
from evaluation.scaling.sizes import AXES

SURROUNDINGS: Final = ("versions", "processor", "threads")


def conclusions(cells: Sequence[Cell], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the cells tell.

    Parameters
    ----------
    cells : sequence of mapping
    values : mapping of str to float64 array of shape (m,)
        nDCG@10 of each query by cell, NaN for those not asked; m is that of the cell's data set.

    Returns
    -------
    dict
        `recommended`: of the largest data set with a choice, `Choice.as_json` and `data`, or None; `data`, a
        mapping for each data set: see `_of_data`; `growth`; `failed`: `cell` and `reason`; `measured_on`: the
        values of `SURROUNDINGS` that cells have, several where they differ.
    """
    by_data: dict[str, list[Cell]] = {}
    for cell in done(cells):
        by_data.setdefault(cell["data"], []).append(cell)
    data = [_of_data(group, values) for group in by_data.values()]
    data.sort(key=lambda entry: (-entry["n_items"] * entry["n_users"], -entry["n_events"]))
    best = next((entry for entry in data if entry["recommended"]), None)
    return {
        "recommended": None if best is None else {**best["recommended"], "data": best["data"]},
        "data": data,
        "growth": growth(cells),
        "failed": [
            {"cell": cell["cell"], "reason": cell["reason"]} for cell in cells if cell["status"] != "done"
        ],
        "measured_on": {name: _different(cell[name] for cell in done(cells)) for name in SURROUNDINGS},
    }


def _of_data(cells: Sequence[Cell], values: Values) -> dict[str, Any]:
    """What the cells of one data set tell.

    Returns
    -------
    dict
        `data`, its digest; `n_items`, `n_users`, `n_events`, `n_queries`; `figures`, by cell `ndcg@10`,
        `seconds` per user and bytes of `memory`; `frontier`, names,
        and the same of two costs alone, `frontier_of_seconds`, `frontier_of_memory`; `recommended`,
        `Choice.as_json`, or None without a two-stage cell; `to_best`, by cell the difference to the best
        two-stage cell over the users of both, its `share`, and `level`: the best's nDCG@10 plus that
        difference, which compares cells that were asked for fewer users with the others; `learning`.
    """
    first = cells[0]
    choice = chosen(cells, values)
    return {
        **{name: first[name] for name in ("data", "n_items", "n_users", "n_events")},
        "n_queries": max(cell["n_queries"] or 0 for cell in cells),
        "figures": {
            cell["cell"]: {
                "ndcg@10": cell["ndcg@10"],
                "seconds": cost(cell, "seconds"),
                "memory": cost(cell, "memory"),
            }
            for cell in cells
        },
        "frontier": frontier(cells),
        "frontier_of_seconds": frontier(cells, ("seconds",)),
        "frontier_of_memory": frontier(cells, ("memory",)),
        "recommended": None if choice is None else _told(cells, choice, values),
        "to_best": {} if choice is None else _to_best(cells, choice, values),
        "learning": learning_curves(cells, values),
    }


def _told(cells: Sequence[Cell], choice: Choice, values: Values) -> dict[str, Any]:
    """`Choice.as_json` with the costs of the chosen cell, beside those of the best and of exhaustive ranking.

    `to_exhaustive` is None without exhaustive ranking; else the difference to it over the users of both,
    `of`, its nDCG@10 over these, and `n_queries`, the users.
    """
    by_name = {cell["cell"]: cell for cell in cells}
    one, best = by_name[choice.cell], by_name[choice.best]
    told = {"configuration": shown(one, [*AXES.values(), *common(cells)]), **choice.as_json()}
    told |= {"ndcg@10": one["ndcg@10"], "overrides": list(one["overrides"])}
    for name in ("seconds", "memory"):
        own, other = cost(one, name), cost(best, name)
        told |= {name: own, f"{name}_of_best": own / other if own and other else None}
    whole = next((cell for cell in cells if cell["kind"] == "exhaustive"), None)
    to_exhaustive = None
    if whole is not None and ndcg(whole) is not None:
        difference, of = differences([one], whole, values)[choice.cell]
        to_exhaustive = {**difference.as_json(), "of": of, "n_queries": whole["n_queries"]}
    return told | {"share_of_exhaustive": one["share_of_exhaustive"], "to_exhaustive": to_exhaustive}


def _to_best(cells: Sequence[Cell], choice: Choice, values: Values) -> dict[str, Any]:
    best = next(cell for cell in cells if cell["cell"] == choice.best)
    level = ndcg(best) or 0.0
    return {
        name: {**difference.as_json(), "share": share_of(difference, of), "level": level + difference.mean}
        for name, (difference, of) in differences(cells, best, values).items()
    }


def _different(found: Any) -> list[Any]:
    kept: list[Any] = []
    for value in found:
        if value is not None and value not in kept:
            kept.append(value)
    return kept
