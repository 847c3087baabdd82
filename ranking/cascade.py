"""A short model lets the best candidates through to the full one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.errors import ConfigurationError
from dataset.feature_matrix import FeatureMatrix
from dataset.ordering import top_k_of_segments
from dataset.parameters import check_ascending, check_int, check_names, check_number
from dataset.persistence import Saved
from ranking.bagged import Bagged, FittedBag
from ranking.columns import ordered
from ranking.expected_ndcg import expected_ndcg, expected_ranks
from ranking.lambdamart import FittedLambdaMart, LambdaMart
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.scorers.scorer import Scorer
from ranking.table import RankingTable


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """A full ranker behind a short one, which reads few features and has few trees.

    How many candidates of a query survive is chosen on validation: the least number from which on no more
    than `max_loss` of the full ranker's nDCG is lost, both trained without that snapshot. Where none of
    `keep` is enough, all survive and the short model is idle. What is computed for the survivors alone is
    saved for the others.

    Parameters
    ----------
    of : LambdaMart or Bagged
        The full ranker.
    short : LambdaMart
    reads : tuple of str
        Shell patterns over "family.feature": what the short model reads. Families that need not be computed
        for the others are those of which it reads nothing.
    keep : tuple of int
        Numbers of survivors to choose from, ascending. Changes results.
    max_loss : float
        Share of nDCG@`at` that may be lost, within 0 and 1. Changes results.
    at : int
        Cut-off of that nDCG, at most the least number of survivors.

    References
    ----------
    Wang, Lin and Metzler, "A cascade ranking model for efficient ranked retrieval", SIGIR 2011, section 3.
    """

    of: LambdaMart | Bagged = field(default_factory=LambdaMart)
    short: LambdaMart = field(default_factory=lambda: LambdaMart(num_trees=50, stop_after=50))
    reads: tuple[str, ...] = ("retrieval.*", "popularity.*")
    keep: tuple[int, ...] = (20, 30, 40, 50, 60, 80, 100, 120, 150)
    max_loss: float = 0.01
    at: int = 10

    def __post_init__(self) -> None:
        check_names(self, "reads", may_be_empty=False)
        check_int(self, "at", low=1)
        check_ascending(self, "keep", self.keep, low=self.at, whole=True)
        check_number(self, "max_loss", low=0, high=1)

    @property
    def sampling(self) -> Sampling:
        """Which queries and candidates the tables hold."""
        return self.of.sampling

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedCascade":
        """Train both, choose the survivors on validation, and train both again; `watch` sees the full one."""
        training, validation = tables()
        names = self._read(validation.features.names)

        def all_features() -> tuple[list[RankingTable], RankingTable]:
            return list(training), validation

        def few_features() -> tuple[list[RankingTable], RankingTable]:
            return [_narrowed(table, names) for table in training], _narrowed(validation, names)

        full: Any = self.of.stopped(all_features, threads, watch)
        short = self.short.stopped(few_features, threads)
        keep, facts = self._choose(full, short, validation)
        return FittedCascade(
            short=self.short.refitted(short, few_features, threads),
            full=self.of.refitted(full, all_features, threads),
            keep=keep,
            facts=facts,
        )

    def _read(self, names: tuple[str, ...]) -> tuple[str, ...]:
        read = tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in self.reads))
        if not read:
            raise ConfigurationError(
                f"The 'reads' parameter of Cascade must match a feature. Got {', '.join(self.reads)}; "
                "see the feature list of the run."
            )
        return read

    def _choose(
        self, full: FittedLambdaMart | FittedBag, short: FittedLambdaMart, table: RankingTable
    ) -> tuple[int, dict[str, float]]:
        """The number of survivors, 0 for all, and what is lost with each that could have been chosen."""
        if not table.grade.any():
            return 0, {}
        weight = self.sampling.weights(table.grade)
        rows = _without_candidates(table)
        scores = full.score(rows, table.features)
        first = short.score(rows, _narrowed(table, short.features).features)
        place = expected_ranks(table.offsets, first, weight)

        def ndcg(keep: float) -> float:
            survives = place <= keep
            ranks = expected_ranks(table.offsets, np.where(survives, scores, -np.inf), weight)
            return expected_ndcg(table.offsets, np.where(survives, ranks, np.inf), table.grade, self.at)

        whole = ndcg(np.inf)
        losses = {keep: 1 - ndcg(keep) / whole if whole else 0.0 for keep in self.keep}
        too_few = [keep for keep in self.keep if losses[keep] > self.max_loss]
        chosen = next((keep for keep in self.keep if keep > max(too_few, default=0)), 0)
        facts = {f"ndcg@{self.at}": whole, "max_loss": self.max_loss, "loss": losses.get(chosen, 0.0)}
        return chosen, facts | {f"loss_of_{keep}": loss for keep, loss in losses.items()}


@dataclass(frozen=True)
class FittedCascade(Saved):
    """Two rankers, and how many candidates of a query the first lets through.

    Parameters
    ----------
    short : FittedLambdaMart
    full : FittedLambdaMart or FittedBag
    keep : int
        Survivors of a query; 0 for all.
    facts : mapping of str to float
        Of validation, by models that had not learnt from it: "ndcg@k" of the full ranker, the "loss", as a
        share of it, with the chosen number of survivors, and "loss_of_n" with the others; empty without a
        positive there. Ranks are those to be expected in whole pools (see `expected_ranks`).
    """

    short: FittedLambdaMart
    full: FittedLambdaMart | FittedBag
    keep: int
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that the full ranker was trained on."""
        return self.full.features

    @property
    def first_features(self) -> tuple[str, ...]:
        """Columns that must be there for all candidates; the others are needed for survivors alone."""
        return self.short.features if self.keep else ()

    @property
    def scorers(self) -> tuple[str, ...]:
        """Which scorers add up the trees of the short model and of the full one."""
        return self.short.scorers + self.full.scorers

    def with_scorer(self, scorer: Scorer, sample: FeatureMatrix | None = None) -> "FittedCascade":
        """The same models, their trees added up by another scorer: equal scores at another speed."""
        first = None if sample is None else _columns_of(sample, self.short.features)
        short, full = self.short.with_scorer(scorer, first), self.full.with_scorer(scorer, sample)
        return FittedCascade(short, full, self.keep, self.facts)

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """The full ranker's score of survivors; the others lie below, in the order of the short model."""
        if not self.keep or features is None:
            return self.full.score(candidates, features)
        first = self.first_scores(candidates, features)
        rows = self.survivors(candidates, first)
        if len(rows) == len(candidates):
            return self.full.score(candidates, features)
        full = self.full.score(candidates.take(rows), features.take(rows))
        return joined(candidates, first, rows, full)

    def first_scores(self, candidates: Candidates, features: FeatureMatrix) -> npt.NDArray[np.float32]:
        """Scores of the short model, float32 of shape (n,); `features` may hold more than it reads."""
        return self.short.score(candidates, _columns_of(features, self.short.features))

    def survivors(
        self, candidates: Candidates, first: npt.NDArray[np.float32], at_least: int = 0
    ) -> npt.NDArray[np.int64]:
        """Rows of the candidates that the full ranker is to see, ascending.

        Parameters
        ----------
        candidates : Candidates
        first : float32 array of shape (n,)
            Scores of the short model.
        at_least : int
            Survivors of a query, if it has so many, however few were chosen: the length of the lists.
        """
        if not self.keep:
            return np.arange(len(candidates))
        rows = np.arange(len(candidates), dtype=np.int32)
        best = top_k_of_segments(candidates.offsets, rows, first, max(self.keep, at_least)).items
        return np.sort(best[best >= 0]).astype(np.int64)

    def importance(self) -> dict[str, float]:
        """Share of the full ranker's total gain of each feature."""
        return self.full.importance()


