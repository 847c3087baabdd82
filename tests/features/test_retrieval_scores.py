"""Columns of the sources."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.candidates import Candidates
from dataset.errors import DataContractError
from features.retrieval_scores import RetrievalScores


def test_columns_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = RetrievalScores(fusion_constant=10).fit(snapshot, {}, candidates.sources)
    values = fitted.transform(requests, candidates)
    query = candidates.query
    for at, row in enumerate(values):
        got = dict(zip(fitted.names, row, strict=True))
        peers = query == query[at]
        for column, source in enumerate(candidates.sources):
            score, rank = candidates.scores[at, column], candidates.ranks[at, column]
            others = candidates.scores[peers, column]
            others = others[~np.isnan(others)]
            np.testing.assert_equal(got[f"{source}_score"], score)
            assert got[f"{source}_reciprocal_rank"] == pytest.approx(1 / rank if rank else 0)
            if np.isnan(score):
                assert np.isnan(
                    [got[f"{source}_{part}"] for part in ("relative", "percentile", "rank")]
                ).all()
                continue
            greatest = np.abs(others).max()
            assert got[f"{source}_relative"] == pytest.approx(score / greatest if greatest else 0)
            below = (others < score).mean() + (others == score).mean() / 2
            assert got[f"{source}_percentile"] == pytest.approx(below)
            assert got[f"{source}_rank"] == (others > score).sum() + ((others == score).sum() + 1) / 2
        ranks = candidates.ranks[at][candidates.ranks[at] > 0]
        assert got["n_sources"] == len(ranks)
        assert got["fusion"] == pytest.approx((1 / (10.0 + ranks)).sum(), abs=1e-6)


def test_sources_are_found_by_name(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests, sources=("near", "far", "new"))
    order = [2, 0, 1]
    moved = Candidates(
        candidates.offsets,
        candidates.item,
        tuple(candidates.sources[at] for at in order),
        candidates.scores[:, order],
        candidates.ranks[:, order],
    )
    fitted = RetrievalScores().fit(snapshot, {}, ("near", "far"))
    np.testing.assert_array_equal(fitted.transform(requests, candidates), fitted.transform(requests, moved))


def test_a_missing_source_is_named(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    fitted = RetrievalScores().fit(snapshot, {}, ("near", "sideways"))
    with pytest.raises(DataContractError, match="without sideways"):
        fitted.transform(requests, shop.candidates(snapshot, requests))


def test_infinite_scores_are_no_opinion() -> None:
    scores = np.array([[np.inf], [1], [-np.inf], [3]], np.float32)
    offsets, item = np.array([0, 4]), np.arange(4, dtype=np.int32)
    candidates = Candidates(offsets, item, ("s",), scores, np.zeros((4, 1), np.int16))
    fitted = RetrievalScores().fit(None, {}, ("s",))  # type: ignore[arg-type]
    values = fitted.transform(None, candidates)  # type: ignore[arg-type]
    np.testing.assert_allclose(values[:, 0], [np.nan, 1, np.nan, 3])
    np.testing.assert_allclose(values[:, 3], [np.nan, 0.25, np.nan, 0.75])
    np.testing.assert_allclose(values[:, 4], [np.nan, 2, np.nan, 1])


def test_a_source_that_never_nominates_is_a_scorer_alone(shop) -> None:  # type: ignore[no-untyped-def]
    """Its rank by score is known all the same."""
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    silent = replace(candidates, ranks=candidates.ranks * np.array([0, 1], np.int16))
    fitted = RetrievalScores().fit(snapshot, {}, candidates.sources)
    with_it, without = (fitted.transform(requests, pool) for pool in (candidates, silent))
    first = fitted.names.index("near_reciprocal_rank")
    assert (without[:, first] == 0).all()
    assert (without[:, fitted.names.index("n_sources")] <= 1).all()
    rank = fitted.names.index("near_rank")
    np.testing.assert_array_equal(without[:, rank], with_it[:, rank])
