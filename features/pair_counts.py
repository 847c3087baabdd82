"""How many users took one item with, or after, another: counts of pairs, and a kernel that reads them."""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.ragged import offsets_of
from features.trails import Reach, Trails


@dataclass(frozen=True)
class PairCounts(Saved):
    """Sparse counts of (source, target) pairs of items; n items, N entries.

    The count of a pair is a sum over users, each with the largest value of one of the pair's occurrences: a
    user who goes to and fro between two items a hundred times counts once.

    Parameters
    ----------
    offsets : int64 array of shape (n + 1,)
        Entries of source row r are `offsets[r]:offsets[r + 1]`.
    target : int32 array of shape (N,)
        Item rows, ascending within a source.
    count : float32 array of shape (N,)
        Positive.
    source_degree, target_degree : float32 arrays of shape (n,)
        Sum of the counts of each item at either end, entries that were not kept included.
    total : float
        Sum of all counts.
    """

    offsets: npt.NDArray[np.int64]
    target: npt.NDArray[np.int32]
    count: npt.NDArray[np.float32]
    source_degree: npt.NDArray[np.float32]
    target_degree: npt.NDArray[np.float32]
    total: float

    @classmethod
    def of(cls, trails: Trails, reach: Reach, neighbours: int) -> Self:
        """Count the pairs of each event with all those within its reach.

        Parameters
        ----------
        trails : Trails
        reach : Reach
            Of each event of `trails`.
        neighbours : int
            Entries kept a source: the largest, ties by ascending target.
        """
        n = trails.n_items
        events_of = np.bincount(trails.row, minlength=n)
        reached = np.bincount(trails.row, weights=reach.last - reach.first, minlength=n)
        longest = np.minimum(reached, min(neighbours, max(n - 1, 0))).astype(np.int64)
        # The memory of entries that turn out not to be needed is never touched, hence never taken.
        target, count = np.empty(longest.sum(), np.int32), np.empty(longest.sum(), np.float32)
        offsets, degrees = np.zeros(n + 1, np.int64), np.zeros((2, n), np.float64)
        _count(
            offsets_of(events_of), np.argsort(trails.row, kind="stable"),
            (trails.user, trails.row, trails.weight, *trails.moment),
            (reach.first, reach.last, reach.decay), neighbours, offsets, target, count, degrees,
        )  # fmt: skip
        size = offsets[-1]
        source_degree, target_degree = degrees.astype(np.float32)
        total = float(degrees[0].sum())
        return cls(offsets, target[:size].copy(), count[:size].copy(), source_degree, target_degree, total)

    def fill(
        self,
        history_offsets: npt.NDArray[np.int64],
        events: tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int32]],
        max_history: int,
        candidate_offsets: npt.NDArray[np.int64],
        row: npt.NDArray[np.int32],
        smoothing: float,
        out: npt.NDArray[np.float32],
    ) -> None:
        """Fill five columns: newest, max, sum, links, lift; see `features.pairs.Pairs`.

        Parameters
        ----------
        history_offsets : int64 array of shape (m + 1,)
        events : tuple of an int32, a float32 and an int32 array of shape (h,)
            Item row (-1 for events that are not looked at), weight in the sum, and step of each event.
        max_history : int
            Number of latest events to look at.
        candidate_offsets : int64 array of shape (m + 1,)
        row : int32 array of shape (n,)
            Item rows of the candidates, distinct within a query; -1 gives NaN.
        smoothing : float
            Pairs, observed and expected alike, that every pair of items is credited with.
        out : float32 array of shape (n, 5)
            NaN for queries without an event to look at; the first column also without one in the newest
            moment.
        """
        table = (self.offsets, self.target, self.count)
        per_total = np.float32(1 / self.total if self.total > 0 else 0)
        _fill(
            history_offsets, *events, max_history, candidate_offsets, row, table,
            self.source_degree, self.target_degree * per_total, np.float32(smoothing), out,
        )  # fmt: skip


