"""The recommender's own rules: what fits together, and who orders for users without history."""

from dataclasses import replace

import numpy as np
import pytest

from dataset import Shop, Temporal
from dataset.errors import ConfigurationError, DataContractError
from features import FeatureSet, FunctionalityVectors, Popularity, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engine import Serial, Threads
from ranking import LambdaMart, ReciprocalRankFusion
from retrieval import Content, Popular, Retrieval, Transitions


def recommender(**changes):
    families = {"popularity": Popularity(), "retrieval": RetrievalScores()}
    parts = {
        "retrieval": Retrieval(sources={"transitions": Transitions(), "popular": Popular()}),
        "features": FeatureSet(vectors={}, families=families),
        "ranking": LambdaMart(num_leaves=4, num_trees=10, min_rows_a_leaf=5),
        "engine": Serial(),
    }
    return TwoStage(**{**parts, **changes})


@pytest.fixture(scope="module")
def split():
    shop = load(Shop(n_users=150, n_items=60, events_per_user=40)).dataset
    return Temporal(cutoff=0.8).split(shop)


def test_an_embedding_that_nobody_makes_is_named():
    retrieval = Retrieval(sources={"content": Content(vectors={"functionalty": 1.0})})
    with pytest.raises(ConfigurationError, match=r"'content'.*Got functionalty\."):
        recommender(retrieval=retrieval)
    vectors = {"functionality": FunctionalityVectors()}
    fitting = FeatureSet(vectors=vectors, families={"retrieval": RetrievalScores()})
    content = Retrieval(sources={"content": Content(vectors={"functionality": 1.0})})
    assert recommender(retrieval=content, features=fitting).features.vectors == vectors


def test_a_monotone_feature_that_is_not_there_is_named(split):
    ranking = LambdaMart(num_leaves=4, num_trees=5, monotone={"retrieval.fusoin": 1})
    with pytest.raises(ConfigurationError, match=r"Got retrieval\.fusoin"):
        recommender(ranking=ranking).fit(split)


def test_users_without_history_get_the_votes_of_the_sources(split):
    fitted = recommender().fit(split)
    test = split.test
    assert test.is_warm.any()
    assert not test.is_warm.all()
    requests = test.requests(np.arange(len(test.queries)))
    candidates = fitted.stage_one.candidates(requests)
    matrix = fitted.matrix(requests, candidates)
    scores = fitted.score(requests, candidates, matrix)
    cold = ~test.is_warm[candidates.query]
    np.testing.assert_array_equal(scores[cold], ReciprocalRankFusion().score(candidates, None)[cold])
    np.testing.assert_array_equal(scores[~cold], fitted.ranker.score(candidates, matrix)[~cold])
    assert (fitted.recommend(test, n=10).lengths == 10).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing(split, threads):
    one = recommender().fit(split).recommend(split.test, n=20)
    other = recommender(engine=Threads(threads=threads), block_size=2048).fit(split)
    lists = other.recommend(split.test, n=20, engine=Threads(threads=threads))
    np.testing.assert_array_equal(lists.items, one.items)
    np.testing.assert_array_equal(lists.scores, one.scores)


def test_nothing_to_learn_from_is_a_sentence(split):
    with pytest.raises(DataContractError, match="past queries"):
        recommender().fit(replace(split, training=()))
