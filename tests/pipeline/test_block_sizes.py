"""Blocks and parts shrink with the memory that they may take, whatever the number of threads."""

import tracemalloc
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.block_sizes import SHARE_OF_A_PART, SHARE_OF_BLOCKS, SMALLEST, BytesAUser
from pipeline.list_cutting import longest
from pipeline.recommendation import POPULAR, Answers, Recommendation
from retrieval import Popular, Retrieval, Transitions
from tests.pipeline.test_two_stage import recommender, split

__all__ = ["split"]  # the fixture


@given(st.integers(100, 10**6), st.integers(100, 10**6), st.floats(0.01, 1000.0), st.integers(1, 10**6))
def test_sizes_fit_and_are_never_above_what_was_wanted(block, part, memory_gb, wanted):
    size = BytesAUser(block, part)
    users, rows = size.block_size(memory_gb, wanted), size.part_size(memory_gb, wanted)
    assert 1 <= users <= wanted
    assert 1 <= rows <= wanted
    if users > SMALLEST:
        assert size.at_once(memory_gb, users) * users * block <= SHARE_OF_BLOCKS * memory_gb * 1e9
    if rows > SMALLEST:
        assert rows * part <= SHARE_OF_A_PART * memory_gb * 1e9
    assert size.block_size(2 * memory_gb, wanted) >= users


def test_a_block_takes_no_more_than_was_thought(split):
    sources = {"transitions": Transitions(), "popular": Popular()}
    model = recommender(retrieval=Retrieval(sources=sources, budget=40)).fit(split)
    snapshot = Recommendation().asked(split.test)
    answers = Answers(model, snapshot, POPULAR.fit(snapshot, {}), longest(snapshot, 10))
    rows = np.resize(np.arange(len(snapshot.queries)), 3000)
    many = replace(answers, snapshot=replace(snapshot, queries=snapshot.queries.take(rows)))
    many.lists(np.arange(10))
    tracemalloc.start()
    try:
        many.lists(np.arange(len(rows)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 1.5 * len(rows) * BytesAUser.of(model, snapshot, 10).block
