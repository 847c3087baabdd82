"""Rankers without learning, against plain sums."""

import numpy as np
import pytest

from dataset.candidates import Candidates
from dataset.errors import ParameterError
from dataset.ordering import top_k_of_segments
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.retrieval_order import RetrievalOrder
from tests.contracts import rows


def fit(ranker):
    return ranker.fit(lambda: pytest.fail("nothing is learnt, so no table is built"), 1)


@pytest.mark.parametrize("constant", [0.0, 1.0, 60.0])
def test_votes_equal_a_sum(constant):
    candidates = rows.candidates(4)
    with np.errstate(all="raise"):
        found = fit(ReciprocalRankFusion(constant=constant)).score(candidates, None)
    expected = [sum(1 / (constant + rank) for rank in row if rank > 0) for row in candidates.ranks.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_order_of_retrieval_is_best_rank_first():
    ranks = np.array([[3, 0], [0, 1], [2, 2], [2, 0], [2, 5], [0, 0]], np.int16)
    n = len(ranks)
    candidates = Candidates(
        np.array([0, n]), np.arange(n, dtype=np.int32), ("a", "b"), np.zeros((n, 2), np.float32), ranks
    )
    scores = fit(RetrievalOrder()).score(candidates, None)
    listed = top_k_of_segments(candidates.offsets, candidates.item, scores, n)
    assert listed.items.tolist() == [[1, 2, 4, 3, 0, 5]]


@pytest.mark.parametrize("constant", [-1.0, "sixty", float("nan")])
def test_wrong_parameters_are_refused(constant):
    with pytest.raises(ParameterError, match="'constant' parameter of ReciprocalRankFusion must be a number"):
        ReciprocalRankFusion(constant=constant)


def test_no_features_are_asked_for():
    assert fit(ReciprocalRankFusion()).features == fit(RetrievalOrder()).features == ()
