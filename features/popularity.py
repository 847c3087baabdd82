"""How much an item is in demand, how that changes, and what it is rated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_ascending, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from features.item_table import ItemTable
from features.lookup import Lookup, percentile_within

_LEAST: Final = 1e-9  # share of a window in which nothing happened: smoothing keeps the ratio finite


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """Counts over windows, trends, age, rating; all as of the cut-off, events weighted by their kind.

    Columns: `log_count_{w}d` for each window and `log_count` over all time (log1p of the summed weights);
    `percentile_{w}d` of each window's count among those items that have one, 0 for the others (counts of a
    growing shop drift, percentiles do not; among all items they would, with the share of those that nobody
    takes); `trend_{w}d` for each window but the longest (log ratio of the item's rate within it to that
    within the longest, smoothed, beside the same ratio of all events); `log_returning_{w}d` and
    `percentile_returning_{w}d`, the same of the events of users
    who had an event at an earlier moment (first-time buyers take other things than those who come back), and
    `returning_lift`, their share in the item's count of the longest window over that in all events, drawn
    to 1;
    `days_since_last`; `age_days` since launch or else the first event; `rating` (mean, drawn to that of the
    catalogue) and `log_ratings` (log1p of their number).

    Parameters
    ----------
    windows_days : list of int
        Ascending. Where a data set has no clock but only an order, a day is a nominal step. Changes results.
    smoothing : float
        Number of average events or ratings that every item is credited with. Changes results.
    """

    windows_days: Sequence[int] = (7, 30, 90, 365)
    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_ascending(self, "windows_days", self.windows_days, low=1, whole=True)
        check_number(self, "smoothing", low=1e-6)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]) -> ItemTable:
        """Collect the statistics as of the snapshot."""
        items = Lookup.of_items(snapshot)
        row = items.rows(snapshot.history.item)
        known = row >= 0
        weight = snapshot.history_weight
        events, weight_of_known = snapshot.history, weight
        if not known.all():  # the events of a large shop are not copied for nothing
            events, row, weight_of_known = events.take(known), row[known], weight[known]
        everybody = window_counts(snapshot, items, weight, self.windows_days)
        returning = window_counts(snapshot, items, weight * is_returning(snapshot), self.windows_days)
        columns: dict[str, npt.NDArray[np.floating]] = _levels(everybody, "log_count", "percentile")
        columns["log_count"] = np.log1p(np.bincount(row, weights=weight_of_known, minlength=len(items)))
        columns |= {f"trend_{days}d": trend for days, trend in trends(everybody, self.smoothing).items()}
        columns |= _levels(returning, "log_returning", "percentile_returning")
        longest = self.windows_days[-1]
        columns["returning_lift"] = self._lift(returning[longest], everybody[longest])
        columns |= _times(snapshot, events, row, len(items))
        columns |= self._ratings(events, row, len(items))
        table = np.column_stack(list(columns.values())).astype(np.float32)
        return ItemTable(items, tuple(columns), table)

    def _lift(self, part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Share of `part` in `whole` over that of all items, drawn to 1; NaN without any `part`."""
        usual = part.sum() / whole.sum() if part.any() else np.nan
        lift: npt.NDArray[np.float64] = (part / usual + self.smoothing) / (whole + self.smoothing)
        return lift

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


def window_counts(
    snapshot: Snapshot, items: Lookup, weight: npt.NDArray[np.float32], windows_days: Sequence[int]
) -> dict[int, npt.NDArray[np.float64]]:
    """By window, the weight of each item's events in the last so many days.

    Parameters
    ----------
    weight : float32 array of shape (len(snapshot.history),)
    """
    row = items.rows(snapshot.history.item)
    earliest = snapshot.cutoff - max(windows_days) * SECONDS_PER_DAY
    recent = np.flatnonzero((row >= 0) & (snapshot.history.time >= earliest))
    row, weight = row[recent], weight[recent]
    age = snapshot.cutoff - snapshot.history.time[recent]
    counts = {}
    for days in windows_days:
        within = weight * (age <= days * SECONDS_PER_DAY)
        counts[days] = np.bincount(row, weights=within, minlength=len(items)).astype(np.float64)
    return counts


def is_returning(snapshot: Snapshot) -> npt.NDArray[np.bool_]:
    """Whether the user of each event had an event at an earlier moment, bool of shape (len(history),)."""
    history = snapshot.history
    first = history.time[snapshot.history_offsets[history.user]]
    returning: npt.NDArray[np.bool_] = history.time > first
    return returning


def trends(
    counts: Mapping[int, npt.NDArray[np.float64]], smoothing: float
) -> dict[int, npt.NDArray[np.float64]]:
    """By window but the longest, the log of each share that falls into it, over the same of all events.

    0 where something is in demand as it was before, compared with the shop: the shop's own season and
    growth are the same for all items, differ from one moment to the next, and would be taken for something
    else by a ranker that learnt at other moments.

    Parameters
    ----------
    counts : mapping of int to float64 array
        By window in days.
    smoothing : float
        Events of the longest window that everything is credited with, spread as all events are.
    """
    longest = max(counts)
    whole = counts[longest].sum()
    if not whole:
        return {days: np.zeros(len(count)) for days, count in counts.items() if days < longest}
    usual = {days: max(count.sum() / whole, _LEAST) for days, count in counts.items()}
    return {
        days: np.log((count + smoothing * usual[days]) / ((counts[longest] + smoothing) * usual[days]))
        for days, count in counts.items()
        if days < longest
    }


def percentile_of_counts(count: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the items with a count that have a lower one, ties counted half; 0 for those without.

    Examples
    --------
    >>> percentile_of_counts(np.array([0., 4., 0., 9.]))
    array([0.  , 0.25, 0.  , 0.75])
    """
    percentile = np.zeros(len(count))
    counted = np.flatnonzero(count > 0)
    percentile[counted] = percentile_within(np.zeros(len(counted), np.int8), count[counted])
    return percentile


def _levels(
    counts: Mapping[int, npt.NDArray[np.float64]], log: str, percentile: str
) -> dict[str, npt.NDArray[np.floating]]:
    """Logarithm and percentile of the counts of each window, under these names."""
    columns: dict[str, npt.NDArray[np.floating]] = {}
    for days, count in counts.items():
        columns[f"{log}_{days}d"] = np.log1p(count)
        columns[f"{percentile}_{days}d"] = percentile_of_counts(count)
    return columns


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
