from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from dataset.errors import ArtefactError, DataContractError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from dataset.ordering import top_k_of_segments
from pipeline import artefacts
from ranking.boosting import to_lightgbm, with_rounded_leaves
from ranking.lambdamart import FittedLambdaMart, LambdaMart
from ranking.scorers import BitVectors
from ranking.table import RankingTable
from tests.contracts import rows

SMALL = LambdaMart(num_trees=30, stop_after=8, min_rows_a_leaf=10)


def fit(ranker=SMALL, training=None, validation=None, threads=1):
    past = [rows.table(1), rows.table(2)] if training is None else training
    later = rows.table(3) if validation is None else validation
    return ranker.fit(lambda: (past, later), threads)


def ndcg(table, scores, k=5):
    """Mean over queries with a positive."""
    items = np.tile(np.arange(np.diff(table.offsets)[0], dtype=np.int32), len(table.offsets) - 1)
    lists = top_k_of_segments(table.offsets, items, scores, k).items
    discount = 1 / np.log2(np.arange(2, k + 2))
    grade = table.grade.reshape(len(lists), -1)
    gain = (np.take_along_axis(grade, lists, axis=1) * discount).sum(axis=1)
    ideal = (-np.sort(-grade, axis=1)[:, :k] * discount).sum(axis=1)
    return (gain[ideal > 0] / ideal[ideal > 0]).mean()


def score(model, matrix):
    return model.score(rows.candidates().take(np.zeros(0, np.int64)), matrix)


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg"])
def test_a_planted_signal_is_learnt(objective):
    model = fit(replace(SMALL, objective=objective))
    unseen = rows.table(7, m=200)
    found = ndcg(unseen, score(model, unseen.features))
    noise = ndcg(unseen, unseen.features.values[:, 1])
    best = ndcg(unseen, unseen.features.values[:, 0] + 0.5 * (unseen.features.values[:, 2] == 2))
    assert found > noise + 0.8 * (best - noise)
    importance = model.importance()
    assert list(importance) == list(rows.NAMES)
    assert sum(importance.values()) == pytest.approx(1)
    assert max(importance, key=importance.get) == "pair.signal"


def test_categories_are_categories_in_every_table():
    """On validation and in the refit too: the splits on the brand are tests of membership."""
    for ranker in (SMALL, replace(SMALL, refit=False)):
        splits = lgb.Booster(model_str=fit(ranker).model).trees_to_dataframe()
        on_brand = splits[splits["split_feature"] == "item.brand"]
        assert len(on_brand)
        assert set(on_brand["decision_type"]) == {"=="}
        others = splits[splits["split_feature"].isin(set(rows.NAMES) - {"item.brand"})]
        assert set(others["decision_type"]) == {"<="}


def test_validation_rows_are_binned_and_judged_like_the_trees_score():
    """The last nDCG that LightGBM saw is the one of the scores that we get: categories and gaps agree."""
    ranker = replace(SMALL, refit=False, num_trees=10, stop_after=10, stop_at=5)
    validation = rows.table(3)
    model = fit(ranker, validation=validation)
    n_trees = lgb.Booster(model_str=model.model).num_trees()
    has_positive = validation.grade.reshape(80, -1).any(axis=1)
    # LightGBM counts a query without a positive as 1.
    own = ndcg(validation, score(model, validation.features)) * has_positive.mean() + (
        1 - has_positive.mean()
    )
    assert model.validation_curve[n_trees - 1] == pytest.approx(own, abs=1e-6)


def test_without_stopping_all_trees_are_kept():
    model = fit(replace(SMALL, stop_after=None, learning_rate=0.9))
    assert model.n_trees == SMALL.num_trees
    assert int(np.argmax(model.validation_curve)) + 1 < SMALL.num_trees


def test_training_stops_where_validation_is_best():
    model = fit(replace(SMALL, refit=False, num_trees=200, learning_rate=0.3))
    curve = np.array(model.validation_curve)
    n_trees = lgb.Booster(model_str=model.model).num_trees()
    assert len(curve) < 200
    assert len(curve) == n_trees + 8
    assert curve[n_trees - 1] >= curve.max() - 1e-6


def test_the_training_can_be_watched_and_ended():
    seen = []
    model = fit()

    def tables():
        return [rows.table(1), rows.table(2)], rows.table(3)

    again = SMALL.fit(tables, 1, lambda *reached: seen.append(reached))
    assert again.model == model.model
    assert seen == list(enumerate(model.validation_curve, start=1))

    def enough(n_trees, ndcg):
        if n_trees == 5:
            raise StopIteration(f"{ndcg:.3f}")

    with pytest.raises(StopIteration, match=f"{model.validation_curve[4]:.3f}"):
        SMALL.fit(tables, 1, enough)


