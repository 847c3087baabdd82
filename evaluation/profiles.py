"""What the users of a block of queries had done before they were asked for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.ragged import Ragged
from dataset.snapshot import Histories


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """The histories of m queries, summed up as the measures of lists need them.

    An event weighs as the split's `event_weights` say of its kind, so a purchase says more than a view;
    whether there was any event does not depend on that.

    Parameters
    ----------
    items : Ragged
        The distinct items that each user had any event with, ascending.
    categories : Ragged
        The distinct categories of those items, ascending; items without a category are left out.
    weight : float64 array of shape (len(categories.values),)
        Weight of the user's events in each category.
    n_events : int64 array of shape (len(categories.values),)
        Number of those events.
    popularity : float64 array of shape (m,)
        Mean popularity of the items over the weighted events; NaN where no event has a weight.
    """

    items: Ragged
    categories: Ragged
    weight: npt.NDArray[np.float64]
    n_events: npt.NDArray[np.int64]
    popularity: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls, histories: Histories, category: npt.NDArray[np.int32], popularity: npt.NDArray[np.int64]
    ) -> "Profiles":
        """Sum up `histories`, a row a query.

        Parameters
        ----------
        histories : Histories
        category : int32 array of shape (n_items,)
            Category of each item; -1 where it has none.
        popularity : int64 array of shape (n_items,)
        """
        m, query = len(histories), histories.query.astype(np.int64)
        label = category[histories.item]
        placed = label >= 0
        categories = Ragged.from_pairs(query[placed], label[placed], m)
        span = int(categories.values.max(initial=0)) + 1
        pairs = categories.rows.astype(np.int64) * span + categories.values
        at = np.searchsorted(pairs, query[placed] * span + label[placed])
        weight = histories.weight.astype(np.float64)
        total = np.bincount(query, weights=weight, minlength=m)
        popular = np.bincount(query, weights=weight * popularity[histories.item], minlength=m)
        return cls(
            items=Ragged.from_pairs(query, histories.item, m),
            categories=categories,
            weight=np.bincount(at, weights=weight[placed], minlength=len(pairs)).astype(np.float64),
            n_events=np.bincount(at, minlength=len(pairs)).astype(np.int64),
            popularity=np.where(total > 0, popular / np.where(total > 0, total, 1.0), np.nan),
        )

    def __len__(self) -> int:
        return len(self.popularity)

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """Share of each category in its user's weighted events, float64 shaped as `weight`.

        All 0 for a user none of whose events has a weight.
        """
        rows = self.categories.rows
        total = np.bincount(rows, weights=self.weight, minlength=len(self))[rows]
        return self.weight / np.where(total > 0, total, 1.0)
