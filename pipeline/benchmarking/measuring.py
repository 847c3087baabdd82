"""Figures, seconds and recall of whoever answers, over blocks of queries."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.splits.rules import is_among
from evaluation.intervals import bootstrap
from evaluation.metrics.coverage import Coverage
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.ndcg import Ndcg
from evaluation.specification import Evaluation
from pipeline.benchmarking.answering import Answering
from pipeline.engines.engine import Engine
from ranking.labels import grades
from retrieval.fusion import FittedRetrieval
from retrieval.nearest import Nearest

K: Final = 10
STAGES: Final = ("search", "features", "ranking", "cutting", "total")
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """What a block is answered and measured with.

    Parameters
    ----------
    answering : Answering
    snapshot : Snapshot
    """

    answering: Answering
    snapshot: Snapshot


@dataclass(frozen=True)
class Answered:
    """What became of a block of m queries, or of several: arrays of shape (m,) and seconds.

    Parameters
    ----------
    row : int64 array of shape (m,)
        Of the queries in the snapshot.
    lists : Ranked
    n_candidates : int64 array of shape (m,)
    n_found : int64 array of shape (m,)
        Items of the truth among the candidates.
    seconds : tuple of mapping of str to float
        Of each block, by stage, for each of its users.
    """

    row: Rows
    lists: Ranked
    n_candidates: npt.NDArray[np.int64]
    n_found: npt.NDArray[np.int64]
    seconds: tuple[Mapping[str, float], ...]

    @staticmethod
    def concatenate(parts: "Sequence[Answered]") -> "Answered":
        """Consecutive blocks as one."""
        return Answered(
            np.concatenate([part.row for part in parts]),
            Ranked.concatenate([part.lists for part in parts]),
            np.concatenate([part.n_candidates for part in parts]),
            np.concatenate([part.n_found for part in parts]),
            tuple(seconds for part in parts for seconds in part.seconds),
        )


def answered_block(work: Work, rows: Rows) -> Answered:
    """Answer some queries of the snapshot, in one block."""
    answering, snapshot = work.answering, work.snapshot
    answering.clock.take()
    start = time.perf_counter()
    with answering.clock.inside("search"):
        requests = snapshot.requests(rows)
    lists, candidates = answering.answer(requests, K)
    seconds = {**answering.clock.take(), "total": time.perf_counter() - start}
    n_candidates = n_found = np.zeros(len(rows), np.int64)
    if candidates is not None:
        n_candidates = np.diff(candidates.offsets)
        relevant = grades(candidates, snapshot.truth.take(rows)) > 0
        n_found = np.bincount(candidates.query[relevant], minlength=len(rows))
    each = {name: value / len(rows) for name, value in seconds.items()}
    return Answered(rows, lists, n_candidates, n_found, (each,))


def answered(engine: Engine, work: Work, blocks: Sequence[Rows]) -> Answered:
    """Answer blocks of queries on an engine."""
    return Answered.concatenate(list(engine.map(answered_block, work, blocks)))


def drawn(snapshot: Snapshot, n: int | None, seed: int) -> Rows:
    """Queries of users with history, at most n, ascending; a smaller draw is part of a larger one.

    Raises
    ------
    DataContractError
        If there are none.
    """
    rows = judged(snapshot)
    if not len(rows):
        raise DataContractError(
            "A benchmark needs users with history and something taken after it. Got none; set aside another "
            "window."
        )
    return np.sort(np.random.default_rng(seed).permutation(rows)[:n])


def judged(snapshot: Snapshot) -> Rows:
    """Queries whose figures count: of users with history and truth."""
    return np.flatnonzero(snapshot.is_warm & (snapshot.truth.items.lengths > 0))


def figures(found: Answered, snapshot: Snapshot, evaluation: Evaluation) -> dict[str, Any]:
    """What a line says of accuracy, and "values": nDCG of each query, float64 of shape (m,).

    Parameters
    ----------
    found : Answered
        Of queries in any number; only those of `judged` count.
    snapshot : Snapshot
    evaluation : Evaluation
        Its resamples are those of an experiment.
    """
    at = np.flatnonzero(np.isin(found.row, judged(snapshot)))
    rows, lists = found.row[at], found.lists.take(at)
    truth = snapshot.truth.take(rows)
    ndcg = Ndcg(K)(hit_matrix(lists, truth), truth.items.lengths)
    values = np.full(len(snapshot.queries), np.nan)
    values[rows] = ndcg
    drawn_again = bootstrap(ndcg[:, None], n_resamples=evaluation.n_resamples, seed=evaluation.seed)
    return {
        "n_queries": len(rows),
        "n_candidates": float(found.n_candidates[at].mean()),
        "pool_recall": float((found.n_found[at] / truth.items.lengths).mean()),
        "ndcg@10": drawn_again.intervals()[0].as_json(),
        "coverage@10": Coverage(K)(lists, snapshot.available),
        "values": values,
    }


def seconds_per_user(found: Answered, threads: int) -> dict[str, float | None]:
    """Medians over the blocks but the first of each thread, which warms up; of the clock on the wall."""
    blocks = found.seconds[threads:] or found.seconds
    told = {name for block in blocks for name in block}
    median = {name: float(np.median([block.get(name, 0.0) for block in blocks])) for name in told}
    return {name: median[name] / threads if name in told else None for name in STAGES}


def timed_blocks(rows: Rows, block_size: int, n_users: int, n_blocks: int, threads: int) -> list[Rows]:
    """A block to warm up and those to be timed, at least one a thread; rows come again where they are few."""
    n_blocks = max(n_blocks, threads)
    size = max(1, min(block_size, n_users // n_blocks, len(rows)))
    again = np.resize(rows, (n_blocks + threads) * size)
    return [np.unique(block) for block in np.split(again, n_blocks + threads)]


def index_recall(retrieval: FittedRetrieval, snapshot: Snapshot, rows: Rows) -> float | None:
    """Share of what exact search nominates that the index nominates too; None if nobody searches vectors."""
    nominators = [retrieval.sources[name] for name in retrieval.nominators]
    if not any(isinstance(source, Nearest) for source in nominators):
        return None
    exact = retrieval.exact_searches()
    requests, n_items = snapshot.requests(rows), len(snapshot.items)
    n_found = n_wanted = 0
    for (name, source), quota in zip(exact.sources.items(), exact.quotas, strict=True):
        wanted = _pairs(source.retrieve(requests, quota), n_items)
        n_wanted += len(wanted)
        found = _pairs(retrieval.sources[name].retrieve(requests, quota), n_items)
        n_found += int(is_among(wanted, found).sum())
    return n_found / n_wanted if n_wanted else 1.0


def _pairs(lists: Ranked, n_items: int) -> npt.NDArray[np.int64]:
    """A number for each query and item that stand together, ascending."""
    row, place = np.nonzero(lists.items >= 0)
    return np.sort(row * n_items + lists.items[row, place])
