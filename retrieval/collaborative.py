"""Products near a user in the space of factors of the interaction matrix."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset.parameters import check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.index import IndexSettings, VectorIndex
from retrieval.nearest import Nearest


@dataclass(frozen=True, kw_only=True)
class Collaborative:
    """Largest inner product between the sum of a user's item factors and each item's (PureSVD).

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    vectors : str
        Name of the embedding that holds the factors.
    step_decay, half_life_days : float
        Weights of the events in the user's sum: per step back within 0 and 1, and by age in days (0: off).
    index : IndexSettings or None
        How the vectors are searched; None takes what `Retrieval` says.

    References
    ----------
    Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks",
    RecSys 2010, section 3.2 (PureSVD, folding in).
    """

    quota: int = 60
    vectors: str = "collaborative"
    step_decay: float = 0.8
    half_life_days: float = 0.0
    index: IndexSettings | None = None

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> Nearest:
        """Index the factors."""
        row_of_item = np.full(len(snapshot.items), -1, np.int32)
        empty = Vectors(np.zeros(0, np.int32), np.zeros((0, 1), np.float32))
        factors = vectors.get(self.vectors, empty)
        # Longest first, of equals the lower code: exact search may then end early.
        order = np.argsort(-np.linalg.norm(factors.matrix, axis=1), kind="stable")
        items = factors.item[order]
        row_of_item[items] = np.arange(len(items))
        return Nearest(
            index=VectorIndex.build(items, factors.matrix[order], self.index or IndexSettings()),
            row_of_item=row_of_item,
            newest=0,
            normalise=False,
            step_decay=self.step_decay,
            half_life_days=self.half_life_days,
        )
