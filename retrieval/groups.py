"""What people alike buy and like: users clustered by who they are and what they do."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.interactions import KINDS
from dataset.parameters import check_int, check_number
from dataset.ragged import Categorical
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.index import k_means, nearest_centroid
from retrieval.popular import SortedLists, decayed_counts


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Users clustered by attributes (age, region, skin type, ...) and the categories they buy from.

    Score of an item = its share of the group's events, smoothed towards the shop's, times the group's
    average rating of it, smoothed likewise. A user without history is placed by attributes alone.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    n_groups : int
        At most; a small shop gets a group per 20 users.
    behaviour_weight : float
        Weight of the category shares beside the attributes; 0 groups by attributes alone.
    half_life_days : float
        Age at which an event counts half; 0 switches it off.
    smoothing : float
        Events of the whole shop's distribution that are added to each group's.
    rating_smoothing : float
        Ratings at the shop's mean that are added to each group's of an item.
    seed : int
    """

    quota: int = 60
    n_groups: int = 30
    behaviour_weight: float = 2.0
    half_life_days: float = 180.0
    smoothing: float = 100.0
    rating_smoothing: float = 20.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "n_groups", low=1)
        check_int(self, "seed", low=0)
        for name in ("behaviour_weight", "half_life_days", "smoothing", "rating_smoothing"):
            check_number(self, name, low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SortedLists:
        """Cluster the users of the history, place everybody, and average by group."""
        profile = self._profiles(snapshot)
        active = np.flatnonzero(np.diff(snapshot.history_offsets) > 0)
        n_groups = max(1, min(self.n_groups, len(active) // 20))
        group = nearest_centroid(profile, k_means(profile[active], n_groups, self.seed))
        share = self._shares(snapshot, group, n_groups)
        values = share * self._ratings(snapshot, group, n_groups)
        values = np.where(snapshot.catalogue[None, :], values, -np.inf)
        return SortedLists.of(values, group)

    def _profiles(self, snapshot: Snapshot) -> npt.NDArray[np.float32]:
        """Attributes and behaviour of every user, float32 of shape (n_users, d); 0 where unknown."""
        users, history = snapshot.users, snapshot.history
        columns = [np.zeros((len(users), 1), np.float32)]
        active = np.diff(snapshot.history_offsets) > 0
        for values in users.numeric.values():
            known = values[active & np.isfinite(values)]
            spread = float(known.std()) if len(known) else 0.0
            if spread > 0:
                columns.append(np.nan_to_num((values - known.mean()) / spread)[:, None])
        columns += [_one_hot(labels) for labels in users.categorical.values()]
        category = snapshot.items.category
        if self.behaviour_weight > 0 and category.names:
            code = category.codes[history.item]
            placed = code >= 0
            counts = sp.csr_matrix(
                (snapshot.history_weight[placed], (history.user[placed], code[placed])),
                shape=(len(users), len(category.names)),
            )
            total = np.maximum(np.asarray(counts.sum(axis=1)), 1e-9)
            columns.append(self.behaviour_weight * (counts.toarray() / total))
        return np.concatenate(columns, axis=1).astype(np.float32)

    def _shares(
        self, snapshot: Snapshot, group: npt.NDArray[np.int32], n_groups: int
    ) -> npt.NDArray[np.float64]:
        """Smoothed share of each item among the events of each group, (n_groups, n_items)."""
        events = snapshot.history
        weight = snapshot.history_weight.astype(np.float64)
        if self.half_life_days > 0:
            weight = weight * np.exp2(-(snapshot.cutoff - events.time) / (86_400 * self.half_life_days))
        shape = (n_groups, len(snapshot.items))
        counts = sp.coo_matrix((weight, (group[events.user], events.item)), shape=shape).toarray()
        overall = decayed_counts(snapshot, self.half_life_days)
        overall = overall / max(overall.sum(), 1e-12)
        smooth = counts + self.smoothing * overall
        total = counts.sum(axis=1, keepdims=True) + self.smoothing
        return np.asarray(np.divide(smooth, total, out=np.zeros(shape), where=total > 0))

    def _ratings(
        self, snapshot: Snapshot, group: npt.NDArray[np.int32], n_groups: int
    ) -> npt.NDArray[np.float64]:
        """Smoothed average rating of each item in each group over the shop's mean, (n_groups, n_items)."""
        events = snapshot.history
        rated = (events.kind == KINDS.index("rating")) & np.isfinite(events.value)
        shape = (n_groups, len(snapshot.items))
        if not rated.any():
            return np.ones(shape)
        value = events.value[rated].astype(np.float64)
        at = (group[events.user[rated]], events.item[rated])
        total = sp.coo_matrix((value, at), shape=shape).toarray()
        count = sp.coo_matrix((np.ones(len(value)), at), shape=shape).toarray()
        mean = value.mean()
        smooth = (total + self.rating_smoothing * mean) / np.maximum(count + self.rating_smoothing, 1e-12)
        return np.asarray(np.where(count + self.rating_smoothing > 0, smooth / mean, 1.0))


def _one_hot(labels: Categorical) -> npt.NDArray[np.float32]:
    hot = np.zeros((len(labels.codes), max(1, len(labels.names))), np.float32)
    known = labels.codes >= 0
    hot[np.flatnonzero(known), labels.codes[known]] = 1
    return hot
