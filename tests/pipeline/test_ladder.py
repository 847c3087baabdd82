"""The ladder: steps set by planted backtests, who answers whom, and that lists are those that were judged."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset import Shop, Temporal
from dataset.errors import ParameterError
from dataset.ordering import top_k_of_segments
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.ndcg import Ndcg
from features import FeatureSet, Popularity, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engines import Serial
from pipeline.ladder.backtest import Backtest, judged, trained
from pipeline.ladder.ladder import LEAST, Ladder, Step
from pipeline.ladder.rungs import FUSION, RANKER, Rung, standing, votes
from pipeline.two_stage import FittedTwoStage
from ranking import LambdaMart, ReciprocalRankFusion
from ranking.bagged import Bagged
from ranking.blended import Blended
from ranking.cascade import Cascade
from ranking.conditional_logit import ConditionalLogit
from ranking.ranker import nobody
from ranking.retrieval_order import RetrievalOrder
from ranking.sampling import Sampling
from ranking.scorers.native import Native
from retrieval import Groups, Popular, Retrieval, Transitions
from tests.contracts import rows

STEPS = {
    "group": Step(answer="groups"),
    "fusion": Step(answer=FUSION),
    "content": Step(answer="content", events=1),
    "full": Step(answer=RANKER, events=1),
}
LADDER = Ladder(rungs=STEPS, n_resamples=200)


def planted(means, users=60, spread=0.02):
    """Values of which each band, a row of `means`, has those of its users; a column a rung."""
    rng = np.random.default_rng(0)
    band = np.repeat(np.arange(len(means)), users)
    values = np.asarray(means, float)[band]
    return band, values + spread * rng.normal(size=values.shape)


def steps(ladder):
    return {rung.name: rung.events for rung in ladder.rungs}


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        # group, fusion, content, full; bands 0, 1, 2 to 4, 5 and more
        ([[0.2, 0.3, 0, 0], [0.2, 0.3, 0.4, 0.5]] + 2 * [[0.2, 0.3, 0.4, 0.5]], {"fusion": 0, "full": 1}),
        ([[0.4, 0.3, 0, 0]] + 3 * [[0.2, 0.3, 0.4, 0.5]], {"group": 0, "full": 1}),
        (
            [[0.4, 0.3, 0, 0], [0.1, 0.2, 0.6, 0.3], [0.1, 0.2, 0.6, 0.3], [0.1, 0.2, 0.6, 0.7]],
            {"group": 0, "content": 1, "full": 5},
        ),
        (
            [[0.2, 0.3, 0, 0], [0.1, 0.6, 0.2, 0.3], [0.1, 0.2, 0.6, 0.3], [0.1, 0.2, 0.6, 0.7]],
            {"fusion": 0, "content": 2, "full": 5},
        ),
        # Good with one event, bad with more: a step is from where on.
        ([[0.2, 0.3, 0, 0], [0.1, 0.2, 0.3, 0.9]] + 2 * [[0.1, 0.6, 0.3, 0.4]], {"fusion": 0}),
        (4 * [[0.9, 0.1, 0.1, 0.1]], {"group": 0}),
    ],
)
def test_a_rung_begins_where_it_is_no_longer_worse(means, expected):
    assert steps(LADDER.set(STEPS, *planted(means))) == expected


def test_the_richer_answer_stays_unless_it_is_worse_beyond_doubt():
    """A difference in the noise, and a large one of a handful of users, take nobody's place."""
    alike = 4 * [[0.31, 0.3, 0.3, 0.3]]
    assert steps(LADDER.set(STEPS, *planted(alike, spread=0.3))) == {"fusion": 0, "full": 1}
    worse = 4 * [[0.9, 0.1, 0.1, 0.1]]
    assert steps(LADDER.set(STEPS, *planted(worse, users=LEAST - 1))) == {"fusion": 0, "full": 1}
    assert steps(LADDER.set(STEPS, *planted(worse, users=LEAST))) == {"group": 0}
    nobody_there = np.zeros(0, int), np.zeros((0, 4))
    assert steps(LADDER.set(STEPS, *nobody_there)) == {"fusion": 0, "full": 1}


@settings(max_examples=40)
@given(means=st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=4, max_size=4))
def test_every_user_stands_on_a_rung_that_can_answer(means):
    ladder = LADDER.set(STEPS, *planted(means))
    starts = [rung.events for rung in ladder.rungs]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert all(rung.events >= STEPS[rung.name].events for rung in ladder.rungs)
    lengths = np.arange(12)
    for length, at in zip(lengths, standing(ladder.rungs, lengths), strict=True):
        assert ladder.rungs[at].events <= length
        assert at + 1 == len(ladder.rungs) or length < ladder.rungs[at + 1].events


