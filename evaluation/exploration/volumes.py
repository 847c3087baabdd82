"""How much happened, when, and by how many."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS, SECONDS_PER_DAY
from evaluation.exploration.material import Material, cross_counts, distinct_pairs
from evaluation.exploration.timeline import day_of

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONDAY: Final = 4  # the first Monday after 1970-01-01, in days
_A_YEAR: Final = 12


def volumes(material: Material) -> dict[str, Any]:
    """Events by kind, month, weekday and hour; users and items at work in each month; the season.

    Returns
    -------
    mapping
        `users`, `items`: how many there are; `active_users`, `active_items`: those with an event; `events`;
        `kinds`, events by kind; `transactions`; `pairs`, distinct pairs of user and item; `density`, pairs /
        (active users x active items); `clock`, `first`, `last`, `days`; `months`, `by_month`: kind to events,
        "users" and "items" at work (with at least one event of any kind), in each month; `whole`, whether the
        log holds all of the month; `weekdays`, `hours`: share of the events, None where the clock does not
        tell; `season`: see `season_of`. Where the clock is nominal, nothing by month, weekday or hour.
    """
    events, timeline = material.events, material.timeline
    users, items = len(material.dataset.users), len(material.dataset.items)
    by_kind = np.bincount(events.kind, minlength=len(KINDS))
    active_users = int(np.count_nonzero(np.bincount(events.user, minlength=users)))
    active_items = int(np.count_nonzero(np.bincount(events.item, minlength=items)))
    pairs = len(distinct_pairs(events.user, events.item, items)[0])
    found = {
        "users": users,
        "items": items,
        "active_users": active_users,
        "active_items": active_items,
        "events": len(events),
        "kinds": {kind: int(n) for kind, n in zip(KINDS, by_kind, strict=True) if n},
        "transactions": int(material.is_transaction.sum()),
        "transaction_kinds": list(material.transaction_kinds),
        "pairs": pairs,
        "density": pairs / (active_users * active_items),
        "clock": timeline.clock,
        "first": day_of(timeline.first),
        "last": day_of(timeline.last),
        "days": timeline.span_days,
    }
    by_calendar: dict[str, Any] = dict.fromkeys(
        ("months", "whole", "by_month", "weekdays", "hours", "season")
    )
    if not timeline.is_nominal:
        by_calendar = _by_calendar(material)
    return {**found, **by_calendar, "reading": _reading(found, by_calendar)}


def season_of(
    counts: npt.NDArray[np.integer], is_whole: npt.NDArray[np.bool_], months: tuple[str, ...]
) -> dict[str, Any] | None:
    """How each calendar month compares with the year around it; None below two years of whole months.

    A month's ratio is its count over the centred mean of twelve months (the mean of the two means that begin
    and end a half-year from it), which takes the trend out. `index` is the mean ratio of a calendar month,
    `low` and `high` the least and the largest that was seen; `years`, how often each was seen.

    References
    ----------
    Hyndman, Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 2021, sections 3.3 and 3.4
    (the 2 x 12 moving average and the ratio to it).
    """
    inside = np.flatnonzero(is_whole)
    if len(inside) < 2 * _A_YEAR:
        return None
    counts, first = counts[inside[0] : inside[-1] + 1].astype(np.float64), int(inside[0])
    weights = np.concatenate([[0.5], np.ones(_A_YEAR - 1), [0.5]]) / _A_YEAR
    around = np.convolve(counts, weights, "valid")
    middle = counts[_A_YEAR // 2 : _A_YEAR // 2 + len(around)]
    ratio = np.divide(middle, around, out=np.full(len(around), np.nan), where=around > 0)
    at = first + _A_YEAR // 2 + np.arange(len(around))
    calendar = np.array([int(months[month][5:]) - 1 for month in at])
    seen = [ratio[(calendar == month) & ~np.isnan(ratio)] for month in range(_A_YEAR)]
    if not all(len(values) for values in seen):
        return None
    return {
        "index": [float(values.mean()) for values in seen],
        "low": [float(values.min()) for values in seen],
        "high": [float(values.max()) for values in seen],
        "years": [len(values) for values in seen],
    }


def _by_calendar(material: Material) -> dict[str, Any]:
    events, timeline = material.events, material.timeline
    n_months = len(timeline.months)
    by_month = cross_counts(events.kind, timeline.month, (len(KINDS), n_months))
    counts = {kind: by_month[at].tolist() for at, kind in enumerate(KINDS) if by_month[at].any()}
    dataset = material.dataset
    for name, codes, n in (
        ("users", events.user, len(dataset.users)),
        ("items", events.item, len(dataset.items)),
    ):
        month, _ = distinct_pairs(timeline.month, codes, n)
        counts[name] = np.bincount(month, minlength=n_months).tolist()
    weekday = np.bincount((events.time // SECONDS_PER_DAY - _MONDAY) % 7, minlength=7) / len(events)
    hours = timeline.seconds_of_day.reshape(24, -1).sum(axis=1) / len(events)
    transactions = np.bincount(timeline.month[material.is_transaction], minlength=n_months)
    return {
        "months": list(timeline.months),
        "whole": timeline.is_whole.tolist(),
        "by_month": counts,
        "weekdays": dict(zip(WEEKDAYS, weekday.tolist(), strict=True)),
        "hours": hours.tolist() if timeline.clock == "seconds" else None,
        "season": season_of(transactions, timeline.is_whole, timeline.months),
    }


def _reading(found: Mapping[str, Any], by_calendar: Mapping[str, Any]) -> str:
    said = (
        f"{found['events']:,} events of {found['active_users']:,} users on {found['active_items']:,} items, "
        f"{found['transactions']:,} of them transactions ({', '.join(found['transaction_kinds'])})."
    )
    if found["clock"] == "steps":
        return (
            f"{said} The clock is nominal: every user has one event a day up to the same last day, so the "
            "times were made of positions in a sequence. Nothing is said by month, season or days."
        )
    season = by_calendar["season"]
    if season is None:
        return f"{said} There are less than two years of whole months, too few to tell a season."
    high, low = int(np.argmax(season["index"])), int(np.argmin(season["index"]))
    seen = (
        "each seen once" if max(season["years"]) == 1 else f"each seen {min(season['years'])} times or more"
    )
    return (
        f"{said} The strongest calendar month, {_MONTHS[high]}, has {season['index'][high]:.2f} times the "
        f"year around it, the weakest, {_MONTHS[low]}, {season['index'][low]:.2f} times, {seen}."
    )


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
