import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dataset.ranked import Ranked
from retrieval.sparse_rows import SparseRows, event_weights, keep_largest, rows_of_lists
from tests.contracts import shops


@given(seed=st.integers(0, 10_000), k=st.integers(1, 8))
def test_the_largest_entries_of_each_row_are_kept(seed, k):
    rng = np.random.default_rng(seed)
    dense = rng.integers(-1, 3, (5, 9)).astype(np.float32)  # ties are the rule
    shuffled = sp.coo_matrix(dense)
    order = rng.permutation(shuffled.nnz)
    matrix = sp.csr_matrix(
        (shuffled.data[order], (shuffled.row[order], shuffled.col[order])), shape=dense.shape
    )
    kept = keep_largest(matrix, k)
    assert kept.has_sorted_indices
    for row, entries in enumerate(dense):
        best = sorted(np.flatnonzero(entries), key=lambda column: (-entries[column], column))[:k]
        assert kept.indices[kept.indptr[row] : kept.indptr[row + 1]].tolist() == sorted(best)
        np.testing.assert_array_equal(kept[row].toarray()[0, best], entries[best])


def test_nothing_to_keep():
    assert keep_largest(sp.csr_matrix((0, 4), dtype=np.float32), 3).shape == (0, 4)
    assert keep_largest(sp.csr_matrix((3, 4), dtype=np.float32), 3).nnz == 0


def test_the_row_of_each_item():
    """Of items that share a row, that have one of their own, and that have none."""
    rows = sp.csr_matrix(np.array([[0, 2, 0, 1, 0], [0, 0, 0, 0, 0], [3, 0, 0, 0, 0]], np.float32))
    model = SparseRows(rows, np.array([2, 0, -1, 0, 1], np.int32), 1.0, 0.0)
    expected = [[3, 0, 0, 0, 0], [0, 2, 0, 1, 0], [0] * 5, [0, 2, 0, 1, 0], [0] * 5]
    found = model.by_item()
    assert found.toarray().tolist() == expected
    assert (found.dtype, found.nnz) == (np.float32, 5)


def test_lists_as_rows_of_a_matrix():
    best = Ranked(
        np.array([[2, 0, -1], [-1, -1, -1], [1, -1, -1]], np.int32),
        np.array([[5, 4, -np.inf]] * 3, np.float32),
    )
    found = rows_of_lists(best, np.array([1, 3, 6], np.int32), 8)
    assert found.toarray().tolist() == [[0, 4, 0, 0, 0, 0, 5, 0], [0] * 8, [0, 0, 0, 5, 0, 0, 0, 0]]
    assert found.has_sorted_indices


@pytest.mark.parametrize(("step_decay", "half_life_days"), [(1.0, 0.0), (0.5, 0.0), (0.7, 10.0), (0.0, 0.0)])
def test_event_weights_follow_the_formula(step_decay, half_life_days):
    snapshot = shops.snapshot(5)
    requests = snapshot.requests()
    found = event_weights(requests, step_decay, half_life_days)
    assert found.dtype == np.float32
    history = requests.history
    for at in range(len(found)):
        query = int(history.query[at])
        own = history.time[history.offsets[query] : history.offsets[query + 1]]
        later = int((own > history.time[at]).sum())
        age_days = (shops.CUTOFF - history.time[at]) / 86_400
        expected = shops.EVENT_WEIGHTS[history.kind[at]] * step_decay**later
        if half_life_days:
            expected *= 0.5 ** (age_days / half_life_days)
        assert found[at] == pytest.approx(expected, rel=1e-6)
