"""How little known the recommended items are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from dataset.ranked import Ranked


@dataclass(frozen=True)
class Novelty:
    """Mean self-information of the first k items, in bits: log2(users / users who have had the item).

    An item that everybody has had carries 0 bits; each halving of its popularity adds one. An item
    that nobody has had counts as had by one user.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107(10),
    2010, "surprisal"; Vargas, Castells, RecSys 2011.
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"novelty@{self.k}"

    def __call__(
        self, ranked: Ranked, popularity: npt.NDArray[np.int64], n_users: int
    ) -> npt.NDArray[np.float64]:
        """Bits for each query, 0 and up, float64 of shape (m,); NaN where the list is empty.

        Parameters
        ----------
        ranked : Ranked
        popularity : int64 array of shape (n_items,)
            Number of distinct users who had each item in the history.
        n_users : int
            Number of users with a history.
        """
        bits = np.log2(max(n_users, 1) / np.maximum(popularity, 1))
        items = ranked.items[:, : self.k]
        listed = items >= 0
        length = listed.sum(axis=1)
        total = np.where(listed, bits[np.maximum(items, 0)], 0.0).sum(axis=1)
        return np.where(length > 0, total / np.maximum(length, 1), np.nan)