def test_what_was_found_is_told():
    told = LADDER.set(STEPS, *planted([[0.4, 0.3, 0, 0]] + 3 * [[0.2, 0.3, 0.4, 0.5]])).as_json()
    assert told["rungs"] == {
        "group": {"answer": "groups", "from_events": 0, "to_events": 0},
        "full": {"answer": RANKER, "from_events": 1, "to_events": None},
    }
    assert told["never"] == ["fusion", "content"]
    assert list(told["bands"]) == ["0", "1", "2 to 4", "5 and more"]
    assert list(told["bands"]["0"]["answers"]) == ["group", "fusion"]
    assert told["bands"]["0"]["differences"]["fusion - group"]["mean"] == pytest.approx(-0.1, abs=0.02)
    assert len(told["bands"]["1"]["differences"]) == 6


def test_a_source_orders_by_its_nominations_and_the_others_follow():
    candidates = rows.candidates(3, m=40)
    fused = ReciprocalRankFusion().score(candidates, None)
    np.testing.assert_array_equal(votes(FUSION, candidates), fused)
    scores, rank = votes("two", candidates), candidates.rank_of("two")
    for query in range(candidates.n_queries):
        own = np.arange(candidates.offsets[query], candidates.offsets[query + 1])
        key = [(rank[at] == 0, rank[at] if rank[at] else -fused[at], candidates.item[at]) for at in own]
        expected = [candidates.item[own[place]] for place in sorted(range(len(own)), key=key.__getitem__)]
        given_order = top_k_of_segments(np.array([0, len(own)]), candidates.item[own], scores[own], len(own))
        assert given_order.items[0].tolist() == expected


def recommender(**changes):
    parts = {
        "retrieval": Retrieval(
            sources={"transitions": Transitions(), "popular": Popular(), "groups": Groups()}
        ),
        "features": FeatureSet(
            vectors={}, families={"popularity": Popularity(), "retrieval": RetrievalScores()}
        ),
        "ranking": LambdaMart(num_leaves=4, num_trees=10, min_rows_a_leaf=5),
        "engine": Serial(),
        "ladder": LADDER,
    }
    return TwoStage(**{**parts, **changes})


@pytest.fixture(scope="module")
def split():
    shop = load(Shop(n_users=150, n_items=60, events_per_user=40)).dataset
    return Temporal(cutoff=0.8).split(shop)


@pytest.fixture(scope="module")
def fitted(split):
    return recommender().fit(split)


def test_without_a_verdict_against_it_the_lists_are_those_without_a_ladder(split, fitted):
    assert steps(fitted.ladder) == {"fusion": 0, "full": 1}
    plain = recommender(ladder=None).fit(split)
    assert plain.ladder is None
    assert [(rung.name, rung.events) for rung in plain.rungs] == [("fusion", 0), ("full", 1)]
    assert fitted.ranker.model == plain.ranker.model
    lists, others = fitted.recommend(split.test, 10), plain.recommend(split.test, 10)
    np.testing.assert_array_equal(lists.items, others.items)
    np.testing.assert_array_equal(lists.scores, others.scores)


def test_each_user_gets_the_answer_of_the_rung(split, fitted, tmp_path):
    rungs = (Rung("group", "groups", 0), Rung("some", "popular", 2), Rung("full", RANKER, 20))
    other = replace(fitted, ladder=replace(fitted.ladder, rungs=rungs))
    other.save(tmp_path)
    other = FittedTwoStage.load(tmp_path)
    assert other.ladder.rungs == rungs
    assert other.ladder.as_json()["bands"].keys() == fitted.ladder.as_json()["bands"].keys()
    requests = split.test.requests()
    candidates = other.stage_one.candidates(requests)
    matrix = other.matrix(requests, candidates)
    scores, lengths = other.score(requests, candidates, matrix), requests.history.lengths
    expected = np.select([lengths < 2, lengths < 20], [0, 1], 2)  # the long way
    np.testing.assert_array_equal(other.rung(requests), expected)
    assert set(expected) == {0, 1, 2}
    answers = [
        votes("groups", candidates),
        votes("popular", candidates),
        other.ranker.score(candidates, matrix),
    ]
    np.testing.assert_array_equal(scores, np.choose(expected[candidates.query], answers))
    assert (other.recommend(split.test, n=10).lengths == 10).all()


