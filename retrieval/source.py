"""What every retrieval source is: a specification, and the value that it fits."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors


class FittedSource(Protocol):
    """A fitted source: nominates items for a block of queries."""

    def retrieve(self, requests: Requests, k: int) -> Ranked:
        """The k best eligible items of each query; short where the source has no more to say."""
        ...

    def score(
        self, requests: Requests, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Score of given candidates, float32 of shape (len(item),); NaN where there is no opinion.

        Parameters
        ----------
        requests : Requests
            A block of m queries.
        offsets : int64 array of shape (m + 1,)
            Candidates of query q are `item[offsets[q]:offsets[q + 1]]`.
        item : int32 array of shape (n,)
        """
        ...


class Source(Protocol):
    """A specification of a source; its fields are the hyper-parameters."""

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> FittedSource:
        """Learn from the snapshot's history and the embeddings made of it."""
        ...
