"""The recommender's own rules: what fits together, and who orders for users without history."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dataset import Shop, Temporal
from dataset.errors import ConfigurationError, DataContractError
from dataset.ordering import top_k_of_segments
from features import FeatureSet, FunctionalityVectors, Popularity, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engines import Serial, Threads
from pipeline.two_stage import FittedTwoStage
from ranking import LambdaMart, ReciprocalRankFusion
from ranking.cascade import Cascade
from ranking.sampling import Sampling
from ranking.scorers.native import Native
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
    alone = recommender().fit(split)
    one = alone.recommend(split.test, n=20)
    other = recommender(engine=Threads(threads=threads), block_size=2048).fit(split)
    np.testing.assert_array_equal(other.profile.reference.counts, alone.profile.reference.counts)
    lists = other.recommend(split.test, n=20, engine=Threads(threads=threads))
    np.testing.assert_array_equal(lists.items, one.items)
    np.testing.assert_array_equal(lists.scores, one.scores)


def test_nothing_to_learn_from_is_a_sentence(split):
    with pytest.raises(DataContractError, match="past queries"):
        recommender().fit(replace(split, training=()))


def test_what_training_saw_is_kept_with_the_model(split, tmp_path):
    fitted = recommender().fit(split)
    fitted.save(tmp_path / "model")
    again = FittedTwoStage.load(tmp_path / "model")
    assert again.profile.names == fitted.profile.names == fitted.ranker.features
    for name in ("edges", "offsets"):
        np.testing.assert_array_equal(getattr(again.profile, name), getattr(fitted.profile, name))
    np.testing.assert_array_equal(again.profile.reference.counts, fitted.profile.reference.counts)
    lists = fitted.recommend(split.test, n=10)
    np.testing.assert_array_equal(again.recommend(split.test, n=10).items, lists.items)
    # A model of before there were profiles.
    value = tmp_path / "model" / "value.json"
    content = json.loads(value.read_text())
    del content["fields"]["profile"]
    value.write_text(json.dumps(content))
    older = FittedTwoStage.load(tmp_path / "model")
    assert older.profile is None
    np.testing.assert_array_equal(older.recommend(split.test, n=10).items, lists.items)


def test_a_ranker_without_features_has_no_profile(split, tmp_path):
    specification = recommender(ranking=ReciprocalRankFusion())
    fitted = specification.fit(split)
    assert fitted.profile is None
    requests = split.test.requests()
    candidates = fitted.stage_one.candidates(requests)
    matrix = fitted.matrix(requests, candidates)
    assert fitted.count(specification.sampling, requests, candidates, matrix) is None
    fitted.save(tmp_path / "model")
    assert FittedTwoStage.load(tmp_path / "model").profile is None


@pytest.mark.parametrize("cold_queries", [0.0, 0.5])
def test_behind_a_cascade_lists_are_those_of_all_features(split, cold_queries):
    ranking = LambdaMart(
        num_leaves=4, num_trees=10, min_rows_a_leaf=5, sampling=Sampling(cold_queries=cold_queries)
    )
    cascade = Cascade(of=ranking, short=ranking, reads=("retrieval.*",), keep=(10, 20), max_loss=1.0)
    fitted = recommender(ranking=cascade).fit(split)
    assert fitted.ranker.keep == 10
    requests = split.test.requests(np.arange(len(split.test.queries)))
    candidates = fitted.stage_one.candidates(requests)
    assert np.diff(candidates.offsets).max() > 10
    whole = fitted.score(requests, candidates, fitted.matrix(requests, candidates))
    expected = top_k_of_segments(candidates.offsets, candidates.item, whole, 8)
    lists = fitted.order(requests, candidates, 8)
    np.testing.assert_array_equal(lists.items, expected.items)
    np.testing.assert_array_equal(lists.scores, expected.scores)


def test_the_scorer_changes_no_list(split):
    fitted = recommender().fit(split)
    slow = replace(fitted, scorer=Native())
    assert fitted._scoring.scorers == ("bitvectors",)
    assert slow._scoring.scorers == ("lightgbm",)
    np.testing.assert_array_equal(
        fitted.recommend(split.test, 10).items, slow.recommend(split.test, 10).items
    )
