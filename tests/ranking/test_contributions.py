"""What families of features add to a score: it sums to it, and is LightGBM's own account."""

import copy
import re
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ArtefactError, ConfigurationError
from dataset.feature_matrix import FeatureMatrix
from ranking.bagged import Bagged
from ranking.blended import Blended
from ranking.cascade import Cascade
from ranking.conditional_logit import ConditionalLogit
from ranking.contributions import BASE, TOLERANCE, contributions
from ranking.contributions_kernels import Paths
from ranking.lambdamart import LambdaMart
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.scorers.scorer import UnsupportedError
from tests.contracts import rows

TREES = LambdaMart(num_trees=15, stop_after=15, min_rows_a_leaf=10, num_leaves=12)
RANKERS = {
    "lambdamart": TREES,
    "bagged": Bagged(of=TREES, members=2),
    "conditional_logit": ConditionalLogit(l2=0.01, products=("pair.signal",)),
    "blended": Blended(trees=Bagged(of=TREES, members=2), logit=ConditionalLogit(l2=0.01), weight=0.7),
    "cascade": Cascade(
        of=TREES, short=replace(TREES, num_trees=2), reads=("pair.*",), keep=(12,), max_loss=1
    ),
}


def tables():
    return [rows.table(1), rows.table(2)], rows.table(3)


@pytest.fixture(scope="module", params=RANKERS)
def ranker(request):
    return RANKERS[request.param].fit(tables, 1)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.1, 1.0, 50.0]))
def test_they_sum_to_the_score(ranker, seed, spread):
    candidates = rows.candidates(seed, most=12)  # so few that all survive the short model
    matrix = rows.features(len(candidates), seed)
    matrix.values[:, [0, 1, 3]] *= spread
    scores = ranker.score(candidates, matrix)
    told = contributions(ranker, matrix)
    assert told.names == (BASE, "pair", "item")
    assert told.values.dtype == np.float64
    assert told.gaps(scores).max(initial=0) <= TOLERANCE
    told.check(scores)


def by_lightgbm(model, matrix):
    """Its own TreeSHAP: base, "pair" and "item"."""
    own = lgb.Booster(model_str=model.model).predict(matrix.values, pred_contrib=True)
    return np.stack([own[:, 4], own[:, [0, 3]].sum(axis=1), own[:, [1, 2]].sum(axis=1)], axis=1)


@pytest.mark.parametrize(
    "changes", [{}, {"num_leaves": 2}, {"num_leaves": 60, "min_rows_a_leaf": 1}, {"min_rows_a_leaf": 5000}]
)
def test_they_are_the_trees_own_summed_by_family(changes):
    """Stumps, deep trees that ask about a feature again and again, and trees without a split."""
    model = replace(TREES, **changes).fit(tables, 1)
    matrix = rows.features(150, 9)
    matrix.values[:5] = np.nan
    matrix.values[5:10, :2] = np.inf
    told = contributions(model, matrix).values
    np.testing.assert_allclose(told, by_lightgbm(model, matrix), rtol=0, atol=1e-12)
    assert len(np.unique(told[:, 0])) == 1
    assert (np.abs(told[:, 1]).max() > 0.1) == ("min_rows_a_leaf" not in changes or len(changes) > 1)


def test_a_model_that_our_kernel_does_not_take_is_explained_by_lightgbm():
    model = TREES.fit(tables, 1)
    matrix = rows.features(40, 2)
    expected = contributions(model, matrix)
    bare = copy.copy(model)  # LightGBM itself dies of such a text, so it keeps the booster
    text = re.sub(r"^leaf_count=.*$", "leaf_count=", model.model, flags=re.MULTILINE)
    object.__setattr__(bare, "model", text)
    with pytest.raises(UnsupportedError, match="how many rows"):
        Paths.of(bare.model, [0, 1, 1, 0])
    np.testing.assert_allclose(contributions(bare, matrix).values, expected.values, rtol=0, atol=1e-12)


def test_the_order_of_the_columns_is_no_matter():
    model = TREES.fit(tables, 1)
    matrix = rows.features(20, 4)
    turned = FeatureMatrix(matrix.values[:, ::-1].copy(), matrix.names[::-1], matrix.categorical)
    told, other = contributions(model, matrix), contributions(model, turned)
    assert other.names == (BASE, "pair", "item")
    np.testing.assert_array_equal(told.values, other.values)


def test_a_ranker_without_trees_has_nothing_to_tell():
    assert contributions(ReciprocalRankFusion(), rows.features(3)) is None


def test_no_rows_are_no_rows():
    assert contributions(TREES.fit(tables, 1), rows.features(0)).values.shape == (0, 3)


def test_a_gap_is_seen():
    """Features that are not those which were scored: one row in fifty."""
    model = TREES.fit(tables, 1)
    matrix, candidates = rows.features(50, 5), rows.candidates(5)
    scores = model.score(candidates, matrix)
    other = rows.features(50, 5)
    other.values[17, 0] += 3
    contributions(model, matrix).check(scores)
    with pytest.raises(
        ArtefactError, match=r"sum to the score within 1e-06\. Got gaps of up to .* in 1 of 50"
    ):
        contributions(model, other).check(scores)
    with pytest.raises(ArtefactError):
        contributions(model, matrix).check(np.where(np.arange(50) == 3, np.nan, scores).astype(np.float32))


def test_a_family_that_would_pass_for_the_base_is_refused():
    matrix = rows.features(3)
    names = ("base.signal", *matrix.names[1:])
    with pytest.raises(ConfigurationError, match="called 'base'"):
        contributions(TREES.fit(tables, 1), FeatureMatrix(matrix.values, names))
