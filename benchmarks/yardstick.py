"""The plain kernels that a night cannot do without, alone: FAISS searches, and LightGBM's predictions."""

from typing import Any

import faiss
import lightgbm as lgb
import numpy as np

from dataset.snapshot import Snapshot
from pipeline.two_stage import FittedTwoStage
from ranking.columns import ordered
from retrieval.nearest import Nearest


class Yardstick:
    """What nobody can do without: searches and predictions, their inputs laid out beforehand."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.booster = booster
        self.searches: list[tuple[Nearest, int, list[np.ndarray[Any, Any]]]] = []
        self.matrices: list[np.ndarray[Any, Any]] = []

    @classmethod
    def of(cls, model: FittedTwoStage, snapshot: Snapshot, block_size: int) -> "Yardstick":
        """The searches and feature matrices of the queries of a snapshot."""
        self = cls(lgb.Booster(model_str=model.ranker.model))
        retrieval = model.stage_one.retrieval
        for source, quota in zip(retrieval.sources.values(), retrieval.quotas, strict=True):
            if isinstance(source, Nearest) and quota:
                self.searches.append((source, 2 * quota, []))
        for start in range(0, len(snapshot.queries), block_size):
            requests = snapshot.requests(np.arange(start, min(start + block_size, len(snapshot.queries))))
            for source, _, parts in self.searches:
                parts.append(source._searches(requests).vectors)
            candidates = model.stage_one.candidates(requests)
            matrix = model.stage_one.matrix(requests, candidates)
            self.matrices.append(ordered(matrix, model.ranker.features))
        return self

    @property
    def n_candidates(self) -> int:
        """Rows to predict."""
        return sum(len(matrix) for matrix in self.matrices)

    @property
    def n_searches(self) -> int:
        """Vectors to search for."""
        return sum(len(part) for _, _, parts in self.searches for part in parts)

    @property
    def n_features(self) -> int:
        """Columns."""
        return int(self.matrices[0].shape[1])

    def search(self, threads: int) -> None:
        """Search as FAISS does it, without a mask."""
        faiss.omp_set_num_threads(threads)
        for source, k, parts in self.searches:
            index = source.index
            for part in parts:
                if index.index is None:
                    faiss.knn(part, index.matrix, k, metric=faiss.METRIC_INNER_PRODUCT)
                else:
                    rows = np.arange(len(index.item))
                    index.index.search(part, k, params=index._parameters(rows, k))

    def predict(self, threads: int) -> None:
        """Predict as LightGBM does it."""
        for matrix in self.matrices:
            self.booster.predict(matrix, num_threads=threads)
