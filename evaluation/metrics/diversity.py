"""How different the items of one list are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from dataset.ranked import Ranked
from dataset.vectors import Vectors

_BLOCK_BYTES: Final = 32 * 2**20  # of gathered vectors; bounds memory, changes no result


@dataclass(frozen=True)
class Diversity:
    """1 minus the mean cosine over all pairs among the first k items.

    Items without a vector, or with a zero one, take part in no pair.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005
    (intra-list similarity). The sum over pairs of unit vectors u is (|sum u|^2 - n) / 2, which costs
    n d operations a list in place of n^2 d.
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"diversity@{self.k}"

    def __call__(self, ranked: Ranked, vectors: Vectors) -> npt.NDArray[np.float64]:
        """Within [0, 2], float64 of shape (m,); NaN where fewer than two items have a vector."""
        items = ranked.items[:, : self.k]
        n_items = int(max(items.max(initial=-1), vectors.item.max(initial=-1))) + 1
        length = np.linalg.norm(vectors.matrix.astype(np.float64), axis=1)
        row_of = np.full(n_items + 1, len(vectors.item), np.int64)  # the last row is all zero
        row_of[vectors.item[length > 0]] = np.flatnonzero(length > 0)
        unit = np.zeros((len(vectors.item) + 1, vectors.dimensions))
        np.divide(vectors.matrix, length[:, None], out=unit[:-1], where=length[:, None] > 0)
        block = max(1, _BLOCK_BYTES // max(1, items.shape[1] * unit.shape[1] * unit.itemsize))
        parts = [
            _of_block(row_of[items[first : first + block]], unit) for first in range(0, len(items), block)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)


def _of_block(rows: npt.NDArray[np.int64], unit: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Diversity of lists of rows of `unit`, int64 of shape (b, k); -1 was mapped to the zero row."""
    n = (rows < len(unit) - 1).sum(axis=1)
    total = unit[rows].sum(axis=1)
    pairs = n * (n - 1)
    cosine = ((total * total).sum(axis=1) - n) / np.maximum(pairs, 1)
    return np.where(pairs > 0, np.clip(1.0 - cosine, 0.0, 2.0), np.nan)
