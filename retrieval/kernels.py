"""Loops that no library has: scoring through sparse rows with exclusions *before* selection.

All kernels work on a block of queries, single-threaded and without the interpreter's lock: blocks
run side by side, so that no result depends on the number of threads.

Names of arguments shared by all: `available`, `item_bits`, `user_bits`, `prices`, `ceilings`,
`owned_offsets`, `owned` are `dataset.eligibility.Eligibility.arrays`; `out_items` and `out_scores`, of
shape (m, k), come in filled with -1 and -inf.
"""

import numba
import numpy as np

from dataset.ordering import heap_push, heap_sort


@numba.njit(nogil=True, cache=True)
def is_allowed(item, row, available, item_bits, user_bits, prices, ceilings):  # type: ignore[no-untyped-def]
    """Whether an item is on offer, not above the user's ceiling, and nothing speaks against it."""
    if not available[item] or prices[item] > ceilings[row]:
        return False
    for word in range(item_bits.shape[1]):  # noqa: SIM110, a generator would not compile
        if item_bits[item, word] & user_bits[row, word]:
            return False
    return True


@numba.njit(nogil=True, cache=True)
def retrieve_through_rows(  # type: ignore[no-untyped-def]
    offsets, rows, weights, data, indices, indptr, n_items,
    available, item_bits, user_bits, prices, ceilings, owned_offsets, owned, out_items, out_scores,
):  # fmt: skip
    """Best items of the weighted sum of sparse rows: out[q] = top k of sum_e weights[e] * M[rows[e]].

    `offsets`: (m + 1,) events of each query; `rows`: row of the CSR matrix M (`data, indices, indptr`)
    that each event points to, -1 for none. Items with a sum of 0 or less, or NaN, are never returned.
    """
    if out_items.shape[1] == 0:
        return
    total = np.full(n_items, -np.inf, np.float32)  # -inf: not reached, which a sum of 0 is not
    touched = np.empty(n_items, np.int32)
    excluded = np.full(n_items, -1, np.int64)
    for query in range(len(offsets) - 1):
        for at in range(owned_offsets[query], owned_offsets[query + 1]):
            excluded[owned[at]] = query
        n_touched = 0
        for event in range(offsets[query], offsets[query + 1]):
            row = rows[event]
            if row < 0:
                continue
            for at in range(indptr[row], indptr[row + 1]):
                item = indices[at]
                if total[item] == -np.inf:
                    touched[n_touched] = item
                    n_touched += 1
                    total[item] = 0
                total[item] += weights[event] * data[at]
        size = 0
        for at in range(n_touched):
            item = touched[at]
            score = total[item]
            total[item] = -np.inf
            if (
                score > 0
                and (size < len(out_items[query]) or score >= out_scores[query, 0])  # else no push helps
                and excluded[item] != query
                and is_allowed(item, query, available, item_bits, user_bits, prices, ceilings)
            ):
                size = heap_push(out_items[query], out_scores[query], size, item, score)
        heap_sort(out_items[query], out_scores[query], size)


@numba.njit(nogil=True, cache=True)
def score_through_rows(  # type: ignore[no-untyped-def]
    offsets, rows, weights, data, indices, indptr, n_items, candidate_offsets, candidates, out
):
    """The same sum for given candidates: `out`, (n,), 0 where no row reaches, NaN without events."""
    total = np.zeros(n_items, np.float32)
    for query in range(len(offsets) - 1):
        n_rows = 0
        for event in range(offsets[query], offsets[query + 1]):
            row = rows[event]
            if row < 0:
                continue
            n_rows += 1
            for at in range(indptr[row], indptr[row + 1]):
                total[indices[at]] += weights[event] * data[at]
        for at in range(candidate_offsets[query], candidate_offsets[query + 1]):
            out[at] = total[candidates[at]] if n_rows else np.nan
        for event in range(offsets[query], offsets[query + 1]):
            row = rows[event]
            if row >= 0:
                for at in range(indptr[row], indptr[row + 1]):
                    total[indices[at]] = 0


@numba.njit(nogil=True, cache=True)
def first_eligible(  # type: ignore[no-untyped-def]
    row_of_query, order, values,
    available, item_bits, user_bits, prices, ceilings, owned_offsets, owned, out_items, out_scores,
):  # fmt: skip
    """Walk down a list sorted beforehand until k eligible items are found.

    `row_of_query`: (m,) the list of each query; `order`: (r, n) item codes, best first; `values`: (r, n)
    their scores, descending; items at -inf end the list.
    """
    excluded = np.full(len(available), -1, np.int64)
    for query in range(len(row_of_query)):
        for at in range(owned_offsets[query], owned_offsets[query + 1]):
            excluded[owned[at]] = query
        row = row_of_query[query]
        size = 0
        for at in range(order.shape[1]):
            if size == out_items.shape[1] or not values[row, at] > -np.inf:
                break
            item = order[row, at]
            if excluded[item] != query and is_allowed(
                item, query, available, item_bits, user_bits, prices, ceilings
            ):
                out_items[query, size] = item
                out_scores[query, size] = values[row, at]
                size += 1