def test_the_refit_has_as_many_trees_and_sees_validation():
    alone, again = fit(replace(SMALL, refit=False)), fit()
    n_trees = [lgb.Booster(model_str=model.model).num_trees() for model in (alone, again)]
    assert n_trees[0] == n_trees[1]
    assert alone.model != again.model
    assert alone.validation_curve == again.validation_curve
    table = rows.table(3)
    known = [ndcg(table, score(model, table.features)) for model in (alone, again)]
    assert known[1] > known[0]


def test_threads_change_no_byte_of_the_model():
    ranker, past = replace(SMALL, num_trees=6), [rows.table(1, m=300)]
    assert fit(ranker, past, threads=1).model == fit(ranker, past, threads=2).model


def test_seeds_change_the_trees():
    assert fit().model != fit(replace(SMALL, seed=1)).model


def test_columns_are_found_by_name():
    model, matrix = fit(), rows.features(50, 9)
    order = [2, 0, 3, 1]
    moved = FeatureMatrix(
        np.ascontiguousarray(matrix.values[:, order]), tuple(rows.NAMES[at] for at in order), rows.CATEGORICAL
    )
    np.testing.assert_array_equal(score(model, moved), score(model, matrix))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (rows.NAMES[:3], r"Missing: \['pair.gaps'\]; unknown: \[\]"),
        ((*rows.NAMES, "item.new"), r"Missing: \[\]; unknown: \['item.new'\]"),
        ((*rows.NAMES[:3], "item.new"), r"Missing: \['pair.gaps'\]; unknown: \['item.new'\]"),
        (None, r"Missing: \['item.brand', .*\]; unknown: \[\]"),
    ],
)
def test_other_columns_are_refused(names, sentence):
    matrix = None if names is None else FeatureMatrix(np.zeros((3, len(names)), np.float32), names)
    with pytest.raises(DataContractError, match=sentence):
        score(fit(), matrix)


@pytest.mark.parametrize("validation", [rows.empty_table(), rows.without_positives(rows.table(3))])
def test_validation_that_cannot_judge_trains_all_trees(validation):
    model = fit(validation=validation)
    assert lgb.Booster(model_str=model.model).num_trees() == SMALL.num_trees
    assert model.validation_curve == ()
    assert model.features == rows.NAMES


def test_past_tables_without_a_positive_are_left_out():
    idle = [rows.empty_table(), rows.without_positives(rows.table(5))]
    usual = fit(training=[rows.table(1)])
    assert fit(training=[idle[0], rows.table(1), idle[1]]).model == usual.model


@pytest.mark.parametrize("training", [[], [rows.empty_table()], [rows.without_positives(rows.table(1))]])
def test_no_past_to_learn_from_is_a_data_error(training):
    with pytest.raises(DataContractError, match="needs past queries whose truth retrieval found"):
        fit(training=training)


def graded(value, dtype=np.float32):
    table = rows.table(1, m=4)
    grade = table.grade.astype(dtype)
    grade[5] = value
    return RankingTable(table.offsets, table.features, grade)


@pytest.mark.parametrize("value", [np.nan, -1, 31, 127])
@pytest.mark.parametrize("where", ["training", "validation"])
def test_grades_out_of_range_are_refused(value, where):
    """LightGBM takes a NaN label without a word."""
    with pytest.raises(DataContractError, match="Grades must be within 0 and 30"):
        fit(**{where: [graded(value)] if where == "training" else graded(value)})


@pytest.mark.parametrize("value", [0, 30])
def test_grades_at_the_ends_of_the_range_are_taken(value):
    assert fit(training=[graded(value, np.int8)], validation=rows.empty_table()).model


def test_a_query_with_too_many_candidates_is_refused():
    table = rows.table(1, m=1, size=10_001)
    with pytest.raises(DataContractError, match=r"at most 10,000 candidates a query\. Got 10,001; lower"):
        to_lightgbm(table, {"num_threads": 1})
    fits = rows.table(1, m=1, size=10_000)
    to_lightgbm(fits, {"num_threads": 1}).construct()


def test_queries_without_a_row_are_no_group():
    table = rows.table(1, m=6)
    gaps = RankingTable(np.repeat(table.offsets, [2, 1, 3, 1, 1, 1, 2]), table.features, table.grade)
    assert fit(training=[gaps]).model == fit(training=[table]).model


