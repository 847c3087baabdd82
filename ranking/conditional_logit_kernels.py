"""Sums over the columns of a row, one after the other: the same for a row wherever it stands.

A product of matrices would be faster, but its last bits hang on the rows beside.
"""

import numba
import numpy as np
import numpy.typing as npt


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
) -> npt.NDArray[np.float64]:
    """Utility of each row, float64 of shape (n,)."""
    out = np.zeros(x.shape[0])
    for row in range(x.shape[0]):
        for at in range(x.shape[1]):
            weight = weights[0, at]
            for k in range(len(by)):
                weight += weights[1 + k, at] * x[row, by[k]] / farthest
            out[row] += weight * x[row, at]
    return out


@numba.njit(cache=True)
def add_parts(  # pragma: no cover - compiled
    x: npt.NDArray[np.float32],
    by: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    farthest: float,
    group: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None:
    """Add to `out`, (n, groups), what the columns of each group add to the utility of a row."""
    for row in range(x.shape[0]):
        for at in range(x.shape[1]):
            weight = weights[0, at]
            for k in range(len(by)):
                weight += weights[1 + k, at] * x[row, by[k]] / farthest
            out[row, group[at]] += weight * x[row, at]
