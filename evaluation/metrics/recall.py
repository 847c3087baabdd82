"""How much of what is relevant the list finds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from evaluation.metrics.metric import undefined_without_truth


@dataclass(frozen=True)
class Recall:
    """Hits among the first k, as a share of all relevant items.

    The denominator is |truth|, not min(|truth|, k): a query with more than k relevant items cannot
    reach 1. Lists shorter than k are taken as they are.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, section 8.3, eq. 8.2;
    `recall_k` of trec_eval.

    Examples
    --------
    >>> Recall(2)(np.array([[True, False, True]]), np.array([4]))
    array([0.25])
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"recall@{self.k}"

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, within [0, 1], float64 of shape (m,); NaN where nothing is relevant."""
        values = hits[:, : self.k].sum(axis=1) / np.maximum(n_relevant, 1)
        return undefined_without_truth(values, n_relevant)
