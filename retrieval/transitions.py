"""What users turn to after an item: directed, decayed item-to-item counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.parameters import check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.sparse_rows import SparseRows, keep_largest


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """Item i points to item j as often as users went from i to j within a few steps.

    The count of a pair decays with the steps between (`gap_decay`), and is divided by
    degree(i)^`from_power` x degree(j)^`to_power`, so that bestsellers do not follow everything. Events of
    one moment point to each other both ways, at a distance of one step: their order says nothing.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    window : int
        Largest number of steps between two events of a pair.
    gap_decay, step_decay : float
        Weight per further step, between the two events and back in the history; within 0 and 1.
    backward : float
        Weight of the reverse direction, j to i; 0 is purely directed, 1 plain co-occurrence.
    from_power, to_power : float
        Exponents of the normalisation; 0 none, 1 full.
    half_life_days : float
        Age at which a pair, and an event of the history, counts half; 0 switches it off.
    neighbours : int
        Entries kept an item.

    References
    ----------
    Directed sequential rules: Ludewig and Jannach, "Evaluation of session-based recommendation
    algorithms", UMUAI 28 (2018), section 3.1 (SR).
    """

    quota: int = 100
    window: int = 10
    gap_decay: float = 0.8
    step_decay: float = 0.6
    backward: float = 0.0
    from_power: float = 0.5
    to_power: float = 0.5
    half_life_days: float = 0.0
    neighbours: int = 300

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        for name in ("window", "neighbours"):
            check_int(self, name, low=1)
        for name in ("gap_decay", "step_decay", "backward", "from_power", "to_power"):
            check_number(self, name, low=0, high=1)
        check_number(self, "half_life_days", low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Count the pairs of the snapshot's history."""
        n_items = len(snapshot.items)
        counts = self._pairs(snapshot)
        if self.backward > 0:
            counts = counts + self.backward * counts.T
        counts = counts.tocsr()
        out_degree = np.asarray(counts.sum(axis=1)).ravel()
        in_degree = np.asarray(counts.sum(axis=0)).ravel()
        with np.errstate(divide="ignore"):
            left = np.where(out_degree > 0, out_degree**-self.from_power, 0)
            right = np.where(in_degree > 0, in_degree**-self.to_power, 0)
        scaled = sp.csr_matrix(sp.diags(left) @ counts @ sp.diags(right), dtype=np.float32)
        return SparseRows(
            neighbours=keep_largest(scaled, self.neighbours),
            row_of_item=np.arange(n_items, dtype=np.int32),
            step_decay=self.step_decay,
            half_life_days=self.half_life_days,
        )

    def _pairs(self, snapshot: Snapshot) -> sp.csr_matrix:
        """Weighted counts of (earlier, later) pairs, CSR of shape (n_items, n_items)."""
        events, n_items = snapshot.history, len(snapshot.items)
        step = snapshot.history_step
        weight = snapshot.history_weight
        total = sp.csr_matrix((n_items, n_items), dtype=np.float64)
        for lag in range(1, self.window + 1):
            first, last = slice(None, -lag), slice(lag, None)
            same_user = events.user[first] == events.user[last]
            left, right = np.flatnonzero(same_user), np.flatnonzero(same_user) + lag
            tied = events.time[left] == events.time[right]
            gap = np.maximum(step[left] - step[right], 1)
            value = weight[left] * weight[right] * self.gap_decay ** (np.minimum(gap, lag) - 1.0)
            value = value * self._age_factor(snapshot, events.time[right])
            source = np.concatenate([events.item[left], events.item[right][tied]])
            target = np.concatenate([events.item[right], events.item[left][tied]])
            value = np.concatenate([value, value[tied]])
            differ = source != target
            total = total + sp.csr_matrix(
                (value[differ], (source[differ], target[differ])), shape=(n_items, n_items)
            )
        return total

    def _age_factor(self, snapshot: Snapshot, time: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        if self.half_life_days == 0:
            return np.ones(len(time))
        return np.exp2(-(snapshot.cutoff - time) / (86_400 * self.half_life_days))
