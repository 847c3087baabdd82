"""Where more queries to learn from stop paying: nDCG@10 against their number."""

from collections.abc import Sequence
from typing import Any, Final

from evaluation.scaling.cells import Cell, done, ndcg
from evaluation.scaling.choice import TOLERANCE, Values, differences, share_of

ENDING: Final = "max_queries"
LEAST: Final = 3


def learning_curves(cells: Sequence[Cell], values: Values) -> list[dict[str, Any]]:
    """A curve for each configuration that learnt from at least three numbers of queries.

    Parameters
    ----------
    cells : sequence of mapping
        Of one data set.
    values : mapping of str to float64 array of shape (m,)
        nDCG@10 of each query by cell.

    Returns
    -------
    list of dict
        `configuration`; `points`, ascending: `n_queries` at most, of each past snapshot, `cell`, `ndcg@10`,
        `seconds_of_training`, `difference` and `share`, to the point with most queries over the same users;
        `enough`, the fewest queries from which on no point is more than one percent worse than that.
    """
    groups: dict[str, list[tuple[int, Cell]]] = {}
    for cell in done(cells, "two_stage"):
        key = next((key for key in cell["build"] if key.endswith(ENDING)), None)
        if key is None or ndcg(cell) is None:
            continue
        try:
            number = int(cell["build"][key])
        except (TypeError, ValueError):  # null: all
            continue
        others = {name: value for name, value in {**cell["build"], **cell["query"]}.items() if name != key}
        label = ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in others.items())
        groups.setdefault(label, []).append((number, cell))
    return [_curve(label, group, values) for label, group in groups.items() if len(group) >= LEAST]


def _curve(label: str, group: list[tuple[int, Cell]], values: Values) -> dict[str, Any]:
    group = sorted(group, key=lambda entry: (entry[0], entry[1]["cell"]))
    found = differences([cell for _, cell in group], group[-1][1], values)
    points = [
        {
            "n_queries": number,
            "cell": cell["cell"],
            "ndcg@10": cell["ndcg@10"],
            "seconds_of_training": (cell["seconds_of_fit"] or {}).get("training"),
            "difference": found[cell["cell"]][0].as_json(),
            "share": share_of(*found[cell["cell"]]),
        }
        for number, cell in group
    ]
    worse = [point["n_queries"] for point in points if point["share"] < -TOLERANCE]
    enough = next(p["n_queries"] for p in points if p["n_queries"] > max(worse, default=0))
    return {"configuration": label or "as configured", "points": points, "enough": enough}
