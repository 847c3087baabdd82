from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.expected_ndcg import expected_ndcg, expected_ranks


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000))
def test_ranks_are_one_plus_the_weights_above(seed):
    rng = np.random.default_rng(seed)
    offsets = np.cumsum([0, *rng.integers(0, 6, 5)])
    scores = rng.integers(0, 4, offsets[-1]).astype(np.float32)
    weights = rng.choice([1.0, 1 / 0.3], offsets[-1])
    found = expected_ranks(offsets, scores, weights)
    for start, stop in pairwise(offsets):
        for row in range(start, stop):
            above = [
                other
                for other in range(start, stop)
                if scores[other] > scores[row] or (scores[other] == scores[row] and other < row)
            ]
            assert found[row] == pytest.approx(1 + weights[above].sum())


def test_sampled_ranks_are_those_of_the_pool_on_average():
    """Of a positive that 40 of 100 negatives lie above."""
    rng, share = np.random.default_rng(0), 0.3
    scores = np.concatenate([[0.0], np.repeat([1.0, -1.0], [40, 60])]).astype(np.float32)
    found = []
    for _ in range(2000):
        kept = np.flatnonzero(np.concatenate([[True], rng.random(100) < share]))
        weights = np.where(kept == 0, 1, 1 / share)
        found.append(expected_ranks(np.array([0, len(kept)]), scores[kept], weights)[0])
    assert np.mean(found) == pytest.approx(41, abs=0.8)


def test_ndcg_by_hand():
    offsets, grade = np.array([0, 3, 5, 6]), np.array([0, 1, 2, 1, 0, 0], np.int8)
    ranks = np.array([1.0, 2.0, 3.0, np.inf, 1.0, 1.0])
    first = (1 / np.log2(3) + 3 / 2) / (3 + 1 / np.log2(3))
    assert expected_ndcg(offsets, ranks, grade, 3) == pytest.approx(
        first / 2
    )  # the last query has no positive
    assert expected_ndcg(offsets, ranks, grade, 2) == pytest.approx(
        (1 / np.log2(3)) / (3 + 1 / np.log2(3)) / 2
    )


def test_nothing_to_judge():
    assert expected_ndcg(np.array([0, 1]), np.ones(1), np.zeros(1, np.int8), 10) == 0
