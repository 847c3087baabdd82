"""Linear item-to-item weights with a closed form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.linalg.lapack as lapack
import scipy.sparse as sp

from dataset.errors import ConfigurationError
from dataset.ordering import top_k_of_rows
from dataset.parameters import check_int, check_number, check_weights
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.attributes import DEFAULT_WEIGHTS, KINDS, word_vectors
from retrieval.sparse_rows import SparseRows, rows_of_lists

_BLOCK: Final = 512  # rows made dense together


@dataclass(frozen=True, kw_only=True)
class Ease:
    """Embarrassingly shallow autoencoder: B = I - P / diag(P), P = (X'X + regularisation I)^-1.

    With an `attribute_weight` X'X + attribute_weight UU' stands for X'X, where row i of U is item i as words:
    as if, beside the users, every word were a user who took the items that have it. Products that nobody
    took yet get weights, too.

    Memory is 4 bytes x items^2 (.9 GB at 15,000), time about items^3 / 10^11 seconds on one core, so a larger
    catalogue is solved for its most taken items; only the largest weights of each item are kept after.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    regularisation : float
        L2 penalty, above 0.
    step_decay : float
        Weight of an event per step back in the history when the model is applied; within 0 and 1.
    fit_decay : float
        Weight of an event per step back in the history in X; within 0 and 1. Changes results.
    half_life_days : float
        Age at which an event counts half, in the fit and when applied; 0 switches it off.
    neighbours : int
        Entries kept an item.
    max_items : int
        Items solved for, at most; of more, those that events name most often. The others have no weights.
        Changes results of larger catalogues.
    attribute_weight : float
        Weight of UU', whose diagonal is 1; 0 leaves words out. Changes results.
    attributes : mapping of str to float
        Weight of each kind of word, as in `Attributes`. Changes results if `attribute_weight` is above 0.
    rarity_power : float
        As in `Attributes`. Changes results if `attribute_weight` is above 0.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8. Jeunen, Van Balen and
    Goethals, "Closed-form models for collaborative filtering with side-information", RecSys 2020 (the
    collective model, whose tags are further rows of X).
    """

    quota: int = 100
    regularisation: float = 100.0
    step_decay: float = 0.9
    fit_decay: float = 1.0
    half_life_days: float = 0.0
    neighbours: int = 300
    max_items: int = 15_000
    attribute_weight: float = 0.0
    attributes: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    rarity_power: float = 2.0

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "neighbours", low=1)
        check_int(self, "max_items", low=1, high=50_000)
        check_number(self, "regularisation", low=1e-3)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "fit_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)
        check_number(self, "attribute_weight", low=0)
        check_weights(self, "attributes", choices=KINDS)
        check_number(self, "rarity_power", low=0, high=10)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Solve for the items that the history knows and, if words weigh anything, for those with words."""
        n_items = len(snapshot.items)
        worded, words = np.zeros(0, np.int32), sp.csr_matrix((0, 1), dtype=np.float32)
        if self.attribute_weight > 0:
            worded, words = word_vectors(snapshot, self.attributes, self.rarity_power)
        items = self._most_taken(snapshot, worded)
        solved = np.isin(worded, items)
        worded, words = worded[solved], words[solved]
        row_of_item = np.full(n_items, -1, np.int32)
        if not len(items):
            return SparseRows(sp.csr_matrix((0, n_items), dtype=np.float32), row_of_item, 0.0, 0.0)
        matrix = self._matrix(snapshot, items)
        gram = (matrix.T @ matrix).toarray(order="F")
        if len(worded):
            _add_products(gram, np.searchsorted(items, worded), words, self.attribute_weight)
        inverse = _lower_inverse(gram, self.regularisation)
        neighbours = _largest_weights(inverse, self.neighbours, items, n_items)
        row_of_item[items] = np.arange(len(items))
        return SparseRows(neighbours, row_of_item, self.step_decay, self.half_life_days)

    def _most_taken(self, snapshot: Snapshot, worded: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Items to solve for, ascending: the most frequent in the history, ties by code."""
        count = np.bincount(snapshot.history.item, minlength=len(snapshot.items))
        known = np.union1d(np.flatnonzero(count), worded)
        first = known[np.argsort(-count[known], kind="stable")[: self.max_items]]
        return np.sort(first).astype(np.int32)

    def _matrix(self, snapshot: Snapshot, items: npt.NDArray[np.int32]) -> sp.csr_matrix:
        """X, float32 of shape (n_users, len(items))."""
        events = snapshot.history
        weight = snapshot.history_weight.astype(np.float64)
        weight = weight * self.fit_decay ** snapshot.history_step.astype(np.float64)
        if self.half_life_days > 0:
            weight = weight * np.exp2(-(snapshot.cutoff - events.time) / (86_400 * self.half_life_days))
        solved = np.isin(events.item, items)
        column = np.searchsorted(items, events.item[solved])
        entries = weight[solved], (events.user[solved], column)
        matrix = sp.csr_matrix(entries, shape=(len(snapshot.users), len(items)))
        matrix.data = np.minimum(matrix.data, 1.0).astype(np.float32)
        return matrix.astype(np.float32)


def _add_products(
    gram: npt.NDArray[np.float32], at: npt.NDArray[np.int64], words: sp.csr_matrix, weight: float
) -> None:
    """Add weight x UU' to the rows and columns `at`, in blocks: UU' is sparse in name only."""
    transposed = words.T.tocsr()
    for start in range(0, len(at), _BLOCK):
        block = slice(start, start + _BLOCK)
        # By columns, which lie together in memory; UU' is symmetric.
        gram[np.ix_(at, at[block])] += np.float32(weight) * (words[block] @ transposed).toarray().T


def _lower_inverse(gram: npt.NDArray[np.float32], regularisation: float) -> npt.NDArray[np.float32]:
    """(gram + regularisation I)^-1 in the place of `gram`; only its lower triangle is valid.

    Single precision suffices: the penalty bounds the condition number by largest eigenvalue / penalty.
    """
    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += np.float32(regularisation)
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ConfigurationError("EASE needs a larger 'regularisation': its matrix is not positive definite.")
    return factor  # type: ignore[no-any-return]


def _largest_weights(
    inverse: npt.NDArray[np.float32], k: int, items: npt.NDArray[np.int32], n_items: int, block: int = _BLOCK
) -> sp.csr_matrix:
    """The k largest positive weights of each row of B, CSR of shape (len(items), n_items)."""
    n = len(inverse)
    scale = -1 / np.diagonal(inverse)
    parts = []
    for start in range(0, n, block):
        stop = min(start + block, n)
        rows = inverse[start:stop].copy()
        rows[:, stop:] = inverse[stop:, start:stop].T
        square = inverse[start:stop, start:stop]
        rows[:, start:stop] = np.tril(square) + np.tril(square, -1).T
        rows *= scale
        rows[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        rows[rows <= 0] = -np.inf
        parts.append(top_k_of_rows(rows, min(k, n)))
    return rows_of_lists(Ranked.concatenate(parts), items, n_items)
