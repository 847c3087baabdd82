"""What each source contributes to the pool of candidates: counts by query, gathered block by block."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.errors import DataContractError
from dataset.queries import Qrels

CUTOFFS: Final = (10, 20, 50, 100, 200)
_FUSION_CONSTANT: Final = 60.0
_EVERYTHING: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class RetrievalStatistics:
    """Counts over m queries, s sources and the cut-offs of `CUTOFFS`, with "all" as the last.

    Small beside the candidates, so that blocks of queries can be counted where they are made and only
    the counts travel. `concatenate` in block order gives what one large block would have given.

    Parameters
    ----------
    sources : tuple of str
    hits : int32 array of shape (m, s + 1, len(CUTOFFS) + 1)
        Relevant items among the first k of each source's own nominations; the last source is the pool,
        in the order of its fused ranks.
    nominated : int32 array of shape (m, s)
        Candidates that each source nominated.
    nominated_alone : int32 array of shape (m, s)
        Those of them that no other source nominated.
    unique_hits : int32 array of shape (m, s)
        Those of them that are relevant: what the pool would lose without the source.
    pool_size : int32 array of shape (m,)
    n_relevant : int64 array of shape (m,)
    """

    sources: tuple[str, ...]
    hits: npt.NDArray[np.int32]
    nominated: npt.NDArray[np.int32]
    nominated_alone: npt.NDArray[np.int32]
    unique_hits: npt.NDArray[np.int32]
    pool_size: npt.NDArray[np.int32]
    n_relevant: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.n_relevant)

    @classmethod
    def of(
        cls, candidates: Candidates, truth: Qrels, fused_scores: npt.NDArray[np.floating] | None = None
    ) -> "RetrievalStatistics":
        """Count a block of queries.

        Parameters
        ----------
        candidates : Candidates
        truth : Qrels
            Of the same queries, in the same order.
        fused_scores : float array of shape (len(candidates),) or None
            Order of the pool, highest first; by default reciprocal rank fusion with constant 60
            (Cormack, Clarke, Buettcher, SIGIR 2009).
        """
        if candidates.n_queries != len(truth):
            raise DataContractError(
                f"Candidates and truth must be of the same queries. Got "
                f"{candidates.n_queries} and {len(truth)}."
            )
        scores = reciprocal_rank_fusion(candidates.ranks) if fused_scores is None else fused_scores
        rows = _relevant_rows(candidates, truth)
        query = candidates.query
        alone = _alone(candidates.ranks)
        nominated = [_count(query[r > 0], len(truth)) for r in candidates.ranks.T]
        return cls(
            sources=candidates.sources,
            hits=_hits(candidates, rows, np.asarray(scores, np.float64)),
            nominated=_columns(nominated, len(truth)),
            nominated_alone=_columns(_by_source(query, alone, candidates), len(truth)),
            unique_hits=_columns(_by_source(query[rows], alone[rows], candidates), len(truth)),
            pool_size=np.diff(candidates.offsets).astype(np.int32),
            n_relevant=truth.items.lengths,
        )

    @classmethod
    def concatenate(cls, parts: Sequence["RetrievalStatistics"]) -> "RetrievalStatistics":
        """The counts of consecutive blocks as one."""
        if not parts or any(part.sources != parts[0].sources for part in parts):
            got = sorted({", ".join(part.sources) for part in parts}) or "none"
            raise DataContractError(f"Blocks must be at least one, of the same sources. Got {got}.")
        arrays = ("hits", "nominated", "nominated_alone", "unique_hits", "pool_size", "n_relevant")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
        return cls(sources=parts[0].sources, **joined)

    def take(self, rows: npt.NDArray[np.integer]) -> "RetrievalStatistics":
        """The queries named, in that order."""
        return RetrievalStatistics(
            self.sources,
            self.hits[rows],
            self.nominated[rows],
            self.nominated_alone[rows],
            self.unique_hits[rows],
            self.pool_size[rows],
            self.n_relevant[rows],
        )

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Recall of each source and of the pool, float64 shaped as `hits`; NaN without truth."""
        n_relevant = np.where(self.n_relevant > 0, self.n_relevant, np.nan)
        recall: npt.NDArray[np.float64] = self.hits / n_relevant[:, None, None]
        return recall


def reciprocal_rank_fusion(ranks: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Sum of 1 / (60 + rank) over the sources that nominated each candidate, float64 of shape (n,)."""
    scores = np.zeros(len(ranks))
    for column in ranks.T:
        scores += np.where(column > 0, 1.0 / (_FUSION_CONSTANT + column), 0.0)
    return scores


def _relevant_rows(candidates: Candidates, truth: Qrels) -> npt.NDArray[np.int64]:
    """Rows of the candidates that are relevant to their query, int64, ascending."""
    relevant = truth.items.values
    span = int(max(candidates.item.max(initial=0), relevant.max(initial=0))) + 1
    found = candidates.query.astype(np.int64) * span + candidates.item
    known = truth.items.rows.astype(np.int64) * span + relevant
    if not len(found):
        return np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(found, known), len(found) - 1)
    return np.asarray(at[found[at] == known], np.int64)


def _alone(ranks: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """The only source that nominated each candidate, as its column; -1 where there are several or none."""
    given = ranks > 0
    if not given.shape[1]:
        return np.full(len(ranks), -1, np.int16)
    return np.where(given.sum(axis=1) == 1, given.argmax(axis=1), -1).astype(np.int16)


def _hits(
    candidates: Candidates, rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    m, query = candidates.n_queries, np.searchsorted(candidates.offsets, rows, side="right") - 1
    own = candidates.ranks[rows].astype(np.int64)
    fused = _positions(candidates.offsets, query, rows, scores)
    ranks = np.concatenate([own, fused[:, None]], axis=1)
    hits = np.empty((m, ranks.shape[1], len(CUTOFFS) + 1), np.int32)
    for at, k in enumerate((*CUTOFFS, _EVERYTHING)):
        for source, rank in enumerate(ranks.T):
            hits[:, source, at] = _count(query[(rank > 0) & (rank <= k)], m)
    return hits


@numba.njit(nogil=True, cache=True)
def _positions(offsets, query, rows, scores):  # type: ignore[no-untyped-def]
    """Rank, from 1, of the given candidates within their queries; equal scores by ascending item."""
    positions = np.empty(len(rows), np.int64)
    for at in range(len(rows)):
        row, rank = rows[at], 1
        for other in range(offsets[query[at]], offsets[query[at] + 1]):
            if scores[other] > scores[row] or (scores[other] == scores[row] and other < row):
                rank += 1
        positions[at] = rank
    return positions


def _by_source(
    query: npt.NDArray[np.int32], source: npt.NDArray[np.int16], candidates: Candidates
) -> list[npt.NDArray[np.int32]]:
    return [_count(query[source == at], candidates.n_queries) for at in range(len(candidates.sources))]


def _columns(columns: Sequence[npt.NDArray[np.int32]], m: int) -> npt.NDArray[np.int32]:
    return np.stack(columns, axis=1) if columns else np.zeros((m, 0), np.int32)


def _count(query: npt.NDArray[np.integer], m: int) -> npt.NDArray[np.int32]:
    return np.bincount(query, minlength=m).astype(np.int32)
