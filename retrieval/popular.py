"""What everybody buys."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from retrieval.kernels import first_eligible
from retrieval.sparse_rows import empty_lists


@dataclass(frozen=True)
class SortedLists(Saved):
    """One list of all items for each group of users, sorted beforehand.

    Parameters
    ----------
    values : float32 array of shape (r, n_items)
        Score of each item in each list; -inf for items that are not in it.
    order : int32 array of shape (r, n_items)
        Item codes of each list, best first, ties by ascending code.
    row_of_user : int32 array of shape (n_users,)
        The list of each user.
    """

    values: npt.NDArray[np.float32]
    order: npt.NDArray[np.int32]
    row_of_user: npt.NDArray[np.int32]

    @classmethod
    def of(cls, values: npt.NDArray[np.floating], row_of_user: npt.NDArray[np.int32]) -> "SortedLists":
        """Sort the lists."""
        values = np.asarray(values, np.float32)  # first: what rounding makes equal is a tie
        order = np.argsort(-values, axis=1, kind="stable").astype(np.int32)
        return cls(values, order, row_of_user)

    def retrieve(self, requests: Requests, k: int) -> Ranked:
        """The first k eligible items of each user's list."""
        out = empty_lists(len(requests), k)
        sorted_values = np.take_along_axis(self.values, self.order, axis=1)
        first_eligible(
            self.row_of_user[requests.queries.user], self.order, sorted_values,
            *requests.eligibility.arrays, out.items, out.scores,
        )  # fmt: skip
        return out

    def score(
        self, requests: Requests, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Value of each candidate in its user's list; NaN for items that are not in it."""
        row = self.row_of_user[requests.queries.user]
        value = self.values[np.repeat(row, np.diff(offsets)), item]
        return np.where(value > -np.inf, value, np.nan).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Popular:
    """Counts of events before the cut-off, decayed by age or within a window.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    half_life_days : float
        Age at which an event counts half; 0 switches it off.
    window_days : float
        Only events of this many days before the cut-off; 0 takes all.
    """

    quota: int = 100
    half_life_days: float = 0.0
    window_days: float = 0.0

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_number(self, "half_life_days", low=0)
        check_number(self, "window_days", low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SortedLists:
        """Count the events; items of the catalogue without any come last, so that lists can be full."""
        count = decayed_counts(snapshot, self.half_life_days, self.window_days)
        values = np.where(snapshot.catalogue, count, -np.inf)[None, :]
        return SortedLists.of(values, np.zeros(len(snapshot.users), np.int32))


def decayed_counts(
    snapshot: Snapshot, half_life_days: float, window_days: float = 0.0
) -> npt.NDArray[np.float64]:
    """Weighted number of events of each item in the history, float64 of shape (n_items,)."""
    events = snapshot.history
    age_days = (snapshot.cutoff - events.time) / 86_400
    weight = snapshot.history_weight.astype(np.float64)
    if half_life_days > 0:
        weight = weight * np.exp2(-age_days / half_life_days)
    if window_days > 0:
        weight = weight * (age_days <= window_days)
    count = np.bincount(events.item, weights=weight, minlength=len(snapshot.items))
    return np.asarray(count, np.float64)
