"""Whether the lists go for what is popular more than their users did."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from dataset.ranked import Ranked


@dataclass(frozen=True)
class PopularityLift:
    """Mean popularity of the first k over that of the users' histories, minus 1.

    0 if users are shown items as popular as those they chose themselves; 1 if twice as popular. It is the
    ratio of two means over the users, not the mean of their ratios, which the few who had nothing but
    unknown items would decide. So it has no value for a query, but two of which one can make it, and its
    interval comes from the resampled means of both.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Abdollahpouri, Mansoury, Burke, Mobasher, "The connection between popularity bias, calibration, and
    fairness in recommendation", RecSys 2020: the popularity lift of a group of users. The group
    average popularity is that of "The unfairness of popularity bias in recommendation", RMSE workshop at
    RecSys 2019.

    Examples
    --------
    >>> PopularityLift.of_means(np.array([30., 20.])).item()
    0.5
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"popularity_lift@{self.k}"

    def __call__(
        self, ranked: Ranked, popularity: npt.NDArray[np.int64], before: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Mean popularity of each list and of its user's history, float64 of shape (m, 2), 0 and up.

        Parameters
        ----------
        ranked : Ranked
        popularity : int64 array of shape (n_items,)
            Number of distinct users who had each item in the history.
        before : float64 array of shape (m,)
            Mean popularity of each user's history; NaN without history.

        Returns
        -------
        float64 array of shape (m, 2)
            NaN in both where either is undefined, so that both means are over the same users.
        """
        items = ranked.items[:, : self.k]
        listed = items >= 0
        n_listed = listed.sum(axis=1)
        total = np.where(listed, np.append(popularity, 0)[items], 0).sum(axis=1)
        both = np.stack([total / np.maximum(n_listed, 1), before], axis=1)
        return np.where(((n_listed > 0) & ~np.isnan(before))[:, None], both, np.nan)

    @staticmethod
    def of_means(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The lift, from -1 up, from means of the two columns along the last axis; NaN over a mean of 0."""
        over = np.where(means[..., 1] > 0, means[..., 1], np.nan)
        lift: npt.NDArray[np.float64] = means[..., 0] / over - 1
        return lift
