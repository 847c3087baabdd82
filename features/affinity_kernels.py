"""Kernels over a block's histories and candidates; m queries, h events, n candidates.

All take `history_offsets` int64 (m + 1,), `candidate_offsets` int64 (m + 1,) and fill `out`. Workspaces are
cleared after each query by walking the history again, so their size costs nothing per query.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def label_shares(  # type: ignore[no-untyped-def]
    history_offsets, history_label, weight, step, candidate_offsets, candidate_label, n_labels, out
):
    """Share of the history's weight, and of its newest moment's, with the candidate's label; their number.

    Parameters
    ----------
    history_label : int32 array of shape (h,)
        -1 where missing: such events count on neither side.
    weight : float32 array of shape (h,)
    step : int32 array of shape (h,)
        0 for the newest moment.
    candidate_label : int32 array of shape (n,)
    out : float32 array of shape (n, 3)
        Both shares, then log1p of the number of events; NaN where the candidate or the whole history bears no
        label.
    """
    mass = np.zeros((n_labels, 3), np.float32)
    for query in range(len(history_offsets) - 1):
        start, stop = candidate_offsets[query], candidate_offsets[query + 1]
        if start == stop:
            continue
        total, newest = np.float32(0), np.float32(0)
        for event in range(history_offsets[query], history_offsets[query + 1]):
            label = history_label[event]
            if label >= 0:
                mass[label, 0] += weight[event]
                mass[label, 2] += 1
                total += weight[event]
                if step[event] == 0:
                    mass[label, 1] += weight[event]
                    newest += weight[event]
        for at in range(start, stop):
            label = candidate_label[at]
            out[at, 0] = mass[label, 0] / total if label >= 0 and total > 0 else np.float32(np.nan)
            out[at, 1] = mass[label, 1] / newest if label >= 0 and newest > 0 else np.float32(np.nan)
            out[at, 2] = np.log1p(mass[label, 2]) if label >= 0 and total > 0 else np.float32(np.nan)
        for event in range(history_offsets[query], history_offsets[query + 1]):
            label = history_label[event]
            if label >= 0:
                mass[label] = 0


@numba.njit(nogil=True, cache=True)
def word_overlap(  # type: ignore[no-untyped-def]
    history_offsets, events, max_history, candidate_offsets, candidate_row, words, n_words, out
):
    """Dot products of sparse word vectors with the history: weighted mean, greatest, greatest of the newest.

    Parameters
    ----------
    events : tuple of an int32, a float32 and an int32 array of shape (h,)
        Row of each event in the sparse matrix, -1 where unknown; its weight, for the mean; its step, 0 for
        the newest moment.
    max_history : int
        Number of latest events that the greatest is taken over; the mean is over the whole history.
    candidate_row : int32 array of shape (n,)
        -1 where unknown.
    words : tuple of int32, int32 and float32 arrays
        `indptr`, `indices` and `data` of that matrix, rows of unit length.
    out : float32 array of shape (n, 3)
        NaN where the candidate or all of these events have no word.
    """
    indptr, indices, data = words
    longest = 0
    for row in range(len(indptr) - 1):
        longest = max(longest, indptr[row + 1] - indptr[row])
    # The latest events by word: `head` is the last entry of a word, `entries` are its event, weight and the
    # entry before. The events that share a word with a candidate are few, so that lists beat a dense table.
    profile, head = np.zeros(n_words, np.float32), np.full(n_words, -1, np.int32)
    size = max_history * longest
    entries = np.empty(size, np.int32), np.empty(size, np.float32), np.empty(size, np.int32)
    dots, is_newest = np.empty(max_history, np.float32), np.empty(max_history, np.bool_)
    for query in range(len(history_offsets) - 1):
        first, last = history_offsets[query], history_offsets[query + 1]
        start, stop = candidate_offsets[query], candidate_offsets[query + 1]
        if start == stop:
            continue
        total = _add_history(first, last, events, words, profile)
        size = _add_latest(first, last, max_history, events, words, head, entries, is_newest)
        for at in range(start, stop):
            row = candidate_row[at]
            if row < 0 or indptr[row] == indptr[row + 1] or not total > 0:
                out[at] = np.nan
                continue
            own = indices[indptr[row] : indptr[row + 1]], data[indptr[row] : indptr[row + 1]]
            dots[:size] = 0
            out[at, 0] = _multiply(own, profile, head, entries, dots) / total
            out[at, 1], out[at, 2] = _greatest(dots[:size], is_newest)
        for row in events[0][first:last]:
            if row >= 0:
                for word in indices[indptr[row] : indptr[row + 1]]:
                    profile[word] = 0
                    head[word] = -1


@numba.njit(nogil=True, cache=True)
def _add_history(first, last, events, words, profile):  # type: ignore[no-untyped-def]
    """Add the weighted words of a history to the profile; the weight of its events that have any."""
    row, weight, _ = events
    indptr, indices, data = words
    total = np.float32(0)
    for event in range(first, last):
        if row[event] >= 0 and indptr[row[event]] < indptr[row[event] + 1]:
            total += weight[event]
            for at in range(indptr[row[event]], indptr[row[event] + 1]):
                profile[indices[at]] += weight[event] * data[at]
    return total


@numba.njit(nogil=True, cache=True)
def _add_latest(first, last, max_history, events, words, head, entries, is_newest):  # type: ignore[no-untyped-def]
    """List the latest events by their words; the number of those that have any."""
    row, _, step = events
    indptr, indices, data = words
    entry_event, entry_weight, entry_before = entries
    size, entry = 0, 0
    for event in range(max(first, last - max_history), last):
        if row[event] >= 0 and indptr[row[event]] < indptr[row[event] + 1]:
            for at in range(indptr[row[event]], indptr[row[event] + 1]):
                entry_event[entry], entry_weight[entry] = size, data[at]
                entry_before[entry] = head[indices[at]]
                head[indices[at]] = entry
                entry += 1
            is_newest[size] = step[event] == 0
            size += 1
    return size


@numba.njit(nogil=True, cache=True)
def _multiply(own, profile, head, entries, dots):  # type: ignore[no-untyped-def]
    """Dot product of one item's words with the profile; those with each latest event are added to `dots`."""
    words, weights = own
    entry_event, entry_weight, entry_before = entries
    dot = np.float32(0)
    for k in range(len(words)):
        dot += profile[words[k]] * weights[k]
        entry = head[words[k]]
        while entry >= 0:
            dots[entry_event[entry]] += entry_weight[entry] * weights[k]
            entry = entry_before[entry]
    return dot


@numba.njit(nogil=True, cache=True)
def _greatest(dots, is_newest):  # type: ignore[no-untyped-def]
    """The greatest, and the greatest of the newest moment; NaN where there is none."""
    best = newest = np.float32(np.nan)
    for k in range(len(dots)):
        if not best >= dots[k]:
            best = dots[k]
        if is_newest[k] and not newest >= dots[k]:
            newest = dots[k]
    return best, newest
