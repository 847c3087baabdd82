"""How unevenly the lists share out the catalogue."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from dataset.ranked import Ranked


@dataclass(frozen=True)
class Gini:
    """Gini coefficient of how often each recommendable item stands among the first k of a list.

    0 if all are shown equally often, 1 if one item takes every place; an item that is never shown counts
    with 0. Each of the first k places counts alike. A property of all lists together, like `Coverage`,
    and without an interval for the same reason.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Shani, Gunawardana, "Evaluating Recommendation Systems", in Recommender Systems Handbook, 2011,
    under "Coverage": the sum of (2 j - n - 1) p(i_j) over the n items, ascending in their share p of all
    places, divided by n - 1.

    Examples
    --------
    >>> lists = np.array([[0], [0], [1]], np.int32)
    >>> Gini(1)(Ranked(lists, np.ones((3, 1), np.float32)), np.ones(3, bool)).__round__(4)
    0.6667
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"gini@{self.k}"

    def __call__(self, ranked: Ranked, available: npt.NDArray[np.bool_]) -> float:
        """Within [0, 1]; NaN where nothing is shown, or where fewer than two items can be.

        Parameters
        ----------
        ranked : Ranked
        available : bool array of shape (n_items,)
            Which items may be recommended; places given to others are left out.
        """
        items = ranked.items[:, : self.k]
        shown = np.bincount(items[items >= 0], minlength=len(available))[available]
        n, total = len(shown), int(shown.sum())
        if n < 2 or not total:
            return float("nan")
        place = 2 * np.arange(1, n + 1) - n - 1
        return int((place * np.sort(shown)).sum()) / ((n - 1) * total)
