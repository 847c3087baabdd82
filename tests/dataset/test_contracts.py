"""What each canonical table promises."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dataset.contracts import TIME_DTYPE, TRANSITIONAL_KINDS, violations
from dataset.errors import DataContractError
from dataset.interactions import KINDS


def _items(**columns: Any) -> pd.DataFrame:
    n = len(next(iter(columns.values()))) if columns else 2
    text = pd.Series(["x"] * n, dtype="str")
    lists = pd.Series([["water"] for _ in range(n)], dtype=object)
    plain = {
        "item": pd.Series([f"i{at}" for at in range(n)], dtype="str"), "name": text, "brand": text,
        "category": text, "price": np.ones(n), "ingredients": lists, "functions": lists,
        "in_stock": np.ones(n, bool), "launched_at": pd.Series([pd.NaT] * n, dtype=TIME_DTYPE),
    }  # fmt: skip
    return pd.DataFrame({**plain, **columns})


def _events(**columns: Any) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    plain = {
        "user": pd.Series(["u"] * n, dtype="str"), "item": pd.Series(["i"] * n, dtype="str"),
        "kind": pd.Series(["purchase"] * n, dtype="str"), "value": np.full(n, np.nan), "quantity": np.ones(n),
        "timestamp": pd.Series([pd.Timestamp("2020-01-01", tz="UTC")] * n, dtype=TIME_DTYPE),
    }  # fmt: skip
    return pd.DataFrame({**plain, **columns})


def _bad(found: pd.DataFrame) -> dict[int, str]:
    return dict(zip(found["row"].tolist(), found["reason"].tolist(), strict=True))


def test_good_tables_have_no_violations() -> None:
    assert _bad(violations("items", _items())) == {}
    assert _bad(violations("items", _items().iloc[:0])) == {}
    assert _bad(violations("users", pd.DataFrame({"user": pd.Series(["a"], dtype="str")}))) == {}


def test_prices() -> None:
    found = _bad(violations("items", _items(price=np.array([0.0, np.nan, np.inf, -1.0, -np.inf]))))
    assert found == dict.fromkeys([2, 3, 4], "price is negative or infinite")


def test_ids() -> None:
    ids = pd.Series(["00123", "", " ", None], dtype="str")
    assert _bad(violations("items", _items(item=ids))) == {
        1: "item is blank", 2: "item is blank", 3: "item is missing"
    }  # fmt: skip


def test_lists_hold_words() -> None:
    lists = pd.Series([["a"], [], None, "a", [""], [1]], dtype=object)
    found = _bad(violations("items", _items(functions=lists)))
    assert sorted(found) == [2, 3, 4, 5]


def test_ratings_lie_within_their_scale_and_other_values_need_not() -> None:
    kinds = pd.Series(["rating", "rating", "rating", "rating", "purchase", "view", "gift"], dtype="str")
    values = np.array([1.0, 5.5, np.nan, np.inf, 99.0, np.inf, np.nan])
    found = _bad(violations("interactions", _events(kind=kinds, value=values)))
    assert found == {
        1: "a rating is not within 1 and 5",
        2: "a rating is not within 1 and 5",
        3: "a rating is not within 1 and 5; value is infinite",
        5: "value is infinite",
        6: "kind is unknown",
    }


def test_timestamps() -> None:
    times = pd.Series(pd.to_datetime(["1969-12-31", None, "2020-01-01"], utc=True)).dt.as_unit("us")
    found = _bad(violations("interactions", _events(timestamp=times)))
    assert found == {0: "timestamp is before 1970 or after 2199", 1: "timestamp is missing"}


def test_declared_attributes() -> None:
    users = pd.DataFrame({"user": pd.Series(["a", "b"], dtype="str"), "age": [np.inf, np.nan]})
    users["loyalty"] = pd.Series([None, "gold"], dtype="str")
    assert _bad(violations("users", users)) == {0: "age is infinite"}


def test_structure_is_refused_as_a_whole() -> None:
    with pytest.raises(DataContractError, match=r"items must have the columns brand, price\. It has item"):
        violations("items", _items().drop(columns=["brand", "price"]))
    with pytest.raises(DataContractError, match="Column price of items must be of type float64"):
        violations("items", _items(price=pd.Series(["1", "2"], dtype="str")))
    naive = pd.Series(pd.to_datetime(["2020-01-01"])).dt.as_unit("us")
    with pytest.raises(DataContractError, match="timestamp of interactions"):
        violations("interactions", _events(timestamp=naive))
    with pytest.raises(DataContractError, match="skin_type"):
        violations("interactions", _events(value=[np.nan]), ["skin_type"])


def test_returns_pass_before_cleaning_only_and_may_have_a_negative_quantity() -> None:
    kinds = pd.Series(["return", "cancellation", "purchase", "return"], dtype="str")
    returned = _events(kind=kinds, quantity=np.array([-1.0, 1.0, -1.0, np.inf]))
    found = _bad(violations("interactions", returned, (), (*KINDS, *TRANSITIONAL_KINDS)))
    assert found == dict.fromkeys([2, 3], "quantity is negative or infinite")
    assert sorted(_bad(violations("interactions", returned))) == [0, 1, 2, 3]


def test_a_chunk_that_does_not_tell_of_the_stock_keeps_the_contract() -> None:
    assert _bad(violations("items", _items(in_stock=pd.array([True, None], dtype="boolean")))) == {}
    with pytest.raises(DataContractError, match="in_stock"):
        violations("items", _items(in_stock=[1, 0]))
