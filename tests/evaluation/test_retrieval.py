"""Statistics of the pool against a count by hand, and in blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.candidates import Candidates
from dataset.errors import DataContractError
from evaluation.retrieval import CUTOFFS, RetrievalStatistics
from evaluation.sections import retrieval_section
from tests.evaluation.samples import qrels_of


def candidates_of(queries, sources=("a", "b")):
    """Candidates from a mapping item -> ranks of each source, a mapping a query."""
    queries = [sorted(ranks.items()) for ranks in queries]
    offsets = np.cumsum([0, *(len(ranks) for ranks in queries)]).astype(np.int64)
    item = np.array([item for ranks in queries for item, _ in ranks], np.int32)
    ranks = np.array([given for ranks in queries for _, given in ranks], np.int16).reshape(-1, len(sources))
    return Candidates(offsets, item, tuple(sources), np.zeros(ranks.shape, np.float32), ranks)


pools = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 30), st.tuples(*[st.integers(0, 60)] * 3), max_size=12),
        st.lists(st.integers(0, 30), max_size=6, unique=True),
    ),
    min_size=1,
    max_size=5,
)


@given(cases=pools)
def test_counts_are_those_made_by_hand(cases):
    queries, truth = zip(*cases, strict=True)
    found = RetrievalStatistics.of(candidates_of(queries, ("a", "b", "c")), qrels_of(truth))
    for q, (pool, relevant) in enumerate(cases):
        nominated = {item: {s for s in range(3) if ranks[s]} for item, ranks in pool.items()}
        fused = {item: sum(1 / (60 + r) for r in ranks if r) for item, ranks in pool.items()}
        order = sorted(pool, key=lambda item: (-fused[item], item))
        assert found.pool_size[q] == len(pool)
        for s in range(3):
            mine = [item for item in pool if s in nominated[item]]
            alone = [item for item in mine if nominated[item] == {s}]
            assert found.nominated[q, s] == len(mine)
            assert found.nominated_alone[q, s] == len(alone)
            assert found.unique_hits[q, s] == len(set(alone) & set(relevant))
            assert found.hits[q, s, -1] == len(set(mine) & set(relevant))
            for at, k in enumerate(CUTOFFS):
                assert found.hits[q, s, at] == sum(pool[item][s] <= k for item in mine if item in relevant)
        for at, k in enumerate(CUTOFFS):
            assert found.hits[q, 3, at] == len(set(order[:k]) & set(relevant))


@given(cases=pools)
def test_blocks_add_up_to_the_whole(cases):
    queries, truth = zip(*cases, strict=True)
    sources = ("a", "b", "c")
    whole = RetrievalStatistics.of(candidates_of(queries, sources), qrels_of(truth))
    parts = [
        RetrievalStatistics.of(candidates_of([pool], sources), qrels_of([relevant]))
        for pool, relevant in cases
    ]
    joined = RetrievalStatistics.concatenate(parts)
    for name in ("hits", "nominated", "nominated_alone", "unique_hits", "pool_size", "n_relevant"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


def test_the_order_of_the_pool_can_be_given():
    pool = candidates_of([dict.fromkeys(range(30), (1, 0))])
    ascending = RetrievalStatistics.of(pool, qrels_of([[29]]), np.arange(30.0))
    descending = RetrievalStatistics.of(pool, qrels_of([[29]]), -np.arange(30.0))
    assert ascending.hits[0, 2].tolist() == [1] * 6
    assert descending.hits[0, 2].tolist() == [0, 0, 1, 1, 1, 1]


def test_the_section():
    pool = candidates_of([{1: (1, 2), 2: (2, 0), 3: (0, 1)}, {4: (1, 1)}, {}])
    statistics = RetrievalStatistics.of(pool, qrels_of([[2, 3, 9], [4], [5]]))
    section = retrieval_section(statistics, n_resamples=20, seed=0)
    assert section["a"]["recall@10"]["mean"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert section["fused"]["recall_all"]["mean"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert (section["a"]["hits"], section["a"]["unique_hits"]) == (2, 1)
    assert section["a"]["share_of_pool"] == pytest.approx(3 / 4)
    assert section["a"]["share_alone"] == pytest.approx(1 / 4)
    assert section["fused"]["unique_hits"] == 2
    assert section["fused"]["mean_pool_size"] == pytest.approx(4 / 3)


def test_no_candidates_and_no_queries():
    nothing = RetrievalStatistics.of(candidates_of([{}]), qrels_of([[1]]))
    assert nothing.hits.sum() == 0
    empty = RetrievalStatistics.of(candidates_of([]), qrels_of([]))
    section = retrieval_section(empty, n_resamples=10, seed=0)
    assert section["fused"]["recall_all"] == {"mean": None, "low": None, "high": None}
    assert section["fused"]["mean_pool_size"] == 0


def test_blocks_that_do_not_belong_together():
    with pytest.raises(DataContractError, match="same queries"):
        RetrievalStatistics.of(candidates_of([{}]), qrels_of([[1], [2]]))
    one, other = (RetrievalStatistics.of(candidates_of([{}], s), qrels_of([[1]])) for s in (("a",), ("b",)))
    with pytest.raises(DataContractError, match="same sources"):
        RetrievalStatistics.concatenate([one, other])
    with pytest.raises(DataContractError, match="at least one"):
        RetrievalStatistics.concatenate([])
