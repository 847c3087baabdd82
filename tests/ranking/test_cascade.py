from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.candidates import Candidates
from dataset.errors import ConfigurationError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from dataset.ordering import top_k_of_segments
from ranking.bagged import Bagged
from ranking.cascade import Cascade, joined
from ranking.lambdamart import LambdaMart
from ranking.sampling import Sampling
from ranking.scorers import BitVectors
from tests.contracts import rows

TREES = LambdaMart(num_trees=20, stop_after=20, min_rows_a_leaf=10, sampling=Sampling(negatives=1.0))
SHORT = replace(TREES, num_trees=3)
CASCADE = Cascade(of=TREES, short=SHORT, reads=("pair.*",), keep=(3, 5, 8, 10), at=3, max_loss=0.02)


def tables():
    return [rows.table(1), rows.table(2)], rows.table(3)


@pytest.fixture(scope="module")
def cascade():
    return replace(CASCADE, keep=(5,), max_loss=1.0).fit(tables, 1)


@pytest.fixture
def question():
    candidates = rows.candidates(4, most=40)
    return candidates, rows.features(len(candidates), 4)


def test_the_full_model_is_the_one_without_a_cascade(cascade):
    assert cascade.full.model == TREES.fit(tables, 1).model
    assert cascade.short.features == ("pair.signal", "pair.gaps")
    assert cascade.first_features == cascade.short.features
    assert cascade.features == rows.NAMES
    assert cascade.importance() == cascade.full.importance()


def test_survivors_keep_the_full_scores_and_lie_above_the_others(cascade, question):
    candidates, matrix = question
    scores, full = cascade.score(candidates, matrix), cascade.full.score(candidates, matrix)
    first = cascade.first_scores(candidates, matrix)
    kept = cascade.survivors(candidates, first)
    np.testing.assert_array_equal(scores[kept], full[kept])
    for query in range(candidates.n_queries):
        own = np.arange(candidates.offsets[query], candidates.offsets[query + 1])
        ours = np.isin(own, kept)
        assert ours.sum() == min(5, len(own))
        if ours.all():
            continue
        assert scores[own[ours]].min() > scores[own[~ours]].max()
        assert first[own[ours]].min() >= first[own[~ours]].max()
        assert (np.diff(scores[own[~ours]][np.argsort(-first[own[~ours]], kind="stable")]) <= 0).all()


def test_lists_are_as_long_as_without(cascade, question):
    candidates, matrix = question
    lists = [
        top_k_of_segments(candidates.offsets, candidates.item, model.score(candidates, matrix), 20).items
        for model in (cascade, cascade.full)
    ]
    np.testing.assert_array_equal(lists[0] >= 0, lists[1] >= 0)


def test_lists_longer_than_the_survivors_get_more_of_them(cascade, question):
    candidates, matrix = question
    kept = cascade.survivors(candidates, cascade.first_scores(candidates, matrix), at_least=12)
    sizes = np.bincount(candidates.query[kept], minlength=candidates.n_queries)
    np.testing.assert_array_equal(sizes, np.minimum(np.diff(candidates.offsets), 12))


@pytest.mark.parametrize("keep", [0, 40, 1000])
def test_keeping_all_is_the_full_model(cascade, question, keep):
    every = replace(cascade, keep=keep)
    np.testing.assert_array_equal(every.score(*question), cascade.full.score(*question))
    assert (every.first_features == ()) == (keep == 0)


def test_the_short_model_sees_only_what_it_reads(cascade, question):
    candidates, matrix = question
    other = matrix.values.copy()
    other[:, [1, 2]] = 7
    found = cascade.first_scores(candidates, FeatureMatrix(other, matrix.names, matrix.categorical))
    np.testing.assert_array_equal(found, cascade.first_scores(candidates, matrix))


def test_as_few_survive_as_the_loss_allows():
    fitted = CASCADE.fit(tables, 1)
    losses = {keep: fitted.facts[f"loss_of_{keep}"] for keep in CASCADE.keep}
    assert fitted.keep > 0
    assert all((loss <= 0.02) == (keep >= fitted.keep) for keep, loss in losses.items())
    assert fitted.facts["loss"] == losses[fitted.keep]
    assert losses[3] > losses[10] - 1e-12
    strict = replace(CASCADE, reads=("item.noise",), keep=(3,), max_loss=0.0).fit(tables, 1)
    assert strict.keep == 0
    assert strict.facts["loss"] == 0
    assert strict.facts["loss_of_3"] > 0.3


