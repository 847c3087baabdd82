"""Lists cut from the ranker's order, re-ranked and under caps, and filled up where it is too short."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.splits.rules import is_among
from pipeline.two_stage import FittedTwoStage
from ranking.policy.caps import Caps
from ranking.policy.policy import FittedPolicy
from retrieval.source import FittedSource

CELLS: Final = 4_000_000  # of lists filled up together; memory grows with it, results do not


@dataclass(frozen=True)
class ListCutting:
    """Cuts lists of k items; shorter only where no k items that the user may get keep the caps.

    The policy changes the order of the candidates and takes none away. It chooses under the caps, so that
    the cut takes what it has chosen.

    Parameters
    ----------
    popular : FittedSource
        What short lists are filled up from; it knows every item of the catalogue.
    k : int
    caps : Caps or None
    policy : FittedPolicy or None
    """

    popular: FittedSource
    k: int
    caps: Caps | None = None
    policy: FittedPolicy | None = None

    def cut(self, model: FittedTwoStage, requests: Requests, candidates: Candidates) -> Ranked:
        """The lists of a block; the score of an item that was filled up, which no ranker saw, is NaN."""
        order = self._order(model, requests, candidates)
        if self.caps is None:
            ranked = Ranked(order.items[:, : self.k].copy(), order.scores[:, : self.k].copy())
            return self._filled(requests, ranked)
        ranked = taken(order, self.caps.cut(order.items, self.k))
        short = self._short(requests, ranked)
        wide = 4 * self.k
        while len(short):
            self._lengthen(requests, order, ranked, short, wide)
            is_whole = requests.eligibility.take(short).n_eligible <= wide
            short = short[(ranked.lengths[short] < self.k) & ~is_whole]
            wide *= 8
        return ranked

    def _order(self, model: FittedTwoStage, requests: Requests, candidates: Candidates) -> Ranked:
        """What lists are cut from, as wide as need be; behind a policy, scores need not fall."""
        widest = max(int(np.diff(candidates.offsets).max(initial=0)), 1)
        if self.caps is not None:
            wide = widest
        elif self.policy is None:
            wide = self.k
        else:
            wide = max(self.k, self.policy.depth or widest)
        order = model.order(requests, candidates, wide)
        if self.policy is None:
            return order
        caps = self.caps or Caps.none(len(requests.eligibility.available))
        return self.policy.reranked(requests, order, self.k, caps)

    def _short(self, requests: Requests, ranked: Ranked) -> npt.NDArray[np.int64]:
        """Lists that may be longer."""
        return np.flatnonzero(ranked.lengths < np.minimum(self.k, requests.eligibility.n_eligible))

    def _filled(self, requests: Requests, ranked: Ranked) -> Ranked:
        """Short lists continued by what is popular."""
        short = self._short(requests, ranked)
        if len(short):
            found = self.popular.retrieve(_of(requests, short), self.k)
            few = with_more(ranked.take(short), found, len(requests.eligibility.available))
            ranked.items[short], ranked.scores[short] = few.items, few.scores
        return ranked

    def _lengthen(
        self, requests: Requests, order: Ranked, out: Ranked, short: npt.NDArray[np.int64], wide: int
    ) -> None:
        """Cut short lists anew from the ranker's order, continued by the `wide` most popular items.

        Where these are all that the user may get, items are exchanged if only so the list becomes full.
        """
        assert self.caps is not None
        n_items = len(requests.eligibility.available)
        width = order.items.shape[1] + min(wide, n_items)
        step = max(1, CELLS // width)
        for rows in (short[start : start + step] for start in range(0, len(short), step)):
            few = _of(requests, rows)
            found = self.popular.retrieve(few, min(wide, n_items))
            whole = with_more(_padded(order.take(rows), width), found, n_items)
            all_there = few.eligibility.n_eligible <= wide
            for cut, chosen in ((self.caps.cut, ~all_there), (self.caps.fill, all_there)):
                if chosen.any():
                    lists = whole.take(np.flatnonzero(chosen))
                    longer = taken(lists, cut(lists.items, self.k))
                    out.items[rows[chosen]], out.scores[rows[chosen]] = longer.items, longer.scores


def longest(snapshot: Snapshot, n: int) -> int:
    """n, or what is on offer where that is less, as far as the caps let it into a list; at least 1."""
    available, caps = snapshot.available, Caps.of(snapshot.constraints, snapshot.items)
    return min(n, max(1, int(available.sum()) if caps is None else caps.bound(available)))


def taken(lists: Ranked, positions: npt.NDArray[np.int32]) -> Ranked:
    """The entries at positions of each list, int32 of shape (m, k); -1 behind the end."""
    if not lists.items.shape[1]:
        return Ranked(np.full(positions.shape, -1, np.int32), np.full(positions.shape, -np.inf, np.float32))
    there = positions >= 0
    items = np.take_along_axis(lists.items, np.maximum(positions, 0), axis=1)
    scores = np.take_along_axis(lists.scores, np.maximum(positions, 0), axis=1)
    return Ranked(
        np.where(there, items, -1).astype(np.int32), np.where(there, scores, -np.inf).astype(np.float32)
    )


def with_more(ranked: Ranked, more: Ranked, n_items: int) -> Ranked:
    """Short lists, each continued by the first of `more` that are not in it yet, their scores NaN."""
    items = filled_up(ranked, more, n_items)
    added = (items >= 0) & (ranked.items < 0)
    return Ranked(items, np.where(added, np.float32(np.nan), ranked.scores))


def filled_up(ranked: Ranked, more: Ranked, n_items: int) -> npt.NDArray[np.int32]:
    """Short lists, each continued by the first of `more` that are not in it yet.

    Returns
    -------
    int32 array of the shape of `ranked.items`
        -1 behind the end of lists that stay short.

    Examples
    --------
    >>> zeros = np.zeros((1, 3), np.float32)
    >>> filled_up(Ranked(np.array([[5, -1, -1]], np.int32), zeros),
    ...           Ranked(np.array([[7, 5, 6]], np.int32), zeros), 9)
    array([[5, 7, 6]], dtype=int32)
    """
    items = ranked.items.copy()
    k = items.shape[1]
    row, column = np.nonzero(items >= 0)
    own = row.astype(np.int64) * n_items + items[row, column]
    row, column = np.nonzero(more.items >= 0)
    item = more.items[row, column]
    new = ~is_among(row.astype(np.int64) * n_items + item, own)
    row, item = row[new], item[new]
    before = np.arange(len(row)) - np.searchsorted(row, row)  # new items of the same row that come first
    place = ranked.lengths[row] + before
    fits = place < k
    items[row[fits], place[fits]] = item[fits]
    return items


def _padded(ranked: Ranked, width: int) -> Ranked:
    more = ((0, 0), (0, width - ranked.items.shape[1]))
    return Ranked(
        np.pad(ranked.items, more, constant_values=-1),
        np.pad(ranked.scores, more, constant_values=-np.inf),
    )


def _of(requests: Requests, rows: npt.NDArray[np.int64]) -> Requests:
    """Some of the queries of a block."""
    return Requests(
        queries=requests.queries.take(rows),
        history=requests.history.take(rows),
        eligibility=requests.eligibility.take(rows),
    )
