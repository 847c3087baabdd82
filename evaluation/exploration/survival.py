"""How long until something happens again, where the log ends before it does.

Intervals that were seen to end are the short ones: of a product bought a month before the log ends, only a
return within a month can be seen. The Kaplan-Meier estimate counts the others as "not yet".
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.exploration.material import cross_counts


@dataclass(frozen=True)
class Durations:
    """Intervals that ended, or that the end of the log cut off: n intervals.

    Parameters
    ----------
    days : int64 array of shape (n,)
        Length in whole days, at least 1.
    ended : bool array of shape (n,)
        Whether the interval ended; else it was cut off.
    user : int32 array of shape (n,)
        Whose it is: intervals of one user are not independent.
    group : int32 array of shape (n,)
        What it is counted under, 0 and up; -1 for none.
    """

    days: npt.NDArray[np.int64]
    ended: npt.NDArray[np.bool_]
    user: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]

    @classmethod
    def between(
        cls,
        user: npt.NDArray[np.int32],
        unit: npt.NDArray[np.int32],
        day: npt.NDArray[np.int32],
        group_of_unit: npt.NDArray[np.int32],
        last_day: int,
    ) -> "Durations":
        """From each event to the user's next one on the same unit on a later day, or to the log's last day.

        Events of a user must come oldest first. Those on the last day tell nothing and are left out.
        """
        n_units = int(unit.max(initial=0)) + 1
        pair = user.astype(np.int64) * n_units + unit
        order = np.argsort(pair, kind="stable")
        pair, days = pair[order], day[order].astype(np.int64)
        first = np.ones(len(pair), bool)
        first[1:] = (pair[1:] != pair[:-1]) | (days[1:] != days[:-1])
        pair, days = pair[first], days[first]
        ended = np.zeros(len(pair), bool)
        ended[:-1] = pair[1:] == pair[:-1]
        until = np.full(len(pair), last_day, np.int64)
        until[:-1][ended[:-1]] = days[1:][ended[:-1]]
        told = until > days
        return cls(
            days=(until - days)[told],
            ended=ended[told],
            user=(pair // n_units)[told].astype(np.int32),
            group=group_of_unit[(pair % n_units)[told]],
        )


@dataclass(frozen=True)
class Returns:
    """Kaplan-Meier estimates of g groups, day by day: d days.

    Parameters
    ----------
    share : float64 array of shape (g, d)
        Probability that an interval has ended by day 1, 2 and so on.
    at_risk : int64 array of shape (g, d)
        Intervals that were still open when the day began.
    low, high : float64 arrays of shape (g, h)
        95 % interval of the share at the horizons asked for.
    """

    share: npt.NDArray[np.float64]
    at_risk: npt.NDArray[np.int64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def returns(durations: Durations, n_groups: int, horizons: tuple[int, ...]) -> Returns:
    """Share of the intervals of each group that have ended, by the product-limit estimate.

    The variance is that of the sum of the estimate's influences over the intervals of each user, so that a
    user with many intervals counts as one.

    Parameters
    ----------
    durations : Durations
    n_groups : int
    horizons : tuple of int
        Days at which an interval of the share is wanted, ascending.

    References
    ----------
    Kaplan, Meier, "Nonparametric estimation from incomplete observations", JASA 53, 1958.
    Ying, Wei, "The Kaplan-Meier estimate for dependent failure time observations", Journal of Multivariate
    Analysis 50, 1994 (the variance).
    """
    group, days = durations.group, durations.days
    n_days = max(int(days.max(initial=1)), horizons[-1]) + 1
    events = cross_counts(np.where(durations.ended, group, -1), days, (n_groups, n_days))
    leaving = cross_counts(group, days, (n_groups, n_days))
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    hazard = np.divide(events, at_risk, out=np.zeros(events.shape), where=at_risk > 0)
    survival = np.cumprod(1 - hazard, axis=1)
    reach = 1.959964 * np.sqrt(_variances(durations, events, at_risk, survival, horizons))
    share = 1 - survival
    at = list(horizons)
    low, high = np.clip(share[:, at] - reach, 0, 1), np.clip(share[:, at] + reach, 0, 1)
    return Returns(share[:, 1:], at_risk[:, 1:], low, high)


def _variances(
    durations: Durations,
    events: npt.NDArray[np.int64],
    at_risk: npt.NDArray[np.int64],
    survival: npt.NDArray[np.float64],
    horizons: tuple[int, ...],
) -> npt.NDArray[np.float64]:
    """Of the share at each horizon, float64 of shape (g, h)."""
    group, days, ended = durations.group, durations.days, durations.ended
    n_groups, known = len(events), durations.group >= 0
    group, days, ended = group[known], days[known], ended[known]
    key = durations.user[known].astype(np.int64) * n_groups + group
    keys, own = np.unique(key, return_inverse=True)
    risk = np.maximum(at_risk, 1)
    summed = np.cumsum(events / risk.astype(np.float64) ** 2, axis=1)
    out = np.empty((n_groups, len(horizons)))
    for column, horizon in enumerate(horizons):
        seen = np.where(ended & (days <= horizon), 1 / risk[group, days], 0.0)
        influence = seen - summed[group, np.minimum(days, horizon)]
        of_user = np.bincount(own, weights=influence, minlength=len(keys))
        squares = np.bincount(keys % n_groups, weights=of_user**2, minlength=n_groups)
        out[:, column] = survival[:, horizon] ** 2 * squares
    return out
