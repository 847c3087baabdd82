"""Blend against dense sums."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ConfigurationError, ParameterError
from retrieval.attributes import Attributes
from retrieval.blend import Blend
from retrieval.clusters import Clusters
from retrieval.ease import Ease
from retrieval.popular import Popular
from retrieval.transitions import Transitions
from tests.contracts import shops

PARTS = {
    "transitions": Transitions(window=3, half_life_days=40.0),
    "attributes": Attributes(neighbours=5),
    "ease": Ease(regularisation=5.0),
    "clusters": Clusters(vectors={"ingredients": 1.0}),
}


def by_hand(snapshot, source):
    total = np.zeros((len(snapshot.items),) * 2)
    for name, part in source.parts.items():
        fitted = part.fit(snapshot, shops.vectors(snapshot))
        rows, row_of_item = fitted.neighbours.toarray().astype(np.float64), fitted.row_of_item
        matrix = np.where(row_of_item[:, None] >= 0, rows[row_of_item], 0)
        largest = matrix.max(axis=1)
        total += source.weights[name] * matrix / largest[largest > 0].mean()
    return total


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_entries_are_weighted_sums_of_levelled_parts(seed):
    snapshot = shops.snapshot(seed)
    weights = {"clusters": 0.1, "ease": 0.5, "transitions": 1.0, "attributes": 0.25}
    source = Blend(parts=PARTS, weights=weights, step_decay=0.5, half_life_days=7.0)
    model = source.fit(snapshot, shops.vectors(snapshot))
    np.testing.assert_allclose(model.by_item().toarray(), by_hand(snapshot, source), rtol=1e-5, atol=1e-7)
    assert (model.step_decay, model.half_life_days) == (0.5, 7.0)
    assert model.neighbours.dtype == np.float32


def test_only_the_largest_neighbours_stay():
    snapshot = shops.snapshot(1)
    parts = {name: PARTS[name] for name in ("transitions", "attributes")}
    source = Blend(parts=parts, weights={"transitions": 1.0, "attributes": 0.5}, neighbours=4)
    found = source.fit(snapshot, {}).by_item().toarray()
    expected = by_hand(snapshot, source)
    assert (found > 0).sum(axis=1).max() == 4
    np.testing.assert_allclose(-np.sort(-found, axis=1)[:, :4], -np.sort(-expected, axis=1)[:, :4], rtol=1e-5)


def test_the_scale_of_a_part_is_no_matter():
    """Transitions of half the weight, by events that count half, blend as before."""
    snapshot = shops.snapshot(2)
    parts = {"one": Transitions(from_power=0.0, to_power=0.0, half_life_days=1e9), "other": Attributes()}
    blend = Blend(parts=parts, weights={"one": 1.0, "other": 0.3})
    expected = blend.fit(snapshot, {}).by_item().toarray()
    halved = replace(snapshot, event_weights=snapshot.event_weights / 2)
    found = blend.fit(halved, {}).by_item().toarray()
    assert halved.history_weight.max() == 0.5 * snapshot.history_weight.max()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_part_that_weighs_nothing_is_not_there():
    snapshot = shops.snapshot(0)
    parts = {"attributes": Attributes(weights={"brand": 1.0}), "popular": Popular()}
    model = Blend(parts=parts, weights={"attributes": 1.0, "popular": 0.0}).fit(snapshot, {})
    alone = parts["attributes"].fit(snapshot, {})
    np.testing.assert_array_equal(model.row_of_item >= 0, alone.row_of_item >= 0)
    assert (model.row_of_item < 0).any()
    largest = alone.by_item().max(axis=1).toarray()
    np.testing.assert_allclose(
        model.by_item().toarray(), alone.by_item().toarray() / largest[largest > 0].mean(), rtol=1e-6
    )


def test_the_embeddings_of_parts_are_asked_for():
    assert Blend(parts=PARTS, weights=dict.fromkeys(PARTS, 1.0)).vectors == ("ingredients",)


def test_a_part_without_rows_of_items_is_refused():
    source = Blend(parts={"sellers": Popular()}, weights={"sellers": 1.0})
    with pytest.raises(
        ConfigurationError, match=r"Blend is made of item-to-item .* Got Popular as 'sellers'\."
    ):
        source.fit(shops.snapshot(), {})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"parts": {}}, "'parts' parameter of Blend must be a non-empty mapping from names to item-to-item"),
        ({"parts": {"one": "ease"}}, "'parts' parameter of Blend must be a non-empty mapping"),
        ({"parts": {"one": Ease}}, "'parts' parameter of Blend must be a non-empty mapping"),
        ({"weights": {"two": 1.0}}, r"'weights' .* must be a number for each of the parts \(one\)"),
        ({"weights": {}}, r"'weights' .* must be a number for each of the parts \(one\)"),
        ({"weights": {"one": -1.0}}, "'weights' .* numbers of at least 0"),
    ],
)
def test_wrong_parameters_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        Blend(**{"parts": {"one": Ease()}, "weights": {"one": 1.0}, **wrong})
