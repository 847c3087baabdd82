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
_MANY_COLUMNS: Final = 262_144  # beyond them, what is as long as the columns is made piece by piece
_FACTORS_A_SLAB: Final = 16
_ORTHONORMAL: Final = 1e-12  # the greatest error of the inner products of factors


def right_factors(
    matrix: sp.csr_matrix, dimensions: int, seed: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The largest singular values and the right singular vectors.

    Only the columns' side is ever dense, and rows are multiplied in blocks, so memory does not grow with
    the number of rows: it is two to three arrays of (v, dimensions + 16) float64, 1.9 GB for a million
    columns and 64 factors. Signs are fixed by the largest entry of each vector. BLAS sums in an order that
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
            product = _gram_times(matrix, basis)
            del basis  # before more of its size is made
            basis = _orthonormal(product)
            del product
        squares, rotation = np.linalg.eigh(basis.T @ _gram_times(matrix, basis))
        right = basis @ rotation[:, ::-1][:, :dimensions]
    values = np.sqrt(np.maximum(squares[::-1][:dimensions], 0))
    kept = values > _NEGLIGIBLE * values[0]
    if not kept.all():
        values, right = values[kept], right[:, kept]
    right *= [np.sign(factor[np.abs(factor).argmax()]) for factor in right.T]
    return values, right


def _gram_times(matrix: sp.csr_matrix, basis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The Gram matrix of the columns times `basis`, without forming it; float64 of the shape of `basis`."""
    product = np.zeros(basis.shape)
    n_rows, n_columns = matrix.shape
    many = n_columns > _MANY_COLUMNS
    rows, factors = (n_columns, _FACTORS_A_SLAB) if many else (_ROWS_A_BLOCK, basis.shape[1])
    for start in range(0, n_rows, rows):
        block = matrix[start : start + rows] if rows < n_rows else matrix
        for first in range(0, basis.shape[1], factors):
            slab = slice(first, first + factors)
            product[:, slab] += block.T @ (block @ basis[:, slab])
    return product


def _orthonormal(basis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An orthonormal basis of the space of the columns, float64 of the same shape; takes `basis` over.

    Many rows are turned where they stand, by the Cholesky factor of their inner products, until these are
    those of an orthonormal basis; where they are too near to dependence for that, as few rows are.

    References
    ----------
    Yamamoto et al. 2015, "Roundoff error analysis of the CholeskyQR2 algorithm", ETNA 44, section 2.
    """
    if len(basis) > _MANY_COLUMNS:
        for _ in range(4):
            products = basis.T @ basis
            if np.abs(products - np.eye(len(products))).max() < _ORTHONORMAL:
                return basis
            try:
                turn = np.linalg.inv(np.linalg.cholesky(products)).T
            except np.linalg.LinAlgError:
                break
            for start in range(0, len(basis), _ROWS_A_BLOCK):
                basis[start : start + _ROWS_A_BLOCK] = basis[start : start + _ROWS_A_BLOCK] @ turn
    return np.linalg.qr(basis)[0]


def unit_vectors(
    item: npt.NDArray[np.int32], words: sp.csr_matrix, right: npt.NDArray[np.floating]
) -> Vectors | None:
    """Products of each item's words with the factors, scaled to unit length.

    Items whose vector is all but zero are left out; None if all are. Rows are multiplied in blocks: what is
    kept is float32.

    Parameters
    ----------
    item : int32 array of shape (n,)
        Item codes, ascending.
    words : csr_matrix of shape (n, v)
    right : float64 array of shape (v, k)
    """
    parts, placed = [], np.zeros(len(item), np.bool_)
    for start in range(0, len(item), _ROWS_A_BLOCK):
        rows = words[start : start + _ROWS_A_BLOCK] @ right
        lengths = np.linalg.norm(rows, axis=1)
        far = lengths > _NEGLIGIBLE
        placed[start : start + _ROWS_A_BLOCK] = far
        parts.append((rows[far] / lengths[far, None]).astype(np.float32))
    if not placed.any():
        return None
    return Vectors(item[placed], np.concatenate(parts))
