"""When a product that somebody has got may be recommended again: when it is usually bought again."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS, Interactions
from dataset.items import Items
from dataset.parameters import check_choice, check_int, check_names, check_number

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
