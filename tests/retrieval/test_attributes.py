"""Attributes against loops over words."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.ragged import Categorical, TokenLists
from retrieval.attributes import KINDS, Attributes, word_vectors
from tests.contracts import shops


def words_of(snapshot, item):
    """(kind, word) of an item, each once."""
    items = snapshot.items
    category = items.category.names[items.category.codes[item]] if items.category.codes[item] >= 0 else ""
    levels = category.split(" > ") if category else []
    return {
        *(("functions", word) for word in items.functions.words_of(item)),
        *(("ingredients", word) for word in items.ingredients.words_of(item)),
        *(("category", " > ".join(levels[: depth + 1])) for depth in range(len(levels))),
        *(("brand", items.brand.names[code]) for code in items.brand.codes[item : item + 1] if code >= 0),
    }


def dense_words(snapshot, weights, rarity_power):
    """Rows of unit length, float64, a row an item of the data set; known items alone have words."""
    known = [int(item) for item in snapshot.known_items]
    words = {item: words_of(snapshot, item) for item in known}
    columns = sorted({word for own in words.values() for word in own})
    matrix = np.zeros((len(snapshot.items), len(columns)))
    for at, word in enumerate(columns):
        holders = [item for item in known if word in words[item]]
        matrix[holders, at] = weights.get(word[0], 0) * np.log(len(known) / len(holders)) ** rarity_power
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 0)


def similarities(snapshot, source):
    unit = dense_words(snapshot, source.weights, source.rarity_power)
    similar = unit @ unit.T
    np.fill_diagonal(similar, 0)
    return similar


ALL = {"functions": 1.0, "brand": 2.0, "category": 0.5, "ingredients": 0.3}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    "source",
    [
        Attributes(),
        Attributes(weights=ALL, rarity_power=0.0),
        Attributes(weights=ALL),
        Attributes(weights={"brand": 1}),
    ],
    ids=str,
)
def test_entries_are_cosines_of_rare_words(source, seed):
    snapshot = shops.snapshot(seed)
    model = source.fit(snapshot, {})
    expected = similarities(snapshot, source)
    np.testing.assert_allclose(model.by_item().toarray(), expected, rtol=1e-5, atol=1e-6)
    worded = dense_words(snapshot, source.weights, source.rarity_power).any(axis=1)
    np.testing.assert_array_equal(model.row_of_item >= 0, worded)
    assert worded[snapshot.known_items].sum() > 0
    assert not worded[~snapshot.catalogue].any()


def test_the_best_neighbours_stay_and_ties_go_by_code():
    snapshot = shops.snapshot(2)
    everything = Attributes(neighbours=1000).fit(snapshot, {}).by_item().toarray()
    few = Attributes(neighbours=3).fit(snapshot, {}).by_item().toarray()
    tied = 0
    for row, entries in enumerate(everything):
        order = sorted(np.flatnonzero(entries), key=lambda item: (-entries[item], item))
        np.testing.assert_array_equal(np.flatnonzero(few[row]), sorted(order[:3]))
        np.testing.assert_array_equal(few[row, order[:3]], entries[order[:3]])
        tied += len(order) > 3 and entries[order[2]] == entries[order[3]]
    assert tied


def test_scores_add_up_over_the_history():
    snapshot = shops.snapshot(1)
    source = Attributes(step_decay=0.6)
    requests = snapshot.requests()
    n_items = len(snapshot.items)
    offsets = np.arange(len(requests) + 1, dtype=np.int64) * n_items
    found = source.fit(snapshot, {}).score(
        requests, offsets, np.tile(np.arange(n_items, dtype=np.int32), len(requests))
    )
    similar, expected = similarities(snapshot, source), np.zeros((len(requests), n_items))
    weights = snapshot.history_weight * 0.6**snapshot.history_step
    np.add.at(expected, snapshot.history.user, weights[:, None] * similar[snapshot.history.item])
    worded = dense_words(snapshot, source.weights, 2.0).any(axis=1)[snapshot.history.item]
    speaks = np.bincount(snapshot.history.user, weights=worded, minlength=len(requests)) > 0
    expected[~speaks] = np.nan
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-6)


def test_a_word_counts_once_and_one_of_all_items_not_at_all():
    snapshot = shops.snapshot(0, n_items=5)
    known = snapshot.known_items
    rows = [["shared", "a", "a", "a", "b"], ["shared", "a", "b", "b"], ["shared"], ["shared"], ["shared"]]
    items = replace(
        snapshot.items,
        brand=Categorical(np.full(5, -1, np.int32), ()),
        category=Categorical(np.full(5, -1, np.int32), ()),
        functions=TokenLists.of(rows),
    )
    snapshot = replace(snapshot, items=items, catalogue=np.ones(5, bool))
    assert len(known) < 5 == len(snapshot.known_items)
    model = Attributes().fit(snapshot, {})
    assert (model.row_of_item >= 0).tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(model.by_item().toarray()[:2, :2], [[0, 1], [1, 0]], rtol=1e-6)


def test_the_order_of_the_kinds_changes_no_bit():
    snapshot = shops.snapshot(0)
    one = word_vectors(snapshot, ALL, 1.0)
    other = word_vectors(snapshot, dict(reversed(ALL.items())), 1.0)
    np.testing.assert_array_equal(one[1].data, other[1].data)
    np.testing.assert_array_equal(one[1].indices, other[1].indices)
    assert one[1].dtype == np.float32
    np.testing.assert_allclose(np.sqrt(one[1].power(2).sum(axis=1)), 1, rtol=1e-6)


@pytest.mark.parametrize("weights", [{}, {"brand": 0.0}, dict.fromkeys(KINDS, 0.0)])
def test_no_word_that_weighs_anything(weights):
    snapshot = shops.snapshot(0)
    model = Attributes(weights=weights).fit(snapshot, {})
    assert (model.row_of_item == -1).all()
    assert not model.retrieve(snapshot.requests(), 5).lengths.any()


@pytest.mark.parametrize("weights", [{"colour": 1.0}, {"brand": -1.0}, {"brand": "much"}])
def test_other_weights_are_refused(weights):
    with pytest.raises(
        ParameterError, match="'weights' parameter of Attributes must be a mapping from names out of"
    ):
        Attributes(weights=weights)
