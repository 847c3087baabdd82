"""When a product that somebody has got may be recommended again: when it is usually bought again."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import Items
from dataset.parameters import check_choice, check_int, check_names, check_number
from dataset.ragged import distinct

NEVER: Final = np.iinfo(np.int64).max
"""Interval, in seconds, of what is not recommended again."""


@dataclass(frozen=True, kw_only=True)
class Repurchase:
    """Learns how long products of a category last, from users who bought the same product again.

    A gap is the time between two successive purchases of one product by one user; purchases of one moment
    are one. Each field changes results.

    Parameters
    ----------
    quantile : float
        Which of the gaps of a category is its interval, within 0 and 1: at .5 the median, by linear
        interpolation, rounded up to a second.
    min_gaps : int
        Gaps that a category must have, at least 1, to be believed.
    otherwise : str
        What applies to a category with fewer: `never`: its products are not recommended again; `shop`: the
        interval of the gaps of all categories, if these are `min_gaps`.
    kinds : sequence of str
        Kinds of events between which gaps are measured. One kind: somebody who rates what was bought a week
        ago has not bought it again.
    """

    quantile: float = 0.5
    min_gaps: int = 20
    otherwise: str = "never"
    kinds: tuple[str, ...] = ("purchase",)

    def __post_init__(self) -> None:
        check_number(self, "quantile", low=0, high=1)
        check_int(self, "min_gaps", low=1)
        check_choice(self, "otherwise", ("never", "shop"))
        check_names(self, "kinds", choices=KINDS, may_be_empty=False)
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def intervals(self, history: Interactions, items: Items) -> npt.NDArray[np.int64]:
        """How long after getting an item it is not to be recommended again.

        Parameters
        ----------
        history : Interactions
            Of the snapshot that is fitted; later events must not be among them.
        items : Items

        Returns
        -------
        int64 array of shape (n_items,)
            Seconds, at least 1; `NEVER` where nothing was learnt, as for items without a category.
        """
        item, gap = repeat_gaps(history.take(history.is_kind(self.kinds)))
        category = items.category.codes
        order = np.lexsort((gap, category[item]))
        gap, of_gap = gap[order], category[item][order]
        ends = np.searchsorted(of_gap, np.arange(-1, len(items.category.names)), side="right")
        all_of_shop = self._interval(np.sort(gap)) if self.otherwise == "shop" else NEVER
        learnt = np.full(len(items.category.names) + 1, all_of_shop, np.int64)  # the last: without category
        for code in np.flatnonzero(np.diff(ends) >= self.min_gaps):
            learnt[code] = self._interval(gap[ends[code] : ends[code + 1]])
        return learnt[category]

    def _interval(self, gaps: npt.NDArray[np.int64]) -> int:
        """The quantile of ascending gaps; `NEVER` of too few."""
        return NEVER if len(gaps) < self.min_gaps else int(np.ceil(np.quantile(gaps, self.quantile)))


@dataclass(frozen=True)
class Spells:
    """What followed each purchase: the owner's next one of the same thing, or nothing yet; n purchases.

    A thing is an item, or a category; an owner is a user, or a query of a block. Purchases of one thing on
    one day are one. Only whole days count: of the day at which an owner's time is up, nothing is known yet.

    Parameters
    ----------
    owner : int64 array of shape (n,)
        Ascending.
    thing : int32 array of shape (n,)
        Ascending within an owner; of one thing, the oldest purchase comes first.
    days : int64 array of shape (n,)
        From the purchase to the next, at least 1; without one, days since it that are over, at least 0.
    ended : bool array of shape (n,)
        Whether the next purchase was seen.
    is_newest : bool array of shape (n,)
        Whether it is the owner's newest purchase of the thing.
    """

    owner: npt.NDArray[np.int64]
    thing: npt.NDArray[np.int32]
    days: npt.NDArray[np.int64]
    ended: npt.NDArray[np.bool_]
    is_newest: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        owner: npt.NDArray[np.integer],
        thing: npt.NDArray[np.integer],
        time: npt.NDArray[np.int64],
        until: npt.NDArray[np.int64],
    ) -> Self:
        """The spells of some events.

        Parameters
        ----------
        owner : integer array of shape (e,)
        thing : integer array of shape (e,)
            Events with -1 are left out.
        time : int64 array of shape (e,)
            Seconds since 1970 UTC.
        until : int64 array of shape (n_owners,)
            When each owner's time is up; all of the owner's events lie before it.
        """
        placed = thing >= 0
        owner, thing, day = owner[placed], thing[placed], time[placed] // SECONDS_PER_DAY
        n_things = int(thing.max(initial=0)) + 1
        first = int(day.min(initial=np.iinfo(np.int64).max))
        span = int(day.max(initial=first)) - first + 1
        keys = distinct((owner.astype(np.int64) * n_things + thing) * span + (day - first))
        pair, day = keys // span, keys % span + first
        owner = pair // n_things
        end = until[owner] // SECONDS_PER_DAY
        is_newest = np.ones(len(keys), bool)
        is_newest[:-1] = pair[1:] != pair[:-1]
        following = np.roll(day, -1)
        ended = ~is_newest & (following < end)
        days = np.where(ended, following - day, np.maximum(end - 1 - day, 0))
        return cls(owner, (pair % n_things).astype(np.int32), days, ended, is_newest)

    def __len__(self) -> int:
        return len(self.thing)


def repeat_gaps(events: Interactions) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Item and length, in seconds, of every gap between successive events of one user on one item.

    Returns
    -------
    item : int32 array of shape (g,)
    gap : int64 array of shape (g,)
        Above 0: events of one moment are one event.
    """
    order = np.lexsort((events.time, events.item, events.user))
    user, item, time = events.user[order], events.item[order], events.time[order]
    gap = np.diff(time)
    again = (np.diff(user) == 0) & (np.diff(item) == 0) & (gap > 0)
    return item[1:][again], gap[again]
