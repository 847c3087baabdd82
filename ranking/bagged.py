"""Several rankers that differ in their seed alone, of one voice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_int
from dataset.persistence import Saved
from ranking.lambdamart import FittedLambdaMart, LambdaMart
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.scorers.scorer import Scorer

_JUDGED: Final = 3  # members of a bag that only has to be judged


@dataclass(frozen=True, kw_only=True)
class Bagged:
    """Mean of the scores of several LambdaMARTs, trained alike but for what their seed draws.

    Which columns a tree may split on is drawn, and rows with `row_fraction` below 1; on a few thousand
    positives one draw or another changes nDCG by as much as a good feature. The mean is steadier and, as a
    rule, better. Time to train and to score grows with the number of members.

    Parameters
    ----------
    of : LambdaMart
        Of the first member.
    members : int
        Changes results.

    References
    ----------
    Breiman, "Bagging predictors", Machine Learning 24 (1996), section 1.
    """

    of: LambdaMart = field(default_factory=LambdaMart)
    members: int = 3

    def __post_init__(self) -> None:
        check_int(self, "members", low=1, high=100)

    @property
    def sampling(self) -> Sampling:
        """Which queries and candidates the tables hold; the same for all members."""
        return self.of.sampling

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedBag":
        """Train one member after the other on the same tables; `watch` sees the first."""
        built = tables()
        return self.refitted(self.stopped(lambda: built, threads, watch), lambda: built, threads)

    def stopped(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedBag":
        """Members that have not seen validation but to stop there.

        Where none stops, they are there to be judged alone, and the first few are told from all by little:
        only these are trained.
        """
        built = tables()
        n = self.members if self.of.needs_validation else min(self.members, _JUDGED)
        fitted = {
            name: member.stopped(lambda: built, threads, nobody if number else watch)
            for number, (name, member) in enumerate(islice(self._specifications.items(), n))
        }
        return FittedBag(fitted)

    def refitted(self, stopped: "FittedBag", tables: TrainingTables, threads: int) -> "FittedBag":
        """Each member trained once more on validation too, where it asks for that."""
        built = tables()
        again = {
            name: member.refitted(stopped.members[name], lambda: built, threads)
            if name in stopped.members
            else member.unstopped(lambda: built, threads)
            for name, member in self._specifications.items()
        }
        return FittedBag(again)

    @property
    def _specifications(self) -> dict[str, LambdaMart]:
        return {
            f"member_{number}": replace(self.of, seed=self.of.seed + number) for number in range(self.members)
        }


@dataclass(frozen=True)
class FittedBag(Saved):
    """Members whose scores are averaged.

    Parameters
    ----------
    members : mapping of str to FittedLambdaMart
        At least one.
    """

    members: Mapping[str, FittedLambdaMart]

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that all members were trained on."""
        return next(iter(self.members.values())).features

    @property
    def n_trees(self) -> int:
        """Trees of all members."""
        return sum(member.n_trees for member in self.members.values())

    @property
    def scorers(self) -> tuple[str, ...]:
        """Which scorer adds up the trees of each member, after any fallback."""
        return tuple(name for member in self.members.values() for name in member.scorers)

    def with_scorer(self, scorer: Scorer, sample: FeatureMatrix | None = None) -> "FittedBag":
        """The same members, their trees added up by another scorer: equal scores at another speed."""
        return FittedBag({name: member.with_scorer(scorer, sample) for name, member in self.members.items()})

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Mean of the members' scores, float32 of shape (len(candidates),)."""
        total = np.zeros(len(candidates))
        for member in self.members.values():
            total += member.score(candidates, features)
        return (total / len(self.members)).astype(np.float32)

    def importance(self) -> dict[str, float]:
        """Mean over the members of each feature's share of the total gain."""
        shares = [member.importance() for member in self.members.values()]
        return {name: float(np.mean([share[name] for share in shares])) for name in self.features}
