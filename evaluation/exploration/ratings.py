"""What users say of what they have got, as ratings."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.exploration.material import Material, distinct_pairs, frequent
from evaluation.exploration.wording import percent

_Z: Final = 1.959964
CATEGORIES: Final = 12
LEAST: Final = 30  # ratings of a month or a category whose mean is shown


def ratings(material: Material) -> dict[str, Any] | None:
    """How ratings are spread, over time and by category; None where there is none.

    Returns
    -------
    mapping
        `n`; `mean`; `stars`: ratings rounded to 1 to 5, the share of each; `high`, share of at least 4;
        `by_month`: mean, low, high and n of each month, None below 30 ratings; `by_category`: the same of the
        categories with most ratings. Intervals are 95 %, of the mean of users' ratings: a user's ratings of a
        month or category are not independent of one another, so users are the units.
    """
    events = material.events
    rows = np.flatnonzero(~np.isnan(events.value))
    if not len(rows):
        return None
    value = events.value[rows].astype(np.float64)
    stars = np.bincount(np.clip(np.rint(value), 1, 5).astype(np.int64) - 1, minlength=5) / len(value)
    user = events.user[rows]
    overall = _means(value, user, np.zeros(len(rows), np.int64), 1)[0]
    found: dict[str, Any] = {
        "n": len(rows),
        **{name: overall[name] for name in ("mean", "low", "high")},
        "stars": stars.tolist(),
        "share_high": float((value >= 4).mean()),
        "by_month": None,
    }
    timeline = material.timeline
    if not timeline.is_nominal:
        n_months = len(timeline.months)
        means = _means(value, user, timeline.month[rows], n_months)
        found["by_month"] = dict(zip(timeline.months, means, strict=True))
    counts = np.bincount(events.item[rows], minlength=len(material.dataset.items))
    category = frequent(material.category, counts, CATEGORIES)
    means = _means(value, user, category.codes[events.item[rows]], len(category.names))
    found["by_category"] = dict(zip(category.names, means, strict=True))
    reading = (
        f"{found['n']:,} ratings, {found['mean']:.2f} on average; {percent(found['share_high'], 0)} are 4 "
        "or 5. "
        + ("So one-sided that they tell little about taste: whether somebody rates says more than how."
           if found["share_high"] > 0.7 else "They are spread widely enough to tell liked from disliked.")
    )  # fmt: skip
    return {**found, "reading": reading}


def _means(
    value: npt.NDArray[np.float64],
    user: npt.NDArray[np.integer],
    group: npt.NDArray[np.integer],
    n_groups: int,
) -> list[dict[str, Any]]:
    """Mean of each group with a 95 % interval whose units are users, and the number of values.

    The variance is that of a ratio of sums over users (values over counts); see Cochran, "Sampling
    techniques", 3rd edition, 1977, section 2.11.
    """
    known = group >= 0
    value, user, group = value[known], user[known], group[known]
    n = np.bincount(group, minlength=n_groups)
    sums = np.bincount(group, weights=value, minlength=n_groups)
    mean = np.divide(sums, n, out=np.full(n_groups, np.nan), where=n > 0)
    n_users = int(user.max(initial=0)) + 1
    key_group, key_user = distinct_pairs(group, user, n_users)
    at = np.searchsorted(key_group * n_users + key_user, group.astype(np.int64) * n_users + user)
    residual = np.bincount(at, weights=value - mean[group], minlength=len(key_group))
    users = np.bincount(key_group, minlength=n_groups)
    squares = np.bincount(key_group, weights=residual**2, minlength=n_groups)
    spread = np.divide(users, users - 1, out=np.full(n_groups, np.nan), where=users > 1) * squares
    reach = _Z * np.sqrt(spread) / np.maximum(n, 1)
    return [
        {"mean": float(m), "low": float(m - r), "high": float(m + r), "n": int(count)}
        if count >= min(LEAST, len(value)) and np.isfinite(r)
        else {"mean": None, "low": None, "high": None, "n": int(count)}
        for m, r, count in zip(mean, reach, n, strict=True)
    ]