@numba.njit(nogil=True, cache=True)
def merge_searches(  # type: ignore[no-untyped-def]
    search_offsets, found_items, found_scores, n_items,
    available, item_bits, user_bits, prices, ceilings, owned_offsets, owned, out_items, out_scores,
):  # fmt: skip
    """Best of several searches a query: the score of an item is the largest that any search gave it.

    `search_offsets`: (m + 1,) searches of each query; `found_items`, `found_scores`: (n_searches, k'),
    item -1 where a search found no more.
    """
    if out_items.shape[1] == 0:
        return
    best = np.full(n_items, -np.inf, np.float32)
    touched = np.empty(n_items, np.int32)
    excluded = np.full(n_items, -1, np.int64)
    for query in range(len(search_offsets) - 1):
        for at in range(owned_offsets[query], owned_offsets[query + 1]):
            excluded[owned[at]] = query
        n_touched = 0
        for search in range(search_offsets[query], search_offsets[query + 1]):
            for at in range(found_items.shape[1]):
                item = found_items[search, at]
                if item < 0:
                    continue
                score = found_scores[search, at]
                if not best[item] > -np.inf:
                    touched[n_touched] = item
                    n_touched += 1
                    best[item] = score
                elif score > best[item]:
                    best[item] = score
        size = 0
        for at in range(n_touched):
            item = touched[at]
            score = best[item]
            best[item] = -np.inf
            if (
                (size < len(out_items[query]) or score >= out_scores[query, 0])  # else no push helps
                and excluded[item] != query
                and is_allowed(item, query, available, item_bits, user_bits, prices, ceilings)
            ):
                size = heap_push(out_items[query], out_scores[query], size, item, score)
        heap_sort(out_items[query], out_scores[query], size)


@numba.njit(nogil=True, cache=True)
def merge_best(active, scores, items, out_scores, out_items):  # type: ignore[no-untyped-def]
    """Merge lists into those of the rows `active`; all descend, and of equals what was there stays before.

    `scores`, `items`: (a, j); `out_scores`, `out_items`: (q, k).
    """
    k, j = out_items.shape[1], items.shape[1]
    old_scores, old_items = np.empty(k, out_scores.dtype), np.empty(k, out_items.dtype)
    for row in range(len(active)):
        query = active[row]
        if not scores[row, 0] > out_scores[query, -1]:
            continue
        old_scores[:], old_items[:] = out_scores[query], out_items[query]
        old = new = 0
        for at in range(k):
            if new < j and scores[row, new] > old_scores[old]:
                out_scores[query, at], out_items[query, at] = scores[row, new], items[row, new]
                new += 1
            else:
                out_scores[query, at], out_items[query, at] = old_scores[old], old_items[old]
                old += 1


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def score_searches(  # type: ignore[no-untyped-def]
    search_offsets, searches, matrix, row_of_item, candidate_offsets, candidates, out
):
    """Largest inner product of each candidate with its query's searches; NaN without a vector or a search."""
    d = matrix.shape[1]
    for query in range(len(search_offsets) - 1):
        for at in range(candidate_offsets[query], candidate_offsets[query + 1]):
            row = row_of_item[candidates[at]]
            out[at] = np.nan
            if row < 0:
                continue
            best = np.float32(-np.inf)
            for search in range(search_offsets[query], search_offsets[query + 1]):
                product = np.float32(0)
                for axis in range(d):
                    product += searches[search, axis] * matrix[row, axis]
                best = max(best, product)
            if best > -np.inf:
                out[at] = best


@numba.njit(nogil=True, cache=True)
def fuse(columns, source_of, rank_of, n_sources, n_items, budget, offsets, out_items, out_ranks):  # type: ignore[no-untyped-def]
    """Union of the sources' lists, cut to the budget; returns the number of candidates.

    `columns`: (m, K) items of all lists side by side, -1 for none; `source_of`, `rank_of`: (K,) source and
    rank, from 1, of each column. Kept are the items with the best rank in any list (each source in
    turn has its say), ties by the sum of 1 / (60 + rank). `offsets` (m + 1,), `out_items` (m * budget,)
    and `out_ranks` (m * budget, s) are filled, items ascending within a query.
    """
    slot_of = np.full(n_items, -1, np.int32)
    width = columns.shape[1]
    items = np.empty(width, np.int32)
    ranks = np.zeros((width, n_sources), np.int16)
    kept_items = np.empty(budget, np.int32)
    kept_scores = np.empty(budget, np.float32)
    filled = 0
    for query in range(len(columns)):
        n = 0
        for at in range(width):
            item = columns[query, at]
            if item < 0:
                continue
            slot = slot_of[item]
            if slot < 0:
                slot = n
                slot_of[item] = slot
                items[slot] = item
                ranks[slot] = 0
                n += 1
            ranks[slot, source_of[at]] = rank_of[at]
        size = 0
        for slot in range(n):
            best = 32767
            reciprocal = 0.0
            for source in range(n_sources):
                rank = ranks[slot, source]
                if rank > 0:
                    best = min(best, rank)
                    reciprocal += 1 / (60 + rank)
            # In the precision of the heap, or what ties with a member would seem better than it.
            score = np.float32(reciprocal - best)
            size = heap_push(kept_items, kept_scores, size, items[slot], score)
        for item in np.sort(kept_items[:size]):
            out_items[filled] = item
            out_ranks[filled] = ranks[slot_of[item]]
            filled += 1
        for slot in range(n):
            slot_of[items[slot]] = -1
        offsets[query + 1] = filled
    return filled