def joined(
    candidates: Candidates,
    first: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    full: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Scores of all candidates: `full` in `rows`, and for the others something below, query by query.

    Parameters
    ----------
    candidates : Candidates
    first : float32 array of shape (n,)
        Of the short model.
    rows : int64 array of shape (r,)
        Survivors, at least one of each query that has candidates.
    full : float32 array of shape (r,)
        Their scores.
    """
    query = candidates.query
    lowest = np.full(candidates.n_queries, np.inf, np.float32)
    np.minimum.at(lowest, query[rows], full)
    survives = np.zeros(len(candidates), np.bool_)
    survives[rows] = True
    highest = np.full(candidates.n_queries, -np.inf, np.float32)
    np.maximum.at(highest, query[~survives], first[~survives])
    others = query[~survives]
    out = np.empty(len(candidates), np.float32)
    out[rows] = full
    bar = lowest[others]
    # The gap grows with the score, so that no rounding brings one level with the last survivor.
    out[~survives] = bar - (1 + np.abs(bar) / 2**20) - (highest[others] - first[~survives])
    return out


def _narrowed(table: RankingTable, names: tuple[str, ...]) -> RankingTable:
    return RankingTable(table.offsets, _columns_of(table.features, names), table.grade)


def _columns_of(matrix: FeatureMatrix, names: tuple[str, ...]) -> FeatureMatrix:
    """Some of the columns, in the order of `names`."""
    if matrix.names == names:
        return matrix
    coded = tuple(name for name in names if name in matrix.categorical)
    return FeatureMatrix(ordered(matrix, names), names, coded)


def _without_candidates(table: RankingTable) -> Candidates:
    """What stands for the candidates of a table where only their features are read."""
    n = len(table)
    nothing = np.zeros((n, 0), np.float32)
    return Candidates(table.offsets, np.zeros(n, np.int32), (), nothing, np.zeros((n, 0), np.int16))
