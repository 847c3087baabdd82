"""Attributes against categories, and features against purchases, with SciPy and NumPy as oracles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.ragged import Categorical, TokenLists
from dataset.users import Users
from evaluation.exploration.association import association, chi_square, cramers_v
from evaluation.exploration.attributes import attributes
from evaluation.exploration.feature_correlation import (
    Labelled,
    clustered_correlation,
    feature_correlation,
    mutual_information,
)
from evaluation.exploration.multiplicity import benjamini_hochberg
from tests.evaluation.exploration.logs import START, material_of

_columns = st.shared(st.integers(2, 5), key="columns")
tables = _columns.flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 30), min_size=n, max_size=n), min_size=2, max_size=5)
).map(np.array)


@settings(max_examples=25)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_are_those_of_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(np.array(p)), stats.false_discovery_control(p), atol=1e-12)


def test_what_was_not_tested_does_not_count():
    adjusted = benjamini_hochberg(np.array([0.01, np.nan, 0.02]))
    np.testing.assert_allclose(adjusted, [0.02, np.nan, 0.02])


@settings(max_examples=25)
@given(counts=tables)
def test_cramers_v_is_that_of_bergsma(counts):
    kept = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(kept.shape) < 2:
        assert math.isnan(cramers_v(counts))
        return
    statistic = stats.chi2_contingency(kept, correction=False).statistic
    assert chi_square(counts.astype(float)) == pytest.approx(statistic)
    n, (r, c) = kept.sum(), kept.shape
    phi2 = max(0, statistic / n - (r - 1) * (c - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1))
    if smaller > 1:
        assert cramers_v(counts) == pytest.approx(min(math.sqrt(phi2 / (smaller - 1)), 1))


def test_the_interval_holds_the_true_association_and_p_is_right_by_chance():
    random = np.random.default_rng(0)
    for strength in (0.0, 0.3):
        shares = np.outer([0.5, 0.3, 0.2], [0.4, 0.3, 0.3])
        shares = (1 - strength) * shares + strength * np.diag([0.4, 0.3, 0.3])
        expected = np.outer(shares.sum(axis=1), shares.sum(axis=0))
        truth = math.sqrt(((shares - expected) ** 2 / expected).sum() / 2)
        found = [
            association(random.multinomial(500, shares.ravel()).reshape(3, 3), n_draws=199, seed=seed)
            for seed in range(40)
        ]
        assert sum(of.low <= truth <= of.high for of in found) >= 35
        below = sum(of.p <= 0.05 for of in found)
        assert below <= 6 if strength == 0 else below == 40


def shop_with_a_planted_taste(n=1500, strength=0.5):
    """Dry skins buy masks; another attribute says nothing. Most users buy the same thing ten times."""
    random = np.random.default_rng(5)
    skin, town = random.integers(0, 2, n), random.integers(0, 3, n)
    item = np.where((skin == 0) & (random.random(n) < strength), 1, random.integers(0, 3, n))
    user = np.repeat(np.arange(n, dtype=np.int32), 10)
    log = Interactions(
        user=user,
        item=np.repeat(item, 10).astype(np.int32),
        kind=np.full(10 * n, KINDS.index("purchase"), np.int8),
        value=np.full(10 * n, np.nan, np.float32),
        time=(START + np.tile(np.arange(10), n)) * SECONDS_PER_DAY,
    )
    nobody = TokenLists.empty(n)
    users = Users(
        numeric={"age": random.uniform(18, 80, n).astype(np.float32)},
        categorical={
            "skin": Categorical(skin.astype(np.int32), ("dry", "oily")),
            "town": Categorical(town.astype(np.int32), ("x", "y", "z")),
        },
        concerns=nobody,
        avoids=nobody,
    )
    return material_of(log.sorted(), n, 3, users=users)


def test_a_planted_taste_is_found_and_repeated_purchases_prove_nothing():
    found = attributes(shop_with_a_planted_taste(), n_draws=199)
    tested = found["tested"]
    assert next(iter(tested)) == "skin"
    assert tested["skin"]["p_adjusted"] < 0.05
    assert tested["skin"]["n"] == 1500
    for name in ("town", "age"):
        assert tested[name]["p_adjusted"] > 0.05
        assert tested[name]["v"] < 0.05
    surest = found["cells"]["skin"][0]
    assert surest["category"] == "Skin > Masks"
    cells = {(cell["label"], cell["category"]): cell for cell in found["cells"]["skin"]}
    assert cells["dry", "Skin > Masks"]["low"] > 1
    assert cells["oily", "Skin > Masks"]["high"] < 1
    assert list(found["cells"]) == ["skin"]


def labelled(seed=0, queries=120, size=12, **columns):
    """Candidates of which a third is bought; columns are functions of the label and a generator."""
    random = np.random.default_rng(seed)
    query = np.repeat(np.arange(queries, dtype=np.int32), size)
    label = random.random(len(query)) < 0.3
    values = np.column_stack([make(label, query, random) for make in columns.values()]).astype(np.float32)
    coded = tuple(name for name in columns if name.startswith("code"))
    return Labelled(FeatureMatrix(values, tuple(columns), coded), label, query)


def noise(label, query, random):
    return random.normal(size=len(label))


def signal(label, query, random):
    return label + random.normal(size=len(label))


def of_user(label, query, random):
    return np.bincount(query, weights=label)[query]


def test_correlations_are_those_of_scipy():
    rows = labelled(signal=signal, of_user=of_user)
    found = feature_correlation(rows, {}, n_permutations=20)["numeric"]
    for at, name in enumerate(rows.matrix.names):
        oracle = stats.spearmanr(rows.matrix.values[:, at], rows.label).statistic
        assert found[name]["rho"] == pytest.approx(oracle)
    ranks = np.concatenate([stats.rankdata(part) for part in rows.matrix.values[:, 0].reshape(120, 12)])
    part = rows.label.reshape(120, 12)
    centred = (part - part.mean(axis=1, keepdims=True)).ravel()
    inside = ranks - ranks.reshape(120, 12).mean(axis=1).repeat(12)
    assert found["signal"]["within"] == pytest.approx(np.corrcoef(inside, centred)[0, 1])
    assert found["of_user"]["within"] is None


def test_signals_are_told_from_noise_after_adjustment():
    columns = {f"noise_{n}": noise for n in range(30)}
    found = feature_correlation(labelled(signal=signal, **columns), {"asked_at": "x"}, n_permutations=20)
    p = {name: figures["p_adjusted"] for name, figures in found["numeric"].items()}
    assert next(iter(p)) == "signal"
    assert p["signal"] < 0.001
    assert sum(value < 0.05 for value in p.values()) <= 2
    assert found["asked_at"] == "x"
    assert found["numeric"]["signal"]["low"] > 0


def test_rows_of_one_user_are_one_witness():
    random = np.random.default_rng(3)
    x, y = random.normal(size=(2, 300))
    y += 0.3 * x
    alone = clustered_correlation(x, y, np.arange(300))
    copied = clustered_correlation(np.repeat(x, 8), np.repeat(y, 8), np.repeat(np.arange(300), 8))
    np.testing.assert_allclose(copied, alone, rtol=1e-9)
    drawn = [np.corrcoef(x[at], y[at])[0, 1] for at in random.integers(0, 300, (1000, 300))]
    assert alone[1] == pytest.approx(np.std(drawn), rel=0.12)


@settings(max_examples=25)
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=50))
def test_mutual_information_is_that_of_entropies(rows):
    codes, label = (np.array(column) for column in zip(*rows, strict=True))

    def bits(*columns):
        _, n = np.unique(np.column_stack(columns), axis=0, return_counts=True)
        return stats.entropy(n, base=2)

    expected = bits(codes) + bits(label) - bits(codes, label)
    assert mutual_information(codes, label, 5) == pytest.approx(expected, abs=1e-9)


def test_codes_that_say_nothing_have_no_information_beyond_chance():
    def useless(label, query, random):
        return random.integers(0, 40, len(label))

    def telling(label, query, random):
        return np.where(random.random(len(label)) < 0.7, label, random.integers(0, 2, len(label)))

    def whose(label, query, random):
        return query % 5

    rows = labelled(code_useless=useless, code_telling=telling, code_whose=whose)
    found = feature_correlation(rows, {}, n_permutations=99)
    assert found["categorical"]["code_telling"]["p_adjusted"] < 0.05
    assert found["categorical"]["code_useless"]["p"] > 0.05
    assert found["categorical"]["code_useless"]["bits"] < 0.01
    assert found["of_user"] == ["code_whose"]


def test_missing_values_are_left_out_and_constants_are_named():
    def holes(label, query, random):
        return np.where(random.random(len(label)) < 0.4, np.nan, signal(label, query, random))

    def nothing(label, query, random):
        return np.full(len(label), np.nan)

    rows = labelled(holes=holes, nothing=nothing)
    found = feature_correlation(rows, {}, n_permutations=20)
    known = ~np.isnan(rows.matrix.values[:, 0])
    oracle = stats.spearmanr(rows.matrix.values[known, 0], rows.label[known]).statistic
    assert found["numeric"]["holes"]["rho"] == pytest.approx(oracle)
    assert found["numeric"]["holes"]["known"] == pytest.approx(known.mean())
    assert found["constant"] == ["nothing"]


def test_without_a_purchase_there_is_nothing_to_compare():
    rows = labelled(signal=signal)
    with pytest.raises(DataContractError, match="Features are compared with purchases"):
        feature_correlation(Labelled(rows.matrix, np.zeros_like(rows.label), rows.query), {})
