"""Coverage, novelty and diversity."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.vectors import Vectors
from evaluation.metrics import diversity
from evaluation.metrics.coverage import Coverage
from evaluation.metrics.diversity import Diversity
from evaluation.metrics.novelty import Novelty
from tests.evaluation.samples import ranked_of


def test_coverage_counts_recommendable_items_among_the_first_k():
    ranked = ranked_of([[0, 1, 4], [1, 3], []], 3)
    available = np.array([True, True, True, False, True])
    assert Coverage(2)(ranked, available) == 2 / 4  # items 0 and 1; item 3 may not be recommended
    assert Coverage(3)(ranked, available) == 3 / 4


def test_coverage_of_nothing():
    assert Coverage(2)(ranked_of([], 2), np.ones(3, bool)) == 0
    assert math.isnan(Coverage(2)(ranked_of([[]], 2), np.zeros(3, bool)))


def test_novelty_is_the_mean_of_bits():
    popularity = np.array([8, 4, 1, 0])
    values = Novelty(2)(ranked_of([[0, 1, 3], [2], [3], []], 3), popularity, n_users=8)
    np.testing.assert_allclose(values, [0.5, 3.0, 3.0, math.nan])


def test_rarer_items_are_more_novel():
    values = Novelty(1)(ranked_of([[0], [1]], 1), np.array([50, 5]), n_users=100)
    assert values[0] < values[1]


@given(
    lists=st.lists(st.lists(st.integers(0, 9), max_size=6, unique=True), min_size=1, max_size=5),
    k=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_diversity_is_one_minus_the_mean_cosine_of_pairs(lists, k, seed):
    random = np.random.default_rng(seed)
    placed = np.flatnonzero(random.random(8) < 0.7).astype(np.int32)  # items 8 and 9 never have a vector
    matrix = random.normal(size=(len(placed), 3)).astype(np.float32)
    matrix[random.random(len(placed)) < 0.2] = 0
    vector_of = dict(zip(placed.tolist(), matrix.astype(np.float64), strict=True))
    values = Diversity(k)(ranked_of(lists, 6), Vectors(placed, matrix))
    for value, chosen in zip(values, lists, strict=True):
        known = [vector_of[i] for i in chosen[:k] if i in vector_of and np.linalg.norm(vector_of[i]) > 0]
        cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in itertools.combinations(known, 2)]
        assert value == pytest.approx(1 - np.mean(cosines) if cosines else math.nan, abs=1e-9, nan_ok=True)


def test_diversity_does_not_depend_on_the_block(monkeypatch):
    random = np.random.default_rng(0)
    vectors = Vectors(np.arange(30, dtype=np.int32), random.normal(size=(30, 4)).astype(np.float32))
    ranked = ranked_of([random.permutation(30)[:5].tolist() for _ in range(17)], 5)
    whole = Diversity(5)(ranked, vectors)
    monkeypatch.setattr(diversity, "_BLOCK_BYTES", 1)
    np.testing.assert_array_equal(Diversity(5)(ranked, vectors), whole)


def test_equal_and_opposite_items():
    vectors = Vectors(np.arange(3, dtype=np.int32), np.array([[1, 0], [2, 0], [-1, 0]], np.float32))
    np.testing.assert_allclose(Diversity(2)(ranked_of([[0, 1], [0, 2]], 2), vectors), [0, 2])


def test_diversity_without_any_vector_or_list():
    nothing = Vectors(np.zeros(0, np.int32), np.zeros((0, 4), np.float32))
    assert np.isnan(Diversity(2)(ranked_of([[0, 1]], 2), nothing)).all()
    assert Diversity(2)(ranked_of([], 2), nothing).shape == (0,)
