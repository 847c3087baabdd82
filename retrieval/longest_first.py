"""Exact search by inner product that ends where no vector left is long enough."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from retrieval.kernels import merge_best

Vectors = npt.NDArray[np.float32]
Compare = Callable[[Vectors, Vectors, int], tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]
"""Scores and rows, each of shape (q, k), of the k best of some vectors for each of q queries, descending."""

FIRST_ROWS: Final = 4096  # compared with every query; then half as many again as before, each time
_ALIKE: Final = 0.5  # where the shortest is so long beside the longest, no search would end early
_LONG: Final = 1 / 64  # of the longest: few searches end before the vectors of that length do
_ROUNDING: Final = np.float32(1 + 2**-14)  # of products in single precision, many times over


def reach_of(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Length of the longest vector from each row on, float32 of shape (n,): it never grows."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    return np.asarray(np.maximum.accumulate(lengths[::-1])[::-1], np.float32)


def n_long(matrix: npt.NDArray[np.float32]) -> int:
    """How many vectors a search compares, roughly: those that are not very short beside the longest."""
    lengths = np.linalg.norm(matrix, axis=1)
    return int((lengths >= _LONG * lengths.max(initial=0)).sum())


def search(
    queries: npt.NDArray[np.float32],
    matrix: npt.NDArray[np.float32],
    reach: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64] | None,
    k: int,
    compare: Compare,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The k largest inner products of each query, whatever the order of the rows.

    No product is larger than that of the two lengths (Cauchy and Schwarz), so a query has done where its k-th
    best is above its own length times the longest one ahead. Of factors, whose lengths follow how often an
    item was bought, a tenth is compared when the longest come first; of vectors of one length, all.

    Parameters
    ----------
    queries : float32 array of shape (q, d)
    matrix : float32 array of shape (n, d)
        Best in order of length, longest first: that changes only speed.
    reach : float32 array of shape (n,)
        `reach_of(matrix)`.
    rows : int64 array of shape (r,) or None
        Rows that may be found, ascending; None for all.
    k : int
        At least 1 and at most the number of those rows.
    compare : callable
        Compares every query with every vector it is given.

    Returns
    -------
    scores : float32 array of shape (q, k)
        Descending.
    found : int64 array of shape (q, k)
        Positions in `rows`, or in `matrix` without them.

    References
    ----------
    Teflioudi, Gemulla and Mykytiuk, "LEMP: fast retrieval of large entries in a matrix product", SIGMOD 2015,
    section 4 (buckets by length).
    """
    n = len(matrix) if rows is None else len(rows)
    ahead = reach if rows is None else reach[rows]
    ends = _ends(ahead, k)
    lengths = np.linalg.norm(queries, axis=1) * _ROUNDING
    scores = np.full((len(queries), k), -np.inf, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    start, active = 0, np.arange(len(queries))
    for end in ends:
        part = matrix[start:end] if rows is None else matrix[rows[start:end]]
        theirs, at = compare(queries[active], part, min(k, end - start))
        at[at >= 0] += start
        merge_best(active, theirs, at, scores, found)
        if end == n:
            break
        active = active[scores[active, -1] <= lengths[active] * ahead[end]]
        if not len(active):
            break
        start = end
    return scores, found


def _ends(reach: npt.NDArray[np.float32], k: int) -> list[int]:
    """Where each batch of rows ends, the last with the last row."""
    n = len(reach)
    if not reach[-1] <= _ALIKE * reach[0]:
        return [n]
    ends = [min(max(FIRST_ROWS, k), n)]
    while ends[-1] < n:
        ends.append(min(ends[-1] + max(ends[-1] // 2, 1), n))
    return ends