@numba.njit(nogil=True, cache=True)
def _count(event_offsets, by_item, trails, reach, neighbours, offsets, target, count, degrees):  # type: ignore[no-untyped-def]
    """Fill `offsets`, `target`, `count` and `degrees` (2, n), source after source.

    `by_item`: events in the order of their items, the users of each ascending; so that one accumulator over
    all targets does for every source, whatever the number of pairs.
    """
    user, row, weight, begin, end = trails
    first, last, decay = reach
    n_items, n_gaps = len(offsets) - 1, len(decay)
    total, touched = np.zeros(n_items, np.float64), np.empty(n_items, np.int32)
    counted = np.full(n_items, -1, np.int32)  # the latest user of each pair, and what it counts
    largest = np.empty(n_items, np.float32)
    for source in range(n_items):
        n_touched = 0
        for event in by_item[event_offsets[source] : event_offsets[source + 1]]:
            for other in range(first[event], last[event]):
                item = row[other]
                if item == source:
                    continue
                gap = min(max(begin[other] - end[event], 0), n_gaps - 1)
                value = weight[event] * weight[other] * decay[gap]
                if counted[item] < 0:
                    touched[n_touched] = item
                    n_touched += 1
                if counted[item] != user[event]:
                    counted[item] = user[event]
                    largest[item] = value
                    total[item] += value
                elif value > largest[item]:
                    total[item] += value - largest[item]
                    largest[item] = value
        reached = np.sort(touched[:n_touched])
        for item in reached:
            degrees[0, source] += total[item]
            degrees[1, item] += total[item]
        offsets[source + 1] = _keep_largest(reached, total, neighbours, offsets[source], target, count)
        total[reached] = 0
        counted[reached] = -1


@numba.njit(nogil=True, cache=True)
def _keep_largest(items, total, k, size, target, count):  # type: ignore[no-untyped-def]
    """Write the k items of largest total from `size` on, ties by ascending item; returns the new size."""
    least, n_ties = np.float64(0), len(items)
    if len(items) > k:
        least = np.partition(total[items], len(items) - k)[len(items) - k]
        n_ties = k
        for item in items:
            n_ties -= total[item] > least
    for item in items:
        if total[item] == least:
            n_ties -= 1
        if total[item] > least or (total[item] == least and n_ties >= 0):
            target[size] = item
            count[size] = total[item]
            size += 1
    return size


@numba.njit(nogil=True, cache=True)
def _fill(  # type: ignore[no-untyped-def]
    history_offsets, history_row, weight, step, max_history,
    candidate_offsets, row, table, source_degree, target_share, smoothing, out,
):  # fmt: skip
    """See `PairCounts.fill`; `target_share`: share of each item in all counts, as a target.

    Rows are walked and candidates looked up, in a table that is marked for the query: a walk over twenty
    rows is some thousand loads that mostly miss, ten times less than searching each row for each candidate.
    """
    offsets, target, count = table
    place_of = np.full(len(source_degree), -1, np.int32)
    slot_of = np.full(len(source_degree), -1, np.int32)
    own = np.empty(max_history, np.int32), np.empty(max_history, np.float32), np.empty(max_history, np.bool_)
    for query in range(len(history_offsets) - 1):
        start, stop = candidate_offsets[query], candidate_offsets[query + 1]
        latest = max(history_offsets[query], history_offsets[query + 1] - max_history)
        size = _distinct(latest, history_offsets[query + 1], history_row, weight, step, slot_of, own)
        out[start:stop] = 0 if size > 0 else np.nan
        if not own[2][:size].any():
            out[start:stop, 0] = np.nan
        for at in range(start, stop):
            if row[at] >= 0:
                place_of[row[at]] = at
            else:
                out[at] = np.nan
        for slot in range(size):
            item = own[0][slot]
            scale = own[1][slot] / np.sqrt(max(source_degree[item], np.float32(1e-12)))
            for entry in range(offsets[item], offsets[item + 1]):
                at = place_of[target[entry]]
                if at >= 0:
                    expected = source_degree[item] * target_share[target[entry]]
                    ratio = (count[entry] + smoothing) / (expected + smoothing)
                    _add(out[at], count[entry], scale * count[entry], ratio, own[2][slot])
        for at in range(start, stop):
            if row[at] >= 0:
                place_of[row[at]] = -1
                if out[at, 3] > 0:
                    out[at, 0], out[at, 1] = np.log1p(out[at, 0]), np.log1p(out[at, 1])
                    out[at, 4] = np.log(out[at, 4])


@numba.njit(nogil=True, cache=True)
def _add(out, count, share, ratio, is_newest):  # type: ignore[no-untyped-def]
    """Take one pair into the five columns of a candidate."""
    if is_newest:
        out[0] = max(out[0], count)
    out[1] = max(out[1], count)
    out[2] += share
    out[3] += 1
    out[4] = max(out[4], ratio)


@numba.njit(nogil=True, cache=True)
def _distinct(start, stop, row, weight, step, slot_of, own):  # type: ignore[no-untyped-def]
    """Distinct items of the events, their summed weight and whether any is of the newest moment."""
    items, weights, is_newest = own
    size = 0
    for event in range(start, stop):
        item = row[event]
        if item < 0:
            continue
        if slot_of[item] < 0:
            slot_of[item] = size
            items[size] = item
            weights[size] = 0
            is_newest[size] = False
            size += 1
        weights[slot_of[item]] += weight[event]
        is_newest[slot_of[item]] |= step[event] == 0
    for slot in range(size):
        slot_of[items[slot]] = -1
    return size
