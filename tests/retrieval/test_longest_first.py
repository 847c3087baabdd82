"""Search that ends early against all products, over vectors of every kind of lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import longest_first
from retrieval.index import all_compared


def whole(queries, matrix, k):
    """The definition, in float64."""
    products = queries.astype(np.float64) @ matrix.astype(np.float64).T
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, order, axis=1), order


def vectors(seed, n, d, skew, ordered):
    """Directions at random, lengths between alike (0) and very unlike; some are 0."""
    rng = np.random.default_rng(seed)
    lengths = np.exp(-skew * rng.random(n)) * (rng.random(n) > 0.05)
    if ordered:
        lengths = -np.sort(-lengths)
    matrix = rng.normal(size=(n, d))
    matrix *= (lengths / np.linalg.norm(matrix, axis=1))[:, None]
    return matrix.astype(np.float32), rng.normal(size=(9, d)).astype(np.float32)


@given(
    seed=st.integers(0, 10_000),
    skew=st.sampled_from([0.0, 1.0, 8.0, 60.0]),
    ordered=st.booleans(),
    share=st.sampled_from([None, 0.1, 0.9]),
    k=st.integers(1, 60),
)
def test_it_finds_what_all_products_give(seed, skew, ordered, share, k):
    before, longest_first.FIRST_ROWS = longest_first.FIRST_ROWS, 16  # many batches of few rows
    try:
        matrix, queries = vectors(seed, 300, 5, skew, ordered)
        rows = None if share is None else np.flatnonzero(np.random.default_rng(seed).random(300) < share)
        some = matrix if rows is None else matrix[rows]
        k = min(k, len(some))
        scores, found = longest_first.search(
            queries, matrix, longest_first.reach_of(matrix), rows, k, all_compared
        )
    finally:
        longest_first.FIRST_ROWS = before
    expected, _ = whole(queries, some, k)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(np.unique(row)) == k for row in found)
    itself = np.take_along_axis(queries.astype(np.float64) @ some.astype(np.float64).T, found, axis=1)
    np.testing.assert_allclose(scores, itself, rtol=1e-4, atol=1e-6)


def test_a_query_whose_products_are_all_negative_looks_at_the_short_ones_too():
    matrix = np.array([[-8.0], [-4.0], [-1.0], [-0.5], [-0.1]], np.float32).repeat(2000, axis=0)
    scores, found = longest_first.search(
        np.ones((1, 1), np.float32), matrix, longest_first.reach_of(matrix), None, 3, all_compared
    )
    np.testing.assert_allclose(scores, [[-0.1, -0.1, -0.1]])
    assert (found >= 8000).all()


def test_few_rows_are_compared_where_the_longest_come_first():
    matrix, queries = vectors(0, 50_000, 16, 20.0, ordered=True)
    compared = []

    def counted(few, some, k):
        compared.append(len(few) * len(some))
        return all_compared(few, some, k)

    longest_first.search(queries, matrix, longest_first.reach_of(matrix), None, 50, counted)
    assert sum(compared) < len(queries) * len(matrix) / 5


@pytest.mark.parametrize("skew", [0.0, 20.0])
def test_reach_is_the_length_of_the_longest_ahead(skew):
    matrix, _ = vectors(3, 200, 4, skew, ordered=False)
    lengths = np.linalg.norm(matrix.astype(np.float64), axis=1)
    reach = longest_first.reach_of(matrix)
    assert reach.dtype == np.float32
    np.testing.assert_allclose(reach, [lengths[at:].max() for at in range(len(lengths))], rtol=1e-6)
