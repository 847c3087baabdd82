"""An item-to-item matrix seen through its largest factors: neighbours that nobody took in a row yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from dataset.factorisation import right_factors
from dataset.ordering import top_k_of_rows
from dataset.parameters import check_int, check_number
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.item_to_item import ItemToItem, check_part, embeddings_of, fit_part
from retrieval.sparse_rows import SparseRows, rows_of_lists

_BLOCK: Final = 512  # rows made dense together
_NEGLIGIBLE: Final = 1e-6  # of the length of a row: entries below would be 0 but for rounding


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """Item i points to item j as far as the matrix of another source does, smoothed to a low rank.

    The matrix M of `of` is replaced by the closest one of rank `dimensions`, U S V' = M V V'. Items whose
    rows resemble each other lend each other their entries, so pairs that nobody took yet get scores; unlike
    with factors of users and items, i to j is not j to i. An item that M has no row for has none here.

    Time grows with items^2: 12,000 items at 128 dimensions take about 7 seconds on one core. Memory does not;
    rows are made dense in blocks.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    of : source
        Item-to-item source: `Transitions`, `Ease`, `Attributes`, `Clusters`, `Blend`, `Chain` or another
        `LowRank`. Its `quota` and `step_decay` have no effect, nor does its `half_life_days` but in the fit.
        Changes results.
    dimensions : int
        Number of factors; less where M has less rank. Fewer smooth more. Changes results.
    step_decay : float
        Weight of an event per step back in the history; within 0 and 1. Changes results.
    half_life_days : float
        Age at which an event counts half, beside `step_decay`; 0 switches it off. Changes results.
    neighbours : int
        Entries kept an item, of those above 0. Changes results.
    seed : int
        Of the random start of the factorisation.

    References
    ----------
    Deerwester et al. 1990, "Indexing by latent semantic analysis", of words and documents.
    """

    quota: int = 100
    of: ItemToItem
    dimensions: int = 128
    step_decay: float = 0.6
    half_life_days: float = 0.0
    neighbours: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_part(self, "of", self.of)
        check_int(self, "dimensions", low=1)
        check_int(self, "neighbours", low=1)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)
        check_int(self, "seed", low=0)

    @property
    def vectors(self) -> tuple[str, ...]:
        """Embeddings that the other source reads."""
        return embeddings_of((self.of,))

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Fit the other source and smooth what it gives; a way back to the item itself is left out."""
        n_items = len(snapshot.items)
        matrix = fit_part(self, "of", self.of, snapshot, vectors).by_item().astype(np.float64)
        source = np.flatnonzero(np.diff(matrix.indptr)).astype(np.int32)
        # Items that nothing points to are left out, so that their number does not move the random start.
        target = np.unique(matrix.indices).astype(np.int32)
        matrix = matrix[source][:, target]
        _, right = right_factors(matrix, self.dimensions, self.seed)
        own = np.full(n_items, -1, np.int64)
        own[target] = np.arange(len(target))
        row_of_item = np.full(n_items, -1, np.int32)
        row_of_item[source] = np.arange(len(source))
        return SparseRows(
            neighbours=rows_of_lists(_largest(matrix, right, own[source], self.neighbours), target, n_items),
            row_of_item=row_of_item,
            step_decay=self.step_decay,
            half_life_days=self.half_life_days,
        )


def _largest(
    matrix: sp.csr_matrix, right: npt.NDArray[np.float64], own: npt.NDArray[np.int64], k: int
) -> Ranked:
    """The k largest positive entries of each row of M V V', block by block.

    Parameters
    ----------
    matrix : CSR matrix, float64, of shape (n, m)
        M.
    right : float64 array of shape (m, d)
        V.
    own : int64 array of shape (n,)
        Column of each row's own item, which is left out; -1 for none.
    k : int
    """
    n, m = matrix.shape
    row_factors, column_factors = matrix @ right, np.ascontiguousarray(right.T)
    least = _NEGLIGIBLE * np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    parts = [Ranked(np.full((0, min(k, m)), -1, np.int32), np.zeros((0, min(k, m)), np.float32))]
    with threadpool_limits(limits=1, user_api="blas"):  # it sums in an order that hangs on its threads
        for start in range(0, n, _BLOCK):
            block = slice(start, start + _BLOCK)
            smoothed = row_factors[block] @ column_factors
            smoothed[smoothed <= least[block, None]] = -np.inf
            with_own = np.flatnonzero(own[block] >= 0)
            smoothed[with_own, own[block][with_own]] = -np.inf
            parts.append(top_k_of_rows(smoothed.astype(np.float32), min(k, m)))
    return Ranked.concatenate(parts)