def test_a_loss_that_is_small_by_chance_is_not_enough(monkeypatch):
    """If more survivors lose too much, so would these on another day."""
    ndcg = iter([1.0, 0.999, 0.9, 0.999, 1.0])
    monkeypatch.setattr("ranking.cascade.expected_ndcg", lambda *_: next(ndcg))
    assert CASCADE.fit(tables, 1).keep == 8


def test_the_loss_is_that_of_the_lists_of_models_that_had_not_seen_validation():
    fitted = replace(CASCADE, keep=(4,), max_loss=1.0).fit(tables, 1)
    unseen = replace(CASCADE, keep=(4,), max_loss=1.0, of=alone(TREES), short=alone(SHORT)).fit(tables, 1)
    assert fitted.facts == unseen.facts
    assert fitted.full.model != unseen.full.model
    table = rows.table(3)
    item = np.tile(np.arange(12, dtype=np.int32), 80)
    none = np.zeros((len(item), 0), np.float32)
    candidates = Candidates(table.offsets, item, (), none, none.astype(np.int16))
    values = {
        name: ndcg(table, model.score(candidates, table.features), 3)
        for name, model in (("cascade", unseen), ("full", unseen.full))
    }
    assert fitted.facts["ndcg@3"] == pytest.approx(values["full"])
    assert fitted.facts["loss"] == pytest.approx(1 - values["cascade"] / values["full"])


def alone(ranker):
    return replace(ranker, refit=False)


def ndcg(table, scores, k):
    grade = table.grade.reshape(-1, 12)[table.grade.reshape(-1, 12).any(axis=1)]
    scores = scores.reshape(-1, 12)[table.grade.reshape(-1, 12).any(axis=1)]
    discount = 1 / np.log2(np.arange(2, k + 2))
    found = np.take_along_axis(grade, np.argsort(-scores, axis=1, kind="stable")[:, :k], axis=1) @ discount
    return (found / (-np.sort(-grade, axis=1)[:, :k] @ discount)).mean()


def test_without_a_positive_on_validation_all_survive():
    fitted = CASCADE.fit(lambda: (tables()[0], rows.without_positives(rows.table(3))), 1)
    assert (fitted.keep, fitted.facts) == (0, {})


def test_another_scorer_reaches_every_model(question):
    fitted = replace(CASCADE, of=Bagged(of=TREES, members=2), keep=(5,), max_loss=1.0).fit(tables, 1)
    fast = fitted.with_scorer(BitVectors(), question[1])
    assert fitted.scorers == ("lightgbm",) * 3
    assert fast.scorers == ("bitvectors",) * 3
    assert (fast.keep, fast.facts) == (fitted.keep, fitted.facts)
    np.testing.assert_array_equal(fast.score(*question), fitted.score(*question))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1e-6, 1.0, 1e6, 1e30]))
def test_nothing_below_is_level_with_a_survivor(seed, scale):
    rng, candidates = np.random.default_rng(seed), rows.candidates(seed)
    first = (scale * rng.normal(size=len(candidates))).astype(np.float32)
    survives = rng.random(len(candidates)) < 0.5
    survives[candidates.offsets[:-1][np.diff(candidates.offsets) > 0]] = True
    kept = np.flatnonzero(survives)
    full = (scale * rng.normal(size=len(kept))).astype(np.float32)
    scores = joined(candidates, first, kept, full)
    np.testing.assert_array_equal(scores[kept], full)
    for start, stop in zip(candidates.offsets[:-1], candidates.offsets[1:], strict=True):
        own = slice(start, stop)
        if not survives[own].all():
            assert scores[own][~survives[own]].max() < scores[own][survives[own]].min()


def test_patterns_that_match_nothing_are_refused():
    with pytest.raises(ConfigurationError, match=r"'reads' .* must match a feature\. Got nothing\.\*;"):
        replace(CASCADE, reads=("nothing.*",)).fit(tables, 1)


@pytest.mark.parametrize(
    "wrong",
    [{"reads": ()}, {"keep": ()}, {"keep": (20, 10)}, {"keep": (5,)}, {"max_loss": 2.0}, {"at": 0}],
    ids=str,
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"^The '{next(iter(wrong))}' parameter of Cascade must be"):
        Cascade(**wrong)
