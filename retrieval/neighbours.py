"""What single items find, searched for once and not for every user whose history ends with them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.ranked import Ranked

BYTES: Final = 256 * 2**20
"""The largest table: beyond it, the items that are asked for most often."""


@dataclass(frozen=True)
class Neighbours(Saved):
    """The answers to searches for the vectors of single items, as the index gave them.

    Parameters
    ----------
    place : int32 array of shape (n_items,)
        Row of each item in the table; -1 where it was not searched for.
    items : int32 array of shape (n, k)
    scores : float32 array of shape (n, k)
    """

    place: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, searched: npt.NDArray[np.int32], found: Ranked, n_items: int) -> "Neighbours":
        """The table of items that were searched for, distinct, and what was found for each."""
        place = np.full(n_items, -1, np.int32)
        place[searched] = np.arange(len(searched), dtype=np.int32)
        return cls(place, found.items, found.scores)


def worth_searching(counts: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int32]:
    """Items whose search is asked for more than once, ascending: as many as a table of `BYTES` holds.

    Parameters
    ----------
    counts : int64 array of shape (n_items,)
        How often each item's search is asked for.
    k : int
        Answers a search.
    """
    often = np.lexsort((np.arange(len(counts)), -counts))[: BYTES // (8 * max(k, 1))]
    return np.sort(often[counts[often] > 1]).astype(np.int32)
