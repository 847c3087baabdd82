"""How good each rung's answer is for users with few events and with many, where nobody has learnt from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset.ordering import top_k_of_segments
from dataset.snapshot import Snapshot
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.ndcg import Ndcg
from pipeline.ladder.rungs import RANKER, votes
from pipeline.stage_one import StageOne
from ranking.ranker import FittedRanker, TrainingTables, Watch
from ranking.scorers.scorer import Scorer


@dataclass(frozen=True)
class Backtest:
    """What answers are made and judged with.

    Parameters
    ----------
    stage_one : StageOne
        Fitted for `snapshot`.
    ranker : FittedRanker
        Has not learnt from `snapshot`, but for where to stop.
    snapshot : Snapshot
    scorer : Scorer
        Changes only speed.
    answers : tuple of str
        `RANKER`, `FUSION` or sources.
    k : int
        Cut-off of the nDCG.
    """

    stage_one: StageOne
    ranker: Any
    snapshot: Snapshot
    scorer: Scorer
    answers: tuple[str, ...] = (RANKER,)
    k: int = 10

    @cached_property
    def scoring(self) -> Any:
        """The ranker with its scorer."""
        fast = getattr(self.ranker, "with_scorer", None)
        return fast(self.scorer) if fast else self.ranker


def judged(test: Backtest, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """nDCG of each answer for some queries, float64 of shape (len(rows), len(test.answers))."""
    requests, truth = test.snapshot.requests(rows), test.snapshot.truth.take(rows)
    candidates = test.stage_one.candidates(requests)
    values = np.empty((len(rows), len(test.answers)))
    for at, answer in enumerate(test.answers):
        if answer == RANKER:
            scores = test.scoring.score(candidates, test.stage_one.matrix(requests, candidates))
        else:
            scores = votes(answer, candidates)
        lists = top_k_of_segments(candidates.offsets, candidates.item, scores, test.k)
        values[:, at] = Ndcg(test.k)(hit_matrix(lists, truth), truth.items.lengths)
    return values


def trained(
    ranking: Any, tables: TrainingTables, threads: int, watch: Watch, *, twice: bool
) -> tuple[FittedRanker | None, FittedRanker]:
    """A ranker before it has learnt from validation, as which it can be judged there, and after.

    Parameters
    ----------
    ranking : Ranker
    tables : callable
    threads : int
        Changes only speed.
    watch : Watch
    twice : bool
        Whether it is to be judged; if not, or if it learns nothing, there is None before.

    Returns
    -------
    before : FittedRanker or None
        Behind a cascade the full model.
    after : FittedRanker
    """
    judged_as: Any = ranking if hasattr(ranking, "refitted") else getattr(ranking, "of", None)
    if not twice or not hasattr(judged_as, "stopped"):
        return None, ranking.fit(tables, threads, watch)
    built = tables()
    if judged_as is ranking:
        stopped = ranking.stopped(lambda: built, threads, watch)
        return stopped, ranking.refitted(stopped, lambda: built, threads)
    return judged_as.stopped(lambda: built, threads), ranking.fit(lambda: built, threads, watch)
