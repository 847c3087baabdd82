"""Content and Collaborative against plain products over all items."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ConfigurationError
from dataset.vectors import Vectors
from retrieval.collaborative import Collaborative
from retrieval.content import Content, side_by_side
from retrieval.index import VectorIndex
from retrieval.nearest import unit_length
from tests.contracts import shops


def unit(vector):
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def searches_of(snapshot, user, dense, placed, source, normalise):
    """What one user searches for, by the definition, in float64."""
    events = snapshot.history
    own = np.flatnonzero((events.user == user) & (snapshot.history_weight > 0))
    own = own[placed[events.item[own]]]
    newest = getattr(source, "newest", 0)
    half_life = getattr(source, "half_life_days", 0.0)
    total = np.zeros(dense.shape[1])
    for row in own if source.step_decay is not None else ():
        weight = float(snapshot.history_weight[row]) * source.step_decay ** int(snapshot.history_step[row])
        if half_life:
            weight *= 0.5 ** ((snapshot.cutoff - events.time[row]) / 86_400 / half_life)
        total += weight * dense[events.item[row]]
    found = [dense[events.item[row]] for row in (own[-newest:] if newest else own[:0])]
    found += [total] if total.any() else []
    return [unit(vector) for vector in found] if normalise else found


def assert_as_by_hand(snapshot, source, vectors, dense, placed, normalise):
    model = source.fit(snapshot, vectors)
    requests = snapshot.requests()
    n_items = len(snapshot.items)
    offsets = np.arange(len(requests) + 1, dtype=np.int64) * n_items
    scores = model.score(requests, offsets, np.tile(np.arange(n_items, dtype=np.int32), len(requests)))
    lists = model.retrieve(requests, 8)
    allowed = shops.allowed(snapshot)
    for user in range(len(requests)):
        searches = searches_of(snapshot, user, dense, placed, source, normalise)
        expected = np.full(n_items, np.nan)
        if searches:
            expected[placed] = np.max([dense[placed] @ vector for vector in searches], axis=0)
        np.testing.assert_allclose(scores.reshape(-1, n_items)[user], expected, rtol=1e-4, atol=1e-5)
        best = -np.sort(-expected[allowed[user] & ~np.isnan(expected)])[:8]
        np.testing.assert_allclose(lists.scores[user, : len(best)], best, rtol=1e-4, atol=1e-5)
        assert lists.lengths[user] == len(best)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    ("newest", "step_decay"), [(0, 0.7), (1, 0.7), (3, 0.7), (100, 0.7), (3, None), (100, None)]
)
def test_content_equals_all_products(seed, newest, step_decay):
    snapshot = shops.snapshot(seed)
    vectors = shops.vectors(snapshot, seed)
    weights = {"ingredients": 1.0, "functionality": 0.5}
    dense = np.concatenate(
        [
            weight * np.array([unit(row) for row in vectors[name].dense(len(snapshot.items))])
            for name, weight in weights.items()
        ],
        axis=1,
    )
    dense = np.array([unit(row) for row in dense])
    placed = np.zeros(len(dense), bool)
    placed[np.union1d(vectors["ingredients"].item, vectors["functionality"].item)] = True
    source = Content(vectors=weights, newest=newest, step_decay=step_decay)
    assert_as_by_hand(snapshot, source, vectors, dense, placed, normalise=True)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("half_life_days", [0.0, 20.0])
def test_collaborative_equals_all_products(seed, half_life_days):
    snapshot = shops.snapshot(seed)
    vectors = shops.vectors(snapshot, seed)
    dense = vectors["collaborative"].dense(len(snapshot.items)).astype(np.float64)
    placed = np.zeros(len(dense), bool)
    placed[vectors["collaborative"].item] = True
    source = Collaborative(half_life_days=half_life_days)
    assert_as_by_hand(snapshot, source, vectors, dense, placed, normalise=False)


@pytest.mark.parametrize("wider", [2, 4, 16])
def test_what_a_user_avoids_is_barred_inside_the_search(wider, monkeypatch):
    """However much of the neighbourhood is avoided or owned, the list is full of the best there are."""
    masks, search = [], VectorIndex.search
    monkeypatch.setattr(
        VectorIndex,
        "search",
        lambda self, asked, k, allowed: masks.append(allowed) or search(self, asked, k, allowed),
    )
    monkeypatch.setattr("retrieval.nearest._WIDER", wider)
    snapshot = shops.snapshot(4, n_users=60, n_items=120, n_events=1500)
    placed = snapshot.known_items
    rng = np.random.default_rng(0)
    vectors = {"all": Vectors(placed, unit_length(rng.normal(size=(len(placed), 5)).astype(np.float32)))}
    requests = snapshot.requests()
    assert len(np.unique(requests.eligibility.user_bits, axis=0)) > 3
    model = Content(vectors={"all": 1.0}, newest=1, step_decay=None).fit(snapshot, vectors)
    found = model.retrieve(requests, 10)
    of_a_user_s_own = [mask for mask in masks if not np.array_equal(mask, requests.eligibility.available)]
    assert bool(of_a_user_s_own) == (wider == 2)
    monkeypatch.setattr("retrieval.nearest._WIDER", 1000)  # all there is, so nothing can be missed
    np.testing.assert_allclose(found.scores, model.retrieve(requests, 10).scores, rtol=1e-5)
    says_something = np.bincount(
        snapshot.history.user[snapshot.history_weight > 0], minlength=len(snapshot.users)
    )
    expected = np.where(says_something > 0, np.minimum(shops.allowed(snapshot).sum(axis=1), 10), 0)
    np.testing.assert_array_equal(found.lengths, expected)


def test_an_event_that_weighs_nothing_does_not_search():
    """A search for the sum of nothing, a vector of zeros, would find anything at all."""
    snapshot = shops.snapshot(3)
    silent = replace(snapshot, event_weights=np.zeros_like(snapshot.event_weights))
    for source in (Content(vectors={"ingredients": 1.0}), Collaborative()):
        model = source.fit(snapshot, shops.vectors(snapshot))
        assert model.retrieve(snapshot.requests(), 5).lengths.any()
        assert not model.retrieve(silent.requests(), 5).lengths.any()


def test_content_must_search_for_something():
    with pytest.raises(ConfigurationError, match="must search for something"):
        Content(vectors={"ingredients": 1.0}, newest=0, step_decay=None)


def test_embeddings_side_by_side():
    vectors = {
        "a": Vectors(np.array([1, 3], np.int32), np.array([[3, 4], [0, 0]], np.float32)),
        "b": Vectors(np.array([3, 4], np.int32), np.array([[2], [-5]], np.float32)),
    }
    items, matrix = side_by_side({"a": 1.0, "b": 2.0, "absent": 3.0}, vectors)
    assert items.tolist() == [1, 3, 4]
    np.testing.assert_allclose(matrix, [[0.6, 0.8, 0], [0, 0, 1], [0, 0, -1]], rtol=1e-6)
    assert matrix.flags.c_contiguous
    assert side_by_side({"absent": 1.0}, vectors)[1].shape == (0, 1)


def test_rows_of_zeros_have_no_direction():
    np.testing.assert_array_equal(
        unit_length(np.array([[0, 0], [0, 5]], np.float32)), np.array([[0, 0], [0, 1]], np.float32)
    )
