"""How near the item lies to the user's latest ones, in each embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.parameters import check_int, check_names
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup

_PARTS: Final = ("max", "mean", "newest")


@dataclass(frozen=True)
class UnitVectors(Saved):
    """Vectors scaled to length 1.

    Parameters
    ----------
    items : Lookup
    matrix : float32 array of shape (len(items), d), C-contiguous
    """

    items: Lookup
    matrix: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FittedSimilarity(Saved):
    """The embeddings of the snapshot.

    Parameters
    ----------
    vectors : mapping of str to UnitVectors or None
        None where the snapshot had nothing to embed.
    max_history : int
    """

    vectors: Mapping[str, UnitVectors | None]
    max_history: int

    @property
    def names(self) -> tuple[str, ...]:
        """Three columns an embedding."""
        return tuple(f"{name}_{part}" for name in self.vectors for part in _PARTS)

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Cosines of each candidate with its query's latest items; NaN without a vector on both sides."""
        out = np.empty((len(candidates), len(self.names)), np.float32)
        history = requests.history
        for at, vectors in enumerate(self.vectors.values()):
            columns = out[:, len(_PARTS) * at : len(_PARTS) * (at + 1)]
            if vectors is None:
                columns[:] = np.nan
                continue
            _cosines(
                history.offsets, vectors.items.rows(history.item), history.step, self.max_history,
                candidates.offsets, vectors.items.rows(candidates.item), vectors.matrix, columns,
            )  # fmt: skip
        return out


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Cosine of the candidate with the items of the user's latest events.

    Columns, for each embedding: `{name}_max`, `_mean` and `_newest`, the greatest within the newest moment.
    An embedding that the snapshot could not make fills its columns with NaN.

    Parameters
    ----------
    vectors : list of str
        Names of embeddings. Changes results.
    max_history : int
        Number of latest events to look at. Changes results and speed.
    """

    vectors: Sequence[str] = ("ingredients", "functionality", "collaborative")
    max_history: int = 20

    def __post_init__(self) -> None:
        check_names(self, "vectors", may_be_empty=False)
        check_int(self, "max_history", low=1)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedSimilarity:
        """Keep the embeddings, scaled to unit length."""
        units = {name: _unit(vectors[name]) if name in vectors else None for name in self.vectors}
        return FittedSimilarity(units, self.max_history)


def _unit(vectors: Vectors) -> UnitVectors | None:
    lengths = np.linalg.norm(vectors.matrix.astype(np.float64), axis=1)
    placed = lengths > 0
    if not placed.any():
        return None
    unit = (vectors.matrix[placed] / lengths[placed, None]).astype(np.float32)
    return UnitVectors(Lookup(vectors.item[placed]), np.ascontiguousarray(unit))


# Sums may be taken in another order, which is what lets the loop over dimensions use vector instructions;
# NaN and infinity keep their meaning.
@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _cosines(  # type: ignore[no-untyped-def]
    history_offsets, history_row, step, max_history, candidate_offsets, candidate_row, matrix, out
):
    """Fill `out` of shape (n, 3): greatest, mean, and greatest within the newest moment."""
    d = matrix.shape[1]
    latest = np.empty((max_history, d), np.float32)
    is_newest = np.empty(max_history, np.bool_)
    for query in range(len(history_offsets) - 1):
        stop = history_offsets[query + 1]
        size = 0
        for event in range(max(history_offsets[query], stop - max_history), stop):
            if history_row[event] >= 0:
                latest[size] = matrix[history_row[event]]
                is_newest[size] = step[event] == 0
                size += 1
        for at in range(candidate_offsets[query], candidate_offsets[query + 1]):
            row = candidate_row[at]
            if row < 0 or size == 0:
                out[at] = np.nan
                continue
            best, newest, total = np.float32(-2), np.float32(-2), np.float32(0)
            for event in range(size):
                dot = np.float32(0)
                for k in range(d):
                    dot += latest[event, k] * matrix[row, k]
                total += dot
                best = max(best, dot)
                if is_newest[event]:
                    newest = max(newest, dot)
            out[at, 0] = best
            out[at, 1] = total / np.float32(size)
            out[at, 2] = newest if newest > -2 else np.float32(np.nan)
