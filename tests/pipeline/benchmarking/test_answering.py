"""Who answers: the lists are those of experiment and recommend, and everything is everything."""

import numpy as np
import pytest

from dataset.ordering import top_k_of_segments
from dataset.snapshot import Snapshot
from pipeline.benchmarking.answering import Alone, AsExperiment, AsRecommend, Omniscient, everything
from pipeline.benchmarking.clock import Clock
from pipeline.list_cutting import ListCutting
from pipeline.measurement import two_stage_lists
from pipeline.recommendation import POPULAR
from tests.pipeline.benchmarking.small import cascade, fitted, specification, split


@pytest.fixture
def test() -> Snapshot:
    return split().test


def test_all_that_anybody_may_get_is_a_candidate_with_the_opinions_of_a_pool(test: Snapshot) -> None:
    requests, retrieval = test.requests(np.arange(40)), fitted().stage_one.retrieval
    found, pool = everything(retrieval, requests), retrieval.retrieve(requests)
    masks = requests.eligibility.masks()
    np.testing.assert_array_equal(np.stack([found.query, found.item]), np.stack(np.nonzero(masks)))
    at = np.searchsorted(found.query * 10**6 + found.item, pool.query * 10**6 + pool.item)
    np.testing.assert_array_equal(found.scores[at], pool.scores)
    np.testing.assert_array_equal(found.ranks[at], pool.ranks)
    outside = np.setdiff1d(np.arange(len(found)), at)
    assert (pool.ranks.max(axis=1) > 0).all()
    for column, (name, quota) in enumerate(zip(retrieval.sources, retrieval.quotas, strict=True)):
        lists = retrieval.sources[name].retrieve(requests, quota)
        assert (found.ranks[:, column] > 0).sum() == (lists.items >= 0).sum()
    assert len(outside)


def test_exhaustive_lists_are_the_rankers_order_of_everything(test: Snapshot) -> None:
    requests = test.requests(np.arange(30))
    lists, candidates = AsRecommend.of(fitted(), test, 10, exhaustively=True).answer(requests, 10)
    assert len(candidates) == requests.eligibility.masks().sum()
    scores = fitted().score(requests, candidates, fitted().matrix(requests, candidates))
    best = top_k_of_segments(candidates.offsets, candidates.item, scores, 10)
    np.testing.assert_array_equal(lists.items, best.items)


@pytest.mark.parametrize("model", [fitted, cascade])
def test_served_lists_are_those_of_recommend(model, test: Snapshot) -> None:
    requests = test.requests(np.arange(50))
    answering = AsRecommend.of(model(), test, 10)
    lists, _ = answering.answer(requests, 10)
    plain = ListCutting(POPULAR.fit(test, {}), 10).cut(
        model(), requests, model().stage_one.candidates(requests)
    )
    np.testing.assert_array_equal(lists.items, plain.items)
    np.testing.assert_array_equal(lists.scores, plain.scores)
    seconds = answering.clock.take()
    assert set(seconds) == {"search", "features", "ranking", "cutting"}
    assert all(value > 0 for value in seconds.values())


def test_measured_lists_are_those_of_experiment(test: Snapshot) -> None:
    spec = specification()
    whole = two_stage_lists(spec, fitted(), test, "past", 10)
    lists = [
        AsExperiment(fitted(), Clock()).answer(test.requests(rows), 10)[0].items
        for rows in spec.blocks(len(test.queries))
    ]
    np.testing.assert_array_equal(np.concatenate(lists), whole.items)


def test_a_source_and_the_truth_answer_alone(test: Snapshot) -> None:
    requests, source = test.requests(np.arange(20)), fitted().stage_one.retrieval.sources["popular"]
    lists, candidates = Alone(source, Clock()).answer(requests, 10)
    assert candidates is None
    np.testing.assert_array_equal(lists.items, source.retrieve(requests, 10).items)

    class Hates:
        def probabilities(self, user, time):  # the smallest codes first
            return np.tile(-np.arange(len(test.items), dtype=np.float32), (len(user), 1))

    lists, _ = Omniscient(Hates(), Clock()).answer(requests, 3)
    expected = [np.flatnonzero(mask)[:3] for mask in requests.eligibility.masks()]
    np.testing.assert_array_equal(lists.items, expected)
