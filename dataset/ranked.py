"""The answer: a list of items for each query."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Ranked:
    """Best items first: m queries, lists of at most k.

    Parameters
    ----------
    items : int32 array of shape (m, k)
        Item codes, distinct within a row; -1 behind the end of a short list.
    scores : float32 array of shape (m, k)
        Descending within a row; -inf behind the end.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length of each list, int64 of shape (m,)."""
        lengths: npt.NDArray[np.int64] = (self.items >= 0).sum(axis=1)
        return lengths

    def take(self, rows: npt.NDArray[np.integer]) -> "Ranked":
        """The lists of the queries named, in that order."""
        return Ranked(self.items[rows], self.scores[rows])

    @staticmethod
    def concatenate(parts: "list[Ranked]") -> "Ranked":
        """The lists of consecutive blocks of queries as one."""
        return Ranked(np.concatenate([p.items for p in parts]), np.concatenate([p.scores for p in parts]))
