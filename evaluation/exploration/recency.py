"""How long ago users and items were last heard of."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from evaluation.exploration.material import Material, spread
from evaluation.exploration.wording import percent

WITHIN_DAYS: Final = (7, 30, 90, 180, 365, 730)
POINTS: Final = 60


def recency(material: Material) -> dict[str, Any] | None:
    """Days from the last event of each user, and of each item, to the end of the log; None without a clock.

    Returns
    -------
    mapping
        `users` (any kind of event) and `items` (transactions): `n`, those with such an event; `spread` in
        days; `within`: days to share; `curve`: `days` and `share` of those heard of within so many days, at
        up to 60 points.
    """
    if material.timeline.is_nominal:
        return None
    events, chosen, dataset = material.events, material.is_transaction, material.dataset
    users = _silence(events.user, events.time, len(dataset.users), material.timeline.last)
    items = _silence(events.item[chosen], events.time[chosen], len(dataset.items), material.timeline.last)
    found = {"users": _figures(users), "items": _figures(items)}
    reading = (
        f"{percent(found['users']['within']['90'], 0)} of the users and "
        f"{percent(found['items']['within']['90'], 0)} of the items "
        "were heard of in the last 90 days of the log; half of the users have been silent for more than "
        f"{found['users']['spread']['median']:,.0f} days."
    )
    return {**found, "reading": reading}


def _silence(
    unit: npt.NDArray[np.int32], time: npt.NDArray[np.int64], n: int, end: int
) -> npt.NDArray[np.float64]:
    """Days from the last event of each unit that has one to the end."""
    newest = np.full(n, -1, np.int64)
    np.maximum.at(newest, unit, time)
    return (end - newest[newest >= 0]) / SECONDS_PER_DAY


def _figures(days: npt.NDArray[np.float64]) -> dict[str, Any]:
    days = np.sort(days)
    at = np.unique(np.geomspace(1, max(days[-1], 1) + 1, POINTS).round(2))
    return {
        "n": len(days),
        "spread": spread(days),
        "within": {str(limit): _share(days, limit) for limit in WITHIN_DAYS},
        "curve": {"days": at.tolist(), "share": [_share(days, limit) for limit in at]},
    }


def _share(days: npt.NDArray[np.float64], limit: float) -> float:
    return float(np.searchsorted(days, limit, side="right") / len(days))
