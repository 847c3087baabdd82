from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dataset.ordering import top_k_of_rows, top_k_of_segments
from dataset.ragged import offsets_of

# Few distinct values, so that ties are the rule; -0.0 ties with 0.0, subnormals do not.
SCORES = st.sampled_from([np.nan, -np.inf, np.inf, -1.0, -0.0, 0.0, 1e-45, 0.5, 1.0, 3e38])


def oracle(items, scores, k):
    """A stable sort of what may be returned: score descending, then item ascending."""
    rated = [(-score, item) for item, score in zip(items, scores, strict=True) if score > -np.inf]
    best = sorted(rated)[:k]
    return [item for _, item in best] + [-1] * (k - len(best)), [-minus for minus, _ in best]


@given(
    scores=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=SCORES),
    k=st.integers(0, 15),
)
def test_rows_equal_a_stable_sort(scores, k):
    ranked = top_k_of_rows(scores, k)
    assert ranked.items.shape == ranked.scores.shape == (len(scores), k)
    for row, row_scores in enumerate(scores):
        items, best = oracle(range(scores.shape[1]), row_scores.tolist(), k)
        assert ranked.items[row].tolist() == items
        assert ranked.scores[row].tolist() == best + [-np.inf] * (k - len(best))


@given(data=st.data(), lengths=st.lists(st.integers(0, 9), max_size=5), k=st.integers(1, 12))
def test_segments_equal_a_stable_sort_in_whatever_order_the_candidates_come(data, lengths, k):
    offsets = offsets_of(np.array(lengths, np.int64))
    n = int(offsets[-1])
    items = np.array(data.draw(st.lists(st.integers(0, 1000), min_size=n, max_size=n, unique=True)), np.int32)
    scores = data.draw(hnp.arrays(np.float32, n, elements=SCORES))
    ranked = top_k_of_segments(offsets, items, scores, k)
    assert len(ranked) == len(lengths)
    for row, (start, end) in enumerate(pairwise(offsets.tolist())):
        expected, _ = oracle(items[start:end].tolist(), scores[start:end].tolist(), k)
        assert ranked.items[row].tolist() == expected
        assert ranked.lengths[row] == sum(item >= 0 for item in expected)


@given(scores=hnp.arrays(np.float32, (3, 40), elements=SCORES), k=st.integers(1, 39))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(scores, k):
    longer = top_k_of_rows(scores, k + 1)
    np.testing.assert_array_equal(top_k_of_rows(scores, k).items, longer.items[:, :k])


def test_nothing_to_choose_from_gives_empty_lists():
    assert top_k_of_rows(np.zeros((2, 0), np.float32), 3).items.tolist() == [[-1] * 3] * 2
    assert top_k_of_rows(np.full((1, 4), np.nan, np.float32), 2).items.tolist() == [[-1, -1]]
    no_offsets, no_items, no_scores = np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    assert len(top_k_of_segments(no_offsets, no_items, no_scores, 3)) == 0


def test_rows_of_a_matrix_in_column_order():
    scores = np.asfortranarray(np.array([[1.0, 3.0, 2.0], [9.0, 7.0, 8.0]], np.float32))
    assert top_k_of_rows(scores, 2).items.tolist() == [[1, 2], [0, 2]]
