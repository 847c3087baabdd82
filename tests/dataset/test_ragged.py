import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.ragged import Categorical, Ragged, TokenLists, distinct, offsets_of

LISTS = st.lists(st.lists(st.integers(0, 50), max_size=6), max_size=8)
WORD_LISTS = st.lists(st.lists(st.text(max_size=3), max_size=5), max_size=6)


def ragged(lists):
    lengths = np.array([len(row) for row in lists], np.int64)
    return Ragged(offsets_of(lengths), np.array([value for row in lists for value in row], np.int32))


def as_lists(rows):
    return [rows[at].tolist() for at in range(len(rows))]


@given(lists=LISTS, data=st.data())
def test_take_repeats_and_reorders_rows(lists, data):
    wanted = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=10) if lists else st.just([]))
    taken = ragged(lists).take(np.array(wanted, np.int64))
    assert as_lists(taken) == [lists[at] for at in wanted]
    assert taken.rows.tolist() == [row for row, at in enumerate(wanted) for _ in lists[at]]
    assert taken.lengths.tolist() == [len(lists[at]) for at in wanted]


@given(
    pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2**31 - 1) | st.integers(0, 3)), max_size=30)
)
def test_pairs_become_sets(pairs):
    rows = np.array([row for row, _ in pairs], np.int32)
    values = np.array([value for _, value in pairs], np.int32)
    expected = [sorted({value for at, value in pairs if at == row}) for row in range(8)]
    assert as_lists(Ragged.from_pairs(rows, values, 8)) == expected


@given(keys=st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 3)))
def test_distinct_is_the_sorted_set(keys):
    assert distinct(np.array(keys, np.int64)).tolist() == sorted(set(keys))


def test_rows_without_a_value():
    assert as_lists(Ragged.empty(2)) == [[], []]
    assert len(Ragged.empty(0).take(np.zeros(0, np.int64))) == 0


@given(rows=WORD_LISTS)
def test_words_come_back_in_their_order(rows):
    lists = TokenLists.of(rows)
    assert [lists.words_of(row) for row in range(len(rows))] == rows
    assert list(lists.words) == sorted({word for row in rows for word in row})
    backwards = lists.take(np.arange(len(rows))[::-1])
    assert [backwards.words_of(row) for row in range(len(rows))] == rows[::-1]


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_missing_labels_have_no_code(missing):
    labels = Categorical.of(["dry", missing, "combination", "dry"])
    assert labels.names == ("combination", "dry")
    assert labels.codes.tolist() == [1, -1, 0, 1]
    assert labels.take(np.array([2, 1])).codes.tolist() == [0, -1]
