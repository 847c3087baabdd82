"""The users' events moment by moment, and how far each of them reaches."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.snapshot import Snapshot
from features.lookup import Lookup

Bounds = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Reach:
    """Which events each event makes a pair with, and what the pair counts; n events.

    Parameters
    ----------
    first, last : int64 arrays of shape (n,)
        Event e makes a pair with events `first[e]:last[e]`, itself left out.
    decay : float32 array of shape (g,)
        Factor of a pair with 0, 1, ... events between the two moments; the last one also for more.
    """

    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    decay: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trails:
    """Events on known items sorted by (user, time); n events.

    Events of one moment have no order, so nothing here, and no reach, tells one of them from another.

    Parameters
    ----------
    user : int32 array of shape (n,)
    time : int64 array of shape (n,)
        Seconds since 1970 UTC.
    row : int32 array of shape (n,)
        Row of the item, of `n_items`.
    weight : float32 array of shape (n,)
        By the kind of the event, positive.
    n_items : int
    """

    user: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    row: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    n_items: int

    @classmethod
    def of(cls, snapshot: Snapshot, items: Lookup, max_events: int) -> Self:
        """The history of a snapshot, without moments of more than `max_events` events.

        Who takes so much in one moment says little about pairs, and their number is the square of it.
        """
        history, weight = snapshot.history, snapshot.history_weight
        row = items.rows(history.item)
        kept = (row >= 0) & (weight > 0)
        trails = cls(history.user[kept], history.time[kept], row[kept], weight[kept], len(items))
        begin, end = trails.moment
        return trails._take(end - begin <= max_events)

    def newest(self, max_events: int) -> Self:
        """Of each user the newest moments that together hold at most `max_events` events."""
        return self._take(self.of_user[1] - self.moment[0] <= max_events)

    def _take(self, kept: npt.NDArray[np.bool_]) -> Self:
        user, time, row, weight = self.user[kept], self.time[kept], self.row[kept], self.weight[kept]
        return type(self)(user, time, row, weight, self.n_items)

    @cached_property
    def of_user(self) -> Bounds:
        """First event of the user of each event, and the one behind the last; int64 of shape (n,)."""
        return bounds(changes(self.user))

    @cached_property
    def moment(self) -> Bounds:
        """First event in the moment of each event, and the one behind the last; int64 of shape (n,)."""
        return bounds(changes(self.user) | changes(self.time))

    def ahead(self, window: int, gap_decay: float) -> Reach:
        """The rest of the moment, and later moments with fewer than `window` events before them.

        Parameters
        ----------
        window : int
            1 is the next moment alone.
        gap_decay : float
            Factor for each event between the two moments.
        """
        begin, end = self.moment
        farthest = np.minimum(end + window, self.of_user[1]) - 1
        return Reach(begin, end[farthest], np.float32(gap_decay) ** np.arange(window, dtype=np.float32))

    def within(self, days: float) -> Reach:
        """Events of the user at most so many days away, earlier or later."""
        begin, end = self.of_user
        if not len(self.time):
            return Reach(begin, end, np.ones(1, np.float32))
        time = self.time - self.time.min()
        span = int(time.max()) + 1
        reach = int(min(days * SECONDS_PER_DAY, span))
        # Users side by side on one line of time, so that one search serves them all.
        place = self.user.astype(np.int64) * span + time
        first = np.maximum(np.searchsorted(place, place - reach, side="left"), begin)
        last = np.minimum(np.searchsorted(place, place + reach, side="right"), end)
        return Reach(first, last, np.ones(1, np.float32))

    def anywhere(self) -> Reach:
        """All events of the user."""
        return Reach(*self.of_user, np.ones(1, np.float32))


def changes(values: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Whether each value differs from the one before; True for the first."""
    out = np.ones(len(values), bool)
    out[1:] = values[1:] != values[:-1]
    return out


def bounds(starts: npt.NDArray[np.bool_]) -> Bounds:
    """First and behind-the-last position of the run that each position lies in."""
    first = np.flatnonzero(starts)
    lengths = np.diff(np.append(first, len(starts)))
    return np.repeat(first, lengths), np.repeat(first + lengths, lengths)
