"""Whether the user takes what is new or what everybody takes, and how the item compares with that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.interactions import SECONDS_PER_DAY
from dataset.parameters import check_number
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.births import births, log_days
from features.lookup import Lookup
from features.trails import Trails

_OF_USER: Final = ("item_age_mean", "item_age_newest", "item_popularity_mean", "item_popularity_newest")
_OF_PAIR: Final = (
    "item_age_gap", "item_age_gap_newest", "item_popularity_gap", "days_since_newest_gap", "position_gap",
)  # fmt: skip
_OF_ITEM: Final = ("position_lead", "step_lead")


@dataclass(frozen=True)
class FittedAdoption(Saved):
    """When each known item appeared, how often it was taken, and by users how far on their way.

    Parameters
    ----------
    items : Lookup
    born : float64 array of shape (len(items),)
        Launch or first event, whichever is earlier, in seconds since 1970 UTC; NaN where there is neither.
    log_count : float32 array of shape (len(items),)
        log1p of the weight of the item's events.
    position_mean : float32 array of shape (len(items),)
        Smoothed mean over the item's events; NaN if there is no event at all.
    position_lead, step_lead : float32 arrays of shape (len(items),)
        Such means less the median of all items.
    """

    items: Lookup
    born: npt.NDArray[np.float64]
    log_count: npt.NDArray[np.float32]
    position_mean: npt.NDArray[np.float32]
    position_lead: npt.NDArray[np.float32]
    step_lead: npt.NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the user, of the pair, of the item."""
        return (*_OF_USER, *_OF_PAIR, *_OF_ITEM)

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Ways of each query's user beside each candidate; NaN where either side is unknown."""
        row, lengths = self.items.rows(candidates.item), np.diff(candidates.offsets)
        habits, n_taken, last_seen = self._habits(requests)
        age_mean, age_newest, popularity_mean, _ = habits
        born = _of_rows(self.born, row)
        log_age = log_days(requests.queries.time.repeat(lengths) - born)
        out = np.empty((len(candidates), len(self.names)), np.float32)
        out[:, : len(_OF_USER)] = habits.T.repeat(lengths, axis=0)
        own = out[:, len(_OF_USER) :]
        own[:, 0] = log_age - age_mean.repeat(lengths)
        own[:, 1] = log_age - age_newest.repeat(lengths)
        own[:, 2] = _of_rows(self.log_count, row) - popularity_mean.repeat(lengths)
        before = (last_seen.repeat(lengths) - born) / SECONDS_PER_DAY
        own[:, 3] = np.copysign(np.log1p(np.abs(before)), before)
        own[:, 4] = _of_rows(self.position_mean, row) - n_taken.repeat(lengths)
        own[:, 5] = _of_rows(self.position_lead, row)
        own[:, 6] = _of_rows(self.step_lead, row)
        out[row < 0] = np.nan
        return out

    def _habits(
        self, requests: Requests
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """What the histories say: `_OF_USER` (4, m), log1p of their lengths (m,), and their last moment (m,).

        Events on items unknown here, and those that weigh nothing, are passed over; NaN where none is left.
        """
        history, m = requests.history, len(requests)
        row = self.items.rows(history.item)
        kept = np.flatnonzero((row >= 0) & (history.weight > 0))
        query, row, time = history.query[kept], row[kept], history.time[kept]
        weight = history.weight[kept].astype(np.float64)
        newest = weight * (history.step[kept] == 0)
        age, popularity = log_days(time - self.born[row]), self.log_count[row]
        means = [_means(query, value, of, m) for value in (age, popularity) for of in (weight, newest)]
        n_taken = np.bincount(query, minlength=m).astype(np.float64)
        last_seen = np.full(m, np.nan)
        last_seen[query] = time  # oldest first, so that the last assignment is the newest
        log_taken = np.where(n_taken > 0, np.log1p(n_taken), np.nan).astype(np.float32)
        return np.stack(means).astype(np.float32), log_taken, last_seen


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """Early adopter or follower of bestsellers, beginner or connoisseur; and which of them the item is for.

    The age of an item counts from its launch or its first event, whichever is earlier, as log1p of days, 0
    before that; its popularity is log1p of the weight of its events. Means over events are weighted by kind.

    Columns: `item_age_mean` and `item_popularity_mean` of the history's items, ages as of each event, and
    `item_age_newest` and `item_popularity_newest`, the same within the newest moment; `item_age_gap`,
    `item_age_gap_newest` and `item_popularity_gap`, the candidate's age at the query and its popularity less
    these means; `days_since_newest_gap`, the candidate's age less the days since the user was last seen,
    log1p of its size with its sign: below 0 for what appeared since. With the position of an item, which is
    the mean over its events of log1p of the number of events that their users had before, low for what
    beginners take: `position_gap`, that less log1p of the history's length, and `position_lead`, that less
    the median of all items. `step_lead`: the mean over the same events of log1p of their steps from the
    user's newest one, less the median of all items; low for what is in fashion also where there is no clock.
    Both leads are relative because histories grow with the shop, and the ranker learns at other moments.

    All are NaN for candidates unknown at the cut-off and, but for `position_lead` and `step_lead`, for
    histories without a known item. Where a data set has no clock but only an order, a day is a nominal step.

    Parameters
    ----------
    smoothing : float
        Number of average events that the means of every item are credited with.
        Changes results.

    References
    ----------
    McAuley and Leskovec 2013, "From amateurs to connoisseurs" (items for users of different experience).
    """

    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_number(self, "smoothing", low=1e-6)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedAdoption:
        """Collect the statistics of the snapshot's items."""
        items = Lookup.of_items(snapshot)
        taken = Trails.of(snapshot, items, max_events=len(snapshot.history))  # no moment holds more
        (first, stop), (begin, end) = taken.of_user, taken.moment
        count = np.bincount(taken.row, weights=taken.weight, minlength=len(items)).astype(np.float64)
        position = self._smoothed(taken, begin - first, count)
        step = self._smoothed(taken, stop - end, count)
        return FittedAdoption(
            items=items,
            born=births(snapshot, items),
            log_count=np.log1p(count).astype(np.float32),
            position_mean=position,
            position_lead=_less_median(position),
            step_lead=_less_median(step),
        )

    def _smoothed(
        self, taken: Trails, number: npt.NDArray[np.int64], count: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        """Mean of log1p of the events' numbers by item, drawn to that of all events."""
        value = taken.weight * np.log1p(number)
        usual = value.sum() / count.sum() if count.any() else np.nan
        total = np.bincount(taken.row, weights=value, minlength=len(count))
        means: npt.NDArray[np.float64] = (total + self.smoothing * usual) / (count + self.smoothing)
        return means.astype(np.float32)


def _less_median(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values less their median; as they are where there is none."""
    return values - np.median(values) if len(values) else values


def _of_rows(values: npt.NDArray[np.floating], row: npt.NDArray[np.int32]) -> npt.NDArray[np.floating]:
    """Values kept by row; anything for row -1."""
    if not len(values):
        return np.full(len(row), np.nan)
    return values.take(row, mode="clip")


def _means(
    query: npt.NDArray[np.int32],
    value: npt.NDArray[np.floating],
    weight: npt.NDArray[np.float64],
    m: int,
) -> npt.NDArray[np.float64]:
    """Weighted mean of the values of each query that are known; NaN where there is none."""
    known = ~np.isnan(value)
    query, value, weight = query[known], value[known], weight[known]
    total = np.bincount(query, weights=weight * value, minlength=m)
    with np.errstate(invalid="ignore"):
        means: npt.NDArray[np.float64] = total / np.bincount(query, weights=weight, minlength=m)
    return means
