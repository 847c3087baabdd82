"""What every accuracy metric is, and the hit matrix that all of them share."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset.queries import Qrels
from dataset.ranked import Ranked
from evaluation.metrics.membership import is_in_row


class Metric(Protocol):
    """A measure of accuracy at a cut-off; depends on a list only through which positions are hits."""

    @property
    def k(self) -> int:
        """Cut-off: how much of the list is looked at."""
        ...

    @property
    def name(self) -> str:
        """Key in `metrics.json`: "recall@10"."""
        ...

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, float64 of shape (m,); NaN where nothing is relevant.

        Parameters
        ----------
        hits : bool array of shape (m, K)
            From `hit_matrix`; lists narrower than `k` count as if they went on without a hit.
        n_relevant : int64 array of shape (m,)
            Number of relevant items, in the list or not.
        """
        ...


def hit_matrix(ranked: Ranked, truth: Qrels) -> npt.NDArray[np.bool_]:
    """Whether the item at each position is relevant to its query, bool of shape (m, K).

    The order of the lists is taken as it is: ties were broken when the list was made, so equal scores
    change nothing here. Any grade counts as relevant.

    Examples
    --------
    >>> from dataset.ragged import Ragged
    >>> ranked = Ranked(np.array([[4, 2, -1]], np.int32), np.array([[.9, .3, -np.inf]], np.float32))
    >>> truth = Qrels(Ragged.from_pairs(np.array([0, 0]), np.array([2, 7]), 1), np.ones(2, np.int8))
    >>> hit_matrix(ranked, truth)
    array([[False,  True, False]])
    """
    return is_in_row(np.arange(len(ranked))[:, None], ranked.items, truth.items)


def undefined_without_truth(
    values: npt.NDArray[np.float64], n_relevant: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """`values` with NaN for queries to which nothing is relevant: they are counted and left out."""
    return np.where(n_relevant > 0, values, np.nan)
