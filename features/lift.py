"""How much more often a group of users takes an item than chance would have it."""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.ragged import offsets_of
from dataset.snapshot import Snapshot
from features.lookup import Lookup


@dataclass(frozen=True)
class Lift(Saved):
    """Events of each known item by group of users, as a sparse table; g groups.

    Parameters
    ----------
    offsets : int64 array of shape (n_items + 1,)
        Entries of item row r are `offsets[r]:offsets[r + 1]`.
    group : int32 array of shape (n_entries,)
        Ascending within an item.
    count : float32 array of shape (n_entries,)
        Weight of the events of that item by that group.
    item_total : float32 array of shape (n_items,)
        Weight of the item's events by users of any group.
    group_share : float32 array of shape (g,)
        Share of each group in all that weight.
    smoothing : float
    """

    offsets: npt.NDArray[np.int64]
    group: npt.NDArray[np.int32]
    count: npt.NDArray[np.float32]
    item_total: npt.NDArray[np.float32]
    group_share: npt.NDArray[np.float32]
    smoothing: float

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        items: Lookup,
        users: Lookup,
        group: npt.NDArray[np.int32],
        smoothing: float,
    ) -> Self:
        """Count the events of the history.

        Parameters
        ----------
        group : int32 array of shape (len(users),)
            Group of each user that the snapshot has heard of; -1 for none.
        smoothing : float
            Events, observed and expected alike, that every pair of item and group is credited with.
        """
        events = snapshot.history
        row, of_event = items.rows(events.item), group[users.rows(events.user)]
        kept = (row >= 0) & (of_event >= 0)
        row, of_event = row[kept], of_event[kept]
        weight = snapshot.history_weight[kept].astype(np.float64)
        n_groups = int(group.max(initial=-1)) + 1
        keys, inverse = np.unique(row.astype(np.int64) * max(n_groups, 1) + of_event, return_inverse=True)
        count = np.bincount(inverse, weights=weight, minlength=len(keys))
        by_group = np.bincount(of_event, weights=weight, minlength=n_groups)
        return cls(
            offsets_of(np.bincount(keys // max(n_groups, 1), minlength=len(items))),
            (keys % max(n_groups, 1)).astype(np.int32),
            count.astype(np.float32),
            np.bincount(row, weights=weight, minlength=len(items)).astype(np.float32),
            (by_group / max(by_group.sum(), 1e-12)).astype(np.float32),
            float(smoothing),
        )

    def fill(
        self,
        candidate_offsets: npt.NDArray[np.int64],
        row: npt.NDArray[np.int32],
        group: npt.NDArray[np.int32],
        out: npt.NDArray[np.float32],
    ) -> None:
        """Fill two columns: the log of observed over expected, and log1p of the observed.

        With c the weight of the item's events by the group and e = (weight of the item's events) x (share of
        the group), the first is log((c + smoothing) / (e + smoothing)): 0 for what is rare or as expected.

        Parameters
        ----------
        row : int32 array of shape (n,)
            Item rows of the candidates; -1 gives NaN.
        group : int32 array of shape (m,)
            Group of each query's user; -1 gives NaN.
        out : float32 array of shape (n, 2)

        References
        ----------
        DuMouchel 1999, "Bayesian data mining in large frequency tables" (gamma-Poisson shrinkage of a ratio).
        """
        _fill(
            candidate_offsets, row, group, self.offsets, self.group, self.count, self.item_total,
            self.group_share, np.float32(self.smoothing), out,
        )  # fmt: skip


@numba.njit(nogil=True, cache=True)
def _fill(  # type: ignore[no-untyped-def]
    candidate_offsets, row, group, offsets, entry_group, count, item_total, group_share, smoothing, out
):
    for query in range(len(group)):
        own = group[query]
        for at in range(candidate_offsets[query], candidate_offsets[query + 1]):
            item = row[at]
            if own < 0 or item < 0:
                out[at] = np.nan
                continue
            low, high = offsets[item], offsets[item + 1]
            while low < high:
                middle = (low + high) // 2
                if entry_group[middle] < own:
                    low = middle + 1
                else:
                    high = middle
            observed = np.float32(0)
            if low < offsets[item + 1] and entry_group[low] == own:
                observed = count[low]
            expected = item_total[item] * group_share[own]
            out[at, 0] = np.log((observed + smoothing) / (expected + smoothing))
            out[at, 1] = np.log1p(observed)
