"""Several item-to-item sources as one: what users turn to next, helped out by what is like it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from dataset.errors import ParameterError
from dataset.parameters import check_int, check_mapping, check_number, check_weights
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.item_to_item import ItemToItem, check_part, embeddings_of, fit_part
from retrieval.sparse_rows import SparseRows, keep_largest


@dataclass(frozen=True, kw_only=True)
class Blend:
    """Weighted sum of item-to-item matrices, each divided by the mean of its rows' largest entries.

    Because of the division a weight means the same on every catalogue: the best neighbour of a typical
    item counts as much as the weight of its part. The sum can do what a ranker of columns finds hard: tell
    apart the many items that one part scores alike by the small differences of another.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    parts : mapping of str to source
        Item-to-item sources: `Transitions`, `Ease`, `Attributes`, `Clusters`, `Chain`, `LowRank` or another
        `Blend`. Their `quota` and `step_decay` have no effect, nor does their `half_life_days` but in the
        fit. Changes results.
    weights : mapping of str to float
        Of each part, by the same names; 0 leaves a part out. Changes results.
    step_decay : float
        Weight of an event per step back in the history; within 0 and 1. Changes results.
    half_life_days : float
        Age at which an event counts half, beside `step_decay`; 0 switches it off. Changes results.
    neighbours : int
        Entries kept an item. Changes results.
    """

    quota: int = 100
    parts: Mapping[str, ItemToItem]
    weights: Mapping[str, float]
    step_decay: float = 0.6
    half_life_days: float = 0.0
    neighbours: int = 300

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "neighbours", low=1)
        check_mapping(self, "parts")
        for part in self.parts.values() or (None,):  # of no parts there is no sum
            check_part(self, "parts", part, "a non-empty mapping from names to item-to-item sources")
        check_weights(self, "weights")
        if set(self.weights) != set(self.parts):
            expected = f"a number for each of the parts ({', '.join(self.parts) or 'none'})"
            raise ParameterError("Blend", "weights", expected, self.weights)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)

    @property
    def vectors(self) -> tuple[str, ...]:
        """Embeddings that the parts read."""
        return embeddings_of(self.parts.values())

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Fit the parts that weigh anything and add them up."""
        n_items = len(snapshot.items)
        total = sp.csr_matrix((n_items, n_items), dtype=np.float32)
        has_row = np.zeros(n_items, bool)
        for name, part in self.parts.items():
            if self.weights[name] > 0:
                fitted = fit_part(self, name, part, snapshot, vectors)
                has_row |= fitted.row_of_item >= 0
                total = total + _scaled(fitted.by_item(), self.weights[name])
        return SparseRows(
            neighbours=keep_largest(total, self.neighbours),
            row_of_item=np.where(has_row, np.arange(n_items), -1).astype(np.int32),
            step_decay=self.step_decay,
            half_life_days=self.half_life_days,
        )


def _scaled(matrix: sp.csr_matrix, weight: float) -> sp.csr_matrix:
    """The matrix times the weight, over the mean of the largest entries of the rows that have one."""
    largest = matrix.max(axis=1).toarray().ravel().astype(np.float64)
    if not (largest > 0).any():
        return matrix
    return matrix * np.float32(weight / largest[largest > 0].mean())
