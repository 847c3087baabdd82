"""Cosines against a loop over candidates and events."""

import numpy as np

from dataset.vectors import Vectors
from features.similarity import Similarity


def test_cosines_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    rng = np.random.default_rng(0)
    placed = snapshot.known_items[::2]
    vectors = Vectors(placed, rng.normal(size=(len(placed), 7)).astype(np.float32) * 3)
    fitted = Similarity(vectors=["v"], max_history=4).fit(snapshot, {"v": vectors}, ())
    assert fitted.names == ("v_max", "v_mean", "v_newest")
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = fitted.transform(requests, candidates)
    unit = {item: v / np.linalg.norm(v) for item, v in zip(placed, vectors.matrix, strict=True)}
    history = requests.history
    for query, item, got in zip(candidates.query, candidates.item, values, strict=True):
        events = range(
            max(history.offsets[query], history.offsets[query + 1] - 4), history.offsets[query + 1]
        )
        events = [event for event in events if history.item[event] in unit]
        if item not in unit or not events:
            assert np.isnan(got).all()
            continue
        cosines = np.array([unit[item] @ unit[history.item[event]] for event in events])
        newest = cosines[[history.step[event] == 0 for event in events]]
        np.testing.assert_allclose(got[:2], [cosines.max(), cosines.mean()], atol=1e-5)
        np.testing.assert_allclose(got[2], newest.max() if len(newest) else np.nan, atol=1e-5)


def test_an_embedding_that_was_not_made_keeps_its_columns(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    silent = Vectors(snapshot.known_items, np.zeros((len(snapshot.known_items), 2), np.float32))
    for vectors in ({}, {"v": silent}):
        values = Similarity(vectors=["v"]).fit(snapshot, vectors, ()).transform(requests, candidates)
        assert values.shape == (len(candidates), 3)
        assert np.isnan(values).all()
