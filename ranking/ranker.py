"""What every ranker is: a specification, and the value that it fits."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from ranking.table import RankingTable

TrainingTables = Callable[[], tuple[Sequence[RankingTable], RankingTable]]
"""Builds the tables of the past snapshots, newest first, and of the validation snapshot, when called."""

Watch = Callable[[int, float], None]
"""Told after each tree the number of trees and their nDCG on validation; raises to end the training."""


def nobody(n_trees: int, ndcg: float) -> None:
    """Watches nothing."""


class FittedRanker(Protocol):
    """A fitted ranker: scores candidates, higher is better."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it reads; empty where it reads none, and none need be computed."""
        ...

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Score of each candidate, float32 of shape (len(candidates),)."""
        ...


class Ranker(Protocol):
    """A specification of a ranker; its fields are the hyper-parameters."""

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> FittedRanker:
        """Learn from past snapshots; `threads` changes only speed, `watch` is for rankers that grow trees."""
        ...
