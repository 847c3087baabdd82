"""Trees and a linear model, of one voice."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_number
from dataset.persistence import Saved
from ranking.bagged import Bagged, FittedBag
from ranking.conditional_logit import ConditionalLogit, FittedConditionalLogit
from ranking.lambdamart import FittedLambdaMart, LambdaMart
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.scorers.scorer import Scorer


@dataclass(frozen=True, kw_only=True)
class Blended:
    """The score of trees plus a share of that of a conditional logit over the same columns.

    Trees cut columns into steps and see what hangs together; a linear model goes on where they have too few
    rows to cut. Where positives are a few thousand their mistakes differ, and the sum makes fewer.

    Parameters
    ----------
    trees : LambdaMart or Bagged
    logit : ConditionalLogit
        Learns from the tables that the trees learn from: its own `sampling` is not read.
    weight : float
        Of the logit's score; that of the trees counts once. Changes results.
    """

    trees: LambdaMart | Bagged = field(default_factory=LambdaMart)
    logit: ConditionalLogit = field(default_factory=ConditionalLogit)
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_number(self, "weight", low=0)

    @property
    def sampling(self) -> Sampling:
        """Which queries and candidates the tables hold."""
        return self.trees.sampling

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedBlend":
        """Train both on the same tables; `watch` sees the trees."""
        built = tables()
        trees = self.trees.fit(lambda: built, threads, watch)
        return FittedBlend(trees, self.logit.fit(lambda: built, threads), self.weight)

    def stopped(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedBlend":
        """Both before they have seen validation, but to stop there."""
        built = tables()
        trees = self.trees.stopped(lambda: built, threads, watch)
        return FittedBlend(trees, self.logit.stopped(lambda: built, threads), self.weight)

    def refitted(self, stopped: "FittedBlend", tables: TrainingTables, threads: int) -> "FittedBlend":
        """Both trained once more on validation too."""
        built, kind = tables(), cast(Any, self.trees)
        trees = kind.refitted(stopped.trees, lambda: built, threads)
        return FittedBlend(trees, self.logit.refitted(stopped.logit, lambda: built, threads), self.weight)


@dataclass(frozen=True)
class FittedBlend(Saved):
    """Two rankers whose scores are added.

    Parameters
    ----------
    trees : FittedLambdaMart or FittedBag
    logit : FittedConditionalLogit
    weight : float
        Of the logit's score.
    """

    trees: FittedLambdaMart | FittedBag
    logit: FittedConditionalLogit
    weight: float

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that both were trained on."""
        return self.trees.features

    @property
    def n_trees(self) -> int:
        """Trees of all."""
        return self.trees.n_trees

    @property
    def scorers(self) -> tuple[str, ...]:
        """Which scorer adds up the trees, after any fallback."""
        return self.trees.scorers

    def with_scorer(self, scorer: Scorer, sample: FeatureMatrix | None = None) -> "FittedBlend":
        """The same rankers, the trees added up by another scorer: equal scores at another speed."""
        return replace(self, trees=self.trees.with_scorer(scorer, sample))

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Weighted sum of the two, float32 of shape (len(candidates),)."""
        trees = self.trees.score(candidates, features).astype(np.float64)
        both = trees + self.weight * self.logit.score(candidates, features)
        return both.astype(np.float32)

    def importance(self) -> dict[str, float]:
        """Mean of each feature's share in either, weighted as the scores are."""
        trees, logit = self.trees.importance(), self.logit.importance()
        return {
            name: (share + self.weight * logit[name]) / (1 + self.weight) for name, share in trees.items()
        }
