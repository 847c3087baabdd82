import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.queries import Qrels
from dataset.ragged import Ragged
from ranking.labels import grades
from tests.contracts import rows


def truth_of(lists):
    """Qrels of {item: grade} of each query."""
    offsets = np.concatenate([[0], np.cumsum([len(given_) for given_ in lists])]).astype(np.int64)
    pairs = [pair for given_ in lists for pair in sorted(given_.items())]
    items = np.array([item for item, _ in pairs], np.int32)
    return Qrels(Ragged(offsets, items), np.array([grade for _, grade in pairs], np.int8))


@given(seed=st.integers(0, 10_000), m=st.integers(1, 8))
def test_grades_equal_a_look_up(seed, m):
    rng = np.random.default_rng(seed)
    candidates = rows.candidates(seed, m=m, most=6, n_items=9)
    lists = [
        {int(item): int(rng.integers(1, 31)) for item in rng.choice(12, rng.integers(0, 6), replace=False)}
        for _ in range(m)
    ]
    found = grades(candidates, truth_of(lists))
    assert found.dtype == np.int8
    expected = [
        lists[query].get(int(item), 0) for query, item in zip(candidates.query, candidates.item, strict=True)
    ]
    assert found.tolist() == expected


@pytest.mark.parametrize("m", [0, 3])
def test_nothing_to_grade(m):
    none = rows.candidates(0, m=max(m, 3)).take(np.zeros(0, np.int64)).of_queries(np.arange(m))
    assert grades(none, truth_of([{1: 1}] * m)).shape == (0,)
    some = rows.candidates(0, m=3)
    assert not grades(some, truth_of([{}] * 3)).any()
