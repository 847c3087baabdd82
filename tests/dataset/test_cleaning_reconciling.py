"""Several rows of one id: cell by cell, later ones correct earlier ones, nothing missing overwrites."""

import numpy as np
import pandas as pd

from dataset.cleaning.reconciling import reconciled
from dataset.cleaning.step import STREAM
from tests.dataset.dirty_tables import dirty, text


def _users(order: list[int]) -> pd.DataFrame:
    return pd.DataFrame({
        "user": text(["a", "b", "a", "a"]), "age": [30.0, 20.0, 31.0, np.nan],
        "region": text(["north", None, None, "south"]),
        "avoids": pd.Series([["parfum"], [], [], []], dtype=object), STREAM: [0, 0, 1, 2],
    }).iloc[order]  # fmt: skip


def test_the_last_stream_that_says_something_wins() -> None:
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        one = reconciled("users", _users(order), "last")
        rows = one.applied.frame.set_index("user")
        assert rows.loc["a"].drop(STREAM).tolist() == [31.0, "south", ["parfum"]]
        assert one.conflicts == {"age": 1, "region": 1}
        assert one.applied.merged.to_dict() == dict.fromkeys([0, 2], "an id repeats, the last row wins")


def test_the_first_stream_that_says_something_wins() -> None:
    one = reconciled("users", _users([3, 1, 2, 0]), "first")
    assert one.applied.frame.set_index("user").loc["a"].drop(STREAM).tolist() == [30.0, "north", ["parfum"]]
    assert sorted(one.applied.merged.index) == [2, 3]


def test_a_stream_that_does_not_tell_of_the_stock_does_not_overwrite_it() -> None:
    items = dirty(0).items.assign(item=text(["x"] * len(dirty(0).items)), in_stock=pd.NA)
    items = items.assign(in_stock=pd.array([False, *[None] * (len(items) - 1)], dtype="boolean"))
    assert reconciled("items", items).applied.frame["in_stock"].tolist() == [False]
    untold = items.assign(in_stock=pd.array([None] * len(items), dtype="boolean"))
    assert reconciled("items", untold).applied.frame["in_stock"].tolist() == [True]


def test_types_stay() -> None:
    items = dirty(1).items
    frame = reconciled("items", items).applied.frame
    assert frame["in_stock"].dtype == np.bool_
    assert frame.drop(columns="in_stock").dtypes.equals(items.drop(columns="in_stock").dtypes)
    assert all(isinstance(cell, list) for cell in frame["ingredients"])
