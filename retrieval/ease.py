"""Linear item-to-item weights with a closed form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.linalg.lapack as lapack
import scipy.sparse as sp

from dataset.errors import ConfigurationError
from dataset.ordering import top_k_of_rows
from dataset.parameters import check_int, check_number
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.sparse_rows import SparseRows

MAX_ITEMS: Final = 30_000


@dataclass(frozen=True, kw_only=True)
class Ease:
    """Embarrassingly shallow autoencoder: B = I - P / diag(P), P = (X'X + regularisation I)^-1.

    Memory is 4 bytes x items^2 (3.6 GB at 30,000), time about items^3 / 10^11 seconds on one core; only
    the largest weights of each item are kept after.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query. Changes results.
    regularisation : float
        L2 penalty, above 0.
    step_decay : float
        Weight of an event per step back in the history when the model is applied; within 0 and 1.
    half_life_days : float
        Age at which an event counts half, in the fit and when applied; 0 switches it off.
    neighbours : int
        Entries kept an item.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equation 8.
    """

    quota: int = 100
    regularisation: float = 100.0
    step_decay: float = 0.9
    half_life_days: float = 0.0
    neighbours: int = 300

    def __post_init__(self) -> None:
        check_int(self, "quota", low=1)
        check_int(self, "neighbours", low=1)
        check_number(self, "regularisation", low=1e-3)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Solve for the items that the history knows."""
        events, n_items = snapshot.history, len(snapshot.items)
        items = np.unique(events.item)
        row_of_item = np.full(n_items, -1, np.int32)
        if not len(items):
            return SparseRows(sp.csr_matrix((0, n_items), dtype=np.float32), row_of_item, 0.0, 0.0)
        if len(items) > MAX_ITEMS:
            raise ConfigurationError(
                f"EASE inverts a dense matrix and takes at most {MAX_ITEMS:,} items. Got {len(items):,}; "
                "leave it out with ~retrieval.sources.ease."
            )
        weight = snapshot.history_weight.astype(np.float64)
        if self.half_life_days > 0:
            weight = weight * np.exp2(-(snapshot.cutoff - events.time) / (86_400 * self.half_life_days))
        column = np.searchsorted(items, events.item)
        matrix = sp.csr_matrix((weight, (events.user, column)), shape=(len(snapshot.users), len(items)))
        matrix.data = np.minimum(matrix.data, 1.0).astype(np.float32)
        inverse = _lower_inverse(matrix.astype(np.float32), self.regularisation)
        neighbours = _largest_weights(inverse, self.neighbours, items, n_items)
        row_of_item[items] = np.arange(len(items))
        return SparseRows(neighbours, row_of_item, self.step_decay, self.half_life_days)


def _lower_inverse(matrix: sp.csr_matrix, regularisation: float) -> npt.NDArray[np.float32]:
    """(X'X + regularisation I)^-1, float32 of shape (n, n), of which only the lower triangle is valid.

    Single precision suffices: the penalty bounds the condition number by largest count / penalty.
    """
    gram = np.asfortranarray((matrix.T @ matrix).toarray())
    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += np.float32(regularisation)
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ConfigurationError("EASE needs a larger 'regularisation': its matrix is not positive definite.")
    return factor  # type: ignore[no-any-return]


def _largest_weights(
    inverse: npt.NDArray[np.float32], k: int, items: npt.NDArray[np.int32], n_items: int, block: int = 512
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
        parts.append(top_k_of_rows(rows, min(k, n)))
    best = Ranked.concatenate(parts)
    keep = best.scores > 0
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
    return sp.csr_matrix((best.scores[keep], items[best.items[keep]], indptr), shape=(n, n_items))
