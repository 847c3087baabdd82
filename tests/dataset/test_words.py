"""Sparse words against scikit-learn and by hand."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfTransformer

from dataset.ragged import Categorical, TokenLists
from dataset.words import (
    by_rarity,
    category_levels,
    label_weights,
    path_prefixes,
    repeat_weights,
    single_words,
    unit_length,
)


def test_tf_idf_is_that_of_scikit_learn() -> None:
    counts = sp.random(30, 20, density=0.2, random_state=0, format="csr")
    counts.data = np.ceil(counts.data * 4)
    lists = TokenLists.of(
        [np.repeat(counts[row].indices, counts[row].data.astype(int)).astype(str) for row in range(30)]
    )
    order = [int(word) for word in lists.words]
    expected = TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, order])
    ours = unit_length(by_rarity(repeat_weights(lists.lists)))
    np.testing.assert_allclose(ours.toarray(), expected.toarray(), atol=1e-12)


def test_label_weight_falls_with_the_first_place_of_a_word() -> None:
    lists = TokenLists.of([["water", "oil", "water"], [], ["oil"]])
    weights = label_weights(lists.lists, 1.0).toarray()  # columns: oil, water
    np.testing.assert_allclose(weights, [[1 / 2, 1], [0, 0], [1, 0]])
    np.testing.assert_allclose(label_weights(lists.lists, 0.0).toarray(), [[1, 1], [0, 0], [1, 0]])


def test_rows_without_words_stay_empty_and_finite() -> None:
    for rows in ([[], ["a"], []], [[]], []):
        matrix = unit_length(by_rarity(repeat_weights(TokenLists.of(rows).lists)))
        assert matrix.shape[0] == len(rows)
        assert np.isfinite(matrix.toarray()).all()


def test_words_of_other_products_leave_no_trace() -> None:
    lists = TokenLists.of([["b", "d"], ["a", "c"], ["d"]])
    rows = np.array([0, 2])
    alone = repeat_weights(TokenLists.of([["b", "d"], ["d"]]).lists)
    taken = repeat_weights(lists.lists.take(rows))
    assert taken.shape == alone.shape
    np.testing.assert_array_equal(taken.toarray(), alone.toarray())


def test_levels_of_a_category_path() -> None:
    assert path_prefixes("Skin") == ["Skin"]
    category = Categorical(np.array([1, -1, 0, 1], np.int32), ("Hair", "Skin > Care > Day"))
    levels = category_levels(category)  # words: Hair, Skin, Skin > Care, Skin > Care > Day
    assert [levels[row].tolist() for row in range(4)] == [[1, 2, 3], [], [0], [1, 2, 3]]
    assert category_levels(Categorical(np.array([-1], np.int32), ())).lengths.tolist() == [0]


def test_one_word_an_item() -> None:
    words = single_words(np.array([4, -1, 0], np.int32))
    assert [words[row].tolist() for row in range(3)] == [[4], [], [0]]


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6), max_size=12), block=st.integers(1, 5))
def test_blocks_of_products_change_no_weight(rows: list[list[str]], block: int) -> None:
    lists = TokenLists.of(rows).lists
    for weigh in (repeat_weights, lambda words: label_weights(words, 0.7)):
        whole = weigh(lists)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dataset.words._ROWS_A_BLOCK", block)
            parts = weigh(lists)
        assert parts.shape == whole.shape == (len(rows), len({word for row in rows for word in row}))
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
