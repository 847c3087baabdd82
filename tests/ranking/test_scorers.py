import logging
import sys
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ranking.scorers import Auto, BitVectors, Native, OneDal, onedal, proof
from ranking.scorers.bitvectors import FittedBitVectors
from ranking.scorers.forest import Forest, rounded_down
from ranking.scorers.proof import boundary_rows
from ranking.scorers.scorer import Trees, UnsupportedError
from tests.ranking.text_models import rounded, rows, text_model

SEEDS = st.integers(0, 10_000)


def next_above(number):
    with np.errstate(over="ignore"):
        return np.nextafter(number, np.float32(np.inf))


def raw(model, values):
    return lgb.Booster(model_str=model).predict(values, num_threads=1, raw_score=True)


@pytest.fixture(autouse=True)
def nothing_told_yet():
    proof._warn.cache_clear()
    onedal._library.cache_clear()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([1, 2, 16, 17, 32, 33, 64]), st.booleans())
@example(0, 64, True)
def test_bit_vectors_give_the_scores_of_lightgbm(seed, most_leaves, categories):
    """Whatever the thresholds, the categories, what is missing, and where it goes."""
    model = text_model(seed, most_leaves=most_leaves, categories=categories)
    forest = Forest.of(model)
    values = np.concatenate([rows(seed, 400), boundary_rows(forest, 200, seed)])
    found = FittedBitVectors.of(forest).score(values)
    np.testing.assert_array_equal(found, raw(model, values).astype(np.float32))
    assert BitVectors().of(Trees(model)).name == "bitvectors"


@pytest.mark.parametrize("n", [0, 1, 191, 192, 193, 500])
def test_the_number_of_rows_changes_nothing(n):
    model = text_model(3)
    scorer, values = BitVectors().of(Trees(model)), rows(1, 500)
    np.testing.assert_array_equal(scorer.score(values[:n]), scorer.score(values)[:n])


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([2, 31, 100]), st.booleans())
def test_onedal_gives_the_scores_of_lightgbm(seed, most_leaves, categories):
    pytest.importorskip("daal4py", reason="needs the extra `fast`")
    model = rounded(text_model(seed, most_leaves=most_leaves, categories=categories))
    scorer = OneDal().of(Trees(model))
    if len(Forest.of(model).columns):
        assert scorer.name == "onedal"
    values = rows(seed, 400)
    np.testing.assert_array_equal(scorer.score(values), raw(model, values).astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(width=32, allow_nan=False))
def test_rounding_a_threshold_down_changes_no_comparison(threshold, value):
    below = rounded_down(np.array([threshold]))[0]
    for x in (np.float32(value), below, next_above(below)):
        assert (x <= below) == (float(x) <= threshold)


def test_rows_of_the_proof_stand_on_both_sides_of_every_threshold():
    forest = Forest.of(text_model(5, n_trees=10))
    values, columns = boundary_rows(forest), forest.columns
    for column, threshold in zip(forest.column, forest.threshold, strict=True):
        if columns.n_words[column] < 0:
            own = values[:, columns.feature[column]]
            assert (own == threshold).any()
            assert (own == next_above(threshold)).any()


def test_rows_of_the_proof_reach_the_leaves():
    model = text_model(6, n_trees=20)
    reached = lgb.Booster(model_str=model).predict(boundary_rows(Forest.of(model)), pred_leaf=True)
    n_leaves = np.diff(Forest.of(model).leaf_offsets)
    found = [len(np.unique(reached[:, tree])) for tree in range(20)]
    assert sum(found) > 0.5 * n_leaves.sum()


