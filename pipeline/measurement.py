"""The lists of every run on the test snapshot: two-stage, each source alone, baselines, the oracle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.dataset import Oracle
from dataset.feature_matrix import FeatureMatrix
from dataset.ordering import top_k_of_rows, top_k_of_segments
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from evaluation.losses import Losses
from evaluation.retrieval import RetrievalStatistics
from evaluation.skew import Histogram
from pipeline.cache import Cache
from pipeline.lesson import pool
from pipeline.loss_tracing import Tracer
from pipeline.progress import Stopwatch
from pipeline.two_stage import FittedTwoStage, TwoStage
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.sampling import Sampling
from retrieval.source import FittedSource, Source

Result = TypeVar("Result")
Rows = npt.NDArray[np.int64]
Block = tuple[dict[str, Ranked], RetrievalStatistics, Losses, Histogram | None]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Lists of all queries, what each source contributed, and what became of each held-out event.

    Parameters
    ----------
    runs : mapping of str to Ranked
        `two_stage` first.
    retrieval : RetrievalStatistics
    losses : Losses
    features : Histogram or None
        How the ranker's features were spread at work; None for a ranker that reads none.
    """

    runs: Mapping[str, Ranked]
    retrieval: RetrievalStatistics
    losses: Losses
    features: Histogram | None


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """What the lists of a block are made and measured with.

    Parameters
    ----------
    fitted : FittedTwoStage
    snapshot : Snapshot
        The one that stage one of `fitted` was fitted for.
    past : str
        Fingerprint under which its candidates are remembered.
    sampling : Sampling
        Of the training.
    baselines : mapping of str to FittedSource
    oracle : Oracle or None
    k, headline : int
    cache : Cache
    stopwatch : Stopwatch
    """

    fitted: FittedTwoStage
    snapshot: Snapshot
    past: str
    sampling: Sampling
    baselines: Mapping[str, FittedSource]
    oracle: Oracle | None
    k: int
    headline: int
    cache: Cache
    stopwatch: Stopwatch

    @cached_property
    def tracer(self) -> Tracer:
        """Follows held-out items through the stages."""
        return Tracer.of(self.fitted.stage_one.retrieval, self.snapshot, self.headline)

    def two_stage(self, requests: Requests) -> tuple[Candidates, FeatureMatrix | None, Ranked]:
        """The candidates of a block, remembered, their features, and the best k in the ranker's order."""
        fitted, watch = self.fitted, self.stopwatch
        candidates = pool(fitted.stage_one, requests, self.past, self.cache, watch)
        with watch.inside("features"):
            matrix = fitted.matrix(requests, candidates)
        with watch.inside("ranking"):
            scores = fitted.score(requests, candidates, matrix)
            return candidates, matrix, top_k_of_segments(candidates.offsets, candidates.item, scores, self.k)


def measure(
    specification: TwoStage,
    fitted: FittedTwoStage,
    snapshot: Snapshot,
    past: str,
    baselines: Mapping[str, Source],
    oracle: Oracle | None,
    k: int,
    headline: int | None = None,
) -> Measured:
    """Lists of length k for every query of a snapshot, block by block; pure scorers have none of their own.

    Parameters
    ----------
    specification, fitted : TwoStage, FittedTwoStage
    snapshot : Snapshot
        The one that stage one of `fitted` was fitted for.
    past : str
        Fingerprint under which its candidates are remembered.
    baselines : mapping of str to Source
        Sources whose lists are shown beside, without a stage two.
    oracle : Oracle or None
    k : int
    headline : int or None
        How many places of the two-stage list count as a hit where losses are counted, at most k; None: all.
    """
    others = {name: source.fit(snapshot, {}) for name, source in baselines.items()}
    work = _measuring(specification, fitted, snapshot, past, k, others, oracle, headline)
    parts = _by_block(specification, work, measured_block)
    lists, counts, losses, features = zip(*parts, strict=True)
    return Measured(
        runs={name: Ranked.concatenate([runs[name] for runs in lists]) for name in lists[0]},
        retrieval=RetrievalStatistics.concatenate(counts),
        losses=Losses.concatenate(losses),
        features=None if features[0] is None else Histogram.total(features),
    )


def two_stage_lists(
    specification: TwoStage, fitted: FittedTwoStage, snapshot: Snapshot, past: str, k: int
) -> Ranked:
    """The two-stage lists alone; parameters as of `measure`."""
    work = _measuring(specification, fitted, snapshot, past, k)
    return Ranked.concatenate(_by_block(specification, work, two_stage_block))


def _measuring(
    specification: TwoStage,
    fitted: FittedTwoStage,
    snapshot: Snapshot,
    past: str,
    k: int,
    baselines: Mapping[str, FittedSource] | None = None,
    oracle: Oracle | None = None,
    headline: int | None = None,
) -> Measuring:
    return Measuring(
        fitted=fitted,
        snapshot=snapshot,
        past=past,
        sampling=specification.sampling,
        baselines=baselines or {},
        oracle=oracle,
        k=k,
        headline=headline or k,
        cache=specification.cache,
        stopwatch=specification.stopwatch,
    )


def _by_block(
    specification: TwoStage, work: Measuring, function: Callable[[Measuring, Rows], Result]
) -> list[Result]:
    """What is made of the queries of a snapshot, a block of rows at a time."""
    blocks = specification.blocks(len(work.snapshot.queries))
    results = specification.engine.map(function, work, blocks)
    return list(specification.stopwatch.track(results, len(blocks), "test lists"))


def two_stage_block(work: Measuring, rows: Rows) -> Ranked:
    """The two-stage lists of a block."""
    return work.two_stage(work.snapshot.requests(rows))[2]


def measured_block(work: Measuring, rows: Rows) -> Block:
    """The lists of every run for a block, what each source contributed, and what became of each event."""
    requests, truth = work.snapshot.requests(rows), work.snapshot.truth.take(rows)
    candidates, matrix, lists = work.two_stage(requests)
    with work.stopwatch.inside("profile"):
        features = work.fitted.count(work.sampling, requests, candidates, matrix)
    # What only scores nominates nobody: no list to compare with, and no part in the pool.
    candidates = candidates.of_sources(work.fitted.stage_one.retrieval.nominators)
    others = _without_stage_two(requests, candidates, work.baselines, work.oracle, work.k)
    with work.stopwatch.inside("loss_tracing"):
        losses = work.tracer.losses(requests, truth, candidates, lists)
    return {"two_stage": lists} | others, RetrievalStatistics.of(candidates, truth), losses, features


def _without_stage_two(
    requests: Requests,
    candidates: Candidates,
    baselines: Mapping[str, FittedSource],
    oracle: Oracle | None,
    k: int,
) -> dict[str, Ranked]:
    """What two-stage must beat, and on synthetic data what nothing can."""
    fusion = ReciprocalRankFusion().score(candidates, None)
    runs = {"reciprocal_rank_fusion": top_k_of_segments(candidates.offsets, candidates.item, fusion, k)}
    for name in candidates.sources:
        rank = candidates.rank_of(name)
        alone = np.where(rank > 0, -rank.astype(np.float32), -np.inf).astype(np.float32)
        runs[name] = top_k_of_segments(candidates.offsets, candidates.item, alone, k)
    for name, baseline in baselines.items():
        runs[name] = baseline.retrieve(requests, k)
    if oracle is not None:
        probability = oracle.probabilities(requests.queries.user, requests.queries.time)
        runs["oracle"] = top_k_of_rows(np.where(requests.eligibility.masks(), probability, -np.inf), k)
    return runs
