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


@pytest.mark.parametrize("dimensions", [4, 12])
def test_many_columns_give_the_factors_of_few(monkeypatch: pytest.MonkeyPatch, dimensions: int) -> None:
    matrix = sp.random(90, 40, density=0.3, random_state=1, format="csr")
    values, right = right_factors(matrix, dimensions, 0)
    monkeypatch.setattr("dataset.factorisation._MANY_COLUMNS", 30)
    monkeypatch.setattr("dataset.factorisation._FACTORS_A_SLAB", 3)
    monkeypatch.setattr("dataset.factorisation._ROWS_A_BLOCK", 11)
    many_values, many_right = right_factors(matrix, dimensions, 0)
    np.testing.assert_allclose(many_values, values, rtol=1e-9)
    np.testing.assert_allclose(many_right, right, atol=1e-6)
    np.testing.assert_allclose(many_right.T @ many_right, np.eye(dimensions), atol=1e-10)


def test_many_columns_of_little_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Cholesky factor of dependent columns does not exist."""
    rng = np.random.default_rng(0)
    dense = rng.random((50, 3)) @ rng.random((3, 40))
    monkeypatch.setattr("dataset.factorisation._MANY_COLUMNS", 30)
    values, right = right_factors(sp.csr_matrix(dense), 8, 0)
    exact = np.linalg.svd(dense, compute_uv=False)[:3]
    np.testing.assert_allclose(values[:3], exact, rtol=1e-6)
    assert (values[3:] < 1e-5 * values[0]).all()
    np.testing.assert_allclose(right[:, :3].T @ right[:, :3], np.eye(3), atol=1e-9)


def test_vectors_of_no_length_are_left_out() -> None:
    item = np.array([3, 8], np.int32)
    words, right = sp.csr_matrix([[0.0, 0.0], [3.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    vectors = unit_vectors(item, words, right)
    assert vectors is not None
    assert vectors.item.tolist() == [8]
    np.testing.assert_allclose(vectors.matrix, [[0.6, 0.8]], rtol=1e-6)
    assert unit_vectors(item, sp.csr_matrix((2, 2)), right) is None


def test_blocks_of_rows_change_no_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    words = sp.random(50, 20, density=0.1, random_state=2, format="csr")
    right = np.random.default_rng(0).standard_normal((20, 6))
    item = np.arange(0, 100, 2, dtype=np.int32)
    whole = unit_vectors(item, words, right)
    monkeypatch.setattr("dataset.factorisation._ROWS_A_BLOCK", 7)
    blocks = unit_vectors(item, words, right)
    assert whole is not None
    assert blocks is not None
    assert 0 < len(whole.item) < 50
    np.testing.assert_array_equal(blocks.item, whole.item)
    np.testing.assert_array_equal(blocks.matrix, whole.matrix)
