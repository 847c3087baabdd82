"""What each possible cut-off would leave on either side: the facts that a split is chosen by."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from dataset.splits.temporal import HALF_A_YEAR, LARGEST_SHARE_OF_PAST
from evaluation.exploration.material import Material

AT_MOST: Final = 240  # candidates
_FEW: Final = 8  # of a unit of the calendar, below which the next smaller one is taken
_MONDAY: Final = 4  # the first Monday after 1970-01-01, in days


@dataclass(frozen=True)
class Cutoff:
    """One moment, and what a temporal split there would have to work with.

    Parameters
    ----------
    moment : int
        Seconds since 1970 UTC; events at or after it are the test.
    share_after : float
        Of the transactions.
    test_days : int
        From the moment to the last event.
    history_days : int
        From the first event to the moment.
    queries : int
        Users with something in the truth: an item that they get after the moment and had not got before.
    with_history : int
        Those of them with any event before.
    truth : int
        Pairs of such users and items.
    cold_items : float
        Share of the truth that is on items without a launch date or an event before: nobody could name them.
    training_windows : int
        Windows as long as the test (a day to half a year) that fit before the moment beside one for
        validation, in 70 % of the time before it.
    """

    moment: int
    share_after: float
    test_days: int
    history_days: int
    queries: int
    with_history: int
    truth: int
    cold_items: float
    training_windows: int


def cutoffs(material: Material) -> list[Cutoff]:
    """Beginnings of months (weeks or days in a short log), oldest first, with transactions on both sides."""
    timeline = material.timeline
    moments = _calendar(timeline.first, timeline.last)
    facts = _Facts.of(material)
    found = [facts.at(moment) for moment in moments]
    return [cutoff for cutoff in found if cutoff.with_history and cutoff.share_after < 1][-AT_MOST:]


def _calendar(first: int, last: int) -> list[int]:
    """Moments after the first event and not after the last, at the turn of months, weeks or days."""
    start, end = first // SECONDS_PER_DAY, last // SECONDS_PER_DAY
    days = np.arange(start + 1, end + 1)
    months = days[
        days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(int) == days
    ]
    weeks = days[(days - _MONDAY) % 7 == 0]
    chosen = next((unit for unit in (months, weeks) if len(unit) >= _FEW), days)
    return [int(day) * SECONDS_PER_DAY for day in chosen]


@dataclass(frozen=True)
class _Facts:
    """Sorted times, so that each moment costs a few searches: whatever counts once has one time."""

    first: int
    last: int
    transactions: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]  # of each pair of user and item, its first transaction
    unknown_until: npt.NDArray[np.int64]  # of each pair, when its item became known
    user_first: npt.NDArray[np.int64]  # of each user with a pair, the first event
    user_last: npt.NDArray[np.int64]  # and the last of the pairs' first transactions

    @classmethod
    def of(cls, material: Material) -> "_Facts":
        events, dataset, chosen = material.events, material.dataset, material.is_transaction
        n_users, n_items = len(dataset.users), len(dataset.items)
        user, item, time = events.user[chosen], events.item[chosen], events.time[chosen]
        key = user.astype(np.int64) * n_items + item
        order = np.argsort(key, kind="stable")  # rows of a user are oldest first
        first = np.ones(len(order), bool)
        first[1:] = key[order[1:]] != key[order[:-1]]
        at = order[first]
        seen = np.full(n_items, UNKNOWN_TIME, np.int64)
        np.minimum.at(seen, events.item, events.time)
        # An event makes its item known to the moments after it, a launch to that very moment too.
        known = np.minimum(seen, dataset.items.launched - 1)
        latest = np.full(n_users, np.iinfo(np.int64).min, np.int64)
        np.maximum.at(latest, user[at], time[at])
        earliest = np.full(n_users, np.iinfo(np.int64).max, np.int64)
        np.minimum.at(earliest, events.user, events.time)
        bought = latest > np.iinfo(np.int64).min
        return cls(
            first=material.timeline.first,
            last=material.timeline.last,
            transactions=np.sort(time),
            pairs=np.sort(time[at]),
            unknown_until=np.sort(known[item[at]]),
            user_first=np.sort(earliest[bought]),
            user_last=np.sort(latest[bought]),
        )

    def at(self, moment: int) -> Cutoff:
        """The facts of one cut-off."""
        truth, cold = self._after(self.pairs, moment), self._after(self.unknown_until, moment)
        queries = self._after(self.user_last, moment)
        horizon = min(max(self.last - moment, SECONDS_PER_DAY), HALF_A_YEAR)
        return Cutoff(
            moment=moment,
            share_after=self._after(self.transactions, moment) / len(self.transactions),
            test_days=(self.last - moment) // SECONDS_PER_DAY + 1,
            history_days=(moment - self.first) // SECONDS_PER_DAY,
            queries=queries,
            # Who bought for the last time before the moment came before it too.
            with_history=queries - self._after(self.user_first, moment),
            truth=truth,
            cold_items=cold / truth if truth else 0.0,
            training_windows=int(LARGEST_SHARE_OF_PAST * (moment - self.first) // horizon) - 1,
        )

    @staticmethod
    def _after(times: npt.NDArray[np.int64], moment: int) -> int:
        """How many lie at or after the moment."""
        return len(times) - int(np.searchsorted(times, moment))
