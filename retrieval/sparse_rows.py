"""Sources that add up sparse rows: a row for each item, or for each cluster, of a history."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.eligibility import Eligibility
from dataset.ordering import top_k_of_segments
from dataset.persistence import Saved
from dataset.ragged import offsets_of
from dataset.ranked import Ranked
from dataset.snapshot import Histories, Requests
from retrieval.kernels import retrieve_through_rows, score_through_rows


@dataclass(frozen=True)
class SparseRows(Saved):
    """Score of an item = sum over the history of weight x step_decay^step x entry of the event's row.

    Parameters
    ----------
    neighbours : CSR matrix, float32, of shape (r, n_items)
        Few entries a row.
    row_of_item : int32 array of shape (n_items,)
        The row that an event on each item points to; -1 for none.
    step_decay : float
        Weight of an event per step back in the history, within 0 and 1.
    half_life_days : float
        Age at which an event counts half, beside `step_decay`; 0 switches it off.
    """

    neighbours: sp.csr_matrix
    row_of_item: npt.NDArray[np.int32]
    step_decay: float
    half_life_days: float

    def retrieve(self, requests: Requests, k: int) -> Ranked:
        """The k items with the largest positive sums."""
        return self._sums(requests).best(requests.eligibility, k)

    def score(
        self, requests: Requests, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """The sums of given candidates: 0 where no row reaches, NaN for a query without history."""
        return self._sums(requests).of(offsets, item)

    def by_item(self) -> sp.csr_matrix:
        """The row of each item, CSR of shape (n_items, n_items); empty where an item points to none."""
        item = np.flatnonzero(self.row_of_item >= 0)
        ones = np.ones(len(item), np.float32)
        shape = (len(self.row_of_item), self.neighbours.shape[0])
        matrix = sp.csr_matrix((ones, (item, self.row_of_item[item])), shape=shape) @ self.neighbours
        matrix.sort_indices()
        return matrix

    def _sums(self, requests: Requests) -> "RowSums":
        history = requests.history
        weights = event_weights(requests, self.step_decay, self.half_life_days)
        return RowSums(history.offsets, self.row_of_item[history.item], weights, self.neighbours)


@dataclass(frozen=True)
class RowSums:
    """Weighted sums of sparse rows, not yet added up: m queries, p rows that they point to.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Query q points to the rows `row[offsets[q]:offsets[q + 1]]`.
    row : int32 array of shape (p,)
        -1 for none.
    weight : float32 array of shape (p,)
    matrix : CSR matrix, float32, of shape (r, n_items)
    """

    offsets: npt.NDArray[np.int64]
    row: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    matrix: sp.csr_matrix

    def best(self, eligibility: Eligibility, k: int) -> Ranked:
        """The k eligible items of each query with the largest positive sums."""
        out = empty_lists(len(self.offsets) - 1, k)
        retrieve_through_rows(*self._arrays, *eligibility.arrays, out.items, out.scores)
        return out

    def of(self, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """The sums of given candidates, float32 like `item`; NaN for a query that points to nothing."""
        out = np.empty(len(item), np.float32)
        score_through_rows(*self._arrays, offsets, item, out)
        return out

    @property
    def _arrays(self) -> tuple[object, ...]:
        csr = self.matrix.data, self.matrix.indices, self.matrix.indptr
        return self.offsets, self.row, self.weight, *csr, self.matrix.shape[1]


def event_weights(requests: Requests, step_decay: float, half_life_days: float) -> npt.NDArray[np.float32]:
    """Weight of each event of a block's histories, float32: kind x step_decay^step x .5^(age / half-life)."""
    history: Histories = requests.history
    weights = history.weight * np.float32(step_decay) ** history.step
    if half_life_days > 0:
        age = (requests.queries.time[history.query] - history.time) / (86_400 * half_life_days)
        weights = weights * np.exp2(-age)
    return weights.astype(np.float32)


def keep_largest(matrix: sp.csr_matrix, k: int) -> sp.csr_matrix:
    """Only the k largest entries of each row, ties by ascending column; columns ascending, float32."""
    matrix = sp.csr_matrix(matrix, dtype=np.float32)
    matrix.sort_indices()
    if np.diff(matrix.indptr).max(initial=0) <= k:
        return matrix
    n_columns = matrix.shape[1]
    return rows_of_lists(largest_of_rows(matrix, k), np.arange(n_columns, dtype=np.int32), n_columns)


def largest_of_rows(matrix: sp.csr_matrix, k: int) -> Ranked:
    """The k largest entries of each row as lists of columns; those at -inf are none."""
    offsets, columns = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    return top_k_of_segments(offsets, columns, matrix.data, k)


def rows_of_lists(best: Ranked, item: npt.NDArray[np.int32], n_items: int) -> sp.csr_matrix:
    """Lists as rows of a matrix, CSR of shape (len(best), n_items), columns ascending.

    Parameters
    ----------
    best : Ranked
        Lists of positions in `item`.
    item : int32 array of shape (n,)
        Item codes, ascending.
    n_items : int
    """
    given = best.items >= 0
    entries = best.scores[given], item[best.items[given]], offsets_of(given.sum(axis=1))
    matrix = sp.csr_matrix(entries, shape=(len(best), n_items))
    matrix.sort_indices()
    return matrix


def empty_lists(m: int, k: int) -> Ranked:
    """Lists of m queries with nothing in them yet."""
    return Ranked(np.full((m, k), -1, np.int32), np.full((m, k), -np.inf, np.float32))
