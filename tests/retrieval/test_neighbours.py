"""Searches made once for an item give the lists that searches made for every user give."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.ranked import Ranked
from retrieval import neighbours
from retrieval.content import Content
from retrieval.neighbours import Neighbours, worth_searching
from tests.contracts import shops


def fitted(seed, newest=3):
    snapshot = shops.snapshot(seed)
    source = Content(vectors={"ingredients": 1.0}, newest=newest).fit(snapshot, shops.vectors(snapshot, seed))
    return snapshot, source


def knowing(source, snapshot, items, k):
    found = source.found_alone(items, k, snapshot.available)
    return replace(source, neighbours=Neighbours.of(items, found, len(snapshot.items)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_lists_are_the_same(seed, share):
    snapshot, source = fitted(seed)
    requests = snapshot.requests()
    asked = np.unique(source.searched_alone(requests))
    drawn = np.sort(np.random.default_rng(seed).permutation(asked)[: int(share * len(asked))])
    plain, known = (model.retrieve(requests, 8) for model in (source, knowing(source, snapshot, drawn, 8)))
    np.testing.assert_array_equal(known.items, plain.items)
    np.testing.assert_allclose(known.scores, plain.scores, rtol=1e-6)


def test_it_is_looked_up_and_not_searched_for():
    snapshot, source = fitted(0)
    requests = snapshot.requests()
    asked = np.unique(source.searched_alone(requests))
    nothing = np.full((len(asked), 16), -1, np.int32)
    blind = Neighbours.of(asked, Ranked(nothing, np.zeros(nothing.shape, np.float32)), len(snapshot.items))
    alone = replace(source, step_decay=0.0)
    with_all, without = (
        replace(alone, neighbours=known).retrieve(requests, 8).lengths.sum() for known in (None, blind)
    )
    assert without < with_all


def test_known_for_lists_of_another_length_is_not_used():
    snapshot, source = fitted(1)
    requests = snapshot.requests()
    asked = np.unique(source.searched_alone(requests))
    short = knowing(source, snapshot, asked, 3)
    np.testing.assert_array_equal(short.retrieve(requests, 8).items, source.retrieve(requests, 8).items)


def test_only_what_is_asked_for_again_is_worth_a_search(monkeypatch):
    counts = np.array([0, 5, 1, 2, 9, 2])
    np.testing.assert_array_equal(worth_searching(counts, 10), [1, 3, 4, 5])
    monkeypatch.setattr(neighbours, "BYTES", 3 * 80)
    np.testing.assert_array_equal(worth_searching(counts, 10), [1, 3, 4])


@pytest.mark.parametrize("seed", range(2))
def test_the_searches_are_those_of_the_newest_items(seed):
    snapshot, source = fitted(seed, newest=2)
    requests = snapshot.requests()
    by_hand = []
    for query in range(len(requests)):
        start, stop = requests.history.offsets[query : query + 2]
        own = [
            item
            for item, weight in zip(
                requests.history.item[start:stop], requests.history.weight[start:stop], strict=True
            )
            if weight > 0 and source.row_of_item[item] >= 0
        ]
        by_hand += own[-2:]
    assert sorted(source.searched_alone(requests)) == sorted(by_hand)
