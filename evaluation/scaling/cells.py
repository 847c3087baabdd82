"""What is read from a cell of a benchmark."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

Cell = Mapping[str, Any]

COSTS: Final = {
    "search": ("seconds_per_user", "search"),
    "features": ("seconds_per_user", "features"),
    "ranking": ("seconds_per_user", "ranking"),
    "seconds": ("seconds_per_user", "total"),
    "memory": ("peak_memory_bytes",),
    "index": ("index_bytes",),
    "fit": ("seconds_of_fit", "total"),
}
"""What a cell costs and where that stands: seconds per user by stage and in all, bytes at the peak, bytes of
the index, seconds of the fit."""


def done(cells: Sequence[Cell], *kinds: str) -> list[Cell]:
    """Cells that were measured, of the kinds given if any are."""
    return [
        cell
        for cell in cells
        if cell["status"] == "done" and cell["ndcg@10"] is not None and (not kinds or cell["kind"] in kinds)
    ]


def cost(cell: Cell, name: str) -> float | None:
    """A cost of `COSTS`; None where it was not measured or is nothing."""
    value: Any = cell
    for key in COSTS[name]:
        value = None if value is None else value.get(key)
    return float(value) if value else None


def ndcg(cell: Cell) -> float | None:
    """Mean nDCG@10; None where there is none."""
    mean = cell["ndcg@10"]["mean"]
    return None if mean is None else float(mean)


def shown(cell: Cell, without: Collection[str] = ()) -> str:
    """The name of a cell less what it says of some settings; "as configured" if nothing remains.

    Parameters
    ----------
    cell : mapping
    without : collection of str
        Keys of `build` and `query`.

    Examples
    --------
    >>> cell = {"cell": "budget=100,n_items=500", "build": {"dataset.n_items": 500}, "query": {}}
    >>> shown(cell, ["dataset.n_items"])
    'budget=100'
    """
    labels = {**cell["build"], **cell["query"]}
    said = {
        f"{name}={labels[key]}" for key in without if key in labels for name in (key, key.rpartition(".")[2])
    }
    parts = [part for part in str(cell["cell"]).split(",") if part not in said]
    return ",".join(parts) or "as configured"


def common(cells: Sequence[Cell]) -> list[str]:
    """Settings of the data that all cells have alike."""
    first, *others = [{**cell["build"], **cell["query"]} for cell in cells] or [{}]
    return [
        key
        for key, value in first.items()
        if key.startswith("dataset.") and all(str(other.get(key)) == str(value) for other in others)
    ]