def test_the_backtest_measures_lists_of_a_ranker_that_has_not_seen_the_answers(split, monkeypatch):
    seen = []
    fit = Ladder.fit
    monkeypatch.setattr(Ladder, "fit", lambda self, test, *rest: seen.append(test) or fit(self, test, *rest))
    model = recommender().fit(split)
    [test] = seen
    assert test.snapshot is split.validation
    assert test.ranker.model != model.ranker.model  # which has learnt from validation too
    test = replace(test, answers=(RANKER, FUSION), k=5)
    found = judged(test, np.arange(len(split.validation.queries)))
    requests = split.validation.requests()
    candidates = test.stage_one.candidates(requests)
    matrix = test.stage_one.matrix(requests, candidates)
    for at, scores in enumerate(
        (test.ranker.score(candidates, matrix), ReciprocalRankFusion().score(candidates, None))
    ):
        lists = top_k_of_segments(candidates.offsets, candidates.item, scores, 5)
        truth = split.validation.truth
        expected = Ndcg(5)(hit_matrix(lists, truth), truth.items.lengths)
        np.testing.assert_array_equal(found[:, at], expected)


@pytest.mark.slow
def test_no_more_users_of_a_band_are_looked_at_than_asked_for(split, fitted):
    bands = [
        {label: band["users"] for label, band in ladder.as_json()["bands"].items()}
        for ladder in (fitted.ladder, recommender(ladder=replace(LADDER, max_queries=3)).fit(split).ladder)
    ]
    lengths = split.validation.histories.lengths[split.validation.queries.user]
    edges = [((0, 0), "0"), ((1, 1), "1"), ((2, 4), "2 to 4"), ((5, 10**9), "5 and more")]
    for (low, high), label in edges:
        n = int(((low <= lengths) & (lengths <= high)).sum())
        assert bands[0][label] == n
        assert bands[1][label] == min(3, n)


@pytest.mark.slow
def test_a_ranker_that_learnt_from_users_without_history_may_answer_them(split):
    cold = LambdaMart(num_leaves=4, num_trees=10, min_rows_a_leaf=5, sampling=Sampling(cold_queries=1.0))
    free = replace(LADDER, rungs={**STEPS, "full": Step(answer=RANKER)})
    assert steps(recommender(ranking=cold, ladder=free).fit(split).ladder)["full"] == 0
    assert steps(recommender(ladder=free).fit(split).ladder)["full"] == 1


@pytest.mark.slow
def test_rungs_of_sources_that_are_left_out_are_left_out(split):
    fitted = recommender(
        retrieval=Retrieval(sources={"transitions": Transitions(), "groups": Groups(quota=0)})
    ).fit(split)
    assert list(fitted.ladder.as_json()["bands"]["5 and more"]["answers"]) == ["fusion", "full"]


def test_a_ranker_without_learning_answers_everybody(split):
    fitted = recommender(ranking=RetrievalOrder()).fit(split)
    assert fitted.ladder is None
    assert [(rung.name, rung.events) for rung in fitted.rungs] == [("full", 0)]


@pytest.mark.parametrize("kind", ["lambdamart", "bagged", "cascade", "logit", "blended"])
def test_training_in_two_steps_gives_the_same_ranker(kind):
    trees = LambdaMart(num_trees=8, stop_after=8, min_rows_a_leaf=10)
    ranking = {
        "lambdamart": trees,
        "bagged": Bagged(of=trees, members=2),
        "cascade": Cascade(of=trees, short=replace(trees, num_trees=2), reads=("pair.*",), keep=(10,)),
        "logit": ConditionalLogit(),
        "blended": Blended(trees=Bagged(of=trees, members=2)),
    }[kind]
    built = []

    def tables():
        built.append(1)
        return [rows.table(1), rows.table(2)], rows.table(3)

    before, after = trained(ranking, tables, 1, nobody, twice=True)
    assert len(built) == 1
    once, alone = trained(ranking, tables, 1, nobody, twice=False)
    assert once is None
    candidates = rows.candidates(1)
    matrix = rows.features(len(candidates), 1)
    np.testing.assert_array_equal(after.score(candidates, matrix), alone.score(candidates, matrix))
    assert (before.score(candidates, matrix) != after.score(candidates, matrix)).any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bands": [1, 2]}, "ascending from 0"),
        ({"bands": [0, 2, 2]}, "bands"),
        ({"rungs": {"full": Step(answer=RANKER)}}, "one of which is fusion"),
        (
            {"rungs": {"content": Step(answer="content", events=2), "fusion": Step(answer=FUSION)}},
            "ascending",
        ),
        ({"max_queries": 0}, "max_queries"),
    ],
)
def test_wrong_ladders_are_refused(changes, said):
    with pytest.raises(ParameterError, match=said):
        replace(LADDER, **changes)
    with pytest.raises(ParameterError, match="events"):
        Step(answer=FUSION, events=-1)


def test_the_scorer_changes_nothing(split, fitted):
    test = Backtest(fitted.stage_one, fitted.ranker, split.test, Native(), (RANKER,), 10)
    every = np.arange(len(split.test.queries))
    np.testing.assert_array_equal(judged(test, every), judged(replace(test, scorer=fitted.scorer), every))
