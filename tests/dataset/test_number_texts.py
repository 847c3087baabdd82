"""Numbers as people write them, and what must stay unread because it can mean two things."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.sources.number_texts import CURRENCY, amount, amounts

AMOUNTS = st.decimals(0, 10**9, places=2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("€ 1.234,50", 1234.5), ("$1,234.50", 1234.5), ("12,5 EUR", 12.5), ("1\u202f234,50 €", 1234.5),
        ("1'234.50 CHF", 1234.5), ("R$ 1.234,00", 1234), ("US$ 5", 5), ("-€5", -5), ("€-5", -5),
        ("(3.20)", -3.2),
        ("12,-", 12), ("1.234.567", 1234567), ("1,234,567", 1234567), ("0,123", 0.123), ("1.234", 1.234),
        ("1234,567", 1234.567), ("kr. 99", 99), ("99 zł", 99), ("٣", 3),
    ],
)  # fmt: skip
def test_what_says_itself_how_it_is_meant(text: str, value: float) -> None:
    assert amount(text).value == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["abc", "12 34", "1,23,4", "1.2.3", "1,234.567,8", "€", "-", "1.5kg", "30 ml", "€5$", "--5", "inf", "½"],
)
def test_what_is_no_number(text: str) -> None:
    assert math.isnan(amount(text).value)
    assert not amount(text).ambiguous


def test_what_is_ambiguous_is_settled_by_the_mapping_alone() -> None:
    assert amount("1,234").ambiguous
    assert (amount("1,234", ",").value, amount("1,234", ".").value) == (1.234, 1234)
    assert (amount("1.234", ",").value, amount("1.234", ".").value) == (1234, 1.234)
    assert amount("12.5", ",").value == 12.5


@settings(max_examples=60)
@given(
    number=AMOUNTS,
    negative=st.booleans(),
    money=st.sampled_from(["", "€", "$ ", "CHF "]),
    comma=st.booleans(),
)
def test_both_ways_of_writing_are_read_alike(number, negative, money, comma) -> None:
    text = f"{number:,.2f}"
    text = text.translate(str.maketrans(",.", ".,")) if comma else text
    read = amount(("-" if negative else "") + money + text)
    assert read.value == pytest.approx(-float(number) if negative else float(number))
    assert (CURRENCY in read.repairs) == (money != "")


@settings(max_examples=60)
@given(texts=st.lists(st.text(max_size=9) | st.floats(allow_nan=False, allow_infinity=False).map(str)))
def test_any_text_is_read_or_left(texts) -> None:
    cells = pd.Series([text for text in texts if text.isprintable()], dtype="str")
    values, ambiguous, _ = amounts(cells, None)
    assert not np.isinf(values).any()
    assert not (ambiguous & values.notna()).any()
    for text, value in zip(cells, values, strict=True):
        try:
            plain = float(text)
        except ValueError:
            continue
        if text.isascii() and "_" not in text and math.isfinite(plain):
            assert value == plain


def test_repairs_are_counted_by_cell() -> None:
    values, _, counts = amounts(pd.Series(["€ 1", "2", "€ 1", "", "3,5"], dtype="str"), None)
    assert values.fillna(-1).tolist() == [1, 2, 1, -1, 3.5]
    assert counts == {CURRENCY: 2, "decimal comma read": 1}
