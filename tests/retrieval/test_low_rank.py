"""LowRank against the dense singular value decomposition."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info, threadpool_limits

from dataset.errors import ConfigurationError, ParameterError
from dataset.ordering import top_k_of_rows
from retrieval import low_rank
from retrieval.attributes import Attributes
from retrieval.blend import Blend
from retrieval.chain import Chain
from retrieval.clusters import Clusters
from retrieval.ease import Ease
from retrieval.low_rank import LowRank
from retrieval.popular import Popular
from retrieval.sparse_rows import SparseRows
from retrieval.transitions import Transitions
from tests.contracts import shops

DIRECTED = Transitions(window=2, from_power=0.5, to_power=0.3)


@dataclass(frozen=True)
class Given:
    """A source of these rows, whatever the snapshot."""

    rows: np.ndarray | sp.csr_matrix

    def fit(self, snapshot, vectors):
        matrix = sp.csr_matrix(self.rows, dtype=np.float32)
        return SparseRows(matrix, np.arange(matrix.shape[0], dtype=np.int32), 1.0, 0.0)


def rows_of(source, snapshot):
    return source.fit(snapshot, shops.vectors(snapshot)).by_item().toarray().astype(np.float64)


def fitted_to(rows, **parameters):
    rows = np.array(rows, np.float64)
    return LowRank(of=Given(rows), **parameters).fit(shops.snapshot(n_items=len(rows)), {})


def by_hand(rows, dimensions):
    """All positive entries of the closest matrix of that rank, without the diagonal."""
    left, values, right = np.linalg.svd(rows)
    smoothed = (left[:, :dimensions] * values[:dimensions]) @ right[:dimensions]
    np.fill_diagonal(smoothed, 0)
    return np.where(smoothed > 1e-6 * np.linalg.norm(rows, axis=1)[:, None], smoothed, 0)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("dimensions", [1, 4, 12])
@pytest.mark.parametrize(
    "source",
    [
        DIRECTED,
        Transitions(half_life_days=20.0),
        Clusters(vectors={"ingredients": 1.0}),
        Chain(first=Attributes(), then=DIRECTED),
        Blend(parts={"one": DIRECTED, "other": Ease()}, weights={"one": 1.0, "other": 0.5}),
    ],
    ids=["directed", "with age", "partial rows", "chain", "blend"],
)
def test_entries_are_those_of_the_closest_matrix_of_the_rank(source, dimensions, seed):
    snapshot = shops.snapshot(seed)
    model = LowRank(of=source, dimensions=dimensions, step_decay=0.5, half_life_days=7.0).fit(
        snapshot, shops.vectors(snapshot)
    )
    rows = rows_of(source, snapshot)
    found, expected = model.by_item().toarray(), by_hand(rows, dimensions)
    assert expected.any()
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())
    np.testing.assert_array_equal(model.row_of_item >= 0, rows.any(axis=1))
    assert (model.step_decay, model.half_life_days) == (0.5, 7.0)
    assert model.neighbours.dtype == np.float32
    assert model.neighbours.has_sorted_indices


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_at_full_rank_the_matrix_comes_back_and_nothing_else(seed):
    """What would be 0 but for rounding is no neighbour."""
    snapshot = shops.snapshot(seed)
    rows = rows_of(DIRECTED, snapshot)
    found = LowRank(of=DIRECTED, dimensions=64).fit(snapshot, {}).by_item().toarray()
    np.testing.assert_array_equal(found > 0, rows > 0)
    np.testing.assert_allclose(found, rows, rtol=1e-4)


def test_pairs_that_nobody_took_get_scores_with_a_direction():
    snapshot = shops.snapshot(1, n_users=12, n_events=90)
    rows = rows_of(DIRECTED, snapshot)
    found = LowRank(of=DIRECTED, dimensions=6).fit(snapshot, {}).by_item().toarray()
    new = (found > 0) & (rows == 0) & (rows.T == 0)
    assert new.any()
    assert (found != found.T)[new].all()


def test_items_with_like_rows_lend_each_other_their_entries():
    """The first two lead to the third; only the first was seen to lead to the fourth, and never back."""
    model = fitted_to([[0, 0, 2, 1], [0, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dimensions=1)
    found = model.by_item().toarray()
    assert found[1, 3] > 0
    assert model.row_of_item.tolist() == [0, 1, -1, -1]
    assert not found[2:].any()


def test_only_the_largest_neighbours_stay():
    snapshot = shops.snapshot(2)
    source = LowRank(of=DIRECTED, dimensions=5, neighbours=3)
    found = source.fit(snapshot, {}).by_item().toarray()
    assert (found > 0).sum(axis=1).max() == 3
    expected = -np.sort(-by_hand(rows_of(DIRECTED, snapshot), 5), axis=1)[:, :3]
    np.testing.assert_allclose(-np.sort(-found, axis=1)[:, :3], expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize("rank", [1, 3])
def test_a_matrix_of_less_rank_comes_back_from_more_dimensions(rank):
    """Rows that are small as a whole too: what counts as rounding is a matter of their length."""
    rng = np.random.default_rng(rank)
    rows = rng.random((30, rank)) @ rng.random((rank, 30)) * np.logspace(0, -8, 30)[:, None]
    found = fitted_to(rows, dimensions=20).by_item().toarray()
    np.fill_diagonal(rows, 0)
    np.testing.assert_allclose(found, rows, rtol=1e-5)


@pytest.mark.parametrize("n_items", [1, 2, 5])
def test_an_empty_matrix_has_no_rows(n_items):
    model = fitted_to(np.zeros((n_items, n_items)))
    assert model.by_item().shape == (n_items, n_items)
    assert not model.by_item().nnz
    assert (model.row_of_item == -1).all()
    assert model.neighbours.shape == (0, n_items)


def test_zeros_that_are_stored_are_no_entries():
    given = Given(np.array([[0, 2, 1], [0, 0, 5], [0, 0, 0]]))
    stored = given.fit(None, {}).neighbours.copy()
    stored.data[-1] = 0
    model = LowRank(of=Given(stored)).fit(shops.snapshot(n_items=3), {})
    assert model.row_of_item.tolist() == [0, -1, -1]
    assert model.by_item().nnz == 2


def test_items_without_entries_move_nothing():
    """However many there are: which products are yet to come must not be seen."""
    rng = np.random.default_rng(5)
    rows = rng.random((80, 80)) * (rng.random((80, 80)) < 0.3)
    one = fitted_to(rows, dimensions=4).by_item().toarray()
    at = np.sort(rng.choice(120, 80, replace=False))
    padded = np.zeros((120, 120))
    padded[np.ix_(at, at)] = rows
    other = fitted_to(padded, dimensions=4).by_item().toarray()
    np.testing.assert_array_equal(other[np.ix_(at, at)], one)
    assert (other > 0).sum() == (one > 0).sum()


def test_blocks_of_rows_change_nothing(monkeypatch):
    snapshot = shops.snapshot(1)
    source = LowRank(of=DIRECTED, dimensions=6)
    whole = source.fit(snapshot, {}).by_item().toarray()
    for block in (1, 7):
        monkeypatch.setattr(low_rank, "_BLOCK", block)
        np.testing.assert_allclose(source.fit(snapshot, {}).by_item().toarray(), whole, rtol=1e-5)


def test_threads_change_nothing(monkeypatch):
    """Two give float64 other last bits, which float32 hides all but always: hence the count as well."""
    rng = np.random.default_rng(0)
    rows = rng.random((700, 700)) * (rng.random((700, 700)) < 0.05)
    found, used = [], set()

    def counted(*arguments):
        used.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return top_k_of_rows(*arguments)

    monkeypatch.setattr(low_rank, "top_k_of_rows", counted)
    for threads in (2, 1):
        with threadpool_limits(limits=threads):
            found.append(fitted_to(rows, dimensions=40).by_item())
    assert not (found[0] != found[1]).nnz
    assert used == {1}


def test_the_seed_is_that_of_the_random_start():
    rng = np.random.default_rng(0)
    rows = rng.random((80, 80))  # of so flat a spectrum that the last factors hang on the start
    one, again, other = (fitted_to(rows, dimensions=9, seed=seed).by_item() for seed in (0, 0, 1))
    assert not (one != again).nnz
    assert (one != other).nnz


def test_the_embeddings_of_the_other_source_are_asked_for():
    assert LowRank(of=Clusters(vectors={"b": 1.0, "a": 1.0})).vectors == ("a", "b")
    assert LowRank(of=LowRank(of=Ease())).vectors == ()


def test_a_source_without_rows_of_items_is_refused():
    with pytest.raises(ConfigurationError, match=r"LowRank is made of item-to-item .* Got Popular as 'of'\."):
        LowRank(of=Popular()).fit(shops.snapshot(), {})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"of": "ease"}, "'of' parameter of LowRank must be an item-to-item source"),
        ({"of": Ease}, "'of' parameter of LowRank must be an item-to-item source"),
        ({"dimensions": 0}, "'dimensions' parameter of LowRank must be an int of at least 1"),
        ({"neighbours": 0}, "'neighbours' parameter of LowRank must be an int of at least 1"),
        ({"step_decay": 1.5}, "'step_decay' parameter of LowRank must be a number between 0 and 1"),
        ({"half_life_days": -1}, "'half_life_days' parameter of LowRank must be a number of at least 0"),
        ({"seed": -1}, "'seed' parameter of LowRank must be an int of at least 0"),
    ],
)
def test_wrong_parameters_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        LowRank(**{"of": Ease(), **wrong})
