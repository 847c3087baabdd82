"""How much of the list the shop has not had for long."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.parameters import check_int
from dataset.ranked import Ranked


@dataclass(frozen=True)
class NewItems:
    """Share of the first k that became known within the last days before the query, or had no event yet.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.
    window_days : int
        An item is new for so many days, at least 1. Changes results. Where a data set has no clock but only
        an order, a day is a nominal step.
    """

    k: int
    window_days: int = 90

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)
        check_int(self, "window_days", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"new_items@{self.k}"

    def __call__(
        self, ranked: Ranked, known_since: npt.NDArray[np.int64], time: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Share for each query, within [0, 1], float64 of shape (m,); NaN where the list is empty.

        Parameters
        ----------
        ranked : Ranked
        known_since : int64 array of shape (n_items,)
            Seconds since 1970 UTC; `UNKNOWN_TIME`, later than all, for an item without any event.
        time : int64 array of shape (m,)
            Moment of each query, seconds since 1970 UTC.
        """
        items = ranked.items[:, : self.k]
        listed = items >= 0
        n_listed = listed.sum(axis=1)
        earliest = (time - self.window_days * SECONDS_PER_DAY)[:, None]
        is_new = listed & (np.append(known_since, 0)[items] > earliest)
        return np.where(n_listed > 0, is_new.sum(axis=1) / np.maximum(n_listed, 1), np.nan)
