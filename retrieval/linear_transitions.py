"""What the next moment holds, as a linear function of what came before it, by its closed form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.linalg.lapack as lapack
import scipy.sparse as sp

from dataset.errors import ConfigurationError
from dataset.interactions import SECONDS_PER_DAY
from dataset.ordering import top_k_of_rows
from dataset.parameters import check_int, check_number, check_weights
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.attributes import KINDS, word_vectors
from retrieval.sparse_rows import SparseRows, rows_of_lists

MAX_COLUMNS: Final = 30_000
_BLOCK: Final = 512  # rows made dense together


def _brand_and_category() -> dict[str, float]:
    return {"brand": 1.0, "category": 1.0}


@dataclass(frozen=True, kw_only=True)
class LinearTransitions:
    """Item i points to item j by how much i in a user's past raises the weight of j in what comes next.

    Ridge regression with a row for each moment in which a user comes back: Z holds the weights of the
    `window` events before, decayed by `step_decay` and `history_half_life_days`, Y the items taken, and a row
    weighs .5^(age / `half_life_days`). With F = (Z'WZ + regularisation I)^-1 Z'WY, the row of an item is its
    row of F. Beside its own column an item has one for each of its words, so that what a brand's buyers
    turn to now is known of those of its products, too, of which nobody has come back yet.

    Unlike the counts of `Transitions`, the weights of items that are mostly taken together share what they
    explain; unlike `Ease`, only what came later is explained, and with a short half-life only the latest.

    Memory is 8 bytes x (items + words)^2, time about (items + words)^3 / 10^11 seconds on one core; only the
    largest weights of each item are kept after.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    regularisation : float
        L2 penalty, above 0, where the rows' weights have a mean of 1. Changes results.
    half_life_days : float
        Age at which a moment counts half in the fit; 0 switches it off. Changes results.
    history_half_life_days : float
        Days before the moment, or before the query, at which an event counts half; 0 switches it off. Changes
        results.
    step_decay : float
        Weight of an event per step back in the history; within 0 and 1. Changes results.
    window : int
        Number of events before a moment that are looked at in the fit. Changes results and speed.
    attributes : mapping of str to float
        Weight of each kind of word, as in `Attributes`, beside 1 for the item itself. Changes results.
    neighbours : int
        Entries kept an item. Changes results.

    References
    ----------
    Choi, Kim, Lee, Shim and Lee, "Session-aware linear item-item models for session-based recommendation",
    WWW 2021, section 4.2 (SLIT: the closed form, weights by age and distance).
    """

    quota: int = 100
    regularisation: float = 100.0
    half_life_days: float = 30.0
    history_half_life_days: float = 365.0
    step_decay: float = 0.8
    window: int = 20
    attributes: Mapping[str, float] = field(default_factory=_brand_and_category)
    neighbours: int = 300

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_number(self, "regularisation", low=1e-3)
        check_number(self, "half_life_days", low=0)
        check_number(self, "history_half_life_days", low=0)
        check_number(self, "step_decay", low=0, high=1)
        check_int(self, "window", low=1)
        check_weights(self, "attributes", choices=KINDS)
        check_int(self, "neighbours", low=1)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Solve for the known items, brands and categories."""
        n_items, known = len(snapshot.items), snapshot.known_items
        row_of_item = np.full(n_items, -1, np.int32)
        row_of_item[known] = np.arange(len(known))
        before, after, weight = self._moments(snapshot, row_of_item, len(known))
        if not weight.any():
            nothing = sp.csr_matrix((len(known), n_items), dtype=np.float32)
            return SparseRows(nothing, row_of_item, self.step_decay, self.history_half_life_days)
        columns = self._columns(snapshot, row_of_item, len(known))
        past = before @ columns
        weighted = past.multiply(weight[:, None]).tocsr().T
        gram = (weighted @ past).toarray(order="F").astype(np.float64)
        factors = _solved(gram, self.regularisation, (weighted @ after).toarray(order="F"))
        neighbours = _largest(columns, factors, self.neighbours, known, n_items)
        return SparseRows(neighbours, row_of_item, self.step_decay, self.history_half_life_days)

    def _columns(self, snapshot: Snapshot, row_of_item: npt.NDArray[np.int32], n: int) -> sp.csr_matrix:
        """The known items as themselves and as words, CSR of shape (n, n + words)."""
        columns = sp.identity(n, format="csr")
        if any(weight > 0 for weight in self.attributes.values()):
            worded, words = word_vectors(snapshot, self.attributes, 0.0)
            place = (np.ones(len(worded)), (row_of_item[worded], np.arange(len(worded))))
            spread = sp.csr_matrix(place, shape=(n, len(worded))) @ words
            scale = float(np.linalg.norm(list(self.attributes.values())))  # undoes the unit length
            columns = sp.hstack([columns, scale * spread], format="csr")
        if columns.shape[1] > MAX_COLUMNS:
            raise ConfigurationError(
                f"LinearTransitions solves a dense system of at most {MAX_COLUMNS:,} items and words. Got "
                f"{columns.shape[1]:,}; leave it out with ~retrieval.sources.NAME."
            )
        return columns

    def _moments(
        self, snapshot: Snapshot, row_of_item: npt.NDArray[np.int32], n: int
    ) -> tuple[sp.csr_matrix, sp.csr_matrix, npt.NDArray[np.float64]]:
        """What came before each moment, what it held, both of shape (moments, n), and its weight."""
        events, step = snapshot.history, snapshot.history_step
        starts = np.ones(len(events), bool)
        starts[1:] = (events.user[1:] != events.user[:-1]) | (events.time[1:] != events.time[:-1])
        start, moment = np.flatnonzero(starts), np.cumsum(starts) - 1
        in_moment = snapshot.history_weight.astype(np.float64)
        row, item, value = [], [], []
        for lag in range(1, self.window + 1):
            earlier = np.maximum(start - lag, 0)
            at = np.flatnonzero((start >= lag) & (events.user[start] == events.user[earlier]))
            left, right = start[at] - lag, start[at]
            # Events between the two moments: of the user's later ones, those before this one.
            between = step[left] - (snapshot.history_offsets[events.user[right] + 1] - right)
            age = _aged(events.time[right] - events.time[left], self.history_half_life_days)
            row.append(at)
            item.append(row_of_item[events.item[left]])
            value.append(in_moment[left] * self.step_decay**between * age)
        shape = (len(start), n)
        before = sp.csr_matrix((np.concatenate(value), (np.concatenate(row), np.concatenate(item))), shape)
        after = sp.csr_matrix((in_moment, (moment, row_of_item[events.item])), shape)
        total = np.asarray(before.sum(axis=1)).ravel()
        weight = np.where(total > 0, _aged(snapshot.cutoff - events.time[start], self.half_life_days), 0.0)
        before = sp.diags(1 / np.sqrt(np.where(total > 0, total, 1))) @ before
        return before.tocsr(), after, weight / weight.mean(where=total > 0) if weight.any() else weight


def _aged(seconds: npt.NDArray[np.int64], half_life_days: float) -> npt.NDArray[np.float64]:
    """.5^(age / half-life); 1 without a half-life."""
    if half_life_days == 0:
        return np.ones(len(seconds))
    return np.exp2(-seconds / (SECONDS_PER_DAY * half_life_days))


def _solved(
    gram: npt.NDArray[np.float64], regularisation: float, right: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(gram + regularisation I)^-1 right."""
    gram[np.diag_indices_from(gram)] += regularisation
    _, solution, failed = lapack.dposv(gram, right, lower=1, overwrite_a=1, overwrite_b=1)
    if failed:
        raise ConfigurationError(
            "LinearTransitions needs a larger 'regularisation': its matrix is not positive definite."
        )
    return solution  # type: ignore[no-any-return]


def _largest(
    columns: sp.csr_matrix,
    factors: npt.NDArray[np.float64],
    k: int,
    known: npt.NDArray[np.int32],
    n_items: int,
) -> sp.csr_matrix:
    """The k largest positive entries of each row of columns @ factors, CSR of shape (known, n_items)."""
    n = len(known)
    parts = [Ranked(np.full((0, min(k, n)), -1, np.int32), np.zeros((0, min(k, n)), np.float32))]
    for start in range(0, n, _BLOCK):
        rows = np.asarray(columns[start : start + _BLOCK] @ factors, np.float32)
        rows[rows <= 0] = -np.inf
        parts.append(top_k_of_rows(rows, min(k, n)))
    return rows_of_lists(Ranked.concatenate(parts), known, n_items)