@pytest.mark.parametrize("direction", [1, -1])
def test_a_monotone_feature_never_turns(direction):
    model = fit(replace(SMALL, monotone={"pair.signal": direction}))
    fixed = np.repeat(rows.features(20, 5).values, 40, axis=0)
    fixed[:, 0] = np.tile(np.linspace(-3, 3, 40), 20)
    scores = score(model, FeatureMatrix(fixed, rows.NAMES, rows.CATEGORICAL)).reshape(20, 40)
    assert (direction * np.diff(scores, axis=1) >= 0).all()
    if direction == 1:
        assert (scores[:, -1] > scores[:, 0]).all()
    free = score(fit(), FeatureMatrix(fixed, rows.NAMES, rows.CATEGORICAL)).reshape(20, 40)
    assert (np.diff(free, axis=1) > 0).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "regression"},
        {"num_leaves": 1},
        {"num_trees": 0},
        {"stop_after": "soon"},
        {"learning_rate": 0.0},
        {"feature_fraction": 1.5},
        {"row_fraction": float("nan")},
        {"l2": -1.0},
        {"refit": 1},
        {"monotone": ["pair.signal"]},
        {"monotone": {"pair.signal": 2}},
        {"monotone": {"pair.signal": "up"}},
        {"seed": -1},
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(wrong):
    name = next(iter(wrong))
    with pytest.raises(
        ParameterError, match=f"^The '{name}' parameter of LambdaMart must be .* Got .* instead"
    ):
        LambdaMart(**wrong)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99, 1.01])
def test_a_cut_model_never_reaches_lightgbm(share, tmp_path, monkeypatch):
    """Measured with 4.7: cut at 10 to 70 % it ends the process with SIGABRT, at 90 % with SIGSEGV."""
    model = fit()
    artefacts.write_folder(tmp_path / "ranker", model.save)
    path = tmp_path / "ranker" / "model.txt"
    text = path.read_text() + "\n" * 1000
    path.write_text(text[: int(len(model.model) * share)])
    with pytest.raises(ArtefactError, match=r"model\.txt is not what its manifest says; it was cut"):
        artefacts.verify(tmp_path / "ranker", artefacts.read_manifest(tmp_path / "ranker")["files"])
    monkeypatch.setattr(lgb, "Booster", lambda **_: pytest.fail("LightGBM was given half a model"))
    with pytest.raises(ArtefactError, match=r"model\.txt is not what was written; it was cut or changed"):
        FittedLambdaMart.load(tmp_path / "ranker")


def test_a_missing_model_is_an_artefact_error(tmp_path):
    fit().save(tmp_path)
    (tmp_path / "model.txt").unlink()
    with pytest.raises(ArtefactError, match="must hold a LightGBM text model"):
        FittedLambdaMart.load(tmp_path)


def test_sums_of_leaves_are_exact_in_any_order():
    booster = lgb.Booster(model_str=fit().model)
    leaves = [
        booster.get_leaf_output(tree, leaf)
        for tree, facts in enumerate(booster.dump_model()["tree_info"])
        for leaf in range(facts["num_leaves"])
    ]
    scaled = np.ldexp(leaves, 32)
    np.testing.assert_array_equal(scaled, np.round(scaled))
    np.testing.assert_array_equal(leaves, np.float32(leaves))


def test_rounding_leaves_hardly_moves_a_score():
    table = rows.table(5)
    dataset = to_lightgbm(rows.table(1), {"num_threads": 1})
    booster = lgb.train({"objective": "lambdarank", "verbosity": -1, "num_threads": 1}, dataset, 300)
    once = with_rounded_leaves(booster.model_to_string())
    assert with_rounded_leaves(once) == once
    values = table.features.values
    moved = lgb.Booster(model_str=once).predict(values) - booster.predict(values)
    assert 0 < np.abs(moved).max() < 1e-6


def test_another_scorer_gives_the_same_and_is_not_saved(tmp_path):
    model, matrix = fit(), rows.features(300, 9)
    fast = model.with_scorer(BitVectors(), matrix)
    assert (model.scorers, fast.scorers) == (("lightgbm",), ("bitvectors",))
    np.testing.assert_array_equal(score(fast, matrix), score(model, matrix))
    fast.save(tmp_path)
    assert FittedLambdaMart.load(tmp_path).scorers == ("lightgbm",)
