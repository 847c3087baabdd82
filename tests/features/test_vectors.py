"""Embeddings: placed items only, finite, deterministic, blind to the future."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from dataset.errors import ParameterError
from features.vectors.collaborative import CollaborativeVectors
from features.vectors.functionality import FunctionalityVectors
from features.vectors.ingredients import IngredientVectors

ALL = [
    IngredientVectors(dimensions=5),
    FunctionalityVectors(dimensions=5),
    CollaborativeVectors(dimensions=5),
]
IDS = [type(embedding).__name__ for embedding in ALL]


def same(one, other) -> bool:  # type: ignore[no-untyped-def]
    return np.array_equal(one.item, other.item) and np.array_equal(one.matrix, other.matrix)


@pytest.mark.parametrize("embedding", ALL, ids=IDS)
def test_vectors_are_those_of_known_items(shop, embedding) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    vectors = embedding.fit(snapshot)
    assert vectors.matrix.dtype == np.float32
    assert vectors.matrix.flags.c_contiguous
    assert vectors.dimensions <= 5
    assert np.isin(vectors.item, snapshot.known_items).all()
    assert (np.diff(vectors.item) > 0).all()


@pytest.mark.parametrize("embedding", ALL, ids=IDS)
def test_the_future_changes_nothing(shop, embedding) -> None:  # type: ignore[no-untyped-def]
    for seed in range(5):
        assert same(embedding.fit(shop.snapshot(seed)), embedding.fit(shop.snapshot(seed, poisoned=True)))


@pytest.mark.parametrize("embedding", ALL, ids=IDS)
def test_threads_change_nothing(shop, embedding) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_users=300, n_items=150, n_events=4000)
    with threadpool_limits(limits=2):
        two = embedding.fit(snapshot)
    with threadpool_limits(limits=1):
        assert same(two, embedding.fit(snapshot))


@pytest.mark.parametrize("embedding", ALL, ids=IDS)
@pytest.mark.parametrize("n_items", [1, 3])
def test_a_tiny_catalogue_has_fewer_dimensions(shop, embedding, n_items: int) -> None:  # type: ignore[no-untyped-def]
    for seed in range(4):
        vectors = replace(embedding, dimensions=64).fit(shop.snapshot(seed, n_items=n_items))
        if vectors is not None:
            assert 1 <= vectors.dimensions <= n_items


@pytest.mark.parametrize("embedding", ALL[:2], ids=IDS[:2])
def test_cosine_embeddings_have_unit_length(shop, embedding) -> None:  # type: ignore[no-untyped-def]
    lengths = np.linalg.norm(embedding.fit(shop.snapshot()).matrix, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_items_without_ingredients_get_no_vector(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    labelled = np.flatnonzero(snapshot.items.ingredients.lists.lengths)
    vectors = IngredientVectors().fit(snapshot)
    assert vectors is not None
    np.testing.assert_array_equal(vectors.item, np.intersect1d(labelled, snapshot.known_items))
    assert IngredientVectors().fit(shop.snapshot(ingredients=False)) is None


def test_no_history_no_collaborative_vectors(shop) -> None:  # type: ignore[no-untyped-def]
    assert CollaborativeVectors().fit(shop.snapshot(n_events=0)) is None


def test_products_with_one_label_share_one_vector(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    one, two = snapshot.known_items[:2]
    order = np.arange(len(snapshot.items))
    order[two] = one
    items = replace(snapshot.items, ingredients=snapshot.items.ingredients.take(order))
    vectors = IngredientVectors().fit(replace(snapshot, items=items))
    assert vectors is not None
    if one in vectors.item:
        np.testing.assert_allclose(vectors.dense(order.size)[one], vectors.dense(order.size)[two], atol=1e-6)


def test_collaborative_vectors_give_the_smoothed_co_occurrence(shop) -> None:  # type: ignore[no-untyped-def]
    """With all dimensions and singular_power 1, inner products are those of the matrix's columns."""
    snapshot = shop.snapshot()
    spec = CollaborativeVectors(half_life_days=None, step_decay=1, item_damping=0, user_damping=0)
    history = snapshot.history
    matrix = np.zeros((len(snapshot.users), len(snapshot.items)))
    np.add.at(matrix, (history.user, history.item), snapshot.history_weight)
    vectors = spec.fit(snapshot)
    assert vectors is not None
    np.testing.assert_array_equal(vectors.item, np.unique(history.item))
    columns = matrix[:, vectors.item]
    np.testing.assert_allclose(vectors.matrix @ vectors.matrix.T, columns.T @ columns, atol=1e-3)


def test_age_and_order_lower_the_weight_of_events(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    plain = CollaborativeVectors(dimensions=4, step_decay=1, half_life_days=None).fit(snapshot)
    aged = CollaborativeVectors(dimensions=4, step_decay=1, half_life_days=10).fit(snapshot)
    stepped = CollaborativeVectors(dimensions=4, step_decay=0.5, half_life_days=None).fit(snapshot)
    assert not same(plain, aged)
    assert not same(plain, stepped)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: IngredientVectors(dimensions=0), "'dimensions' parameter of IngredientVectors"),
        (lambda: IngredientVectors(position_decay=-1), "'position_decay'"),
        (lambda: FunctionalityVectors(brand_weight="heavy"), "'brand_weight'"),
        (lambda: CollaborativeVectors(step_decay=0), "'step_decay'"),
        (lambda: CollaborativeVectors(half_life_days=-3), "'half_life_days'"),
    ],
)
def test_wrong_settings_are_named(make, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParameterError, match=sentence):
        make()


def test_blocks_of_events_change_no_vector(shop, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_users=40, n_items=30, n_events=700)
    embedding = CollaborativeVectors(dimensions=6, user_damping=0.4)
    whole = embedding.fit(snapshot)
    monkeypatch.setattr("features.vectors.collaborative._EVENTS_A_BLOCK", 13)
    assert same(embedding.fit(snapshot), whole)


def test_collaborative_weights_are_those_of_the_formula(shop) -> None:  # type: ignore[no-untyped-def]
    """User by user and event by event, then the dense decomposition."""
    snapshot = shop.snapshot(n_users=25, n_items=12, n_events=300)
    embedding = CollaborativeVectors(
        dimensions=12, half_life_days=90.0, step_decay=0.8, item_damping=0.3, user_damping=0.5
    )
    history, known = snapshot.history, snapshot.known_items.tolist()
    dense = np.zeros((len(snapshot.users), len(known)))
    for row in range(len(history)):
        if history.item[row] in known:
            age = (snapshot.cutoff - history.time[row]) / 86_400
            weight = float(snapshot.history_weight[row]) * 0.8 ** float(snapshot.history_step[row])
            dense[history.user[row], known.index(history.item[row])] += weight * 0.5 ** (max(age, 0) / 90)
    dense = dense[dense.sum(axis=1) > 0]
    seen = dense.sum(axis=0) > 0
    by_item = np.where(seen, dense.sum(axis=0), 1) ** -0.3
    damped = dense * dense.sum(axis=1, keepdims=True) ** -0.5 * by_item
    vectors = embedding.fit(snapshot)
    np.testing.assert_array_equal(vectors.item, snapshot.known_items[seen])
    products = vectors.matrix.astype(np.float64) @ vectors.matrix.T
    np.testing.assert_allclose(products, (damped.T @ damped)[np.ix_(seen, seen)], atol=1e-5)
