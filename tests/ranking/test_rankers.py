"""Every ranker keeps the contract of rankers."""

import pytest

from ranking.bagged import Bagged
from ranking.blended import Blended
from ranking.cascade import Cascade
from ranking.conditional_logit import ConditionalLogit
from ranking.lambdamart import LambdaMart
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.retrieval_order import RetrievalOrder
from tests.contracts.ranker_contract import RankerContract

SMALL = {"num_trees": 12, "stop_after": 5, "min_rows_a_leaf": 10}


class TestLambdaMart(RankerContract):
    ranker = LambdaMart(**SMALL)


@pytest.mark.slow
class TestLambdaMartOnAShareOfTheRows(RankerContract):
    ranker = LambdaMart(**SMALL, row_fraction=0.7, refit=False, seed=3)


@pytest.mark.slow
class TestXendcg(RankerContract):
    ranker = LambdaMart(**SMALL, objective="rank_xendcg")


@pytest.mark.slow
class TestBagged(RankerContract):
    ranker = Bagged(of=LambdaMart(**SMALL, feature_fraction=0.5), members=3)


@pytest.mark.slow
class TestCascade(RankerContract):
    """That all survive, as the order of rows changes the queries here; test_cascade.py looks at fewer."""

    ranker = Cascade(
        of=LambdaMart(**SMALL), short=LambdaMart(**SMALL), reads=("pair.*",), keep=(1000,), max_loss=1.0
    )


class TestConditionalLogit(RankerContract):
    ranker = ConditionalLogit()


class TestConditionalLogitWithProducts(RankerContract):
    ranker = ConditionalLogit(l2=0.01, products=("pair.s*", "item.noise", "absent.column"))


@pytest.mark.slow
class TestBlended(RankerContract):
    ranker = Blended(trees=Bagged(of=LambdaMart(**SMALL, row_fraction=0.7), members=2))


class TestBlendedWithOneTraining(RankerContract):
    ranker = Blended(trees=LambdaMart(**SMALL), logit=ConditionalLogit(products=("pair.signal",)), weight=1.0)


class TestReciprocalRankFusion(RankerContract):
    ranker = ReciprocalRankFusion()


class TestRetrievalOrder(RankerContract):
    ranker = RetrievalOrder()
