"""Factors of a sparse matrix against the dense decomposition, and vectors of unit length."""

import numpy as np
import pytest
import scipy.sparse as sp

from dataset.factorisation import right_factors, unit_vectors


@pytest.mark.parametrize(("dimensions", "tolerance"), [(40, 1e-6), (5, 1e-2)])
def test_factors_match_the_dense_decomposition(dimensions: int, tolerance: float) -> None:
    matrix = sp.random(90, 40, density=0.3, random_state=1, format="csr")
    values, right = right_factors(matrix, dimensions, 0)
    _, exact, directions = np.linalg.svd(matrix.toarray(), full_matrices=False)
    np.testing.assert_allclose(values, exact[:dimensions], rtol=tolerance)
    np.testing.assert_allclose(right.T @ right, np.eye(dimensions), atol=1e-10)
    np.testing.assert_allclose(np.abs(directions[0] @ right[:, 0]), 1, atol=1e-6)
    assert (right[np.abs(right).argmax(axis=0), np.arange(dimensions)] > 0).all()


def test_blocks_of_rows_change_no_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = sp.random(90, 40, density=0.3, random_state=1, format="csr")
    values, right = right_factors(matrix, 4, 0)
    monkeypatch.setattr("dataset.factorisation._ROWS_A_BLOCK", 7)
    small_values, small_right = right_factors(matrix, 4, 0)
    np.testing.assert_allclose(values, small_values, rtol=1e-9)
    np.testing.assert_allclose(right, small_right, atol=1e-6)


def test_vectors_of_no_length_are_left_out() -> None:
    item = np.array([3, 8], np.int32)
    vectors = unit_vectors(item, np.array([[0.0, 0.0], [3.0, 4.0]]))
    assert vectors is not None
    assert vectors.item.tolist() == [8]
    np.testing.assert_allclose(vectors.matrix, [[0.6, 0.8]], rtol=1e-6)
    assert unit_vectors(item, np.zeros((2, 2))) is None
