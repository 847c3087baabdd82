"""Whether the list keeps the proportions of what its user went for before."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int, check_number
from dataset.ranked import Ranked
from evaluation.profiles import Profiles


@dataclass(frozen=True)
class Calibration:
    """Kullback-Leibler divergence of the categories of the first k from those of the history, in nats.

    0 if the list shares its places out among the categories as the history does; the more of a user's
    interests a list leaves out, the higher. Lower is better calibrated. The list is smoothed with a little
    of the history, q' = (1 - alpha) q + alpha p, so the divergence of p from q' is at most log(1 / alpha).

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.
    alpha : float
        Share of the history in the smoothed list, within [1e-9, 1]. Changes results.

    References
    ----------
    Steck, "Calibrated recommendations", RecSys 2018: the metric C_KL, with his alpha of .01; an item has
    one category here, and places of the list weigh alike.
    """

    k: int
    alpha: float = 0.01

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)
        check_number(self, "alpha", low=1e-9, high=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"calibration@{self.k}"

    def __call__(
        self, ranked: Ranked, category: npt.NDArray[np.int32], profiles: Profiles
    ) -> npt.NDArray[np.float64]:
        """Nats for each query, within [0, log(1 / alpha)], float64 of shape (m,).

        Parameters
        ----------
        ranked : Ranked
        category : int32 array of shape (n_items,)
            Category of each item; -1 where it has none, and then it is left out on both sides.
        profiles : Profiles
            Of the same queries, with the same categories.

        Returns
        -------
        float64 array of shape (m,)
            NaN where history or list holds no item with a category.
        """
        listed = list_categories(ranked.items[:, : self.k], category)
        history = profiles.categories
        rows, m = history.rows, len(history)
        n_listed = (listed >= 0).sum(axis=1)
        # Categories outside the history add nothing to the sum, so that no dense m x categories is needed.
        p = profiles.share
        q = _counts(listed, profiles) / np.maximum(n_listed, 1)[rows]
        smoothed = (1 - self.alpha) * q + self.alpha * p
        given = p > 0
        terms = p[given] * np.log(p[given] / smoothed[given])
        divergence = np.bincount(rows[given], weights=terms, minlength=m)
        has_history = np.bincount(rows[given], minlength=m) > 0
        # Rounding may leave a divergence of zero a little below it.
        return np.where(has_history & (n_listed > 0), np.maximum(divergence, 0.0), np.nan)


def list_categories(items: npt.NDArray[np.int32], category: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Category of each place of the lists, int32 of shape (m, k); -1 without one and behind the end."""
    return np.append(category, np.int32(-1))[items]  # item -1 reads the last place


def _counts(listed: npt.NDArray[np.int32], profiles: Profiles) -> npt.NDArray[np.int64]:
    """How often the list holds each category of the history, int64, a value for each of `categories`."""
    history = profiles.categories
    if not listed.size or not len(history.values):
        return np.zeros(len(history.values), np.int64)
    span = int(max(listed.max(), history.values.max())) + 1
    known = history.rows.astype(np.int64) * span + history.values
    found = (np.arange(len(listed), dtype=np.int64)[:, None] * span + listed)[listed >= 0]
    at = np.minimum(np.searchsorted(known, found), len(known) - 1)
    return np.bincount(at[known[at] == found], minlength=len(known))
