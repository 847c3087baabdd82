"""The one deterministic order: score descending, then item code ascending.

Item codes follow a seeded hash (see `Vocabulary`), so the tie-break favours nobody and no row order,
thread count or library version can change a list.
"""

import numba
import numpy as np
import numpy.typing as npt

from dataset.ranked import Ranked


def top_k_of_segments(
    offsets: npt.NDArray[np.int64], items: npt.NDArray[np.int32], scores: npt.NDArray[np.float32], k: int
) -> Ranked:
    """Best k of each segment of a flat array.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
    items : int32 array of shape (n,)
    scores : float32 array of shape (n,)
        Entries that are NaN or -inf are never returned.
    k : int
        Length of the lists; shorter ones end in item -1, score -inf.

    Examples
    --------
    >>> top_k_of_segments(np.array([0, 3]), np.array([7, 4, 9], np.int32),
    ...                   np.array([.5, .5, .9], np.float32), 2).items
    array([[9, 4]], dtype=int32)
    """
    out = _empty(len(offsets) - 1, k)
    _segments(offsets, items, np.ascontiguousarray(scores, np.float32), out.items, out.scores)
    return out


def top_k_of_rows(scores: npt.NDArray[np.float32], k: int) -> Ranked:
    """Best k columns of each row of a dense matrix; the column is the item.

    Parameters
    ----------
    scores : float32 array of shape (m, n_items)
        Entries that are NaN or -inf are never returned.
    k : int
    """
    out = _empty(len(scores), k)
    _rows(np.ascontiguousarray(scores, np.float32), out.items, out.scores)
    return out


def _empty(m: int, k: int) -> Ranked:
    return Ranked(np.full((m, k), -1, np.int32), np.full((m, k), -np.inf, np.float32))


@numba.njit(nogil=True, cache=True)
def heap_push(items, scores, size, item, score):  # type: ignore[no-untyped-def]
    """Offer a candidate to a bounded heap whose root is its worst member; return the new size.

    `items`, `scores`: the storage, capacity = k. Callable from other kernels.
    """
    k = len(items)
    if not score > -np.inf or k == 0:
        return size
    if size < k:
        at = size
        while at > 0:  # sift up
            parent = (at - 1) // 2
            if scores[parent] < score or (scores[parent] == score and items[parent] > item):
                break
            items[at], scores[at] = items[parent], scores[parent]
            at = parent
        items[at], scores[at] = item, score
        return size + 1
    if scores[0] > score or (scores[0] == score and items[0] < item):
        return size
    _sift_down(items, scores, k, item, score)
    return size


@numba.njit(nogil=True, cache=True)
def _sift_down(items, scores, size, item, score):  # type: ignore[no-untyped-def]
    """Put a candidate in the place of the root, restoring the heap of `size` members."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            scores[other] < scores[child] or (scores[other] == scores[child] and items[other] > items[child])
        ):
            child = other
        if score < scores[child] or (score == scores[child] and item > items[child]):
            break
        items[at], scores[at] = items[child], scores[child]
        at = child
    items[at], scores[at] = item, score


@numba.njit(nogil=True, cache=True)
def heap_sort(items, scores, size):  # type: ignore[no-untyped-def]
    """Turn the heap into a list, best first."""
    while size > 1:
        item, score = items[0], scores[0]
        size -= 1
        last_item, last_score = items[size], scores[size]
        _sift_down(items, scores, size, last_item, last_score)
        items[size], scores[size] = item, score


@numba.njit(nogil=True, cache=True)
def _segments(offsets, items, scores, out_items, out_scores):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        size = 0
        for at in range(offsets[row], offsets[row + 1]):
            size = heap_push(out_items[row], out_scores[row], size, items[at], scores[at])
        heap_sort(out_items[row], out_scores[row], size)


@numba.njit(nogil=True, cache=True)
def _rows(scores, out_items, out_scores):  # type: ignore[no-untyped-def]
    for row in range(scores.shape[0]):
        size = 0
        for item in range(scores.shape[1]):
            size = heap_push(out_items[row], out_scores[row], size, np.int32(item), scores[row, item])
        heap_sort(out_items[row], out_scores[row], size)
