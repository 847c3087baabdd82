"""Chain and the product behind it against dense arithmetic."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, ParameterError
from retrieval.attributes import Attributes
from retrieval.chain import Chain
from retrieval.clusters import Clusters
from retrieval.content import Content
from retrieval.ease import Ease
from retrieval.item_to_item import embeddings_of, largest_of_product
from retrieval.popular import Popular
from retrieval.transitions import Transitions
from tests.contracts import shops


def by_hand(snapshot, source):
    first, then = (
        part.fit(snapshot, shops.vectors(snapshot)).by_item().toarray().astype(np.float64)
        for part in (source.first, source.then)
    )
    for row in first:
        order = sorted(np.flatnonzero(row), key=lambda item: (-row[item], item))
        row[order[source.hops :]] = 0
        if row.any():
            row /= row.sum()
    total = first @ then
    np.fill_diagonal(total, 0)
    return total


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    "source",
    [
        Chain(first=Attributes(), then=Transitions(window=2)),
        Chain(first=Transitions(window=2), then=Transitions(window=2), hops=3),
        Chain(first=Ease(regularisation=2.0), then=Attributes(weights={"brand": 1.0}), hops=1),
        Chain(first=Clusters(vectors={"ingredients": 1.0}), then=Ease(regularisation=2.0)),
    ],
    ids=["attributes then transitions", "second order", "partial rows", "clusters"],
)
def test_entries_are_weighted_means_of_the_neighbours_rows(source, seed):
    snapshot = shops.snapshot(seed)
    model = source.fit(snapshot, shops.vectors(snapshot))
    found = model.by_item().toarray()
    assert found.any()
    np.testing.assert_allclose(found, by_hand(snapshot, source), rtol=1e-5, atol=1e-7)
    own = source.first.fit(snapshot, shops.vectors(snapshot)).row_of_item
    np.testing.assert_array_equal(model.row_of_item >= 0, own >= 0)


def test_a_chain_reaches_what_one_hop_does_not():
    snapshot = shops.snapshot(1, n_users=8, n_events=60)
    step = Transitions(window=1)
    one, two = step.fit(snapshot, {}).by_item(), Chain(first=step, then=step).fit(snapshot, {}).by_item()
    assert ((two.toarray() > 0) & (one.toarray() == 0)).any()


def test_only_the_largest_neighbours_stay():
    snapshot = shops.snapshot(2)
    source = Chain(first=Attributes(), then=Transitions(), neighbours=3)
    found = source.fit(snapshot, {}).by_item().toarray()
    assert (found > 0).sum(axis=1).max() == 3
    expected = -np.sort(-by_hand(snapshot, source), axis=1)[:, :3]
    np.testing.assert_allclose(-np.sort(-found, axis=1)[:, :3], expected, rtol=1e-5)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 12), entries=st.sampled_from([1, 9, 20, 1000]))
def test_products_equal_dense_ones_whatever_the_block(seed, k, entries):
    rng = np.random.default_rng(seed)
    # Small whole numbers: products are exact, tie, cancel and vanish.
    left = (rng.integers(-1, 3, (9, 5)) * (rng.random((9, 5)) < 0.6)).astype(np.float32)
    right = (rng.integers(-1, 3, (5, 9)) * (rng.random((5, 9)) < 0.6)).astype(np.float32)
    found = largest_of_product(sp.csr_matrix(left), sp.csr_matrix(right), k, entries)
    assert found.has_sorted_indices
    assert (found.dtype, found.shape) == (np.float32, (9, 9))
    expected = left @ right
    np.fill_diagonal(expected, 0)
    for row, entries_of_row in enumerate(expected):
        positive = np.flatnonzero(entries_of_row > 0)
        best = sorted(positive, key=lambda column: (-entries_of_row[column], column))[:k]
        assert found.indices[found.indptr[row] : found.indptr[row + 1]].tolist() == sorted(best)
        np.testing.assert_array_equal(found[row].toarray()[0, best], entries_of_row[best])


def test_a_product_of_nothing():
    empty = sp.csr_matrix((0, 3), dtype=np.float32)
    assert largest_of_product(empty, sp.csr_matrix((3, 0), dtype=np.float32), 4).shape == (0, 0)


def test_the_embeddings_of_parts_are_asked_for():
    inner = Chain(first=Clusters(vectors={"b": 1.0}), then=Content(vectors={"a": 1.0}))
    assert Chain(first=inner, then=Ease()).vectors == ("a", "b")
    assert embeddings_of([]) == ()


def test_a_part_without_rows_of_items_is_refused():
    source = Chain(first=Ease(), then=Popular())
    with pytest.raises(ConfigurationError, match=r"Chain is made of item-to-item .* Got Popular as 'then'\."):
        source.fit(shops.snapshot(), {})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"first": "ease"}, "'first' parameter of Chain must be an item-to-item source"),
        ({"then": None}, "'then' parameter of Chain must be an item-to-item source"),
        ({"hops": 0}, "'hops' parameter of Chain must be an int of at least 1"),
    ],
)
def test_wrong_parameters_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        Chain(**{"first": Ease(), "then": Ease(), **wrong})
