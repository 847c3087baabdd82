"""The kernels against dense arithmetic and plain loops."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from retrieval.kernels import (
    first_eligible,
    fuse,
    merge_searches,
    retrieve_through_rows,
    score_through_rows,
)

N_ITEMS = 14


def block(rng, m):
    """Random eligibility of m queries: mask, bits, owned; and all of it as one dense mask."""
    available = rng.random(N_ITEMS) < 0.8
    item_bits = rng.integers(0, 4, (N_ITEMS, 2)).astype(np.uint64)
    user_bits = (rng.integers(0, 4, (m, 2)) * (rng.random((m, 1)) < 0.4)).astype(np.uint64)
    is_owned = rng.random((m, N_ITEMS)) < 0.2
    owned_offsets = np.concatenate([[0], np.cumsum(is_owned.sum(axis=1))]).astype(np.int64)
    owned = np.nonzero(is_owned)[1].astype(np.int32)
    clash = (item_bits[None] & user_bits[:, None]).any(axis=2)
    prices = rng.choice([1, 2, 2.5, np.inf], N_ITEMS).astype(np.float32)
    ceilings = rng.choice([0.5, 2, 2.5, np.inf, np.inf], m).astype(np.float32)
    is_dear = prices > ceilings[:, None]
    arguments = available, item_bits, user_bits, prices, ceilings, owned_offsets, owned
    return arguments, available & ~clash & ~is_owned & ~is_dear


def best(scores, allowed, k):
    """Items with a score above -inf, best first, ties by code, -1 behind the end."""
    order = [item for item in np.argsort(-scores, kind="stable") if allowed[item] and scores[item] > -np.inf]
    return [int(item) for item in order[:k]] + [-1] * (k - len(order[:k]))


def empty(m, k):
    return np.full((m, k), -1, np.int32), np.full((m, k), -np.inf, np.float32)


def histories(rng, m, n_rows):
    lengths = rng.integers(0, 5, m)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return offsets, rng.integers(-1, n_rows, offsets[-1]).astype(np.int32)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 20), wide=st.booleans())
def test_sums_of_rows_equal_a_dense_product(seed, k, wide):
    rng = np.random.default_rng(seed)
    m, n_rows = 5, 6
    # Small whole numbers: sums are exact, tie, cancel and vanish. Zeros are stored too.
    dense = rng.integers(-2, 4, (n_rows, N_ITEMS)).astype(np.float32)
    stored = (dense != 0) | (rng.random(dense.shape) < 0.2)
    matrix = sp.csr_matrix((dense[stored], np.nonzero(stored)), shape=dense.shape)
    index = np.int64 if wide else np.int32
    csr = matrix.data, matrix.indices.astype(index), matrix.indptr.astype(index)
    offsets, rows = histories(rng, m, n_rows)
    weights = rng.choice([0.0, 0.5, 1.0, -1.0], len(rows)).astype(np.float32)
    arguments, allowed = block(rng, m)
    items, scores = empty(m, k)
    retrieve_through_rows(offsets, rows, weights, *csr, N_ITEMS, *arguments, items, scores)

    used = rows >= 0
    query = np.repeat(np.arange(m), np.diff(offsets))
    spread = sp.csr_matrix((weights[used], (query[used], rows[used])), shape=(m, n_rows))
    expected = (spread @ dense).astype(np.float32)
    positive = np.where(expected > 0, expected, -np.inf)
    for at in range(m):
        assert items[at].tolist() == best(positive[at], allowed[at], k)
        np.testing.assert_array_equal(scores[at], [expected[at, i] if i >= 0 else -np.inf for i in items[at]])

    out = np.empty(m * N_ITEMS, np.float32)
    every = np.arange(m + 1, dtype=np.int64) * N_ITEMS, np.tile(np.arange(N_ITEMS, dtype=np.int32), m)
    score_through_rows(offsets, rows, weights, *csr, N_ITEMS, *every, out)
    expected[np.bincount(query[used], minlength=m) == 0] = np.nan
    np.testing.assert_array_equal(out.reshape(m, -1), expected)


@pytest.mark.parametrize("bad", ["weights", "data"])
def test_a_sum_that_is_no_number_is_not_returned(bad):
    m, repeats = 2, 40
    matrix = sp.csr_matrix(np.ones((1, N_ITEMS), np.float32))
    offsets = np.array([0, repeats, repeats + 1], np.int64)
    weights = np.ones(repeats + 1, np.float32)
    data = matrix.data.copy()
    if bad == "weights":
        weights[:repeats] = np.nan  # over and over, which must not overrun the list of items touched
    else:
        data[3] = np.nan
    arguments, _ = block(np.random.default_rng(0), m)
    free = (
        np.ones(N_ITEMS, bool),
        arguments[1],
        np.zeros((m, 2), np.uint64),
        np.zeros(N_ITEMS, np.float32),
        np.zeros(m, np.float32),
        np.zeros(3, np.int64),
        arguments[-1][:0],
    )
    items, scores = empty(m, N_ITEMS)
    rows = np.zeros(repeats + 1, np.int32)
    retrieve_through_rows(
        offsets, rows, weights, data, matrix.indices, matrix.indptr, N_ITEMS, *free, items, scores
    )
    everything = list(range(N_ITEMS))
    if bad == "weights":
        assert (items[0] == -1).all()
        assert items[1].tolist() == everything  # the query behind it is not infected
    else:
        assert items[:, :-1].tolist() == [[item for item in everything if item != 3]] * 2


def test_weights_below_what_a_float_can_hold_nominate_nothing():
    matrix = sp.csr_matrix(np.ones((1, N_ITEMS), np.float32))
    weights = np.array([1e-38, 0.0], np.float32)
    free = (
        np.ones(N_ITEMS, bool), np.zeros((N_ITEMS, 1), np.uint64), np.zeros((2, 1), np.uint64),
        np.zeros(N_ITEMS, np.float32), np.zeros(2, np.float32), np.zeros(3, np.int64), np.zeros(0, np.int32),
    )  # fmt: skip
    items, scores = empty(2, 3)
    retrieve_through_rows(
        np.array([0, 1, 2]), np.zeros(2, np.int32), weights,
        matrix.data, matrix.indices, matrix.indptr, N_ITEMS, *free, items, scores,
    )  # fmt: skip
    assert items.tolist() == [[0, 1, 2], [-1, -1, -1]]


@given(seed=st.integers(0, 10_000), k=st.integers(1, 20))
def test_sorted_lists_are_walked_as_a_loop_would(seed, k):
    rng = np.random.default_rng(seed)
    m = 4
    values = rng.choice([-np.inf, 0.0, 1.0, 2.0], (3, N_ITEMS)).astype(np.float32)
    order = np.argsort(-values, axis=1, kind="stable").astype(np.int32)
    row = rng.integers(0, 3, m).astype(np.int32)
    arguments, allowed = block(rng, m)
    items, scores = empty(m, k)
    first_eligible(row, order, np.take_along_axis(values, order, axis=1), *arguments, items, scores)
    for at in range(m):
        expected = best(values[row[at]], allowed[at], k)
        assert items[at].tolist() == expected
        assert scores[at].tolist() == [values[row[at], i] if i >= 0 else -np.inf for i in expected]


@given(seed=st.integers(0, 10_000), k=st.integers(1, 20))
def test_the_best_of_several_searches_counts(seed, k):
    rng = np.random.default_rng(seed)
    m = 4
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 4, m))]).astype(np.int64)
    found = np.full((offsets[-1], 6), -1, np.int32)
    for search in found:
        n = rng.integers(0, 7)
        search[:n] = rng.choice(N_ITEMS, n, replace=False)
    found_scores = rng.choice([-1.0, 0.0, 0.5, 1.0], found.shape).astype(np.float32)
    arguments, allowed = block(rng, m)
    items, scores = empty(m, k)
    merge_searches(offsets, found, found_scores, N_ITEMS, *arguments, items, scores)
    for at in range(m):
        expected = np.full(N_ITEMS, -np.inf, np.float32)
        for search in range(offsets[at], offsets[at + 1]):
            for item, score in zip(found[search], found_scores[search], strict=True):
                if item >= 0:
                    expected[item] = max(expected[item], score)
        assert items[at].tolist() == best(expected, allowed[at], k)
        assert scores[at].tolist() == [expected[i] if i >= 0 else -np.inf for i in items[at]]


def fused_by_dict(lists, budget):
    """{item: ranks by source} of one query, cut by best rank, then the reciprocal sum, then the code."""
    ranks = {}
    for source, listed in enumerate(lists):
        for rank, item in enumerate(listed, 1):
            if item >= 0:
                ranks.setdefault(int(item), {})[source] = rank

    def order(item):
        given_ranks = ranks[item].values()
        votes = sum(1 / (60 + rank) for _, rank in sorted(ranks[item].items()))
        return -np.float32(votes - min(given_ranks)), item

    return {item: ranks[item] for item in sorted(sorted(ranks, key=order)[:budget])}


@given(
    seed=st.integers(0, 10_000),
    quotas=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    budget=st.integers(1, 20),
)
def test_fusion_equals_a_dictionary(seed, quotas, budget):
    rng = np.random.default_rng(seed)
    m, n_sources = 4, len(quotas)
    lists = []
    for quota in quotas:
        found = np.full((m, quota), -1, np.int32)
        for row in found:
            n = rng.integers(0, quota + 1)
            row[:n] = rng.choice(N_ITEMS, n, replace=False)
        lists.append(found)
    columns = np.concatenate(lists, axis=1)
    source_of = np.repeat(np.arange(n_sources), quotas)
    rank_of = np.concatenate([np.arange(1, quota + 1) for quota in quotas]).astype(np.int16)
    offsets = np.zeros(m + 1, np.int64)
    items = np.empty(m * budget, np.int32)
    ranks = np.empty((m * budget, n_sources), np.int16)
    n = fuse(columns, source_of, rank_of, n_sources, N_ITEMS, budget, offsets, items, ranks)
    assert n == offsets[-1]
    for at in range(m):
        expected = fused_by_dict([found[at] for found in lists], budget)
        rows = slice(offsets[at], offsets[at + 1])
        assert items[rows].tolist() == list(expected)
        table = [[expected[item].get(source, 0) for source in range(n_sources)] for item in expected]
        assert ranks[rows].tolist() == table
