"""The conditional logit: its loss and slope by the formula, what it reads, what it leaves out."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

from dataset.errors import ConfigurationError, DataContractError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from ranking.conditional_logit import ConditionalLogit, FittedConditionalLogit
from ranking.table import RankingTable
from tests.contracts import rows

LOGIT = ConditionalLogit(l2=0.05)


def fit(logit: ConditionalLogit, *tables: RankingTable) -> FittedConditionalLogit:
    first, *others = tables or (rows.table(1), rows.table(2))
    return logit.fit(lambda: ([first], RankingTable.concatenate(others) if others else rows.table(3)), 1)


def by_the_formula(table: RankingTable, products: tuple[int, ...], l2: float):
    """Weights that minimise the loss, written down query by query in float64."""
    values = table.features.values.astype(np.float64)
    z = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    z = np.clip(z, -4, 4)
    z[:, 2] = 0  # a category
    columns = np.concatenate([z, *(z * z[:, [by]] / 4 for by in products)], axis=1)

    def loss(w):
        total, taken = 0.0, table.grade > 0
        for start, end in zip(table.offsets[:-1], table.offsets[1:], strict=True):
            if start == end:
                continue
            utility = columns[start:end] @ w
            total += np.sum(np.log(np.exp(utility).sum()) - utility[taken[start:end]])
        return total / taken.sum() + l2 / 2 * w @ w

    def slope(w):
        step = 1e-6 * np.eye(len(w))
        return np.array([(loss(w + h) - loss(w - h)) / 2e-6 for h in step])

    done = minimize(loss, np.zeros(columns.shape[1]), jac=slope, method="L-BFGS-B")
    assert check_grad(loss, slope, done.x) < 1e-4
    return done.x.reshape(1 + len(products), -1), columns


@pytest.mark.parametrize("products", [(), ("pair.signal",)])
def test_weights_are_those_that_the_formula_gives(products) -> None:
    parts = [rows.table(1), rows.empty_table(), rows.table(2), rows.table(3)]
    whole = RankingTable.concatenate(parts)
    model = replace(LOGIT, products=products).fit(
        lambda: (parts[1:3], RankingTable.concatenate(parts[::3])), 1
    )
    weights, columns = by_the_formula(whole, (0,) if products else (), LOGIT.l2)
    np.testing.assert_allclose(model.weights, weights, atol=2e-3)
    assert model.weights[0, 0] > 0.3  # the signal
    scores = model.score(rows.candidates(0).take(np.zeros(0, np.int64)), whole.features)
    np.testing.assert_allclose(scores, columns @ model.weights.ravel(), atol=1e-4)


def test_a_category_a_constant_and_what_is_never_known_count_for_nothing() -> None:
    def spoilt(table: RankingTable) -> RankingTable:
        values = np.concatenate(
            [table.features.values, np.ones((len(table), 1)), np.full((len(table), 1), np.nan)], axis=1
        )
        names = (*table.features.names, "item.constant", "item.unknown")
        features = FeatureMatrix(values.astype(np.float32), names, table.features.categorical)
        return RankingTable(table.offsets, features, table.grade)

    model = fit(replace(LOGIT, products=("pair.signal",)), spoilt(rows.table(1)), spoilt(rows.table(2)))
    assert not model.weights[:, [2, 4, 5]].any()
    assert model.weights[0, [0, 1, 3]].all()
    other = spoilt(rows.table(5)).features
    moved = FeatureMatrix(other.values.copy(), other.names, other.categorical)
    moved.values[:, [2, 4, 5]] = 1e30
    none = rows.candidates(0)
    np.testing.assert_array_equal(model.score(none, moved), model.score(none, other))


def test_what_lies_far_out_counts_as_four_deviations() -> None:
    model, matrix = fit(LOGIT), rows.features(20)
    far = FeatureMatrix(matrix.values.copy(), matrix.names, matrix.categorical)
    farther = FeatureMatrix(matrix.values.copy(), matrix.names, matrix.categorical)
    far.values[:, 0], farther.values[:, 0] = 1e3, np.inf
    np.testing.assert_array_equal(
        model.score(rows.candidates(0), far), model.score(rows.candidates(0), farther)
    )


def test_a_model_for_validation_has_not_seen_it() -> None:
    spoilt = replace(rows.table(3), grade=1 - rows.table(3).grade)
    models = [
        LOGIT.stopped(lambda table=table: ([rows.table(1)], table), 1) for table in (rows.table(3), spoilt)
    ]
    np.testing.assert_array_equal(models[0].weights, models[1].weights)
    again = [
        LOGIT.refitted(models[0], lambda table=table: ([rows.table(1)], table), 1)
        for table in (rows.table(3), spoilt)
    ]
    assert not np.array_equal(again[0].weights, again[1].weights)


def test_products_of_a_family_that_is_there_must_be_there_too() -> None:
    with pytest.raises(ConfigurationError, match=r"Got pair\.sginal"):
        fit(replace(LOGIT, products=("pair.sginal",)))
    assert fit(replace(LOGIT, products=("absent.column",))).weights.shape == (1, 4)


def test_other_columns_are_refused() -> None:
    model, matrix = fit(LOGIT), rows.features(5)
    renamed = FeatureMatrix(matrix.values, ("pair.other", *matrix.names[1:]), matrix.categorical)
    with pytest.raises(DataContractError, match=r"Missing: \['pair.signal'\]"):
        model.score(rows.candidates(0), renamed)
    turned = FeatureMatrix(matrix.values[:, ::-1].copy(), matrix.names[::-1], matrix.categorical)
    np.testing.assert_array_equal(
        model.score(rows.candidates(0), turned), model.score(rows.candidates(0), matrix)
    )


def test_without_a_positive_there_is_nothing_to_learn() -> None:
    with pytest.raises(DataContractError, match="whose truth retrieval found"):
        fit(LOGIT, rows.without_positives(rows.table(1)))


def test_importance_is_a_share_and_the_signal_has_most() -> None:
    shares = fit(replace(LOGIT, products=("pair.signal",))).importance()
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "pair.signal"


@pytest.mark.parametrize("wrong", [{"l2": 0.0}, {"l2": "much"}, {"steps": 0}, {"products": "pair.signal"}])
def test_parameters_are_checked(wrong) -> None:
    with pytest.raises(ParameterError):
        ConditionalLogit(**wrong)
