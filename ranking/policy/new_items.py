"""Lists that keep a share of their places for what is new."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from ranking.policy.caps import Caps
from ranking.policy.greedy_kernels import choose_with_share


@dataclass(frozen=True, kw_only=True)
class NewItems:
    """At least so many of a list's items are new, as far as the candidates hold so many.

    The order stays, but where the first m places would hold fewer new items than `share * m`, rounded down,
    the best new item comes up; of the whole list of k the number is rounded up. So the share is kept by the
    list and by what is shown of its beginning, and items beyond it owe their places to the ranker alone.
    Room under the caps is kept for the new items before any other takes it.

    An item is new if it was launched, or where its first event is earlier that, within `days` before the
    cut-off. One without launch date and event is not: nobody can say since when it is there. In data that
    begins within those days, whatever has no launch date counts as new.

    Parameters
    ----------
    share : float
        Of the places, within 0 and 1; 0: the ranker's order. Changes results.
    days : float
        Changes results.
    depth : int or None
        New items beyond so many of the ranker's best are not brought up; None: all candidates. Changes
        results.

    References
    ----------
    S. C. Geyik, S. Ambler, K. Kenthapadi, "Fairness-aware ranking in search and recommendation systems with
    application to LinkedIn talent search", KDD 2019, section 4 (the least counts of each beginning of a
    list, kept greedily).
    """

    share: float = 0.1
    days: float = 30.0
    depth: int | None = None

    def __post_init__(self) -> None:
        check_number(self, "share", low=0, high=1)
        check_number(self, "days", low=0.01)
        if self.depth is not None:
            check_int(self, "depth", low=1)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> "FittedNewItems":
        """Which items are new."""
        born = snapshot.items.launched.copy()
        np.minimum.at(born, snapshot.history.item, snapshot.history.time)
        oldest = snapshot.cutoff - round(self.days * SECONDS_PER_DAY)
        is_new = snapshot.catalogue & (born != UNKNOWN_TIME) & (born >= oldest)
        return FittedNewItems(is_new, float(self.share), self.depth)


@dataclass(frozen=True)
class FittedNewItems(Saved):
    """Which items of a snapshot are new.

    Parameters
    ----------
    is_new : bool array of shape (n_items,)
    share : float
    depth : int or None
    """

    is_new: npt.NDArray[np.bool_]
    share: float
    depth: int | None

    @property
    def measure(self) -> str:
        """What `measured` counts."""
        return "share of new items in a list"

    def needed(self, k: int) -> npt.NDArray[np.int64]:
        """The least number of new items among the first 1, 2, … k, int64 of shape (k,)."""
        places = np.arange(1, k + 1)
        total = int(np.ceil(self.share * k - 1e-9))  # .07 * 100 is more than 7
        least: npt.NDArray[np.int64] = np.floor(self.share * places + 1e-9).astype(np.int64)
        return np.asarray(np.maximum(least, total - (k - places)))

    def reranked(self, requests: Requests, order: Ranked, k: int, caps: Caps) -> npt.NDArray[np.int32]:
        """A permutation of each row of an order; see `FittedReRanker`."""
        needed, out = self.needed(k), np.empty(order.items.shape, np.int32)
        depth = order.items.shape[1] if self.depth is None else self.depth
        reserved = self._reserved(order.items, int(needed[-1]), depth, caps)
        choose_with_share(order.items, self.is_new, needed, reserved, depth, *caps.arguments, out)
        return out

    def _reserved(
        self, items: npt.NDArray[np.int32], n: int, depth: int, caps: Caps
    ) -> npt.NDArray[np.int32]:
        """Places of the best n new items that keep the caps, int32 of shape (m, n); -1 behind the end."""
        row, place = np.nonzero((items >= 0) & self.is_new[items] & (np.arange(items.shape[1]) < depth))
        at = np.arange(len(row)) - np.searchsorted(row, row)
        places = np.full((len(items), int(at.max(initial=0)) + 1), -1, np.int32)
        places[row, at] = place
        found = np.where(places >= 0, np.take_along_axis(items, np.maximum(places, 0), axis=1), -1)
        chosen = caps.fill(found.astype(np.int32), n)
        kept = np.take_along_axis(places, np.maximum(chosen, 0), axis=1)
        return np.where(chosen >= 0, kept, -1).astype(np.int32)

    def measured(self, requests: Requests, lists: Ranked) -> npt.NDArray[np.float64]:
        """Share of each list that is new; NaN for empty ones."""
        n = lists.lengths
        new = (self.is_new[lists.items] & (lists.items >= 0)).sum(axis=1)
        return np.asarray(np.divide(new, n, out=np.full(len(lists), np.nan), where=n > 0))
