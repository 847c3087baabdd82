"""How much an item is in demand, how that changes, and what it is rated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.interactions import SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_ascending, check_number
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup, gather, percentile_within


@dataclass(frozen=True)
class FittedPopularity(Saved):
    """Statistics of each known item as of the cut-off.

    Parameters
    ----------
    items : Lookup
    names : tuple of str
    table : float32 array of shape (len(items), len(names))
    """

    items: Lookup
    names: tuple[str, ...]
    table: npt.NDArray[np.float32]

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """The statistics of each candidate; NaN for items unknown at the cut-off."""
        return gather(self.table, self.items.rows(candidates.item))


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """Counts over windows, trend, age, rating; all as of the cut-off, events weighted by their kind.

    Columns: `log_count_{w}d` for each window and `log_count` over all time (log1p of the summed weights),
    `percentile_{w}d` of the longest window among the catalogue (counts of a growing shop drift, percentiles
    do not), `trend` (log ratio of the rate within the shortest window to that within the longest, smoothed),
    `days_since_last`, `age_days` since launch or else the first event, `rating` (mean, drawn to that of the
    catalogue) and `log_ratings` (log1p of their number).

    Parameters
    ----------
    windows_days : list of int
        Ascending. Where a data set has no clock but only an order, a day is a nominal step. Changes results.
    smoothing : float
        Number of average events or ratings that every item is credited with. Changes results.
    """

    windows_days: Sequence[int] = (30, 90, 365)
    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_ascending(self, "windows_days", self.windows_days, low=1, whole=True)
        check_number(self, "smoothing", low=1e-6)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedPopularity:
        """Collect the statistics as of the snapshot."""
        items = Lookup.of_items(snapshot)
        row = items.rows(snapshot.history.item)
        known = row >= 0
        events, row, weight = snapshot.history.take(known), row[known], snapshot.history_weight[known]
        columns = self._counts(events, row, weight, snapshot.cutoff, len(items))
        columns |= _times(snapshot, events, row, len(items))
        columns |= self._ratings(events, row, len(items))
        table = np.column_stack(list(columns.values())).astype(np.float32)
        return FittedPopularity(items, tuple(columns), table)

    def _counts(
        self,
        events: Interactions,
        row: npt.NDArray[np.int32],
        weight: npt.NDArray[np.float32],
        cutoff: int,
        n_items: int,
    ) -> dict[str, npt.NDArray[np.floating]]:
        age_days = (cutoff - events.time) / SECONDS_PER_DAY
        counts: dict[int, npt.NDArray[np.float64]] = {
            days: np.bincount(row, weights=weight * (age_days <= days), minlength=n_items).astype(np.float64)
            for days in self.windows_days
        }
        columns: dict[str, npt.NDArray[np.floating]] = {
            f"log_count_{days}d": np.log1p(count) for days, count in counts.items()
        }
        columns["log_count"] = np.log1p(np.bincount(row, weights=weight, minlength=n_items))
        longest, shortest = self.windows_days[-1], self.windows_days[0]
        columns[f"percentile_{longest}d"] = percentile_within(np.zeros(n_items, np.int8), counts[longest])
        share = shortest / longest
        columns["trend"] = np.log(
            (counts[shortest] + self.smoothing * share) / ((counts[longest] + self.smoothing) * share)
        )
        return columns

    def _ratings(
        self, events: Interactions, row: npt.NDArray[np.int32], n_items: int
    ) -> dict[str, npt.NDArray[np.floating]]:
        rated = ~np.isnan(events.value) & events.is_kind(("rating",))
        number = np.bincount(row[rated], minlength=n_items)
        total = np.bincount(row[rated], weights=events.value[rated], minlength=n_items)
        mean = events.value[rated].mean(dtype=np.float64) if rated.any() else np.nan
        return {
            "rating": (total + self.smoothing * mean) / (number + self.smoothing),
            "log_ratings": np.log1p(number),
        }


def _times(
    snapshot: Snapshot, events: Interactions, row: npt.NDArray[np.int32], n_items: int
) -> dict[str, npt.NDArray[np.floating]]:
    """Days since the last event and since the launch, NaN where there is neither."""
    first, last = np.full(n_items, UNKNOWN_TIME), np.full(n_items, -1)
    np.minimum.at(first, row, events.time)
    np.maximum.at(last, row, events.time)
    seen = last >= 0
    launched = snapshot.items.launched[snapshot.known_items]
    born = np.where(launched != UNKNOWN_TIME, launched, first)
    known = born != UNKNOWN_TIME
    since_last = (snapshot.cutoff - np.where(seen, last, 0)) / SECONDS_PER_DAY
    age = (snapshot.cutoff - np.where(known, born, 0)) / SECONDS_PER_DAY
    return {"days_since_last": np.where(seen, since_last, np.nan), "age_days": np.where(known, age, np.nan)}
