"""The lists of every run on the test snapshot: two-stage, each source alone, baselines, the ceiling."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from pipeline.loss_tracing import Tracer
from pipeline.two_stage import FittedTwoStage, TwoStage
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from retrieval.source import FittedSource, Source

Result = TypeVar("Result")
_Block = tuple[dict[str, Ranked], RetrievalStatistics, Losses, Histogram | None]


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
    tracer = Tracer.of(fitted.stage_one.retrieval, snapshot, headline or k)

    def block(rows: npt.NDArray[np.int64]) -> _Block:
        requests, truth = snapshot.requests(rows), snapshot.truth.take(rows)
        candidates, matrix, lists = _two_stage(specification, fitted, past, requests, k)
        with specification.stopwatch.inside("profile"):
            features = specification.count(fitted, requests, candidates, matrix)
        # What only scores nominates nobody: no list to compare with, and no part in the pool.
        candidates = candidates.of_sources(fitted.stage_one.retrieval.nominators)
        runs = {"two_stage": lists} | _without_stage_two(requests, candidates, others, oracle, k)
        with specification.stopwatch.inside("loss_tracing"):
            losses = tracer.losses(requests, truth, candidates, lists)
        return runs, RetrievalStatistics.of(candidates, truth), losses, features

    parts = _by_block(specification, snapshot, block)
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

    def block(rows: npt.NDArray[np.int64]) -> Ranked:
        return _two_stage(specification, fitted, past, snapshot.requests(rows), k)[2]

    return Ranked.concatenate(_by_block(specification, snapshot, block))


def _by_block(
    specification: TwoStage, snapshot: Snapshot, work: Callable[[npt.NDArray[np.int64]], Result]
) -> list[Result]:
    """What is made of the queries of a snapshot, a block of rows at a time."""
    blocks = specification.blocks(len(snapshot.queries))
    results = specification.engine.map(work, blocks)
    return list(specification.stopwatch.track(results, len(blocks), "test lists"))


def _two_stage(
    specification: TwoStage, fitted: FittedTwoStage, past: str, requests: Requests, k: int
) -> tuple[Candidates, FeatureMatrix | None, Ranked]:
    """The candidates of a block, remembered, their features, and the best k in the ranker's order."""
    candidates = specification.candidates(past, fitted.stage_one, requests)
    with specification.stopwatch.inside("features"):
        matrix = fitted.matrix(requests, candidates)
    with specification.stopwatch.inside("ranking"):
        scores = fitted.score(requests, candidates, matrix)
        return candidates, matrix, top_k_of_segments(candidates.offsets, candidates.item, scores, k)


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
