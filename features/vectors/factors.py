"""Truncated factorisation of a sparse matrix, the same on every run and with any number of threads."""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from dataset.vectors import Vectors

_NEGLIGIBLE = 1e-6


def truncated_svd(
    matrix: sp.csr_matrix, dimensions: int, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The largest singular values and their vectors.

    Signs are fixed by the largest entry of each left vector. BLAS sums in an order that depends on its
    threads, so it gets one.

    Parameters
    ----------
    matrix : csr_matrix of shape (n, v)
    dimensions : int
        Number of factors wanted; fewer come back where the rank is lower.
    seed : int
        Of the random projection.

    Returns
    -------
    left : float64 array of shape (n, k)
    values : float64 array of shape (k,)
        Descending; those below a millionth of the first are dropped.
    right : float64 array of shape (v, k)

    References
    ----------
    Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithm 4.4.
    """
    n_factors = min(dimensions, *matrix.shape)
    if not n_factors or not matrix.nnz:
        return np.zeros((matrix.shape[0], 0)), np.zeros(0), np.zeros((matrix.shape[1], 0))
    with threadpool_limits(limits=1, user_api="blas"):
        left, values, right = randomized_svd(
            matrix, n_components=n_factors, n_oversamples=16, n_iter=6, random_state=seed
        )
    kept = values > _NEGLIGIBLE * values[0] if values[0] > 0 else np.zeros(len(values), bool)
    return left[:, kept], values[kept], right[kept].T


def unit_vectors(item: npt.NDArray[np.int32], matrix: npt.NDArray[np.floating]) -> Vectors | None:
    """Vectors scaled to unit length; items whose vector is all but zero are left out, None if all are."""
    lengths = np.linalg.norm(matrix, axis=1)
    placed = lengths > _NEGLIGIBLE
    if not placed.any():
        return None
    unit = matrix[placed] / lengths[placed, None]
    return Vectors(item[placed], np.ascontiguousarray(unit, np.float32))
