"""What retrieval thought of the candidate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.errors import DataContractError
from dataset.parameters import check_number
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors

_PARTS: Final = ("score", "reciprocal_rank", "relative", "percentile", "rank")


@dataclass(frozen=True)
class FittedRetrievalScores(Saved):
    """The sources whose columns the ranker is trained on.

    Parameters
    ----------
    sources : tuple of str
    fusion_constant : float
    """

    sources: tuple[str, ...]
    fusion_constant: float

    @property
    def names(self) -> tuple[str, ...]:
        """Five columns a source, then what they say together."""
        return (*(f"{source}_{part}" for source in self.sources for part in _PARTS), "n_sources", "fusion")

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Scores and ranks of each candidate; a source is found by name, not by place.

        Raises
        ------
        DataContractError
            If the candidates carry no column of one of the sources.
        """
        missing = set(self.sources) - set(candidates.sources)
        if missing:
            raise DataContractError(
                f"Candidates must carry the sources that the features were fitted for. Got "
                f"{', '.join(candidates.sources)} without {', '.join(sorted(missing))}."
            )
        columns = np.array([candidates.sources.index(source) for source in self.sources], np.int64)
        out = np.empty((len(candidates), len(self.names)), np.float32)
        scores, ranks = np.ascontiguousarray(candidates.scores), np.ascontiguousarray(candidates.ranks)
        _fill(candidates.offsets, scores, ranks, columns, self.fusion_constant, out)
        return out


@dataclass(frozen=True, kw_only=True)
class RetrievalScores:
    """Scores and ranks of the sources.

    Columns, for each source: `{source}_score`; `_reciprocal_rank`, 0 where it did not nominate the candidate;
    `_relative`, the score over the greatest magnitude in the query; `_percentile`, share of the
    query's scored candidates that score lower, ties half; `_rank` of that score among the query's, 1 the
    best, ties at the mean of their ranks: unlike the percentile, it says the same in a large pool as in a
    small one. Then `n_sources` that nominated the candidate, and `fusion`, the sum of 1 / (constant + the
    rank at which it was nominated) over them.

    Parameters
    ----------
    fusion_constant : float
        Changes results.

    References
    ----------
    Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods".
    """

    fusion_constant: float = 60.0

    def __post_init__(self) -> None:
        check_number(self, "fusion_constant", low=0)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedRetrievalScores:
        """Remember the sources; nothing is learnt."""
        return FittedRetrievalScores(tuple(sources), float(self.fusion_constant))


@numba.njit(nogil=True, cache=True)
def _fill(offsets, scores, ranks, columns, constant, out):  # type: ignore[no-untyped-def]
    """Fill `out` of shape (n, 5 s + 2) from scores and ranks of shape (n, >= s)."""
    n_sources, own = len(columns), 5 * len(columns)
    longest = 0
    for query in range(len(offsets) - 1):
        longest = max(longest, offsets[query + 1] - offsets[query])
    keys = np.empty(longest, np.int64)
    bits = scores.view(np.int32)
    for query in range(len(offsets) - 1):
        start, stop = offsets[query], offsets[query + 1]
        out[start:stop, own:] = 0
        for source in range(n_sources):
            column = columns[source]
            block = out[start:stop, 5 * source : 5 * source + 5]
            _fill_source(scores[start:stop, column], bits[start:stop, column], keys, block)
            for at in range(start, stop):
                rank = ranks[at, column]
                out[at, 5 * source + 1] = 1.0 / rank if rank > 0 else 0.0
                if rank > 0:
                    out[at, own] += 1
                    out[at, own + 1] += 1.0 / (constant + rank)


@numba.njit(nogil=True, cache=True)
def _fill_source(scores, bits, keys, out):  # type: ignore[no-untyped-def]
    """Score, relative score, percentile and rank of one source within one query; all columns but 1."""
    size = 0
    magnitude = np.float32(0)
    for at in range(len(scores)):
        if np.isfinite(scores[at]):
            # The bits of a float, those of negative ones turned, sort as the float does; with the place
            # below them one sort of integers does for an argsort.
            ordinal = bits[at] if bits[at] >= 0 else bits[at] ^ 0x7FFFFFFF
            keys[size] = np.int64(ordinal) * 4294967296 + at
            magnitude = max(magnitude, abs(scores[at]))
            size += 1
    keys = keys[:size]
    keys.sort()
    out[:, 0] = out[:, 2] = out[:, 3] = out[:, 4] = np.nan
    start = 0
    while start < size:
        score = scores[keys[start] & 0xFFFFFFFF]
        stop = start + 1
        while stop < size and scores[keys[stop] & 0xFFFFFFFF] == score:
            stop += 1
        for place in range(start, stop):
            at = keys[place] & 0xFFFFFFFF
            out[at, 0] = score
            out[at, 2] = score / magnitude if magnitude > 0 else 0.0
            out[at, 3] = (start + stop) / (2.0 * size)
            out[at, 4] = size - (start + stop - 1) / 2.0
        start = stop
