"""When users buy: how many purchases each, on which days, in which orders."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.ragged import offsets_of
from dataset.shop.population import Population

SPREAD: Final = 0.9  # sigma of the lognormal rates of purchase: the heavy tail
NEW_ORDER: Final = 0.6  # probability that a purchase begins a new order: 1.7 products an order
NIGHT: Final = (1, 0.6, 0.3, 0.2, 0.2, 0.4)
HOURS: Final = (*NIGHT, 1, 2, 3, 4, 4.5, 5, 5.5, 5, 4.5, 4.5, 5, 5.5, 6, 7, 8, 7.5, 5, 2.5)  # from midnight


@dataclass(frozen=True)
class Schedule:
    """Moments of all purchases, sorted by (user, time), times strictly rising within a user.

    Parameters
    ----------
    offsets : int64 array of shape (n_users + 1,)
    user : int32 array of shape (n_purchases,)
    time : int64 array of shape (n_purchases,)
        Seconds since 1970 UTC.
    """

    offsets: npt.NDArray[np.int64]
    user: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]


def make_schedule(
    population: Population, purchases_per_user: float, start: int, n_days: int, rng: np.random.Generator
) -> Schedule:
    """Draw the moments; cost O(p log p) for p purchases.

    Rates of purchase are lognormal over users, days follow growth, season, weekend and November, hours
    the evening. Products of one order follow each other within minutes.
    """
    calendar = np.concatenate([[0.0], np.cumsum(_day_weights(start, n_days))])
    exposure = calendar[-1] - calendar[population.first_day]
    rate = np.exp(SPREAD * rng.standard_normal(len(population)) - SPREAD**2 / 2)
    count = rng.poisson(purchases_per_user * rate * exposure / exposure.mean())
    offsets = offsets_of(count)
    user = np.repeat(np.arange(len(population), dtype=np.int32), count)
    is_first = rng.random(len(user)) < NEW_ORDER
    is_first[offsets[:-1][count > 0]] = True
    begin = np.flatnonzero(is_first)
    time_of_order = _order_times(population.first_day[user[begin]], calendar, n_days, rng)
    gap = np.where(is_first, 0, rng.integers(20, 420, len(user)))
    elapsed = np.cumsum(gap)
    order = np.cumsum(is_first) - 1
    time = start + time_of_order[order] + elapsed - elapsed[begin][order]
    time = time[np.lexsort((time, user))]
    _make_strict(offsets, time, start + n_days * SECONDS_PER_DAY - 1)
    return Schedule(offsets, user, time)


def _day_weights(start: int, n_days: int) -> npt.NDArray[np.float64]:
    """How much is bought on each day, float64 of shape (n_days,)."""
    first = np.datetime64(start, "s").astype("datetime64[D]")
    dates = first + np.arange(n_days)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    month_day = (dates - dates.astype("datetime64[M]")).astype(np.int64)
    november = (dates.astype("datetime64[M]").astype(np.int64) % 12 == 10) & (month_day >= 19)
    season = 1 + 0.12 * np.cos(2 * np.pi * (day_of_year - 345) / 365.25)
    growth = 1 + 0.3 * np.arange(n_days) / n_days
    return np.asarray(season * growth * np.where(weekday >= 5, 1.25, 1.0) * np.where(november, 1.8, 1.0))


def _order_times(
    first_day: npt.NDArray[np.int32],
    calendar: npt.NDArray[np.float64],
    n_days: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Seconds since the start of each order, whose user is active from `first_day` on."""
    low = calendar[first_day]
    day = np.searchsorted(calendar, low + rng.random(len(low)) * (calendar[-1] - low), side="right") - 1
    day = np.clip(day, first_day, n_days - 1)
    hours = np.cumsum(HOURS) / np.sum(HOURS)
    hour = np.minimum(np.searchsorted(hours, rng.random(len(low)), side="right"), len(HOURS) - 1)
    return np.asarray(day * SECONDS_PER_DAY + hour * 3_600 + rng.integers(0, 3_600, len(low)), np.int64)


@numba.njit(nogil=True, cache=True)
def _make_strict(offsets, time, latest):  # type: ignore[no-untyped-def]
    """Move times by as few seconds as make them rise strictly within a user and end by `latest`."""
    for user in range(len(offsets) - 1):
        first, last = offsets[user], offsets[user + 1]
        for at in range(first + 1, last):
            time[at] = max(time[at], time[at - 1] + 1)
        bound = latest
        for at in range(last - 1, first - 1, -1):
            time[at] = min(time[at], bound)
            bound = time[at] - 1
