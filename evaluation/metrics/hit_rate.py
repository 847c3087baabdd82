"""Whether the list finds anything at all."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from evaluation.metrics.metric import undefined_without_truth


@dataclass(frozen=True)
class HitRate:
    """1 where any of the first k is relevant, else 0.

    With one relevant item a query this equals recall, which is how the leave-one-out benchmarks use it.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Deshpande, Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22(1), 2004;
    `success_k` of trec_eval.

    Examples
    --------
    >>> HitRate(2)(np.array([[False, True], [False, False]]), np.array([3, 1]))
    array([1., 0.])
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"hit_rate@{self.k}"

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, within [0, 1], float64 of shape (m,); NaN where nothing is relevant."""
        values = np.where(hits[:, : self.k].any(axis=1), 1.0, 0.0)
        return undefined_without_truth(values, n_relevant)
