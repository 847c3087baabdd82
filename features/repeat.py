"""What the user already did with this very item, and whether it may be time for another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.parameters import check_int, check_names
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup


@dataclass(frozen=True)
class FittedRepeat(Saved):
    """How soon items are bought again.

    Parameters
    ----------
    items : Lookup
    interval_days : float32 array of shape (len(items),)
        Median days between two purchases of one item by one user, over the item's category; NaN where
        nothing is bought twice.
    kinds, purchase_kinds : tuples of str
    """

    items: Lookup
    interval_days: npt.NDArray[np.float32]
    kinds: tuple[str, ...]
    purchase_kinds: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """A count for each kind, then the summary."""
        return (*(f"n_{kind}" for kind in self.kinds), "days_since_event", "share", "interval_ratio")

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """The user's own events with each candidate; zero counts and NaN days where there is none."""
        history = requests.history
        column = np.full(len(KINDS), -1, np.int64)
        column[[KINDS.index(kind) for kind in self.kinds]] = np.arange(len(self.kinds))
        purchase = np.isin(np.arange(len(KINDS)), [KINDS.index(kind) for kind in self.purchase_kinds])
        out = np.empty((len(candidates), len(self.names)), np.float32)
        days_ago = (requests.queries.time[history.query] - history.time) / SECONDS_PER_DAY
        _fill(
            history.offsets, history.item, column[history.kind], purchase[history.kind], history.weight,
            days_ago, candidates.offsets, candidates.item, len(requests.eligibility.available), out,
        )  # fmt: skip
        bought = np.flatnonzero(~np.isnan(out[:, -1]))
        interval = np.append(self.interval_days, np.float32(np.nan))  # row -1 is the last
        out[bought, -1] /= interval[self.items.rows(candidates.item[bought])]
        return out


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """Events of the user with this very item.

    Columns: `n_{kind}` for each kind; `days_since_event`, of any kind; `share` of the item in the weight of
    the history; `interval_ratio`, days since the last purchase over the median replenishment interval of the
    item's category: about 1 when it is time for another.

    Parameters
    ----------
    kinds : list of str
        Kinds to count apart. Changes results.
    purchase_kinds : list of str
        Kinds that count as a purchase. Changes results.
    min_repeats : int
        A category with fewer repeated purchases takes the median of all categories. Changes results.
    """

    kinds: Sequence[str] = ("view", "save", "like", "purchase")
    purchase_kinds: Sequence[str] = ("purchase",)
    min_repeats: int = 5

    def __post_init__(self) -> None:
        check_names(self, "kinds", choices=KINDS)
        check_names(self, "purchase_kinds", choices=KINDS)
        check_int(self, "min_repeats", low=1)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedRepeat:
        """Measure the replenishment interval of each category."""
        items = Lookup.of_items(snapshot)
        category = snapshot.items.category.codes[items.codes]
        row, gap_days = self._gaps(snapshot, items)
        interval = np.full(len(items), np.median(gap_days) if len(gap_days) else np.nan, np.float32)
        codes, counts, medians = _medians(category[row], gap_days)
        enough = (counts >= self.min_repeats) & (codes >= 0)
        if enough.any():
            codes, medians = codes[enough], medians[enough]
            at = np.minimum(np.searchsorted(codes, category), len(codes) - 1)
            measured = codes[at] == category
            interval[measured] = medians[at][measured]
        return FittedRepeat(items, interval, tuple(self.kinds), tuple(self.purchase_kinds))

    def _gaps(
        self, snapshot: Snapshot, items: Lookup
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        """Item row and length in days of each gap between purchases of one item on distinct days."""
        events = snapshot.history.take(snapshot.history.is_kind(tuple(self.purchase_kinds)))
        row, day = items.rows(events.item), events.time // SECONDS_PER_DAY
        order = np.lexsort((day, row, events.user))
        user, row, day = events.user[order], row[order], day[order]
        again = (user[1:] == user[:-1]) & (row[1:] == row[:-1]) & (day[1:] > day[:-1]) & (row[1:] >= 0)
        return row[1:][again], (day[1:] - day[:-1])[again].astype(np.float64)


def _medians(
    group: npt.NDArray[np.int32], value: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The distinct groups, ascending, the number of values in each, and their median."""
    order = np.lexsort((value, group))
    group, value = group[order], value[order]
    codes, starts, counts = np.unique(group, return_index=True, return_counts=True)
    medians = (value[starts + (counts - 1) // 2] + value[starts + counts // 2]) / 2
    return codes, counts, medians


@numba.njit(nogil=True, cache=True)
def _fill(  # type: ignore[no-untyped-def]
    history_offsets, history_item, column, bought, weight, days_ago, offsets, candidate_item, n_items, out
):
    """Fill `out` of shape (n, n_kinds + 3): counts, days since any event, share, days since a purchase."""
    n_kinds = out.shape[1] - 3
    longest = 0
    for query in range(len(offsets) - 1):
        longest = max(longest, history_offsets[query + 1] - history_offsets[query])
    slot_of = np.full(n_items, -1, np.int32)
    own = np.empty((longest, n_kinds + 3), np.float32)
    for query in range(len(offsets) - 1):
        size, total = 0, np.float32(0)
        for event in range(history_offsets[query], history_offsets[query + 1]):
            item = history_item[event]
            if slot_of[item] < 0:
                slot_of[item] = size
                own[size] = 0
                own[size, n_kinds] = own[size, n_kinds + 2] = np.nan
                size += 1
            slot = slot_of[item]
            if column[event] >= 0:
                own[slot, column[event]] += 1
            own[slot, n_kinds] = days_ago[event]  # events are oldest first: the newest stays
            own[slot, n_kinds + 1] += weight[event]
            total += weight[event]
            if bought[event]:
                own[slot, n_kinds + 2] = days_ago[event]
        for at in range(offsets[query], offsets[query + 1]):
            slot = slot_of[candidate_item[at]]
            if slot < 0:
                out[at] = 0
                out[at, n_kinds] = out[at, n_kinds + 2] = np.nan
                continue
            out[at] = own[slot]
            out[at, n_kinds + 1] = own[slot, n_kinds + 1] / total if total > 0 else 0.0
        for event in range(history_offsets[query], history_offsets[query + 1]):
            slot_of[history_item[event]] = -1
