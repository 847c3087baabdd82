"""Precision at each relevant item, averaged."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from evaluation.metrics.metric import undefined_without_truth


@dataclass(frozen=True)
class AveragePrecision:
    """Sum of precision@i over the hits i among the first k, divided by |truth|; its mean is MAP.

    Divided by |truth| as in trec_eval; other libraries divide by min(|truth|, k), which gives higher
    figures where queries have more than k relevant items.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, section 8.4, eq. 8.8;
    `map_cut_k` of trec_eval.

    Examples
    --------
    >>> AveragePrecision(3)(np.array([[True, False, True]]), np.array([2])).round(4)
    array([0.8333])
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"map@{self.k}"

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, within [0, 1], float64 of shape (m,); NaN where nothing is relevant."""
        top = hits[:, : self.k]
        precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
        values = np.where(top, precision, 0.0).sum(axis=1) / np.maximum(n_relevant, 1)
        return undefined_without_truth(values, n_relevant)
