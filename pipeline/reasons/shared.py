"""The words that two products have in common, the most telling first."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.ragged import Ragged, TokenLists

MOST: Final = 5
"""Words told of a pair."""

EVERYWHERE: Final = 0.5
"""A word of more than this share of the catalogue tells nothing: water, or the shop's one department."""


@dataclass(frozen=True)
class SharedWords:
    """Words of products in the order of how much they tell: what few products have comes first.

    Parameters
    ----------
    words : tuple of str
        Rarest first.
    lists : Ragged
        Of each item the positions in `words`, ascending, distinct; without what is everywhere.
    """

    words: tuple[str, ...]
    lists: Ragged

    @classmethod
    def of(cls, tokens: TokenLists, known: npt.NDArray[np.int32]) -> "SharedWords":
        """Count the words over the known items, int32 array of codes."""
        held = Ragged.from_pairs(tokens.lists.rows, tokens.lists.values, len(tokens))
        holders = np.bincount(held.take(known).values, minlength=len(tokens.words))
        order = np.lexsort((np.arange(len(holders)), holders))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        tells = holders[held.values] <= EVERYWHERE * len(known)
        lists = Ragged.from_pairs(held.rows[tells], place[held.values[tells]], len(tokens))
        return cls(tuple(tokens.words[code] for code in order), lists)

    def between(self, item: npt.NDArray[np.int32], other: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """What each pair of items shares, int32 of shape (n, MOST): positions in `words`, then -1.

        Parameters
        ----------
        item, other : int32 arrays of shape (n,)
            -1 shares nothing.
        """
        out = np.full((len(item), MOST), -1, np.int32)
        _intersect(self.lists.offsets, self.lists.values, item, other, out)
        return out


@numba.njit(nogil=True, cache=True)
def _intersect(offsets, values, item, other, out):  # type: ignore[no-untyped-def]
    """Fill `out` of shape (n, k) with the first k values that two ascending rows have in common."""
    for at in range(len(item)):
        if item[at] < 0 or other[at] < 0:
            continue
        left, left_stop = offsets[item[at]], offsets[item[at] + 1]
        right, right_stop = offsets[other[at]], offsets[other[at] + 1]
        size = 0
        while left < left_stop and right < right_stop and size < out.shape[1]:
            if values[left] == values[right]:
                out[at, size] = values[left]
                size += 1
                left += 1
                right += 1
            elif values[left] < values[right]:
                left += 1
            else:
                right += 1
