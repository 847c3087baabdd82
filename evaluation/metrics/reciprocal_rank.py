"""How far down the first relevant item stands."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from evaluation.metrics.metric import undefined_without_truth


@dataclass(frozen=True)
class ReciprocalRank:
    """1 / rank of the first hit among the first k, 0 without one; its mean over queries is MRR.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Voorhees, "The TREC-8 Question Answering Track Report", 1999; `recip_rank` of trec_eval
    on lists cut at k.

    Examples
    --------
    >>> ReciprocalRank(3)(np.array([[False, True, True]]), np.array([2]))
    array([0.5])
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"mrr@{self.k}"

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, within [0, 1], float64 of shape (m,); NaN where nothing is relevant."""
        top = hits[:, : self.k]
        if not top.shape[1]:
            return undefined_without_truth(np.zeros(len(hits)), n_relevant)
        values = np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1), 0.0)
        return undefined_without_truth(values, n_relevant)
