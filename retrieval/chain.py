"""Two hops: from an item to its neighbours by one source, and on to theirs by another."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from dataset.parameters import check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.item_to_item import ItemToItem, check_part, embeddings_of, fit_part, largest_of_product
from retrieval.sparse_rows import SparseRows, keep_largest


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Item i points to item j as far as neighbours of i do: the weighted mean of their rows.

    `Attributes` and then `Transitions` gives a new product what users turned to after products like it;
    `Transitions` twice reaches items that never stood near each other in anybody's history.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    first, then : source
        Item-to-item sources: `Transitions`, `Ease`, `Attributes`, `Clusters`, `Blend`, `LowRank` or another
        `Chain`. Their `quota` and `step_decay` have no effect, nor does their `half_life_days` but in the
        fit. Changes results.
    hops : int
        Largest entries of each row of `first` that are followed. Changes results.
    step_decay : float
        Weight of an event per step back in the history; within 0 and 1. Changes results.
    half_life_days : float
        Age at which an event counts half, beside `step_decay`; 0 switches it off. Changes results.
    neighbours : int
        Entries kept an item. Changes results.
    """

    quota: int = 100
    first: ItemToItem
    then: ItemToItem
    hops: int = 50
    step_decay: float = 0.6
    half_life_days: float = 0.0
    neighbours: int = 300

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "hops", low=1)
        check_int(self, "neighbours", low=1)
        for name in ("first", "then"):
            check_part(self, name, getattr(self, name))
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)

    @property
    def vectors(self) -> tuple[str, ...]:
        """Embeddings that the two read."""
        return embeddings_of((self.first, self.then))

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Fit both and multiply; a way back to the item itself is left out."""
        first = fit_part(self, "first", self.first, snapshot, vectors)
        then = fit_part(self, "then", self.then, snapshot, vectors)
        hop = _means(keep_largest(first.by_item(), self.hops))
        has_row = first.row_of_item >= 0
        return SparseRows(
            neighbours=largest_of_product(hop, then.by_item(), self.neighbours),
            row_of_item=np.where(has_row, np.arange(len(has_row)), -1).astype(np.int32),
            step_decay=self.step_decay,
            half_life_days=self.half_life_days,
        )


def _means(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Each row divided by its sum."""
    total = np.asarray(matrix.sum(axis=1), np.float64).ravel()
    factor = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0).astype(np.float32)
    data = matrix.data * np.repeat(factor, np.diff(matrix.indptr))
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)
