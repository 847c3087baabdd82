"""Sizes of packs: metric before ounces, pieces multiplied, grams never taken for millilitres."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.sources.size_texts import FLUID_OUNCE_ML, OUNCE_G, size, sizes


@pytest.mark.parametrize(
    ("text", "ml", "g"),
    [
        ("2 oz / 60 mL", 60, None), ("1.7 fl. oz", 1.7 * FLUID_OUNCE_ML, None), ("3 x 10 ml", 30, None),
        ("2 x 0.5 oz/ 15 mL", 30, None), ("1.7 oz/ 48 g", None, 48), ("Net wt. 2 oz", None, 2 * OUNCE_G),
        ("50 ml + 10 ml", 60, None), ("100ml x 2", 200, None), ("1 l", 1000, None), ("1,000 ml", 1000, None),
        ("1,7 oz", 1.7 * FLUID_OUNCE_ML, None), ("50 ml (48 g)", 50, 48), ("0.5 kg", None, 500),
        ("２０ｍｌ", 20, None), ("30 ml x 30 g", 30, 30), ("5 cl", 50, None), ("12 x 5", None, None),
        ("10 pads", None, None), ("full size", None, None), ("30 mls", 30, None), ("3 litters", None, None),
        ("100 mL / 3.4 oz (2 x 50 mL)", 100, None),
    ],
)  # fmt: skip
def test_sizes(text: str, ml: float | None, g: float | None) -> None:
    read = size(text)
    assert read.ml == pytest.approx(np.nan if ml is None else ml, nan_ok=True)
    assert read.g == pytest.approx(np.nan if g is None else g, nan_ok=True)


@settings(max_examples=60)
@given(
    text=st.text(max_size=20)
    | st.from_regex(r"[0-9., x/+]{0,6}(oz|ml|g|fl|l)? ?[0-9x]{0,3}(ml|g)?", fullmatch=True)
)
def test_any_text_is_read_or_left(text: str) -> None:
    read = size(text)
    assert not np.isinf([read.ml, read.g]).any()
    assert not (np.array([read.ml, read.g]) < 0).any()


def test_conversions_are_counted_by_cell() -> None:
    ml, g, counts = sizes(pd.Series(["1 oz", "1 oz", "2 x 5 ml", "", "9 g"], dtype="str"))
    assert ml.notna().tolist() == [True, True, True, False, False]
    assert g.notna().tolist() == [False, False, False, False, True]
    assert counts == {"from oz": 2, "of several pieces": 1}
