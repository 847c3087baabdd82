"""What was known of a user right before a moment: how active, for how long, and what they had been taking."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.snapshot import Histories, Requests, Snapshot
from features.births import births, log_days
from features.lookup import Lookup, gather
from features.trails import bounds, changes

TRAITS: Final = ("events", "absence", "tenure", "item_age", "price", "rating")
"""log1p of the number of events, log1p of the days since the newest and since the first, and means over the
events: of log1p of the item's age in days when taken, of log1p of its price, and of the rating given."""

_GRID: Final = 2.0**20


@dataclass(frozen=True)
class ItemTraits(Saved):
    """What portraits need to know of the items.

    Parameters
    ----------
    items : Lookup
    table : float64 array of shape (len(items), 2)
        When the item appeared, as of `births`, and log1p of its price; NaN where unknown.
    """

    items: Lookup
    table: npt.NDArray[np.float64]

    @classmethod
    def of(cls, snapshot: Snapshot, items: Lookup) -> Self:
        """As of a snapshot."""
        price = snapshot.items.price[items.codes].astype(np.float64)
        return cls(items, np.column_stack([births(snapshot, items), np.log1p(price)]))

    def before_events(self, history: Histories) -> npt.NDArray[np.float64]:
        """Portrait of the user of each event from strictly earlier moments, (n, t); NaN at the first."""
        first = history.offsets[:-1].repeat(history.lengths)
        moment, _ = bounds(changes(history.query) | changes(history.time))
        return self._portraits(history, first, moment, history.time)

    def of_queries(self, requests: Requests) -> npt.NDArray[np.float64]:
        """Portrait of the user of each query, (m, t); NaN for those without history."""
        offsets = requests.history.offsets
        return self._portraits(requests.history, offsets[:-1], offsets[1:], requests.queries.time)

    def _portraits(
        self,
        history: Histories,
        first: npt.NDArray[np.int64],
        stop: npt.NDArray[np.int64],
        at: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float64]:
        """Portraits drawn from events `first[k]:stop[k]` at moment `at[k]`, float64 of shape (len(at), t)."""
        out = np.full((len(at), len(TRAITS)), np.nan)
        drawn = np.flatnonzero(stop > first)
        first, stop, at = first[drawn], stop[drawn], at[drawn]
        out[drawn, 0] = np.log1p(stop - first)
        out[drawn, 1] = log_days(at - history.time[stop - 1])
        out[drawn, 2] = log_days(at - history.time[first])
        for column, value in enumerate(self._of_events(history), start=3):
            told = ~np.isnan(value)
            # On a grid their sums are exact, whoever else is in the block.
            total = np.append(0.0, np.cumsum(np.where(told, np.round(value * _GRID) / _GRID, 0)))
            number = np.append(0, np.cumsum(told))
            known = number[stop] - number[first]
            mean = (total[stop] - total[first]) / np.maximum(known, 1)
            out[drawn, column] = np.where(known > 0, mean, np.nan)
        return out

    def _of_events(self, history: Histories) -> tuple[npt.NDArray[np.float64], ...]:
        """Age and price of each event's item, and the rating given; NaN where unknown."""
        born, price = gather(self.table, self.items.rows(history.item)).T
        return log_days(history.time - born), price, history.value.astype(np.float64)
