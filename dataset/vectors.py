"""Embeddings of products."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError


@dataclass(frozen=True)
class Vectors:
    """A vector for each item that a snapshot knows and that the embedding could place.

    Parameters
    ----------
    item : int32 array of shape (n,)
        Item codes, ascending.
    matrix : float32 array of shape (n, d), C-contiguous
        Unit length for cosine embeddings; finite, which is checked: a nearest-neighbour index takes
        NaN without a word and never returns it.
    """

    item: npt.NDArray[np.int32]
    matrix: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        bad = ~np.asarray(np.isfinite(self.matrix).all(axis=1))
        if bad.any():
            raise DataContractError(
                f"Vectors must be finite. {int(bad.sum())} of {len(bad)} items have NaN or infinity, "
                f"the first is item code {int(self.item[bad][0])}."
            )

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    def dense(self, n_items: int) -> npt.NDArray[np.float32]:
        """float32 of shape (n_items, d), row = item code; zero rows for items without a vector."""
        full = np.zeros((n_items, self.dimensions), np.float32)
        full[self.item] = self.matrix
        return full
