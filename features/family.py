"""What every feature family and every embedding is: a specification, and the value that it fits."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors


class Embedding(Protocol):
    """A specification of product vectors; its fields are the hyper-parameters."""

    def fit(self, snapshot: Snapshot) -> Vectors | None:
        """Vectors of the items known at the snapshot; None where the data has nothing to embed."""
        ...


class FittedFamily(Protocol):
    """A fitted family of features."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, without the family's own name."""
        ...

    @property
    def categorical(self) -> tuple[str, ...]:
        """Those of `names` that hold category codes."""
        ...

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """The columns of a block, float32 of shape (len(candidates), len(names)); NaN where unknown."""
        ...


class Family(Protocol):
    """A specification of a family of features; its fields are the hyper-parameters.

    The columns depend on the specification and on the shape of the data set alone, never on the moment: the
    ranker is trained on several snapshots and applied to another, so a family that has nothing to say at one
    of them fills its columns with NaN instead of leaving them out.
    """

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedFamily:
        """Collect the statistics as of the snapshot.

        Parameters
        ----------
        snapshot : Snapshot
        vectors : mapping of str to Vectors
            The embeddings of that snapshot.
        sources : tuple of str
            Names of the retrieval sources whose scores and ranks the candidates will carry.
        """
        ...
