"""Intervals of several groups' means that hold all at once: bootstrap max-t.

Among thirty groups, one or two 95 % intervals miss by chance. Here all of them together hold in 95 % of
experiments, and groups that share users, which move together, cost less than Bonferroni's correction.

References
----------
Romano, Wolf, "Exact and approximate stepdown methods for multiple hypothesis testing", Journal of the
American Statistical Association 100, 2005 (the studentised maximum over joint resamples; here its first step
alone, which gives intervals).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from evaluation.intervals import CONFIDENCE, Interval, bootstrap


@dataclass(frozen=True)
class Simultaneous:
    """Means of g groups and their joint intervals.

    Parameters
    ----------
    intervals : list of Interval
        In the order of the groups; without ends where a group has fewer than two values.
    critical : float
        How many standard errors each interval reaches to either side; NaN if no group has a spread.
    """

    intervals: list[Interval]
    critical: float


def simultaneous(
    values: npt.NDArray[np.float64], members: npt.NDArray[np.bool_], *, n_resamples: int, seed: int
) -> Simultaneous:
    """Means of `values` within each group, with intervals of which all hold in 95 % of experiments.

    Users are resampled once for all groups, by `evaluation.intervals.bootstrap`. In each resample the mean
    of each group is measured in standard errors from the one that was observed, and the largest distance is
    kept; each interval reaches as far as 95 % of these do. The standard errors are those of the sample: a
    resample's own would be next to nothing in a small group of which few users have a value other than 0, and
    one such group would widen the intervals of all.

    Parameters
    ----------
    values : float64 array of shape (m,)
        Of each user; NaN is left out.
    members : bool array of shape (m, g)
        Which users are in which group; groups may overlap.
    n_resamples : int
        Changes the intervals' ends slightly, no mean.
    seed : int
        Equal seeds and equal m give the same resamples.
    """
    if members.ndim != 2 or len(values) != len(members):
        raise DataContractError(
            f"Groups must have a row for each of the {len(values)} users. Got shape {members.shape}."
        )
    known = members & ~np.isnan(values)[:, None]
    drawn = bootstrap(np.where(known, values[:, None], np.nan), n_resamples=n_resamples, seed=seed)
    errors = _standard_errors(values, known, drawn.means)
    critical = _critical(drawn.resampled, drawn.means, errors)
    # Users who all have the same value leave no spread to be unsure of, as in the percentile interval.
    reach = np.where(errors > 0, critical * errors, errors)
    return Simultaneous(
        [Interval(float(m), float(m - r), float(m + r)) for m, r in zip(drawn.means, reach, strict=True)],
        critical,
    )


def _standard_errors(
    values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_], means: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Of each group's mean, shape (g,); exactly 0 where all values are equal, NaN below two values."""
    errors = np.full(len(means), np.nan)
    for group, mean in enumerate(means):
        own = values[known[:, group]]
        if len(own) > 1:
            spread = 0.0 if (own == own[0]).all() else float(((own - mean) ** 2).sum())
            errors[group] = np.sqrt(spread / (len(own) - 1) / len(own))
    return errors


def _critical(
    resampled: npt.NDArray[np.float64], means: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]
) -> float:
    spread = errors > 0
    if not spread.any() or not len(resampled):
        return float("nan")
    distance = np.abs(resampled[:, spread] - means[spread]) / errors[spread]
    distance[np.isnan(distance)] = 0  # a resample that drew nobody of a small group
    return float(np.percentile(distance.max(axis=1), 100 * CONFIDENCE))
