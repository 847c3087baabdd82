"""Truncated factorisation of a sparse matrix, the same on every run and with any number of threads."""

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from dataset.vectors import Vectors

_NEGLIGIBLE: Final = 1e-6
_OVERSAMPLES: Final = 16
_ITERATIONS: Final = 6
_ROWS_A_BLOCK: Final = 65_536


def right_factors(
    matrix: sp.csr_matrix, dimensions: int, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The largest singular values and the right singular vectors.

    Only the columns' side is ever dense, and rows are multiplied in blocks, so memory does not grow with
    the number of rows. Signs are fixed by the largest entry of each vector. BLAS sums in an order that
    depends on its threads, so it gets one.

    Parameters
    ----------
    matrix : csr_matrix of shape (n, v)
    dimensions : int
        Number of factors wanted; fewer come back where the rank is lower.
    seed : int
        Of the random start.

    Returns
    -------
    values : float64 array of shape (k,)
        Descending; those below a millionth of the first are dropped.
    right : float64 array of shape (v, k)

    References
    ----------
    Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithm 4.4 on the Gram matrix,
    then Rayleigh-Ritz.
    """
    width = min(dimensions + _OVERSAMPLES, *matrix.shape)
    if not width or not matrix.nnz:
        return np.zeros(0), np.zeros((matrix.shape[1], 0))
    with threadpool_limits(limits=1, user_api="blas"):
        basis = np.random.default_rng(seed).standard_normal((matrix.shape[1], width))
        for _ in range(_ITERATIONS):
            basis = np.linalg.qr(_gram_times(matrix, basis))[0]
        squares, rotation = np.linalg.eigh(basis.T @ _gram_times(matrix, basis))
        right = basis @ rotation[:, ::-1][:, :dimensions]
    values = np.sqrt(np.maximum(squares[::-1][:dimensions], 0))
    kept = values > _NEGLIGIBLE * values[0]
    values, right = values[kept], right[:, kept]
    largest = right[np.abs(right).argmax(axis=0), np.arange(len(values))]
    return values, right * np.sign(largest)


def _gram_times(matrix: sp.csr_matrix, basis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The Gram matrix of the columns times `basis`, without forming it; float64 of the shape of `basis`."""
    product = np.zeros(basis.shape)
    for start in range(0, matrix.shape[0], _ROWS_A_BLOCK):
        block = matrix[start : start + _ROWS_A_BLOCK]
        product += block.T @ (block @ basis)
    return product


def unit_vectors(item: npt.NDArray[np.int32], matrix: npt.NDArray[np.floating]) -> Vectors | None:
    """Vectors scaled to unit length; items whose vector is all but zero are left out, None if all are."""
    lengths = np.linalg.norm(matrix, axis=1)
    placed = lengths > _NEGLIGIBLE
    if not placed.any():
        return None
    unit = matrix[placed] / lengths[placed, None]
    return Vectors(item[placed], np.ascontiguousarray(unit, np.float32))
