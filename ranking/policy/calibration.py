"""Lists whose mix of categories follows that of the user's history."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.ragged import Categorical, offsets_of
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from dataset.words import path_prefixes
from ranking.policy.caps import Caps
from ranking.policy.greedy_kernels import choose_calibrated


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Who bought three quarters skincare and one quarter hair care is shown about that.

    Of the items that the caps let in, the next one is that which makes the greatest

        trade_off * (sum of worth) - (1 - trade_off) * KL(p, q),

    where p are the shares of categories in the user's history, each event with the weight of its kind, and
    q those of the list so far, smoothed: (1 - smoothing) q + smoothing p. Worth is the ranker's score,
    scaled so that in each list the best is worth 1 and the last of the `depth` best 0. Equally good ones
    come in the ranker's order. The lists of users without history, or whose products have no category, are
    left alone. Per user it takes k * depth operations.

    Parameters
    ----------
    trade_off : float
        Within 0 and 1; 1: the ranker's order. Changes results.
    levels : int
        Of the category path, at least 1: 2 takes "Skincare > Masks" of "Skincare > Masks > Sheet". Changes
        results.
    smoothing : float
        Above 0, so that a category that a list lacks is far from p and not infinitely far. Changes results.
    half_life_days : float or None
        An event so old says half as much as a new one. None: age says nothing. Changes results.
    depth : int or None
        How many of the ranker's best may be chosen; None: all candidates. Changes results.

    References
    ----------
    H. Steck, "Calibrated recommendations", RecSys 2018: the divergence and its smoothing (section 3), the
    greedy selection (section 4).
    """

    trade_off: float = 0.7
    levels: int = 2
    smoothing: float = 0.01
    half_life_days: float | None = None
    depth: int | None = 100

    def __post_init__(self) -> None:
        check_number(self, "trade_off", low=0, high=1)
        check_int(self, "levels", low=1)
        check_number(self, "smoothing", low=1e-6, high=1)
        if self.half_life_days is not None:
            check_number(self, "half_life_days", low=0.01)
        if self.depth is not None:
            check_int(self, "depth", low=1)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> "FittedCalibration":
        """Keep the category of each item."""
        labels = snapshot.items.category
        tops = Categorical.of([path_prefixes(name)[: self.levels][-1] for name in labels.names])
        category = np.append(tops.codes, np.int32(-1))[labels.codes].astype(np.int32)
        return FittedCalibration(category, len(tops.names), self)


@dataclass(frozen=True)
class FittedCalibration(Saved):
    """The category of each item of a snapshot.

    Parameters
    ----------
    category : int32 array of shape (n_items,)
        -1 where there is none.
    n_categories : int
    settings : Calibration
    """

    category: npt.NDArray[np.int32]
    n_categories: int
    settings: Calibration

    @property
    def measure(self) -> str:
        """What `measured` counts."""
        return "divergence of a list's categories from the history's"

    def reranked(self, requests: Requests, order: Ranked, k: int, caps: Caps) -> npt.NDArray[np.int32]:
        """A permutation of each row of an order; see `FittedReRanker`."""
        settings, out = self.settings, np.empty(order.items.shape, np.int32)
        query, wanted, share = self.shares(requests)
        offsets = offsets_of(np.bincount(query, minlength=len(requests)))
        choose_calibrated(
            order.items,
            order.scores,
            self.category,
            self.n_categories,
            offsets,
            wanted,
            share,
            float(settings.trade_off),
            float(settings.smoothing),
            order.items.shape[1] if settings.depth is None else settings.depth,
            k,
            *caps.arguments,
            out,
        )
        return out

    def shares(
        self, requests: Requests
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The mix of categories in each history, p: query, category and share above 0, sorted by these."""
        history, half_life = requests.history, self.settings.half_life_days
        weight = history.weight.astype(np.float64)
        if half_life is not None:
            age = requests.queries.time[history.query] - history.time
            weight *= np.exp2(-age / (half_life * SECONDS_PER_DAY))
        category = self.category[history.item]
        counts = (category >= 0) & (weight > 0)
        keys = history.query[counts].astype(np.int64) * self.n_categories + category[counts]
        keys, event = np.unique(keys, return_inverse=True)
        mass = np.bincount(event.reshape(-1), weight[counts], minlength=len(keys))
        query, wanted = keys // max(self.n_categories, 1), keys % max(self.n_categories, 1)
        share = mass / np.bincount(query, mass, minlength=len(requests))[query]
        return query, wanted, share

    def measured(self, requests: Requests, lists: Ranked) -> npt.NDArray[np.float64]:
        """The smoothed divergence of each list, in nats; NaN where the history or the list has none."""
        query, wanted, share = self.shares(requests)
        row, place = np.nonzero(lists.items >= 0)
        category = self.category[lists.items[row, place]]
        listed = np.sort((row * (self.n_categories + 1) + category)[category >= 0])
        keys = query * (self.n_categories + 1) + wanted
        n = np.searchsorted(listed, keys, side="right") - np.searchsorted(listed, keys)
        q = n / np.maximum(lists.lengths[query], 1)
        smoothing = self.settings.smoothing
        terms = share * np.log(share / ((1 - smoothing) * q + smoothing * share))
        found = (np.bincount(query, minlength=len(lists)) > 0) & (lists.lengths > 0)
        divergence = np.bincount(query, terms, minlength=len(lists))
        return np.where(found, divergence, np.nan)
