"""Sources that search vectors: one search a query or several, the best answer to any of them counts."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.eligibility import Eligibility
from dataset.persistence import Saved
from dataset.ragged import Ragged, offsets_of
from dataset.ranked import Ranked
from dataset.snapshot import Requests
from retrieval.index import VectorIndex
from retrieval.kernels import merge_searches, score_searches
from retrieval.neighbours import Neighbours
from retrieval.sparse_rows import empty_lists, event_weights

_WIDER: Final = 16  # times what is asked for, found for users who may not get most of it


@dataclass(frozen=True)
class Nearest(Saved):
    """Items whose vectors lie nearest to a user's: to the newest items bought, and to the sum of all.

    Parameters
    ----------
    index : VectorIndex
    row_of_item : int32 array of shape (n_items,)
        Row of each item in the index's matrix; -1 without a vector.
    newest : int
        How many of the newest events search on their own, beside the weighted sum of all.
    normalise : bool
        Whether searches are brought to unit length (cosine) or not (inner product).
    step_decay : float or None
        Weight of the events in the sum by each step back; None: no search for a sum.
    half_life_days : float
        Their weight by age.
    neighbours : Neighbours or None
        What the newest events' own searches find, where that is known already. Changes only speed.
    """

    index: VectorIndex
    row_of_item: npt.NDArray[np.int32]
    newest: int
    normalise: bool
    step_decay: float | None
    half_life_days: float
    neighbours: Neighbours | None = None

    @property
    def is_exact(self) -> bool:
        """Whether its lists are the best that its vectors allow; else the index may have missed some."""
        return self.index.is_exact

    def exactly(self) -> "Nearest":
        """The same source on an index that misses no vector."""
        return replace(self, index=self.index.exactly())

    def retrieve(self, requests: Requests, k: int) -> Ranked:
        """The k best eligible items of each query, over all its searches.

        All searches run under one mask, of what nobody may get, and find twice what is asked for. Users who
        own or avoid so much that this may not do are searched for again, for many times as much, and those
        for whom even that may not do under a mask of their own.
        """
        eligibility, searches = requests.eligibility, self._searches(requests)
        out = empty_lists(len(requests), k)
        found, scores = self._found(searches, 2 * k, eligibility.available)
        self._merge(eligibility, searches.offsets, found, scores, out)
        again = _cut_short(searches.offsets, found, scores, 2 * k, out)
        few = eligibility.take(again)
        again = again[self._search_again(few, searches.take(again), again, _WIDER * k, few.available, out)]
        profile = eligibility.take(again).profiles
        for number in range(profile.max(initial=-1) + 1):
            rows = again[profile == number]
            few = eligibility.take(rows)
            # Widened by what a user owns, k eligible items are found whatever the owned ones are.
            width = k + int(few.owned.lengths.max(initial=0))
            self._search_again(few, searches.take(rows), rows, width, few.mask_of_profile(0), out)
        return out

    def searched_alone(self, requests: Requests) -> npt.NDArray[np.int32]:
        """The items whose own searches a block asks for, as often as it does, int32 of shape (s,)."""
        placed, _, from_end = self._placed(requests)
        return requests.history.item[placed[from_end < self.newest]]

    def found_alone(self, items: npt.NDArray[np.int32], k: int, available: npt.NDArray[np.bool_]) -> Ranked:
        """What the searches for single items find when `retrieve` is asked for k, a row an item."""
        vectors = self.index.matrix[self.row_of_item[items]]
        found, scores = self.index.search(self._normalised(vectors), 2 * k, available)
        return Ranked(found, scores)

    def _found(
        self, searches: "Searches", width: int, available: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """What each search finds; those of single items are looked up where they are known."""
        known = self.neighbours
        if known is None:
            return self.index.search(searches.vectors, width, available)
        place = np.where(searches.item >= 0, known.place[searches.item], -1)
        rest = np.flatnonzero(place < 0)
        found, scores = self.index.search(searches.vectors[rest], width, available)
        if len(rest) and found.shape[1] != known.items.shape[1]:  # known for lists of another length
            return self.index.search(searches.vectors, width, available)
        items, values = known.items[place], known.scores[place]
        items[rest], values[rest] = found, scores
        return items, values

    def _search_again(
        self,
        few: Eligibility,
        searches: "Searches",
        rows: npt.NDArray[np.int64],
        width: int,
        mask: npt.NDArray[np.bool_],
        out: Ranked,
    ) -> npt.NDArray[np.int64]:
        """Put new lists of some queries into rows of `out`; positions of those that are still cut short."""
        found, scores = self.index.search(searches.vectors, width, mask)
        lists = empty_lists(len(few), out.items.shape[1])
        self._merge(few, searches.offsets, found, scores, lists)
        out.items[rows], out.scores[rows] = lists.items, lists.scores
        return _cut_short(searches.offsets, found, scores, width, lists)

    def _merge(
        self,
        eligibility: Eligibility,
        offsets: npt.NDArray[np.int64],
        found: npt.NDArray[np.int32],
        scores: npt.NDArray[np.float32],
        out: Ranked,
    ) -> None:
        merge_searches(
            offsets, found, scores, len(self.row_of_item), *eligibility.arrays, out.items, out.scores
        )

    def score(
        self, requests: Requests, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Largest inner product of each candidate with its query's searches."""
        searches = self._searches(requests)
        out = np.empty(len(item), np.float32)
        matrix = self.index.matrix
        score_searches(searches.offsets, searches.vectors, matrix, self.row_of_item, offsets, item, out)
        return out

    def _searches(self, requests: Requests) -> "Searches":
        """The newest events' own vectors, then the weighted sum."""
        placed, query, from_end = self._placed(requests)
        item = requests.history.item[placed]
        vectors = self.index.matrix[self.row_of_item[item]]
        total = self._sums(requests, placed, query, vectors)
        newest = np.flatnonzero(from_end < self.newest)
        summed = np.flatnonzero(total.any(axis=1))  # a search for 0 would find anything at all
        owner = np.concatenate([query[newest], summed])
        asked = np.concatenate([vectors[newest], total[summed]])
        order = np.argsort(owner, kind="stable")
        offsets = offsets_of(np.bincount(owner, minlength=len(requests)))
        alone = np.concatenate([item[newest], np.full(len(summed), -1, np.int32)])
        return Searches(offsets, self._normalised(asked[order]), alone[order])

    def _sums(
        self,
        requests: Requests,
        placed: npt.NDArray[np.int64],
        query: npt.NDArray[np.int32],
        vectors: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """The weighted sum of each query's events, float32 of shape (m, d); 0 where none is searched for."""
        if self.step_decay is None:
            return np.zeros((len(requests), vectors.shape[1]), np.float32)
        weights = event_weights(requests, self.step_decay, self.half_life_days)[placed]
        return _sum_by_query(query, vectors * weights[:, None], len(requests))

    def _placed(
        self, requests: Requests
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Events that have a vector: positions in the history, queries, and how far from the newest one."""
        history = requests.history
        placed = np.flatnonzero((self.row_of_item[history.item] >= 0) & (history.weight > 0))
        query = history.query[placed]
        n = np.bincount(query, minlength=len(requests))
        return placed, query, offsets_of(n)[1:][query] - np.arange(len(query)) - 1

    def _normalised(self, searches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if self.normalise:
            searches = unit_length(searches)
        return np.ascontiguousarray(searches, np.float32)


@dataclass(frozen=True)
class Searches:
    """What is searched for on behalf of some queries.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Query q has the searches `offsets[q]` to `offsets[q + 1]`.
    vectors : float32 array of shape (s, d)
    item : int32 array of shape (s,)
        The item whose own vector it is, -1 for a sum.
    """

    offsets: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    item: npt.NDArray[np.int32]

    def take(self, queries: npt.NDArray[np.int64]) -> "Searches":
        """Those of some of the queries, in that order."""
        own = Ragged(self.offsets, np.arange(len(self.item), dtype=np.int32)).take(queries)
        return Searches(own.offsets, self.vectors[own.values], self.item[own.values])


def _cut_short(
    offsets: npt.NDArray[np.int64],
    found: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    width: int,
    lists: Ranked,
) -> npt.NDArray[np.int64]:
    """Queries of whose searches, each for `width` items, one ended above the last place of the merged list.

    Below its end there may be what belongs into the list; of others, nothing that was not found does.
    """
    if found.shape[1] < width:  # there is no more to be found
        return np.zeros(0, np.int64)
    query = np.repeat(np.arange(len(lists)), np.diff(offsets))
    return np.unique(query[(found[:, -1] >= 0) & (scores[:, -1] > lists.scores[query, -1])])


def unit_length(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows divided by their length; rows of zeros stay."""
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 0))


def _sum_by_query(
    query: npt.NDArray[np.int32], rows: npt.NDArray[np.float32], m: int
) -> npt.NDArray[np.float32]:
    """Sum of the rows of each query, float32 of shape (m, d); `query` ascends."""
    total = np.zeros((m, rows.shape[1]), np.float32)
    if len(query):
        first = np.flatnonzero(np.diff(query, prepend=-1))
        total[query[first]] = np.add.reduceat(rows, first, axis=0)
    return total
