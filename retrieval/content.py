"""Products whose ingredients and functions are like those a user chose."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.errors import ConfigurationError
from dataset.parameters import check_int, check_mapping, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.index import IndexSettings, VectorIndex
from retrieval.nearest import Nearest, unit_length


@dataclass(frozen=True, kw_only=True)
class Content:
    """Nearest neighbours over several embeddings side by side, each weighted.

    A varied history is not averaged away: the newest items search on their own.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    vectors : mapping of str to float
        Weight of each embedding, by name; embeddings that the data cannot give are left out.
    newest : int
        How many of the newest events search on their own.
    step_decay : float or None
        Weight per step back in the search for the average of all events; within 0 and 1. None leaves that
        search out: what is left is for single items, made once for all the users who share them.
    index : IndexSettings or None
        How the vectors are searched; None takes what `Retrieval` says.
    """

    quota: int = 60
    vectors: Mapping[str, float]
    newest: int = 5
    step_decay: float | None = 0.8
    index: IndexSettings | None = None

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "newest", low=0)
        if self.step_decay is not None:
            check_number(self, "step_decay", low=0, high=1)
        if not self.newest and self.step_decay is None:
            raise ConfigurationError(
                "Content must search for something. Got newest=0 and step_decay=null; set one of them."
            )
        check_mapping(self, "vectors")

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> Nearest:
        """Index the items that any of the embeddings could place."""
        n_items = len(snapshot.items)
        items, matrix = side_by_side(self.vectors, vectors)
        row_of_item = np.full(n_items, -1, np.int32)
        row_of_item[items] = np.arange(len(items))
        return Nearest(
            index=VectorIndex.build(items, matrix, self.index or IndexSettings()),
            row_of_item=row_of_item,
            newest=self.newest,
            normalise=True,
            step_decay=self.step_decay,
            half_life_days=0.0,
        )


def side_by_side(
    weights: Mapping[str, float], vectors: Mapping[str, Vectors]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Embeddings as one, unit length; those that the data could not give are left out.

    Returns
    -------
    items : int32 array of shape (n,)
        Items with at least one embedding, ascending.
    matrix : float32 array of shape (n, sum of dimensions)
        One column of zeros where there is no embedding at all.
    """
    weights = {name: weight for name, weight in weights.items() if name in vectors}
    if not weights:
        return np.zeros(0, np.int32), np.zeros((0, 1), np.float32)
    items = np.unique(np.concatenate([vectors[name].item for name in weights]))
    blocks = []
    for name, weight in weights.items():
        block = np.zeros((len(items), vectors[name].dimensions), np.float32)
        block[np.searchsorted(items, vectors[name].item)] = unit_length(vectors[name].matrix) * np.float32(
            weight
        )
        blocks.append(block)
    return items, np.ascontiguousarray(unit_length(np.concatenate(blocks, axis=1)))
