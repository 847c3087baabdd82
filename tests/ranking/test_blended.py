"""The sum of trees and a conditional logit."""

import numpy as np
import pytest

from dataset.errors import ParameterError
from ranking.bagged import Bagged
from ranking.blended import Blended
from ranking.conditional_logit import ConditionalLogit
from ranking.lambdamart import LambdaMart
from ranking.scorers.bitvectors import BitVectors
from tests.contracts import rows

TREES = LambdaMart(num_trees=12, stop_after=None, min_rows_a_leaf=10, feature_fraction=0.5)
BLEND = Blended(
    trees=Bagged(of=TREES, members=4), logit=ConditionalLogit(products=("pair.signal",)), weight=0.3
)


def tables():
    return [rows.table(1), rows.table(2)], rows.table(3)


def test_the_score_is_the_weighted_sum_of_both_as_each_is_alone() -> None:
    candidates = rows.candidates(0)
    matrix = rows.features(len(candidates), 0)
    trees = BLEND.trees.fit(tables, 1).score(candidates, matrix)
    logit = BLEND.logit.fit(tables, 1).score(candidates, matrix)
    blend = BLEND.fit(tables, 1)
    np.testing.assert_allclose(blend.score(candidates, matrix), trees + 0.3 * logit, rtol=1e-6)
    fast = blend.with_scorer(BitVectors())
    np.testing.assert_array_equal(fast.score(candidates, matrix), blend.score(candidates, matrix))
    assert set(fast.scorers) == {"bitvectors"}


def test_before_validation_neither_has_seen_it() -> None:
    blend = BLEND.stopped(tables, 1)
    assert blend.trees == BLEND.trees.stopped(tables, 1)
    np.testing.assert_array_equal(blend.logit.weights, BLEND.logit.stopped(tables, 1).weights)


def test_tables_are_built_once_and_the_trees_are_watched() -> None:
    built, seen = [], []

    def counted():
        built.append(1)
        return tables()

    BLEND.fit(counted, 1, lambda n, ndcg: seen.append(n))
    assert len(built) == 1
    assert seen == list(range(1, 13))


def test_importance_is_a_share() -> None:
    assert sum(BLEND.fit(tables, 1).importance().values()) == pytest.approx(1)


def test_the_weight_is_checked() -> None:
    with pytest.raises(ParameterError):
        Blended(weight=-0.1)
