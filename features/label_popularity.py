"""How much an item's brand and category are in demand, and what part the item has in that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_ascending, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from features.item_table import ItemTable
from features.lookup import Lookup, percentile_within
from features.popularity import trends, window_counts

_LABELS: Final = ("brand", "category")
_Counts = Mapping[int, npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class LabelPopularity:
    """Demand for the item's brand and its (full) category, events weighted by their kind.

    Columns for each of the two, NaN where the item has no such label: `_share_{w}d` for each window, the
    item's share of its label's count, drawn to an equal share for each known item of the label;
    `_trend_{w}d` for each window but the longest, as `trend_{w}d` of `Popularity`, of the label's count; and
    `_percentile_{w}d`, that of the label's count in the longest window among all labels of known items.

    Parameters
    ----------
    windows_days : list of int
        Ascending. Where a data set has no clock but only an order, a day is a nominal step. Changes results.
    smoothing : float
        Number of average events that every label is credited with. Changes results.
    """

    windows_days: Sequence[int] = (30, 365)
    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_ascending(self, "windows_days", self.windows_days, low=1, whole=True)
        check_number(self, "smoothing", low=1e-6)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]) -> ItemTable:
        """Collect the statistics as of the snapshot."""
        items = Lookup.of_items(snapshot)
        counts = window_counts(snapshot, items, snapshot.history_weight, self.windows_days)
        columns: dict[str, npt.NDArray[np.floating]] = {}
        for name in _LABELS:
            label = getattr(snapshot.items, name).codes[items.codes]
            labelled = np.flatnonzero(label >= 0)
            of_label = {days: count[labelled] for days, count in counts.items()}
            for column, values in self._columns(label[labelled], of_label).items():
                columns[f"{name}_{column}"] = np.full(len(items), np.nan)
                columns[f"{name}_{column}"][labelled] = values
        table = np.column_stack(list(columns.values())).astype(np.float32)
        return ItemTable(items, tuple(columns), table)

    def _columns(self, label: npt.NDArray[np.int32], counts: _Counts) -> dict[str, npt.NDArray[np.floating]]:
        """The columns of items that all have a label."""
        # Numbered anew: a code that no known item has must not count among the labels.
        _, of_item, n_items = np.unique(label, return_inverse=True, return_counts=True)
        totals = {
            days: np.bincount(of_item, weights=count, minlength=len(n_items)).astype(np.float64)
            for days, count in counts.items()
        }
        columns: dict[str, npt.NDArray[np.floating]] = {
            f"share_{days}d": (count + self.smoothing / n_items[of_item])
            / (totals[days][of_item] + self.smoothing)
            for days, count in counts.items()
        }
        for days, trend in trends(totals, self.smoothing).items():
            columns[f"trend_{days}d"] = trend[of_item]
        longest = self.windows_days[-1]
        percentile = percentile_within(np.zeros(len(n_items), np.int8), totals[longest])
        columns[f"percentile_{longest}d"] = percentile[of_item]
        return columns
