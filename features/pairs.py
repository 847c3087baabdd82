"""How many users took the candidate with, or after, what is in the history."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.affinity import decayed_weight
from features.lookup import Lookup
from features.pair_counts import PairCounts
from features.trails import Trails

_RELATIONS: Final = ("next", "near", "together", "bundle")
_PARTS: Final = ("newest", "max", "sum", "links", "lift")


@dataclass(frozen=True)
class FittedPairs(Saved):
    """Counts of the pairs of known items.

    Parameters
    ----------
    items : Lookup
    counts : mapping of str to PairCounts
        By relation.
    step_decay : float
    max_history : int
    smoothing : float
    """

    items: Lookup
    counts: Mapping[str, PairCounts]
    step_decay: float
    max_history: int
    smoothing: float

    @property
    def names(self) -> tuple[str, ...]:
        """Five columns a relation, then the degrees."""
        parts = (f"{relation}_{part}" for relation in _RELATIONS for part in _PARTS)
        return (*parts, "degree", "newest_degree")

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Pairs of each candidate with its query's history; NaN where either side is unknown or empty."""
        history, row = requests.history, self.items.rows(candidates.item)
        event = np.where(history.weight > 0, self.items.rows(history.item), np.int32(-1))
        looked_at = (event, decayed_weight(history, self.step_decay), history.step)
        out = np.empty((len(candidates), len(self.names)), np.float32)
        for at, relation in enumerate(_RELATIONS):
            columns = out[:, len(_PARTS) * at : len(_PARTS) * (at + 1)]
            self.counts[relation].fill(
                history.offsets, looked_at, self.max_history, candidates.offsets, row, self.smoothing, columns
            )
        degree = np.append(np.log1p(self.counts["together"].target_degree), np.float32(np.nan))
        newest = np.flatnonzero((history.step == 0) & (event >= 0))
        largest = np.full(len(requests), -np.inf, np.float32)
        np.maximum.at(largest, history.query[newest], degree[event[newest]])
        largest[np.isinf(largest)] = np.nan
        out[:, -2] = degree[row]  # row -1 is the last
        out[:, -1] = np.where(row >= 0, largest.repeat(np.diff(candidates.offsets)), np.nan)
        return out


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """How many users took the candidate with, or after, items of the history.

    A sum over similarities hides how much evidence there is; counts tell a strong signal from a lucky one.
    For each user a pair of items counts once: the product of what the kinds of its two events weigh, the
    largest if it occurs several times. There are four relations:

    - `next`: the candidate was taken in the moment right after the item;
    - `near`: within `window` steps after it, decayed with the events between the two moments;
    - `together`: at any time by the same user, before or after;
    - `bundle`: within `bundle_days` of it, before or after.

    In all of them two items of one moment count both ways, since their order says nothing. Columns, for each
    relation, over the candidate's counts with the items of the newest `max_history` events: `_newest`, log1p
    of the largest with an item of the newest moment; `_max`, of the largest with any; `_sum`, each event's
    count over the square root of its item's degree (the sum of all its counts), weighted by kind and
    `step_decay`; `_links`, the number of distinct items with a count; `_lift`, log of the largest ratio of a
    count to the one expected of two items of these degrees, both with `smoothing` added. Then `degree`, log1p
    of the candidate's degree in `together`, and `newest_degree`, the largest of the newest moment's items.

    Where there is no pair, columns are 0; they are NaN for candidates unknown at the cut-off and, but for
    `degree`, for histories without a known item.

    Parameters
    ----------
    window : int
        Steps that `near` reaches: 1, and one for each event in between. Changes results and speed.
    gap_decay : float
        Factor for each event in between, in `near`. Changes results.
    bundle_days : float
        0 is the same moment. Where a data set has no clock but only an order, a day is a nominal step.
        Changes results.
    step_decay : float
        Factor for each later event of the history, in `_sum`. Changes results.
    max_history : int
        Number of latest events of a history to look at. Changes results and speed.
    max_events : int
        Of each user, `together` and `bundle` count the newest moments that hold so many events together, and
        no relation counts a moment that alone holds more: or a few users would make most of the pairs.
        Changes results, speed and memory.
    neighbours : int
        Pairs kept an item, the most frequent. Changes results, speed and memory.
    smoothing : float
        See `_lift`. Changes results.

    References
    ----------
    Linden, Smith and York 2003, "Amazon.com recommendations: item-to-item collaborative filtering" (counts of
    items taken together); DuMouchel 1999, "Bayesian data mining in large frequency tables" (`_lift`).
    """

    window: int = 10
    gap_decay: float = 0.8
    bundle_days: float = 1.0
    step_decay: float = 0.6
    max_history: int = 20
    max_events: int = 50
    neighbours: int = 500
    smoothing: float = 1.0

    def __post_init__(self) -> None:
        for name in ("window", "max_history", "max_events", "neighbours"):
            check_int(self, name, low=1)
        check_number(self, "gap_decay", low=1e-3, high=1)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "bundle_days", low=0)
        check_number(self, "smoothing", low=1e-6)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedPairs:
        """Count the pairs of the snapshot's history."""
        items = Lookup.of_items(snapshot)
        trails = Trails.of(snapshot, items, self.max_events)
        newest = trails.newest(self.max_events)
        reaches = (
            (trails, trails.ahead(1, 1.0)),
            (trails, trails.ahead(self.window, self.gap_decay)),
            (newest, newest.anywhere()),
            (newest, newest.within(self.bundle_days)),
        )
        counts = {
            relation: PairCounts.of(events, reach, self.neighbours)
            for relation, (events, reach) in zip(_RELATIONS, reaches, strict=True)
        }
        return FittedPairs(items, counts, float(self.step_decay), self.max_history, float(self.smoothing))
