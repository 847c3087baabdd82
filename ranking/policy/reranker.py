"""What every re-ranker is: a specification, and the value that it fits."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from ranking.policy.caps import Caps


class FittedReRanker(Protocol):
    """A fitted re-ranker: says in which order the first of an order come."""

    @property
    def measure(self) -> str:
        """What `measured` counts, in a few words."""
        ...

    def reranked(self, requests: Requests, order: Ranked, k: int, caps: Caps) -> npt.NDArray[np.int32]:
        """A permutation of each row of an order, whose first items keep the caps wherever k of them can.

        Parameters
        ----------
        requests : Requests
            m queries.
        order : Ranked
            Lists of w items or fewer. The scores are of the places, descending: of the ranker's order, the
            score of each item; after another re-ranker, still the r-th best score in place r.
        k : int
            Length of the lists that will be cut.
        caps : Caps

        Returns
        -------
        int32 array of shape (m, w)
            Places in `order`, best first; those behind the end of a short list stay where they are.
        """
        ...

    def measured(self, requests: Requests, lists: Ranked) -> npt.NDArray[np.float64]:
        """What the re-ranker is after, of each list, float64 of shape (m,); NaN where it has no meaning."""
        ...


class ReRanker(Protocol):
    """A specification of a re-ranker; its fields are the hyper-parameters."""

    @property
    def depth(self) -> int | None:
        """How many of the ranker's best it may choose from; None: all candidates."""
        ...

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> FittedReRanker:
        """What is known of items at a snapshot."""
        ...
