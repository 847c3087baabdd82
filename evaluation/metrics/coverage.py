"""How much of the catalogue reaches anybody."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from dataset.ranked import Ranked


@dataclass(frozen=True)
class Coverage:
    """Share of the recommendable items that stand among the first k of at least one list.

    A property of all lists together: it has no value for a query, and no bootstrap interval. A
    resample repeats queries, so it always covers less than the lists themselves, and a percentile
    interval would lie beside the figure, not around it.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Herlocker et al., "Evaluating collaborative filtering recommender systems", ACM TOIS 22(1), 2004,
    "catalog coverage"; Ge, Delgado-Battenfeld, Jannach, RecSys 2010.
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"coverage@{self.k}"

    def __call__(self, ranked: Ranked, available: npt.NDArray[np.bool_]) -> float:
        """Share within [0, 1]; NaN where there is nothing to recommend.

        Parameters
        ----------
        ranked : Ranked
        available : bool array of shape (n_items,)
            Which items may be recommended; lists of others do not add to the share.
        """
        items = ranked.items[:, : self.k]
        shown = np.zeros(len(available), bool)
        shown[items[items >= 0]] = True
        n_available = int(available.sum())
        return int((shown & available).sum()) / n_available if n_available else float("nan")
