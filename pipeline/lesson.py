"""What the ranker learns from a snapshot: the pools of its queries, with features and grades."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.queries import Qrels
from dataset.snapshot import Requests, Snapshot
from pipeline.cache import Cache
from pipeline.fingerprint import fingerprint
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOne
from ranking.labels import grades
from ranking.sampling import Sampling
from ranking.table import RankingTable


@dataclass(frozen=True)
class Lesson:
    """What the ranker is to learn from one snapshot.

    Parameters
    ----------
    stage_one : StageOne
    snapshot : Snapshot
    sampling : Sampling
    past, key : str
        Fingerprints under which the candidates, and the tables, are remembered.
    cache : Cache
    stopwatch : Stopwatch
    """

    stage_one: StageOne
    snapshot: Snapshot
    sampling: Sampling
    past: str
    key: str
    cache: Cache
    stopwatch: Stopwatch


def training_table(lesson: Lesson, rows: npt.NDArray[np.int64]) -> RankingTable:
    """The table of a block of queries, remembered."""
    truth = lesson.snapshot.truth.take(rows)
    name = fingerprint(lesson.key, lesson.snapshot.queries.take(rows), truth)
    return lesson.cache.remember("tables", name, lambda: _table(lesson, rows, truth))


def _table(lesson: Lesson, rows: npt.NDArray[np.int64], truth: Qrels) -> RankingTable:
    stage_one, snapshot, sampling = lesson.stage_one, lesson.snapshot, lesson.sampling
    requests = snapshot.requests(rows)
    candidates = pool(stage_one, requests, lesson.past, lesson.cache, lesson.stopwatch)
    # A query without a positive has no pair to learn from, so its features are not computed.
    relevant = grades(candidates, truth) > 0
    use = np.bincount(candidates.query[relevant], minlength=len(rows)) > 0
    learnt = np.flatnonzero(use)
    kept = candidates.take(np.flatnonzero(use[candidates.query])).of_queries(learnt)
    grade = grades(kept, truth.take(learnt))
    requests = snapshot.requests(rows[learnt])
    with lesson.stopwatch.inside("features"):
        matrix = stage_one.matrix(requests, kept)
    sample = sampling.sample(requests.queries.user[kept.query], kept.item, grade)
    offsets = np.searchsorted(sample, kept.offsets).astype(np.int64)
    return RankingTable(offsets, matrix.take(sample), grade[sample])


def pool(
    stage_one: StageOne, requests: Requests, past: str, cache: Cache, stopwatch: Stopwatch
) -> Candidates:
    """Candidates of a block, remembered under the fingerprints of the past and of the queries."""
    name = fingerprint(past, requests.queries)
    with stopwatch.inside("retrieval"):
        return cache.remember("candidates", name, lambda: stage_one.candidates(requests))
