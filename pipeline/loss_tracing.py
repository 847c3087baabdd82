"""Which cause each held-out event has; of items outside the pool, the sources are asked once more."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.items import UNKNOWN_TIME
from dataset.queries import Qrels
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from evaluation.losses import Losses, age_bands, causes_of, popularity_bands
from evaluation.specification import ItemFacts
from retrieval.fusion import FittedRetrieval

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Tracer:
    """Follows held-out items through the stages; knows the snapshot and the sources that were fitted for it.

    Parameters
    ----------
    retrieval : FittedRetrieval
    exact : FittedRetrieval
        Its `exact_searches`.
    catalogue : bool array of shape (n_items,)
    born : int64 array of shape (n_items,)
        Launch of each item, or else its first event in the history, seconds since 1970 UTC; `UNKNOWN_TIME`
        without either.
    popularity : int8 array of shape (n_items,)
        Position of each item in `POPULARITY_BANDS`.
    k : int
        A hit is an event whose item is among the first k of the final list.
    """

    retrieval: FittedRetrieval
    exact: FittedRetrieval
    catalogue: Bools
    born: npt.NDArray[np.int64]
    popularity: npt.NDArray[np.int8]
    k: int

    @classmethod
    def of(cls, retrieval: FittedRetrieval, snapshot: Snapshot, k: int) -> "Tracer":
        """For the snapshot that `retrieval` was fitted for."""
        first = np.full(len(snapshot.items), UNKNOWN_TIME)
        np.minimum.at(first, snapshot.history.item, snapshot.history.time)
        launched = snapshot.items.launched
        return cls(
            retrieval=retrieval,
            exact=retrieval.exact_searches(),
            catalogue=snapshot.catalogue,
            born=np.where(launched != UNKNOWN_TIME, launched, first),
            popularity=popularity_bands(ItemFacts.of(snapshot).popularity, snapshot.catalogue),
            k=k,
        )

    def losses(self, requests: Requests, truth: Qrels, candidates: Candidates, lists: Ranked) -> Losses:
        """Count a block of queries.

        Parameters
        ----------
        requests : Requests
        truth : Qrels
        candidates : Candidates
            The pool of these queries, with the columns of the nominators.
        lists : Ranked
            Its final order, at least k places wide.
        """
        query, item = truth.items.rows, truth.items.values
        row = _rows_of(candidates, query, item)
        nominated = np.zeros((len(item), len(candidates.sources)), bool)
        nominated[row >= 0] = candidates.ranks[row[row >= 0]] > 0
        asked = requests.queries.time[query]
        return Losses.of(
            candidates.sources,
            cause=self.causes(requests, truth, candidates, lists),
            nominated=nominated,
            age=age_bands(self.born[item], asked, self.catalogue[item], UNKNOWN_TIME),
            popularity=self.popularity[item],
            is_warm=requests.history.lengths[query] > 0,
        )

    def causes(
        self, requests: Requests, truth: Qrels, candidates: Candidates, lists: Ranked
    ) -> npt.NDArray[np.int8]:
        """Cause of each event of a block, int8 of shape (n,), in the order of `truth`; as of `losses`."""
        query, item = truth.items.rows, truth.items.values
        eligible = requests.eligibility.allows(query, item)
        in_pool = _rows_of(candidates, query, item) >= 0
        # A pool below the budget lost nothing to it, so nobody need be asked again who was nominated.
        is_full = np.diff(candidates.offsets) >= self.retrieval.budget
        open_ = eligible & ~in_pool
        nominated = _named_by(self.retrieval, requests, query, item, open_ & is_full[query])
        return causes_of(
            known=self.catalogue[item],
            eligible=eligible,
            in_pool=in_pool,
            in_list=_listed(lists.items[:, : self.k], query, item),
            nominated=nominated,
            found_exactly=_named_by(self.exact, requests, query, item, open_ & ~nominated),
        )


def _named_by(
    retrieval: FittedRetrieval,
    requests: Requests,
    query: npt.NDArray[np.int32],
    item: npt.NDArray[np.int32],
    wanted: Bools,
) -> Bools:
    """Whether any source names each wanted pair within its quota; only the queries concerned are asked.

    Of items with equal scores at the very end of a quota, a search among fewer queries may name another.
    """
    named = np.zeros(len(item), bool)
    at = np.flatnonzero(wanted)
    if len(at) and retrieval.sources:
        rows, place = np.unique(query[at], return_inverse=True)
        for lists in retrieval.nominations(_of_queries(requests, rows)):
            named[at] |= _listed(lists.items, place, item[at])
    return named


def _of_queries(requests: Requests, rows: npt.NDArray[np.integer]) -> Requests:
    return Requests(
        queries=requests.queries.take(rows),
        history=requests.history.take(rows),
        eligibility=requests.eligibility.take(rows),
    )


def _listed(
    lists: npt.NDArray[np.int32], query: npt.NDArray[np.integer], item: npt.NDArray[np.int32]
) -> Bools:
    """Whether each item stands in its query's list."""
    listed: Bools = (lists[query] == item[:, None]).any(axis=1)
    return listed


def _rows_of(
    candidates: Candidates, query: npt.NDArray[np.int32], item: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """Row of each pair among the candidates, int64 of shape (n,); -1 where it is none."""
    if not len(candidates):
        return np.full(len(item), -1, np.int64)
    span = int(max(candidates.item.max(), item.max(initial=0))) + 1
    keys = candidates.query.astype(np.int64) * span + candidates.item
    wanted = query.astype(np.int64) * span + item
    row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[row] == wanted, row, -1)
