"""What the measures of lists know of the shop and its users at a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.items import UNKNOWN_TIME
from dataset.ragged import Categorical
from dataset.snapshot import Histories, Snapshot
from dataset.vectors import Vectors
from dataset.words import SEPARATOR
from evaluation.profiles import Profiles
from evaluation.specification import ItemFacts

LARGEST_SHARE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class ListFacts:
    """Facts of n_items items and m queries, all as of the snapshot.

    Parameters
    ----------
    histories : Histories
        What requests know of each user; row = user code.
    user : int32 array of shape (m,)
        Of each query.
    time : int64 array of shape (m,)
        Moment of each query, seconds since 1970 UTC.
    items : ItemFacts
    category : Categorical of n_items rows
        The first `category_levels` levels of each item's path.
    category_levels : int
    known_since : int64 array of shape (n_items,)
        Launch, or else first event, seconds since 1970 UTC; `UNKNOWN_TIME` for an item without any event.
    vectors : mapping of str to Vectors
        In each of which diversity is measured; may be empty.
    """

    histories: Histories
    user: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    items: ItemFacts
    category: Categorical
    category_levels: int
    known_since: npt.NDArray[np.int64]
    vectors: Mapping[str, Vectors] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> "ListFacts":
        """The facts of a snapshot and its queries, in their order."""
        events, items = snapshot.history, snapshot.items
        first = np.full(len(items), UNKNOWN_TIME, np.int64)
        np.minimum.at(first, events.item, events.time)
        launched = np.where(items.launched == UNKNOWN_TIME, first, items.launched)
        category, levels = telling_levels(items.category, events.item)
        return cls(
            histories=snapshot.histories,
            user=snapshot.queries.user,
            time=snapshot.queries.time,
            items=ItemFacts.of(snapshot),
            category=category,
            category_levels=levels,
            known_since=np.where(first == UNKNOWN_TIME, UNKNOWN_TIME, launched),
            vectors=vectors,
        )

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: npt.NDArray[np.integer]) -> "ListFacts":
        """The same facts for the queries named, in that order; histories are not copied."""
        return replace(self, user=self.user[rows], time=self.time[rows])

    def profiles(self) -> Profiles:
        """What the users of the queries had done before; memory grows with their events, so take blocks."""
        return Profiles.of(self.histories.take(self.user), self.category.codes, self.items.popularity)


def telling_levels(category: Categorical, item: npt.NDArray[np.int32]) -> tuple[Categorical, int]:
    """The shortest beginning of the category paths that tells users apart, and its number of levels.

    Of a shop for skincare the first level says "Skincare" of nearly everything, and the last splits what
    shoppers see as one; taken is the first level at which no category holds more than half of the events.

    Parameters
    ----------
    category : Categorical of n_items rows
        Whole paths.
    item : int32 array of shape (n,)
        Item of each event.

    Returns
    -------
    Categorical of n_items rows, int
        All levels if even then a category holds more than half; 0 levels if no item has a category.
    """
    deepest = max((name.count(SEPARATOR) + 1 for name in category.names), default=0)
    for depth in range(1, deepest + 1):
        tops = _first_levels(category, depth)
        codes = tops.codes[item]
        counts = np.bincount(codes[codes >= 0], minlength=1)
        if depth == deepest or counts.max() <= LARGEST_SHARE * counts.sum():
            return tops, depth
    return category, 0


def _first_levels(category: Categorical, depth: int) -> Categorical:
    tops = [SEPARATOR.join(name.split(SEPARATOR)[:depth]) for name in category.names]
    names = sorted(set(tops))
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([*(code_of[top] for top in tops), -1], np.int32)  # the last place serves code -1
    return Categorical(codes[category.codes], tuple(names))
