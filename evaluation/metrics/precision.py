"""How much of the list is relevant."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from evaluation.metrics.metric import undefined_without_truth


@dataclass(frozen=True)
class Precision:
    """Hits among the first k, divided by k.

    The denominator stays k when the list is shorter: a place left empty is a place wasted.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, section 8.4;
    `P_k` of trec_eval.

    Examples
    --------
    >>> Precision(2)(np.array([[True, False, True]]), np.array([4]))
    array([0.5])
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"precision@{self.k}"

    def __call__(
        self, hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Value for each query, within [0, 1], float64 of shape (m,); NaN where nothing is relevant."""
        values = hits[:, : self.k].sum(axis=1) / self.k
        return undefined_without_truth(values, n_relevant)
