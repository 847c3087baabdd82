"""Ranking without learning: the sources vote with their ranks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_number
from dataset.persistence import Saved
from ranking.ranker import TrainingTables, Watch, nobody


@dataclass(frozen=True, kw_only=True)
class ReciprocalRankFusion(Saved):
    """Score = sum over the sources that nominated an item of 1 / (constant + rank).

    Parameters
    ----------
    constant : float
        Dampens the top ranks; 60 in the paper.

    References
    ----------
    Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009.
    """

    constant: float = 60.0

    def __post_init__(self) -> None:
        check_number(self, "constant", low=0)

    @property
    def features(self) -> tuple[str, ...]:
        """None."""
        return ()

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "ReciprocalRankFusion":
        """Nothing to learn: the specification is its own fitted value."""
        return self

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """The sum of reciprocal ranks."""
        ranks = candidates.ranks
        votes = np.where(ranks > 0, 1 / (np.float32(self.constant) + np.maximum(ranks, 1)), 0)
        return np.asarray(votes.sum(axis=1), np.float32)
