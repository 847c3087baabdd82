from dataclasses import replace

import numpy as np
import pytest

from retrieval import ease
from retrieval.ease import Ease
from tests.contracts import shops
from tests.retrieval.test_attributes import dense_words


def by_formula(snapshot, source):
    """B of equation 8 in float64, positive entries, items x items; and the items that have a row."""
    events = snapshot.history
    weight = snapshot.history_weight.astype(np.float64)
    if source.half_life_days:
        weight = weight * 0.5 ** ((snapshot.cutoff - events.time) / 86_400 / source.half_life_days)
    weight = weight * source.fit_decay**snapshot.history_step
    matrix = np.zeros((len(snapshot.users), len(snapshot.items)))
    np.add.at(matrix, (events.user, events.item), weight)
    words = np.zeros((len(snapshot.items), 1))
    if source.attribute_weight:
        words = dense_words(snapshot, source.attributes, source.rarity_power)
    items = np.union1d(events.item, np.flatnonzero(words.any(axis=1)))
    # As rows of X beside the users, each word is what a user would be who took the items that have it.
    matrix = np.concatenate([np.minimum(matrix, 1), np.sqrt(source.attribute_weight) * words.T])[:, items]
    inverse = np.linalg.inv(matrix.T @ matrix + source.regularisation * np.eye(len(items)))
    weights = -inverse / np.diagonal(inverse)
    np.fill_diagonal(weights, 0)
    return items, np.maximum(weights, 0)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    "source",
    [
        Ease(),
        Ease(regularisation=0.5),
        Ease(regularisation=3.0, half_life_days=20.0),
        Ease(regularisation=3.0, fit_decay=0.6),
        Ease(regularisation=2.0, fit_decay=0.8, attribute_weight=4.0),
        Ease(
            attribute_weight=50.0,
            attributes={"ingredients": 1.0, "brand": 0.5},
            rarity_power=1.0,
            half_life_days=9.0,
        ),
    ],
    ids=str,
)
def test_weights_equal_the_closed_form(source, seed):
    snapshot = shops.snapshot(seed)
    model = source.fit(snapshot, {})
    items, expected = by_formula(snapshot, source)
    np.testing.assert_array_equal(np.flatnonzero(model.row_of_item >= 0), items)
    found = model.neighbours.toarray()[model.row_of_item[items]][:, items]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_blocks_of_rows_change_nothing():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(30, 23))
    lower = np.asfortranarray(np.tril(np.linalg.inv(root.T @ root + np.eye(23))).astype(np.float32))
    items = np.arange(23, dtype=np.int32) * 2
    whole = ease._largest_weights(lower, 5, items, 50)
    for block in (1, 7, 23, 100):
        assert not (ease._largest_weights(lower, 5, items, 50, block) != whole).nnz


def test_products_without_an_event_get_weights_from_their_words():
    snapshot = shops.snapshot(0, n_events=60)
    new = np.setdiff1d(snapshot.known_items, snapshot.history.item)
    assert len(new)
    alone = Ease(regularisation=5.0).fit(snapshot, {}).by_item()
    assert not alone[new].nnz
    assert not alone[:, new].nnz
    helped = Ease(regularisation=5.0, attribute_weight=5.0).fit(snapshot, {}).by_item()
    assert helped[new].nnz
    assert helped[:, new].nnz


def test_blocks_of_words_change_nothing(monkeypatch):
    snapshot = shops.snapshot(1)
    source = Ease(regularisation=5.0, attribute_weight=2.0)
    whole = source.fit(snapshot, {}).by_item().toarray()
    monkeypatch.setattr(ease, "_BLOCK", 3)
    np.testing.assert_allclose(source.fit(snapshot, {}).by_item().toarray(), whole, rtol=1e-5)


@pytest.mark.parametrize("attribute_weight", [0.0, 1.0])
def test_a_larger_catalogue_is_solved_for_its_most_taken_items(attribute_weight):
    snapshot = shops.snapshot(0)
    rows = Ease(max_items=7, attribute_weight=attribute_weight).fit(snapshot, {}).row_of_item
    count = np.bincount(snapshot.history.item, minlength=len(rows))
    solved = np.flatnonzero(rows >= 0)
    assert len(solved) == 7 < (count > 0).sum()
    assert count[solved].min() >= np.delete(count, solved).max()


def test_items_that_are_not_solved_for_change_no_weight():
    snapshot, source = shops.snapshot(0), Ease(max_items=7)
    fitted = source.fit(snapshot, {})
    events = snapshot.history
    few = events.take(np.flatnonzero(fitted.row_of_item[events.item] >= 0))
    alone = source.fit(replace(snapshot, history=few, request_history=few), {})
    np.testing.assert_allclose(fitted.by_item().toarray(), alone.by_item().toarray(), atol=1e-6)
