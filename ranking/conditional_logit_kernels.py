"""Sums in one order, with nothing but their result in memory.

A product of matrices would score faster, but the last bits of a row would hang on the rows beside it.
"""

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True)
def moments(  # pragma: no cover - compiled
    values: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean and deviation of what is known of each column; a column that tells nothing has an infinite one."""
    n_rows, n_columns = values.shape
    n, mean, square = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns)
    for row in range(n_rows):
        for at in range(n_columns):
            if np.isfinite(values[row, at]):
                n[at] += 1
                mean[at] += values[row, at]
    mean /= np.maximum(n, 1)
    for row in range(n_rows):
        for at in range(n_columns):
            if np.isfinite(values[row, at]):
                square[at] += (values[row, at] - mean[at]) ** 2
    deviation = np.where(square > 0, np.sqrt(square / np.maximum(n, 1)), np.inf)
    return mean.astype(np.float32), deviation.astype(np.float32)


@numba.njit(cache=True)
def standardise(  # pragma: no cover - compiled
    values: npt.NDArray[np.float32],
    mean: npt.NDArray[np.float32],
    deviation: npt.NDArray[np.float32],
    farthest: float,
) -> npt.NDArray[np.float32]:
    """Deviations from the mean within `farthest` of it, 0 where unknown, float32 of shape (n, p)."""
    out = np.zeros(values.shape, np.float32)
    far = np.float32(farthest)
    for row in range(values.shape[0]):
        for at in range(values.shape[1]):
            value = (values[row, at] - mean[at]) / deviation[at]
            if not np.isnan(value):
                out[row, at] = min(max(value, -far), far)
    return out


@numba.njit(cache=True)
def sum_parts(  # pragma: no cover - compiled
    x: npt.NDArray[np.float32],
    by: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    farthest: float,
    group: npt.NDArray[np.int64],
    n_groups: int,
) -> npt.NDArray[np.float64]:
    """What the columns of each group add to the utility of a row, float64 of shape (n, n_groups)."""
    out = np.zeros((x.shape[0], n_groups))
    part = np.empty(x.shape[1])
    for row in range(x.shape[0]):
        part[:] = weights[0]
        for k in range(len(by)):  # column by column inside, many of them an instruction
            share = x[row, by[k]] / farthest
            for at in range(x.shape[1]):
                part[at] += weights[1 + k, at] * share
        for at in range(x.shape[1]):
            out[row, group[at]] += part[at] * x[row, at]
    return out
