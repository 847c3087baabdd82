"""How far apart the groups of users are, given that one looks for the extremes."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.intervals import CONFIDENCE, Bootstrap, Interval

LOWER_IS_BETTER = ("calibration",)
ZERO_IS_BEST = ("popularity_lift",)


def gap(
    metric: str, means: npt.NDArray[np.float64], resampled: npt.NDArray[np.float64], labels: tuple[str, ...]
) -> dict[str, Any] | None:
    """The best and the worst of L groups and their difference, with a simultaneous 95 % interval.

    Best is the highest value, but for a calibration the lowest and for a popularity lift the one nearest
    to 0. Whoever picks the extremes of many groups finds a gap by chance alone, so the interval is one
    that holds for the differences of all pairs at once: the mean plus and minus c standard errors, c the
    95 % quantile, over the resamples, of the largest deviation among all pairs in its standard errors.

    Parameters
    ----------
    metric : str
        "calibration@10": what stands before the @ tells which end is the best.
    means : float64 array of shape (L,)
    resampled : float64 array of shape (n_resamples, L)
        Of each group by itself.
    labels : tuple of L str

    Returns
    -------
    dict or None
        {"best", "worst": label, "difference": {"mean", "low", "high"}}, best minus worst; None for fewer
        than two groups, and where all are alike.

    References
    ----------
    Romano, Wolf, "Exact and approximate stepdown methods for multiple hypothesis testing", Journal of the
    American Statistical Association 100, 2005 (largest studentised statistic over joint resamples).
    """
    if len(labels) < 2 or np.ptp(means) == 0:
        return None
    key = metric.partition("@")[0]
    goodness = -means if key in LOWER_IS_BETTER else -np.abs(means) if key in ZERO_IS_BEST else means
    best, worst = int(np.argmax(goodness)), int(np.argmin(goodness))
    difference = means[best] - means[worst]
    half = _half_width(means, resampled, (min(best, worst), max(best, worst)))
    interval = Interval(float(difference), float(difference - half), float(difference + half))
    return {"best": labels[best], "worst": labels[worst], "difference": interval.as_json()}


def gaps(
    drawn: Mapping[str, Bootstrap],
    names: tuple[str, ...],
    n: Mapping[str, npt.NDArray[np.int64]],
    min_users: int,
) -> dict[str, dict[str, Any]]:
    """`gap` of each metric over the groups that have enough users with a value.

    Parameters
    ----------
    drawn : mapping of label to Bootstrap
        A column a metric, in the order of `names`; each group resampled by itself.
    names : tuple of str
    n : mapping of label to int64 array of shape (len(names),)
        Users with a value of each metric.
    min_users : int
        Groups with fewer are left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for at, metric in enumerate(names):
        labels = tuple(label for label in drawn if n[label][at] >= max(min_users, 1))
        means = np.array([drawn[label].means[at] for label in labels])
        if len(labels) < 2 or not np.isfinite(means).all():
            continue
        resampled = np.stack([drawn[label].resampled[:, at] for label in labels], axis=1)
        between = gap(metric, means, resampled, labels)
        if between is not None:
            found[metric] = between
    return found


def _half_width(
    means: npt.NDArray[np.float64], resampled: npt.NDArray[np.float64], chosen: tuple[int, int]
) -> float:
    """Half the width of the simultaneous interval of one pair; NaN without resamples."""
    # Groups of one size were drawn with the same numbers: shifted, their resamples are independent again.
    shifted = np.stack([np.roll(column, at) for at, column in enumerate(resampled.T)], axis=1)
    deviation = (shifted - means)[np.isfinite(shifted).all(axis=1)]
    if not len(deviation):
        return float("nan")
    pairs = list(combinations(range(len(means)), 2))
    between = np.stack([deviation[:, one] - deviation[:, other] for one, other in pairs], axis=1)
    errors = between.std(axis=0)
    largest = np.abs(between[:, errors > 0] / errors[errors > 0]).max(axis=1, initial=0.0)
    return float(np.quantile(largest, CONFIDENCE) * errors[pairs.index(chosen)])
