"""Whether the ranker lives on its labels: taught nonsense, it must not beat the sources it orders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dataset.parameters import check_int
from evaluation.intervals import paired_difference
from pipeline.audit.audited import Audited, Finding
from ranking.ranker import FittedRanker, Ranker, TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.table import RankingTable


@dataclass(frozen=True, kw_only=True)
class ShuffledLabels:
    """The ranker learns labels that were shuffled within each query; its lists must be no better than the
    best source or reciprocal rank fusion.

    If they are, with certainty, the answer reaches the lists on another way than through the labels.

    Parameters
    ----------
    n_resamples : int
        Of the interval.
    seed : int
        Of the shuffle and of the resamples.
    """

    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "n_resamples", low=1, high=100_000)
        check_int(self, "seed", low=0)

    def check(self, audited: Audited) -> Finding:
        """Train on nonsense and compare, query by query, with what needs no training."""
        experiment, metric = audited.experiment, audited.metric
        names = [*experiment.recommender.retrieval.sources, "reciprocal_rank_fusion"]
        untrained = {name: audited.measured(name) for name in names if _is_measured(audited, name)}
        best = max(untrained, key=lambda name: float(np.nanmean(untrained[name])))
        ranking = TaughtNonsense(of=experiment.recommender.ranking, seed=self.seed)
        taught = replace(experiment, recommender=replace(experiment.recommender, ranking=ranking))
        shuffled = taught.judge(audited.split, metric)
        gap = paired_difference(shuffled, untrained[best], n_resamples=self.n_resamples, seed=self.seed)
        passed = gap.low <= 0  # not so where there is nobody to compare, and no interval
        text = (
            f"Trained on shuffled labels the run has {metric} {np.nanmean(shuffled):.4f}, "
            f"{'no better' if passed else 'better'} than {best} with {np.nanmean(untrained[best]):.4f} "
            f"({gap.mean:+.4f}, {gap.low:+.4f} to {gap.high:+.4f})"
        )
        figures = {"shuffled": float(np.nanmean(shuffled)), "best": best, "difference": gap.as_json()}
        return Finding(
            passed, f"{text}." if passed else f"{text}: more than the labels tells the answer.", figures
        )


@dataclass(frozen=True, kw_only=True)
class TaughtNonsense:
    """A ranker that is handed each query's grades in an order that is drawn.

    Parameters
    ----------
    of : Ranker
    seed : int
    """

    of: Ranker
    seed: int = 0

    @property
    def sampling(self) -> Sampling:
        """Which queries and candidates the tables hold: as for `of`."""
        sampling = getattr(self.of, "sampling", None)
        return sampling if isinstance(sampling, Sampling) else Sampling()

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> FittedRanker:
        """Fit `of` on shuffled tables, past and validation."""

        def shuffled_tables() -> tuple[Sequence[RankingTable], RankingTable]:
            past, validation = tables()
            learnt = [shuffled(table, self.seed + at) for at, table in enumerate(past, start=1)]
            return learnt, shuffled(validation, self.seed)

        return self.of.fit(shuffled_tables, threads, watch)


def shuffled(table: RankingTable, seed: int) -> RankingTable:
    """The table with the grades of each query in another order."""
    query = np.repeat(np.arange(len(table.offsets) - 1), np.diff(table.offsets))
    order = np.lexsort((np.random.default_rng(seed).random(len(table)), query))
    return replace(table, grade=table.grade[order])


def _is_measured(audited: Audited, name: str) -> bool:
    """Whether the run has a list of that name: pure scorers have none of their own."""
    return f"{name}/{audited.metric}" in audited.per_query
