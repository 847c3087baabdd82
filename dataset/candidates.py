"""The few hundred items that retrieval found for each query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Candidates:
    """Flat arrays sorted by (query, item): n candidates of m queries from s sources.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Candidates of query q are rows `offsets[q]:offsets[q + 1]`.
    item : int32 array of shape (n,)
        Item codes, ascending and distinct within a query.
    sources : tuple of str
        Names of the sources, in the order of the columns.
    scores : float32 array of shape (n, s)
        Score that each source gives the candidate, whether or not it nominated it; NaN where the
        source has no opinion.
    ranks : int16 array of shape (n, s)
        Rank, from 1, in the list of each source that nominated the candidate; 0 where it did not.
        This is the provenance.
    """

    offsets: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    sources: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    ranks: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.item)

    @property
    def n_queries(self) -> int:
        """Number of queries, those without a candidate included."""
        return len(self.offsets) - 1

    @property
    def query(self) -> npt.NDArray[np.int32]:
        """The query of each candidate, int32 of shape (n,), ascending."""
        return np.repeat(np.arange(self.n_queries, dtype=np.int32), np.diff(self.offsets))

    def rank_of(self, source: str) -> npt.NDArray[np.int16]:
        """Ranks given by one source, int16 of shape (n,)."""
        return self.ranks[:, self.sources.index(source)]

    def of_sources(self, names: Sequence[str]) -> "Candidates":
        """The same candidates with the columns of the sources named, in that order."""
        if tuple(names) == self.sources:
            return self
        at = [self.sources.index(name) for name in names]
        scores, ranks = np.take(self.scores, at, axis=1), np.take(self.ranks, at, axis=1)
        return Candidates(self.offsets, self.item, tuple(names), scores, ranks)

    def take(self, rows: npt.NDArray[np.integer]) -> "Candidates":
        """Some of the candidates, rows ascending; every query keeps its place, perhaps without any."""
        offsets = np.searchsorted(rows, self.offsets).astype(np.int64)
        return Candidates(offsets, self.item[rows], self.sources, self.scores[rows], self.ranks[rows])

    def of_queries(self, rows: npt.NDArray[np.integer]) -> "Candidates":
        """The same candidates with only the queries named, ascending; the others must have none."""
        ends = np.concatenate([self.offsets[rows], self.offsets[-1:]])
        return Candidates(ends, self.item, self.sources, self.scores, self.ranks)