def test_a_scorer_that_is_off_by_a_bit_is_not_taken(monkeypatch, caplog):
    model, score = text_model(7), FittedBitVectors.score
    monkeypatch.setattr(FittedBitVectors, "score", lambda self, x: next_above(score(self, x)))
    with caplog.at_level(logging.WARNING):
        scorers = [BitVectors().of(Trees(model)) for _ in range(3)]
    assert {scorer.name for scorer in scorers} == {"lightgbm"}
    (told,) = caplog.messages
    assert told.startswith("scorer=bitvectors gives way to LightGBM's own prediction")
    assert "of 2048 scores differ" in told
    np.testing.assert_array_equal(scorers[0].score(rows(1, 50)), raw(model, rows(1, 50)).astype(np.float32))


def test_real_rows_are_part_of_the_proof(monkeypatch):
    """A fault that only they show is found by them."""
    model, score, real = text_model(8), FittedBitVectors.score, np.full((1, 4), 0.123, np.float32)

    def wrong(self, values):
        return score(self, values) + (values == np.float32(0.123)).all(axis=1)

    monkeypatch.setattr(FittedBitVectors, "score", wrong)
    assert BitVectors().of(Trees(model)).name == "bitvectors"
    assert BitVectors().of(Trees(model, real)).name == "lightgbm"


def test_a_missing_library_is_told_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "daal4py", None)
    with caplog.at_level(logging.WARNING):
        assert OneDal().of(Trees(text_model(9))).name == "lightgbm"
        assert OneDal().of(Trees(text_model(10))).name == "lightgbm"
    assert len(caplog.messages) == 1
    assert "install glowrank[fast]" in caplog.messages[0]


def test_a_processor_that_lacks_something_is_told(monkeypatch, caplog):
    def failing(name):
        raise RuntimeError("no such instruction")

    monkeypatch.setattr("ranking.scorers.onedal.import_module", failing)
    with caplog.at_level(logging.WARNING):
        assert OneDal().of(Trees(text_model(9))).name == "lightgbm"
    assert "no such instruction" in caplog.messages[0]


def test_leaves_that_are_not_rounded_keep_onedal_away():
    pytest.importorskip("daal4py", reason="needs the extra `fast`")
    model = text_model(11, n_trees=30)
    assert OneDal().of(Trees(model)).name == "lightgbm"
    assert OneDal().of(Trees(rounded(model))).name == "onedal"


def test_large_trees_are_left_to_others(monkeypatch, caplog):
    model = rounded(next(m for m in map(large, range(9)) if Forest.of(m).most_leaves > 64))
    with caplog.at_level(logging.WARNING):
        assert BitVectors().of(Trees(model)).name == "lightgbm"
    assert "more than 64" in caplog.messages[0]
    monkeypatch.setitem(sys.modules, "daal4py", None)
    caplog.clear()
    assert Auto().of(Trees(model)).name == "lightgbm"
    assert Auto().of(Trees(text_model(1))).name == "bitvectors"
    assert not caplog.messages


def large(seed):
    return text_model(seed, most_leaves=100)


def test_auto_takes_onedal_for_large_trees():
    pytest.importorskip("daal4py", reason="needs the extra `fast`")
    model = rounded(next(m for m in map(large, range(9)) if Forest.of(m).most_leaves > 64))
    assert Auto().of(Trees(model)).name == "onedal"


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        ("is_linear=0", "is_linear=1"),
        ("label_index=0", "label_index=0\naverage_output"),
    ],
)
def test_what_is_no_plain_sum_is_refused(line, instead):
    with pytest.raises(UnsupportedError, match="not one sum of constant leaves"):
        Forest.of(text_model(2).replace(line, instead))


def test_other_shapes_never_reach_the_kernel():
    scorer = BitVectors().of(Trees(text_model(2)))
    for values in (np.zeros((3, 5), np.float32), np.zeros((3, 4))):
        with pytest.raises(AssertionError):
            scorer.score(values)


def test_the_native_scorer_takes_no_rows():
    assert Native().of(Trees(text_model(2))).score(np.zeros((0, 4), np.float32)).shape == (0,)


def test_a_booster_that_is_there_is_not_opened_again():
    booster = SimpleNamespace()
    assert Trees("no model", booster=booster).opened is booster
