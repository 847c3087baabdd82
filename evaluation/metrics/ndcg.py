"""How early in the list the relevant items stand."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from evaluation.metrics.metric import undefined_without_truth


@dataclass(frozen=True)
class Ndcg:
    """Discounted cumulative gain of the first k, as a share of the best that k places allow.

    Relevance is binary, the discount of rank i is 1 / log2(i + 1), and the ideal list holds
    min(|truth|, k) hits on top, so that 1 can always be reached.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002,
    with the discount of Burges et al. 2005; `ndcg_cut_k` of trec_eval for binary grades.

    Examples
    --------
    >>> Ndcg(2)(np.array([[False, True]]), np.array([1])).round(4)
    array([0.6309])
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"ndcg@{self.k}"

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, within [0, 1], float64 of shape (m,); NaN where nothing is relevant."""
        discount = 1.0 / np.log2(np.arange(2, self.k + 2))
        top = hits[:, : self.k]
        gain = np.where(top, discount[: top.shape[1]], 0.0).sum(axis=1)
        ideal = np.cumsum(discount)[np.clip(n_relevant, 1, self.k) - 1]
        values = np.minimum(gain / ideal, 1.0)  # the two sums may round differently
        return undefined_without_truth(values, n_relevant)
