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
    """Share of the history's weight, and of its newest moment's, that bears the candidate's label.

    Parameters
    ----------
    history_label : int32 array of shape (h,)
        -1 where missing: such events count on neither side.
    weight : float32 array of shape (h,)
    step : int32 array of shape (h,)
        0 for the newest moment.
    candidate_label : int32 array of shape (n,)
    out : float32 array of shape (n, 2)
        NaN where the candidate or the whole history bears no label.
    """
    mass = np.zeros((n_labels, 2), np.float32)
    for query in range(len(history_offsets) - 1):
        start, stop = candidate_offsets[query], candidate_offsets[query + 1]
        if start == stop:
            continue
        total, newest = np.float32(0), np.float32(0)
        for event in range(history_offsets[query], history_offsets[query + 1]):
            label = history_label[event]
            if label >= 0:
                mass[label, 0] += weight[event]
                total += weight[event]
                if step[event] == 0:
                    mass[label, 1] += weight[event]
                    newest += weight[event]
        for at in range(start, stop):
            label = candidate_label[at]
            out[at, 0] = mass[label, 0] / total if label >= 0 and total > 0 else np.float32(np.nan)
            out[at, 1] = mass[label, 1] / newest if label >= 0 and newest > 0 else np.float32(np.nan)
        for event in range(history_offsets[query], history_offsets[query + 1]):
            label = history_label[event]
            if label >= 0:
                mass[label, 0] = mass[label, 1] = 0


@numba.njit(nogil=True, cache=True)
def word_overlap(  # type: ignore[no-untyped-def]
    history_offsets, history_row, weight, candidate_offsets, candidate_row, words, n_words, out
):
    """Weighted mean over the history of the dot product of sparse word vectors.

    Parameters
    ----------
    history_row, candidate_row : int32 arrays of shapes (h,), (n,)
        Rows of the sparse matrix; -1 where unknown.
    weight : float32 array of shape (h,)
    words : tuple of int32, int32 and float32 arrays
        `indptr`, `indices` and `data` of that matrix, rows of unit length.
    out : float32 array of shape (n,)
        NaN where the candidate or the whole history has no word.
    """
    indptr, indices, data = words
    profile = np.zeros(n_words, np.float32)
    for query in range(len(history_offsets) - 1):
        start, stop = candidate_offsets[query], candidate_offsets[query + 1]
        if start == stop:
            continue
        total = np.float32(0)
        for event in range(history_offsets[query], history_offsets[query + 1]):
            row = history_row[event]
            if row >= 0 and indptr[row] < indptr[row + 1]:
                total += weight[event]
                for word in range(indptr[row], indptr[row + 1]):
                    profile[indices[word]] += weight[event] * data[word]
        for at in range(start, stop):
            row = candidate_row[at]
            if row < 0 or indptr[row] == indptr[row + 1] or not total > 0:
                out[at] = np.nan
                continue
            dot = np.float32(0)
            for word in range(indptr[row], indptr[row + 1]):
                dot += profile[indices[word]] * data[word]
            out[at] = dot / total
        for event in range(history_offsets[query], history_offsets[query + 1]):
            row = history_row[event]
            if row >= 0:
                for word in range(indptr[row], indptr[row + 1]):
                    profile[indices[word]] = 0
