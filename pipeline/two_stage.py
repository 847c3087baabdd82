"""The recommender: retrieval narrows the catalogue, ranking orders what is left."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.errors import ConfigurationError
from dataset.feature_matrix import FeatureMatrix
from dataset.ordering import top_k_of_segments
from dataset.parameters import check_int
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.splits.split import Split
from evaluation.skew import Histogram, Profile
from features.feature_set import FeatureSet
from pipeline.cache import Cache
from pipeline.engines.engine import Engine
from pipeline.engines.threads import Threads
from pipeline.fingerprint import fingerprint, fingerprint_of_code
from pipeline.ladder.backtest import Backtest, trained
from pipeline.ladder.ladder import Ladder
from pipeline.ladder.rungs import FUSION, RANKER, FittedLadder, Rung, standing, votes
from pipeline.lesson import Lesson, training_table
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOne, StageOneFitter
from ranking.cascade import FittedCascade, joined
from ranking.ranker import FittedRanker, Ranker, Watch, nobody
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.sampling import Sampling
from ranking.scorers.auto import Auto
from ranking.scorers.scorer import Scorer
from ranking.table import RankingTable
from retrieval.fusion import Retrieval

# Rows whose features are compared. More would not make it surer: that hangs on the number of queries.
ROWS_OF_A_PROFILE: Final = 65_536
ROWS_OF_A_BLOCK: Final = 16_384


@dataclass(frozen=True, kw_only=True)
class TwoStage:
    """The specification of the whole recommender.

    Parameters
    ----------
    retrieval : Retrieval
    features : FeatureSet
    ranking : Ranker
    engine : Engine
        How blocks of users are spread. Changes only speed and memory.
    cache : Cache
        Where stages are remembered. Changes only speed.
    scorer : Scorer
        How the ranker's trees are added up. Changes only speed.
    block_size : int
        Users worked on together: memory grows with it. Scores may change in their last bits.
    ladder : Ladder or None
        Who answers users of whom little is known. None: the ranker, but all sources by reciprocal rank where
        it never saw such users. A ranker that learns nothing answers everybody.
    stopwatch : Stopwatch
    """

    retrieval: Retrieval
    features: FeatureSet
    ranking: Ranker
    engine: Engine = field(default_factory=Threads)
    cache: Cache = field(default_factory=Cache)
    scorer: Scorer = field(default_factory=Auto)
    block_size: int = 2048
    ladder: Ladder | None = None
    stopwatch: Stopwatch = field(default_factory=Stopwatch, compare=False)

    def __post_init__(self) -> None:
        check_int(self, "block_size", low=1)
        for name, source in self.retrieval.sources.items():
            wanted = getattr(source, "vectors", ())
            absent = {wanted} if isinstance(wanted, str) else set(wanted)
            absent -= set(self.features.vectors)
            if absent:
                raise ConfigurationError(
                    f"Source '{name}' searches embeddings that must be among features.vectors "
                    f"({', '.join(self.features.vectors) or 'none'}). Got {', '.join(sorted(absent))}."
                )

    def fit(self, split: Split, watch: Watch = nobody) -> "FittedTwoStage":
        """Fit stage one for every snapshot and the ranker on the past ones, before the eyes of `watch`."""
        snapshots = split.snapshots
        fitter = StageOneFitter(self.retrieval, self.features, self.engine, self.cache, self.stopwatch)
        stages = dict(zip((s.name for s in snapshots), fitter.fit(snapshots), strict=True))

        profiles: list[Profile] = []

        def tables() -> tuple[Sequence[RankingTable], RankingTable]:
            with self.stopwatch.stage("training_tables"):
                *past, validation = (
                    self._table(fitter, stages[s.name], s, self.sampling)
                    for s in (*split.training, split.validation)
                )
            with self.stopwatch.stage("profile"):
                profiles.append(self._profile([*past, validation]))
            return past, validation

        with self.stopwatch.stage("training"):
            twice = self.ladder is not None
            before, ranker = trained(self.ranking, tables, self.engine.budget, watch, twice=twice)
        learnt_warm_only = bool(ranker.features) and self.sampling.cold_queries == 0
        ladder = None
        if self.ladder is not None and before is not None:
            with self.stopwatch.stage("ladder"):
                stage_one, past = stages[split.validation.name], split.validation
                test = Backtest(stage_one, before, past, self.scorer)
                ladder = self.ladder.fit(test, self.engine, self.block_size, learnt_warm_only)
        return FittedTwoStage(
            stage_one=stages[split.test.name],
            ranker=ranker,
            cold_ranker=ReciprocalRankFusion() if learnt_warm_only else ranker,
            profile=profiles[-1] if profiles else None,
            scorer=self.scorer,
            ladder=ladder,
        )

    @property
    def sampling(self) -> Sampling:
        """Which queries and candidates the ranker learns from."""
        sampling = getattr(self.ranking, "sampling", None)
        return sampling if isinstance(sampling, Sampling) else Sampling()

    def _profile(self, tables: Sequence[RankingTable]) -> Profile:
        """How the features of the training tables are spread, the negatives weighted back to the pool."""
        step = _step(sum(len(table) for table in tables), ROWS_OF_A_PROFILE)
        drawn = [(table, _drawn(len(table), step)) for table in tables]
        grade = np.concatenate([table.grade[rows] for table, rows in drawn])
        values = np.concatenate([table.features.values[rows] for table, rows in drawn])
        matrix = replace(tables[0].features, values=values)
        n_queries = sum(len(table.offsets) - 1 for table in tables)
        return Profile.of(matrix, step * self.sampling.weights(grade), n_queries=n_queries)

    def _table(
        self, fitter: StageOneFitter, stage_one: StageOne, snapshot: Snapshot, sampling: Sampling
    ) -> RankingTable:
        """What the ranker learns from one snapshot, its blocks one after the other."""
        past = fitter.key(snapshot)
        key = fingerprint(past, fingerprint_of_code("ranking"), self.features, sampling)
        lesson = Lesson(stage_one, snapshot, sampling, past, key, self.cache, self.stopwatch)
        learnt_from = sampling.queries(snapshot.queries.user, snapshot.is_warm)
        if not len(learnt_from):
            return training_table(lesson, learnt_from)
        blocks = [learnt_from[rows] for rows in self.blocks(len(learnt_from))]
        parts = self.engine.map(training_table, lesson, blocks)
        return RankingTable.concatenate(list(self.stopwatch.track(parts, len(blocks), snapshot.name)))

    def blocks(self, n: int) -> list[npt.NDArray[np.int64]]:
        """Rows of each block of n queries."""
        return blocks(n, self.block_size)


@dataclass(frozen=True)
class FittedTwoStage(Saved):
    """A recommender ready to answer, for the moment that its stage one was fitted for.

    Parameters
    ----------
    stage_one : StageOne
    ranker : FittedRanker
    cold_ranker : FittedRanker
        For users without history: where the ranker never saw any, it would have to guess, and the
        sources' own votes decide.
    profile : Profile or None
        How the features were spread in all tables that the ranker was handed, those of the past snapshots
        and of validation; None for a ranker that reads none.
    scorer : Scorer
        How the ranker's trees are added up. Changes only speed.
    ladder : FittedLadder or None
        Who answers users of whom little is known. None: the ranker, and the cold ranker, if it is another,
        users without history.
    """

    stage_one: StageOne
    ranker: Any
    cold_ranker: Any
    profile: Profile | None = None
    scorer: Scorer = field(default_factory=Auto)
    ladder: FittedLadder | None = None

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Who answers whom, by the number of events from which on."""
        if self.ladder is not None:
            return self.ladder.rungs
        full = Rung("full", RANKER, 0 if self.cold_ranker is self.ranker else 1)
        return (full,) if full.events == 0 else (Rung("fusion", FUSION, 0), full)

    def rung(self, requests: Requests) -> npt.NDArray[np.int8]:
        """Who answers each query of a block: positions in `rungs`, int8 of shape (m,)."""
        return standing(self.rungs, requests.history.lengths)

    @cached_property
    def _scoring(self) -> Any:
        """The ranker with its scorer, made where it is first used: a worker is handed the trees alone."""
        fast = getattr(self.ranker, "with_scorer", None)
        return fast(self.scorer) if fast else self.ranker

    def rank(self, requests: Requests, k: int) -> Ranked:
        """The k best items of each query of a block."""
        return self.order(requests, self.stage_one.candidates(requests), k)

    def order(self, requests: Requests, candidates: Candidates, k: int) -> Ranked:
        """The k best of given candidates; behind a cascade, few of them get all features."""
        if isinstance(self.ranker, FittedCascade) and self.ranker.keep:
            scores = self._cascaded(requests, candidates, k)
        else:
            scores = self.score(requests, candidates, self.matrix(requests, candidates))
        return top_k_of_segments(candidates.offsets, candidates.item, scores, k)

    def _cascaded(self, requests: Requests, candidates: Candidates, k: int) -> npt.NDArray[np.float32]:
        """Scores of given candidates, those that no list of k items can reach from the short model alone."""
        ranker: FittedCascade = self._scoring
        families = self.stage_one.features
        first_families = families.giving(ranker.first_features)
        matrix = first_families.transform(requests, candidates)
        first = ranker.first_scores(candidates, matrix)
        rows = ranker.survivors(candidates, first, at_least=k)
        few = candidates.take(rows)
        rest = families.without(first_families).transform(requests, few)
        scores = joined(candidates, first, rows, ranker.full.score(few, matrix.take(rows).beside(rest)))
        return self._with_others(requests, candidates, matrix, scores)

    def matrix(self, requests: Requests, candidates: Candidates) -> FeatureMatrix | None:
        """Features of given candidates; None where the ranker reads none."""
        ranker: FittedRanker = self.ranker
        return self.stage_one.matrix(requests, candidates) if ranker.features else None

    def score(
        self, requests: Requests, candidates: Candidates, matrix: FeatureMatrix | None
    ) -> npt.NDArray[np.float32]:
        """Score of given candidates, float32 of shape (len(candidates),)."""
        return self._with_others(requests, candidates, matrix, self._scoring.score(candidates, matrix))

    def _with_others(
        self,
        requests: Requests,
        candidates: Candidates,
        matrix: FeatureMatrix | None,
        scores: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """`scores`, and those of whoever else answers some of the users."""
        for at, rung in enumerate(self.rungs):
            if rung.answer == RANKER:
                continue
            theirs = (self.rung(requests) == at)[candidates.query]
            if theirs.any():
                voted = votes(rung.answer, candidates) if self.ladder else None
                others = self.cold_ranker.score(candidates, matrix) if voted is None else voted
                scores = np.where(theirs, others, scores)
        return scores

    def count(
        self,
        sampling: Sampling,
        requests: Requests,
        candidates: Candidates,
        matrix: FeatureMatrix | None,
    ) -> Histogram | None:
        """Features of a block at work, in the bins of the training's; None where no ranker reads any.

        Of the queries that training would draw from, so that with `cold_queries` at 0 both are of users
        with history. Training also left out the queries whose pool holds nothing that the user took; to do
        so here would read the truth, so this difference stays, and shows as a little skew.

        Parameters
        ----------
        sampling : Sampling
            Of the training.
        requests : Requests
        candidates : Candidates
        matrix : FeatureMatrix or None
            Of the candidates.
        """
        if self.profile is None or matrix is None:
            return None
        queries = sampling.queries(requests.queries.user, requests.history.lengths > 0)
        rows = np.flatnonzero(np.isin(candidates.query, queries))
        step = _step(len(rows), ROWS_OF_A_BLOCK)
        rows = rows[_drawn(len(rows), step)]
        weights = np.full(len(rows), float(step))
        return self.profile.count(matrix, weights, rows=rows, n_queries=len(queries))

    def recommend(
        self, snapshot: Snapshot, n: int, engine: Engine | None = None, block_size: int = 2048
    ) -> Ranked:
        """The n best items of each query of a snapshot, block by block.

        Parameters
        ----------
        snapshot : Snapshot
            The one that stage one was fitted for, or one with more queries at the same moment.
        n : int
        engine : Engine or None
        block_size : int
            Users worked on together; memory grows with it.
        """
        rows = blocks(len(snapshot.queries), block_size)
        return Ranked.concatenate(list((engine or Threads()).map(_ranked, _Asked(self, snapshot, n), rows)))


@dataclass(frozen=True)
class _Asked:
    model: FittedTwoStage
    snapshot: Snapshot
    n: int


def _ranked(asked: _Asked, rows: npt.NDArray[np.int64]) -> Ranked:
    return asked.model.rank(asked.snapshot.requests(rows), asked.n)


def blocks(n: int, size: int) -> list[npt.NDArray[np.int64]]:
    """Rows of each block of n queries; their number belongs to the data, not to the engine."""
    return [np.arange(start, min(start + size, n)) for start in range(0, n, size)]


def _drawn(n: int, step: int) -> npt.NDArray[np.int64]:
    """One row at random of every `step` of n rows, ascending.

    Always the same place among them would do where rows come in no order; in pools of equal size it would
    be the same few products of every query.
    """
    start = np.arange(0, n - step + 1, step)
    return start + np.random.default_rng(0).integers(0, step, len(start))


def _step(n: int, at_most: int) -> int:
    """How many of n rows one stands for, where `at_most` are drawn."""
    return max(1, -(-n // at_most))
