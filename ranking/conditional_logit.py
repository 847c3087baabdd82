"""A choice among the candidates of a query, linear in their features: trained in seconds, easy to read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from dataset.candidates import Candidates
from dataset.errors import ConfigurationError
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_int, check_names, check_number
from dataset.persistence import Saved
from ranking.boosting import usable
from ranking.columns import trained_on
from ranking.conditional_logit_kernels import moments, standardise, sum_parts
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.table import RankingTable

FARTHEST: Final = 4.0  # standard deviations; what lies beyond counts as there


@dataclass(frozen=True, kw_only=True)
class ConditionalLogit:
    """Multinomial logit over the candidates of each query, whose utility is linear in their features.

    Every column counts in standard deviations from its mean, at most four of them; what is unknown counts as
    the mean. Categories, which have no order, are not read. Where trees need tens of thousands of queries,
    this one makes do with hundreds; it cannot see what it was not given as a column or a product of columns.

    Parameters
    ----------
    l2 : float
        Half of it times the sum of the squared weights is added to the mean loss of a positive. Changes
        results.
    products : tuple of str
        Columns, or patterns of them, by which every column is multiplied too: a weight may then grow or fall
        with them. Those of a family that the run does not have are left out. Changes results.
    steps : int
        Of L-BFGS, at most. The loss is convex, so that more of them hardly change results.
    sampling : Sampling

    References
    ----------
    McFadden, "Conditional logit analysis of qualitative choice behavior", Frontiers in Econometrics (1974),
    section 2; as a loss for ranking, Cao et al., "Learning to rank: from pairwise approach to listwise
    approach", ICML 2007, section 4, with the top one.
    """

    l2: float = 0.1
    products: tuple[str, ...] = ()
    steps: int = 150
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        check_number(self, "l2", low=1e-9)
        check_names(self, "products")
        check_int(self, "steps", low=1)

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedConditionalLogit":
        """Learn from all snapshots, validation among them: nothing has to be stopped."""
        training, validation = tables()
        return self._on([validation, *usable(training)])

    def stopped(
        self, tables: TrainingTables, threads: int, watch: Watch = nobody
    ) -> "FittedConditionalLogit":
        """Learn from the past snapshots alone: figures on validation are honest."""
        return self._on(usable(tables()[0]))

    def refitted(
        self, stopped: "FittedConditionalLogit", tables: TrainingTables, threads: int
    ) -> "FittedConditionalLogit":
        """Learn once more, from validation too."""
        return self.fit(tables, threads)

    def _on(self, tables: Sequence[RankingTable]) -> "FittedConditionalLogit":
        table = RankingTable.concatenate(list(tables))
        names, values = table.features.names, table.features.values
        mean, deviation = moments(values)
        deviation[[names.index(name) for name in table.features.categorical]] = np.inf  # always at their mean
        by = np.array(self._products(names), np.int64)
        x = standardise(values, mean, deviation, FARTHEST)
        # The sums of BLAS hang on the number of threads, and the weights on the sums.
        with threadpool_limits(limits=1, user_api="blas"):
            weights = self._weights(x, by, table)
        return FittedConditionalLogit(names, mean, deviation, by, weights)

    def _products(self, names: tuple[str, ...]) -> list[int]:
        families = {name.partition(".")[0] for name in names}
        found: list[int] = []
        for pattern in self.products:
            at = [at for at, name in enumerate(names) if fnmatchcase(name, pattern)]
            if not at and pattern.partition(".")[0] in families:
                raise ConfigurationError(
                    f"The 'products' parameter of ConditionalLogit must name features that are there. "
                    f"Got {pattern}; see the feature list of the run."
                )
            found.extend(at)
        return list(dict.fromkeys(found))

    def _weights(
        self, x: npt.NDArray[np.float32], by: npt.NDArray[np.int64], table: RankingTable
    ) -> npt.NDArray[np.float64]:
        """Weights of the columns, then of their products with each column of `by`, (1 + len(by), p)."""
        keep = np.diff(table.offsets) > 0
        start, length = table.offsets[:-1][keep], np.diff(table.offsets)[keep]
        query = np.repeat(np.arange(len(start)), length)
        taken = (table.grade > 0).astype(np.float32)
        n_taken = np.add.reduceat(taken, start)
        share = np.concatenate([np.ones((len(x), 1), np.float32), x[:, by] / np.float32(FARTHEST)], axis=1)
        n = max(float(taken.sum()), 1.0)

        def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            weights = flat.reshape(share.shape[1], x.shape[1])
            utility = np.einsum("nk,nk->n", x @ weights.T.astype(np.float32), share)
            utility -= np.maximum.reduceat(utility, start)[query]
            odds = np.exp(utility)
            total = np.add.reduceat(odds, start)
            slope = odds / total[query] * n_taken[query] - taken
            gradient = (share * slope[:, None]).T @ x
            value = (n_taken @ np.log(total) - taken @ utility) / n + self.l2 / 2 * (flat @ flat)
            return float(value), gradient.astype(np.float64).ravel() / n + self.l2 * flat

        begin = np.zeros(share.shape[1] * x.shape[1])
        done = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": self.steps})
        weights: npt.NDArray[np.float64] = done.x.reshape(share.shape[1], x.shape[1])
        return weights


@dataclass(frozen=True)
class FittedConditionalLogit(Saved):
    """Weights of p columns, and of their products with k of them.

    Parameters
    ----------
    features : tuple of str
        The p columns, in order; checked at use.
    mean, deviation : float32 arrays of shape (p,)
        Of the training tables; an infinite deviation keeps a column at its mean.
    by : int64 array of shape (k,)
        Columns by which all are multiplied.
    weights : float64 array of shape (1 + k, p)
        Of the standardised columns, then of their products with a quarter of each of `by`: a product is never
        greater than the column.
    """

    features: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    by: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Utility of each candidate: the difference of two is the logarithm of the odds between them."""
        utility = self.parts(features, np.zeros(len(self.features), np.int64), 1)
        return utility[:, 0].astype(np.float32)

    def parts(
        self, features: FeatureMatrix | None, group: npt.NDArray[np.int64], n_groups: int
    ) -> npt.NDArray[np.float64]:
        """What each group of columns adds to the score, float64 of shape (n, n_groups).

        Parameters
        ----------
        features : FeatureMatrix
        group : int64 array of shape (p,)
            Of each column, below `n_groups`; a product counts for the column that is multiplied.
        n_groups : int

        Raises
        ------
        DataContractError
            If a column that the weights belong to is missing, or one is new.
        """
        x = standardise(trained_on(features, self.features), self.mean, self.deviation, FARTHEST)
        parts: npt.NDArray[np.float64] = sum_parts(x, self.by, self.weights, FARTHEST, group, n_groups)
        return parts

    def importance(self) -> dict[str, float]:
        """Share of each column in the sum of the absolute weights, its products with others among them."""
        size = np.abs(self.weights[0]) + np.abs(self.weights[1:]).sum(axis=0) / FARTHEST
        return dict(zip(self.features, (size / max(size.sum(), 1e-12)).tolist(), strict=True))
