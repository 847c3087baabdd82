"""Items at random: what a recommender must beat to be one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset.parameters import check_int
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.popular import SortedLists


@dataclass(frozen=True, kw_only=True)
class Shuffled:
    """Each user gets one of several random orders of the catalogue.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer.
    n_orders : int
        Orders that users share; memory is n_orders x items.
    seed : int
    """

    quota: int = 100
    n_orders: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "n_orders", low=1)
        check_int(self, "seed", low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SortedLists:
        """Draw the orders."""
        known = snapshot.known_items
        generator = np.random.default_rng(self.seed)
        values = np.full((self.n_orders, len(snapshot.items)), -np.inf, np.float32)
        values[:, known] = generator.random((self.n_orders, len(known)), dtype=np.float32)
        return SortedLists.of(values, np.arange(len(snapshot.users), dtype=np.int32) % self.n_orders)
