"""Products by who took them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.factorisation import right_factors
from dataset.interactions import SECONDS_PER_DAY
from dataset.parameters import check_int, check_number
from dataset.ragged import offsets_of
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup

_EVENTS_A_BLOCK: Final = 1_000_000  # weighted together; memory, not results


@dataclass(frozen=True, kw_only=True)
class CollaborativeVectors:
    """Factors of the matrix of users and items; inner-product space.

    The user's vector is the (weighted) sum of the vectors of the items in the history, so users need no
    fitting and a new event counts at once.

    Parameters
    ----------
    dimensions : int
        Length of a vector; less where the matrix has less rank. Changes results.
    half_life_days : float or None
        Age at which an event counts half; None ignores age. Changes results.
    step_decay : float
        Factor for each later event of the same user, within (0, 1]; 1 ignores order. Changes results.
    item_damping, user_damping : float
        Columns and rows are divided by their sum to this power; .5 and .5 normalise both sides alike. The
        defaults did well on past snapshots of both Amazon Beauty and Sephora. Changes results.
    singular_power : float
        Item vectors are right singular vectors times the singular values to this power: 1 gives the
        smoothed co-occurrence of items, 0 its projection. Changes results.
    seed : int
        Of the random start of the factorisation.

    References
    ----------
    Cremonesi, Koren and Turrin 2010, "Performance of recommender algorithms on top-N recommendation tasks"
    (PureSVD); Shen et al. 2021, "How powerful is graph convolution for recommendation?" (symmetric
    normalisation).
    """

    dimensions: int = 64
    half_life_days: float | None = 365.0
    step_decay: float = 0.9
    item_damping: float = 0.35
    user_damping: float = 0.0
    singular_power: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "dimensions", low=1)
        if self.half_life_days is not None:
            check_number(self, "half_life_days", low=1e-3)
        check_number(self, "step_decay", low=1e-3, high=1)
        for name in ("item_damping", "user_damping", "singular_power"):
            check_number(self, name, low=0, high=2)
        check_int(self, "seed", low=0)

    def fit(self, snapshot: Snapshot) -> Vectors | None:
        """Vectors of the known items with an event; None where the history is empty."""
        matrix = self._matrix(snapshot)
        values, right = right_factors(matrix, self.dimensions, self.seed)
        if not len(values):
            return None
        seen = np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0
        right *= values**self.singular_power
        return Vectors(snapshot.known_items[seen], np.ascontiguousarray(right.astype(np.float32)[seen]))

    def _matrix(self, snapshot: Snapshot) -> sp.csr_matrix:
        """Weights of users with a history by known items, both sides damped."""
        events = snapshot.history
        column = Lookup.of_items(snapshot).rows(events.item)
        weight = self._weights(snapshot)
        kept = (column >= 0) & (weight > 0)
        n_events = np.bincount(events.user[kept])  # of each user, in the order of the events
        n_events = n_events[n_events > 0]
        shape = (len(n_events), len(snapshot.known_items))
        matrix = sp.csr_matrix((weight[kept], column[kept], offsets_of(n_events)), shape=shape)
        matrix.sum_duplicates()
        by_user = np.asarray(matrix.sum(axis=1)).ravel() ** -self.user_damping
        by_item = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1e-12) ** -self.item_damping
        matrix.data *= np.repeat(by_user, np.diff(matrix.indptr)) * by_item[matrix.indices]
        return matrix

    def _weights(self, snapshot: Snapshot) -> npt.NDArray[np.float64]:
        """Weight of each event of the history, float64; made block by block."""
        weight = snapshot.history_weight.astype(np.float64)
        step, time = snapshot.history_step, snapshot.history.time
        for start in range(0, len(weight), _EVENTS_A_BLOCK):
            block = slice(start, start + _EVENTS_A_BLOCK)
            weight[block] *= self.step_decay ** step[block].astype(np.float64)
            if self.half_life_days is not None:
                age_days = (snapshot.cutoff - time[block]) / SECONDS_PER_DAY
                weight[block] *= 0.5 ** (np.maximum(age_days, 0) / self.half_life_days)
        return weight
