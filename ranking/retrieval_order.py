"""Ranking without learning: each source in turn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import Saved
from ranking.ranker import TrainingTables, Watch, nobody


@dataclass(frozen=True, kw_only=True)
class RetrievalOrder(Saved):
    """The order in which retrieval keeps candidates: best rank in any source, ties by the reciprocal sum."""

    @property
    def features(self) -> tuple[str, ...]:
        """None."""
        return ()

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "RetrievalOrder":
        """Nothing to learn: the specification is its own fitted value."""
        return self

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Minus the best rank, plus the sum of 1 / (60 + rank)."""
        ranks = candidates.ranks
        best = np.where(ranks > 0, ranks, np.iinfo(np.int16).max).min(axis=1, initial=np.iinfo(np.int16).max)
        votes = np.where(ranks > 0, 1 / (np.float32(60) + ranks), 0).sum(axis=1)
        return np.asarray(votes - best, np.float32)
