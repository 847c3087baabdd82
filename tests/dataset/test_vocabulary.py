import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import DataContractError
from dataset.vocabulary import Vocabulary

TRICKY = [
    "00123", "123", str(2**60), "1e5", "nan", "None", "NA", "", " a", "a", "a\0b", "a\0c", "a\r\nb",
    "é", "e\u0301", "\u202eabc", "🧴", "İ", "../x", "-1", "True",
]  # fmt: skip
IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(TRICKY)


@given(ids=st.lists(IDS, max_size=30), data=st.data())
def test_codes_depend_on_the_set_of_ids_alone(ids, data):
    shuffled = data.draw(st.permutations(ids + ids[:3]))
    assert Vocabulary.of(shuffled) == Vocabulary.of(ids)


@given(ids=st.lists(IDS, max_size=30))
def test_ids_come_back_exactly(ids):
    vocabulary = Vocabulary.of(ids)
    assert len(vocabulary) == len(set(ids))
    codes = vocabulary.encode(ids)
    assert codes.dtype == np.int32
    assert vocabulary.decode(codes).tolist() == ids
    assert vocabulary.encode(pd.Series(ids, dtype=object)).tolist() == codes.tolist()


def test_ids_survive_saving_byte_by_byte(tmp_path):
    vocabulary = Vocabulary.of(TRICKY)
    vocabulary.save(tmp_path / "ids.parquet")
    assert Vocabulary.load(tmp_path / "ids.parquet").ids == vocabulary.ids
    assert set(vocabulary.ids) == set(TRICKY)


def test_the_order_carries_no_information():
    ids = [str(number) for number in range(2000)]
    codes = Vocabulary.of(ids).encode(ids)
    # 2000 draws: the standard error of a correlation is .022.
    assert abs(np.corrcoef(codes, np.arange(2000))[0, 1]) < 0.1
    assert Vocabulary.of(ids, seed=1).ids != Vocabulary.of(ids).ids


def test_codes_are_the_same_in_every_version():
    # A change here would change every tie, so every stored result.
    assert Vocabulary.of(["a", "b", "c", "d"]).ids == ("d", "b", "a", "c")


def test_unknown_ids_get_no_code():
    vocabulary = Vocabulary.of(["a", "00123"])
    assert vocabulary.encode(["123", "a", "A"]).tolist() == [-1, vocabulary.encode(["a"])[0], -1]
    assert Vocabulary.of([]).encode(["a"]).tolist() == [-1]


@pytest.mark.parametrize("codes", [[-1], [0, 2]])
def test_codes_outside_are_refused(codes):
    with pytest.raises(DataContractError, match="within 0 and 1"):
        Vocabulary.of(["a", "b"]).decode(np.array(codes, np.int32))
