"""How much of each item those who come back will take in the months to come, by what they took before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_ascending, check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from features.item_table import ItemTable
from features.lookup import Lookup
from features.popularity import is_returning, percentile_of_counts

_FARTHEST = 4.0  # standard deviations from the mean that a description is taken to lie at most


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A forecast of each item's events by returning users in the window after the cut-off.

    A ranker sees few past windows, and what it may learn of items there is soon said. Of single items more is
    known: at any earlier moment, how each was taken until then, and what those who came back took after.
    `n_moments` such moments, `stride_days` apart and the newest a horizon before the cut-off, are the rows of
    a ridge regression, anew at each snapshot, on the logs and percentiles of counts, age and rest, and on
    their squares, of log((events + 1 / 2) / (mean events of an item + 1 / 2)).

    Columns: `forecast`, that logarithm, and `percentile` among known items; NaN where the history is too
    short to hold a window.

    Parameters
    ----------
    horizon_days : float
        Length of the windows. Changes results.
    stride_days : float
        Days between moments. Changes results.
    n_moments : int
        Moments at most, at least 1. Changes results, and costs time in proportion.
    windows_days : list of int
        Windows before a moment whose counts describe an item there, ascending. Changes results.
    regularisation : float
        Weight of the squared coefficients beside the squared errors of all rows, above 0. Changes results.

    References
    ----------
    Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12(1),
    1970.
    """

    horizon_days: float = 182.0
    stride_days: float = 30.0
    n_moments: int = 24
    windows_days: Sequence[int] = (1, 3, 7, 30, 90, 365)
    regularisation: float = 100.0

    def __post_init__(self) -> None:
        check_number(self, "horizon_days", low=0.01)
        check_number(self, "stride_days", low=0.01)
        check_int(self, "n_moments", low=1)
        check_ascending(self, "windows_days", self.windows_days, low=1, whole=True)
        check_number(self, "regularisation", low=1e-6)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]) -> ItemTable:
        """Learn from earlier moments, and forecast from the cut-off."""
        items = Lookup.of_items(snapshot)
        story = _Story.of(snapshot)
        forecast = np.full(len(items), np.nan)
        earlier = list(self._earlier(story, snapshot.cutoff))
        if earlier:
            described, wanted = (np.concatenate(parts) for parts in zip(*earlier, strict=True))
            now = story.described(snapshot.cutoff, self.windows_days)[items.codes]
            forecast = _ridge(described, wanted, now, self.regularisation)
        percentile = percentile_of_counts(np.exp(forecast)) if earlier else forecast
        return ItemTable(
            items, ("forecast", "percentile"), np.column_stack([forecast, percentile]).astype(np.float32)
        )

    def _earlier(
        self, story: "_Story", cutoff: int
    ) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """What items looked like at each earlier moment, and what became of them."""
        horizon, stride = (round(days * SECONDS_PER_DAY) for days in (self.horizon_days, self.stride_days))
        for moment in range(cutoff - horizon, cutoff - horizon - self.n_moments * stride, -stride):
            known = np.flatnonzero(story.born < moment)
            taken = story.taken_by_returning(moment, moment + horizon)[known]
            if not taken.any():
                return
            wanted = np.log((taken + 0.5) / (taken.mean() + 0.5))
            yield story.described(moment, self.windows_days)[known], wanted


@dataclass(frozen=True)
class _Story:
    """The events of a history in the order of time, and since when each item is known: n events.

    Parameters
    ----------
    time : int64 array of shape (n,)
    item : int32 array of shape (n,)
    user_came : int64 array of shape (n,)
        When the user of each event had the first one.
    weight, returning : float64 arrays of shape (n,)
        Weight by kind; the same where the user had come before, else 0.
    born : int64 array of shape (n_items,)
        Launch or first event, whichever is earlier.
    """

    time: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    user_came: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    returning: npt.NDArray[np.float64]
    born: npt.NDArray[np.int64]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Story":
        history, weight = snapshot.history, snapshot.history_weight.astype(np.float64)
        launched = snapshot.items.launched
        born = np.where(launched == UNKNOWN_TIME, np.iinfo(np.int64).max, launched)
        np.minimum.at(born, history.item, history.time)
        order = np.argsort(history.time, kind="stable")
        return cls(
            time=history.time[order],
            item=history.item[order],
            user_came=history.time[snapshot.history_offsets[history.user]][order],
            weight=weight[order],
            returning=(weight * is_returning(snapshot))[order],
            born=born,
        )

    def taken_by_returning(self, start: int, end: int) -> npt.NDArray[np.float64]:
        """Weight of the events from `start` until `end` of those who came before it, shape (n_items,)."""
        rows = slice(*np.searchsorted(self.time, [start, end]))
        return self._by_item(rows, self.weight * (self.user_came < start))

    def described(self, moment: int, windows_days: Sequence[int]) -> npt.NDArray[np.float64]:
        """What each item looks like at a moment, from the events before it: shape (n_items, n_columns)."""
        starts = [moment - days * SECONDS_PER_DAY for days in windows_days]
        *firsts, end = np.searchsorted(self.time, [*starts, moment])
        columns = []
        for first in (*firsts, 0):
            for weight in (self.weight, self.returning):
                count = self._by_item(slice(first, end), weight)
                columns += [np.log1p(count), percentile_of_counts(count)]
        last = np.full(len(self.born), -1)
        np.maximum.at(last, self.item[:end], self.time[:end])
        age, rest = (np.log1p(np.maximum(moment - since, 0) / SECONDS_PER_DAY) for since in (self.born, last))
        return np.column_stack([*columns, age, np.where(last >= 0, rest, age)])

    def _by_item(self, rows: slice, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.bincount(self.item[rows], weight[rows], len(self.born)).astype(np.float64)


def _ridge(
    described: npt.NDArray[np.float64],
    wanted: npt.NDArray[np.float64],
    now: npt.NDArray[np.float64],
    regularisation: float,
) -> npt.NDArray[np.float64]:
    """Predictions for the rows of `now` by ridge regression on columns, made alike, and on their squares."""
    mean, deviation = described.mean(axis=0), described.std(axis=0)
    scale = np.where(deviation > 1e-9, deviation, 1.0)

    def terms(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        alike = np.clip((rows - mean) / scale, -_FARTHEST, _FARTHEST)
        return np.hstack([alike, alike**2])

    given = terms(described)
    centre, usual = given.mean(axis=0), wanted.mean()
    given -= centre
    gram = given.T @ given + regularisation * np.eye(given.shape[1])
    coefficients = np.linalg.solve(gram, given.T @ (wanted - usual))
    return np.asarray(usual + (terms(now) - centre) @ coefficients)
