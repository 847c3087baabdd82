"""Cleaning: every row is kept, quarantined or merged, and counted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dataset.canonical import Tables
from dataset.cleaning import NAMES, Cleaning, clean
from dataset.cleaning.steps.irrelevant import Irrelevant
from dataset.contracts import TIME_DTYPE
from dataset.encoding import encode
from dataset.errors import ConfigurationError, DataContractError

_DAY = pd.Timestamp("2020-01-01", tz="UTC")


def _text(values: Any) -> "pd.Series[str]":
    return pd.Series(list(values), dtype="str")


def _tables(
    events: list[tuple[str, str, int, float]], items: list[tuple[str, float]], users: list[str]
) -> Tables:
    n, m = len(events), len(items)
    return Tables(
        users=pd.DataFrame({"user": _text(users), "age": np.arange(len(users), dtype=float),
                            "avoids": pd.Series([["fragrance"] for _ in users], dtype=object)}),
        items=pd.DataFrame({
            "item": _text(i for i, _ in items), "name": _text("n" * m), "brand": _text("b" * m),
            "category": _text("c" * m), "price": np.array([p for _, p in items], float),
            "ingredients": pd.Series([["water"] for _ in items], dtype=object),
            "functions": pd.Series([[] for _ in items], dtype=object), "in_stock": np.ones(m, bool),
            "launched_at": pd.Series([pd.NaT] * m, dtype=TIME_DTYPE),
        }),
        interactions=pd.DataFrame({
            "user": _text(e[0] for e in events), "item": _text(e[1] for e in events),
            "kind": pd.Series(["rating"] * n, dtype="str"), "value": np.array([e[3] for e in events], float),
            "quantity": np.ones(n),
            "timestamp": pd.Series([_DAY + pd.Timedelta(days=e[2]) for e in events], dtype=TIME_DTYPE),
        }),
    )  # fmt: skip


def test_bad_rows_take_their_events_along() -> None:
    tables = _tables(
        [("a", "x", 1, 5), ("a", "y", 1, 5), ("b", "z", 1, 5), ("c", "x", 2, 9), ("", "x", 3, 5)],
        [("x", 1.0), ("y", np.inf)],
        ["a"],
    )
    cleaned, quarantine = clean(tables, Cleaning.default(max_quarantined_share=1.0))
    assert cleaned.interactions["item"].tolist() == ["x"]
    assert quarantine.report()["reasons"] == {
        "users": {},
        "items": {"price is negative or infinite": 1},
        "interactions": {
            "a rating is not within 1 and 5": 1,
            "the item was quarantined": 1,
            "unknown item": 1,
            "user is blank": 1,
        },
    }


def test_a_quarantined_user_gets_no_lists_without_what_they_avoid() -> None:
    tables = _tables([("a", "x", 1, 5), ("b", "x", 1, 5)], [("x", 1.0)], ["a", "b"])
    tables.users.loc[0, "age"] = np.inf
    cleaned, quarantine = clean(tables, Cleaning.default(max_quarantined_share=0.5))
    assert cleaned.users["user"].tolist() == ["b"]
    assert quarantine.report()["reasons"]["interactions"] == {"the user was quarantined": 1}


def test_repetitions_are_merged() -> None:
    tables = _tables(
        [("a", "x", 1, 3), ("a", "x", 1, 5), ("a", "x", 1, 4), ("a", "x", 2, 1)],
        [("x", 1.0), ("y", 2.0), ("x", 3.0)],
        ["a", "a"],
    )
    cleaned, quarantine = clean(tables)
    assert cleaned.interactions["value"].tolist() == [5.0, 1.0]
    assert cleaned.items.set_index("item")["price"].to_dict() == {"y": 2.0, "x": 3.0}
    assert cleaned.users["age"].tolist() == [1.0]
    assert [quarantine.counts[name]["merged"] for name in NAMES] == [1, 1, 2]


def test_users_of_events_alone_are_added_without_attributes() -> None:
    cleaned, quarantine = clean(_tables([("b", "x", 1, 5), ("a", "x", 1, 5)], [("x", 1.0)], ["a"]))
    assert cleaned.users["user"].tolist() == ["a", "b"]
    assert cleaned.users["avoids"].tolist() == [["fragrance"], []]
    assert quarantine.counts["users"]["added"] == 1


def test_too_much_is_refused_with_the_reasons() -> None:
    tables = _tables([("a", "x", 1, 5), ("a", "q", 1, 5)], [("x", 1.0)], ["a"])
    with pytest.raises(DataContractError, match=r"At most 5% of interactions .* 1 of 2 .* item \(1\)"):
        clean(tables)
    with pytest.raises(ConfigurationError):
        Cleaning.default(max_quarantined_share=2.0)


def test_nothing_left_is_refused() -> None:
    with pytest.raises(DataContractError, match=r"Got 1 events and kept none, the most for: unknown item"):
        clean(_tables([("a", "q", 1, 5)], [("x", 1.0)], ["a"]), Cleaning.default(1.0))
    with pytest.raises(DataContractError, match="At least one event"):
        clean(_tables([], [("x", 1.0)], ["a"]))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_rows_in_are_kept_quarantined_or_merged(seed: int) -> None:
    draw = np.random.default_rng(seed)
    ids = ["a", "b", "c", "00123", "\u00e9", ""]
    events = [
        (user, item, int(draw.integers(3)), float(draw.choice([1, 5, 9, np.nan])))
        for user, item in draw.choice(ids, (200, 2)).tolist()
    ]
    items = [(str(draw.choice(ids)), float(draw.choice([1, 2, np.inf, np.nan, -1]))) for _ in range(8)]
    tables = _tables([*events, ("a", "safe", 0, 3.0)], [*items, ("safe", 1.0)], ["a", "b", "a", ""])
    cleaned, quarantine = clean(tables, Cleaning.default(max_quarantined_share=1.0))
    for name in NAMES:
        count = quarantine.counts[name]
        assert count["in"] == len(getattr(tables, name))
        assert count["in"] + count["added"] == count["kept"] + count["quarantined"] + count["merged"]
        assert count["kept"] == len(getattr(cleaned, name))
        assert count["quarantined"] == (quarantine.rows["table"] == name).sum()
    again, nothing = clean(cleaned)
    assert not len(nothing.rows)
    assert encode(again, "x").digest == encode(cleaned, "x").digest
    shuffled = replace(tables, interactions=tables.interactions.sample(frac=1.0, random_state=seed))
    assert encode(clean(shuffled, Cleaning.default(1.0))[0], "x").digest == encode(cleaned, "x").digest


def test_what_the_configuration_leaves_out_is_no_sign_of_bad_data() -> None:
    tables = _tables([("a", "x", 1, 5), ("qa", "x", 1, 5), ("qa", "x", 2, 5)], [("x", 1.0)], ["a", "qa"])
    step = Irrelevant(table="users", column="user", values=["qa"], reason="staff")
    cleaned, quarantine = clean(tables, Cleaning(steps={"staff": step}))
    assert cleaned.users["user"].tolist() == cleaned.interactions["user"].tolist() == ["a"]
    reasons = quarantine.report()["reasons"]
    assert reasons["users"] == {"left out: staff": 1}
    assert reasons["interactions"] == {"left out: the user": 2}


def test_returns_without_a_step_for_them_are_quarantined() -> None:
    tables = _tables([("a", "x", 1, 5), ("a", "x", 2, 5)], [("x", 1.0)], ["a"])
    tables.interactions["kind"] = _text(["purchase", "return"])
    cleaned, quarantine = clean(tables, Cleaning(steps={}, max_quarantined_share=1.0))
    assert cleaned.interactions["kind"].tolist() == ["purchase"]
    assert quarantine.rows["reason"].tolist() == ["kind is return, which no step settles"]


def test_reconcile_is_checked() -> None:
    with pytest.raises(ConfigurationError, match="reconcile"):
        Cleaning(steps={}, reconcile={"users": "newest"})
    with pytest.raises(ConfigurationError, match="reconcile"):
        Cleaning(steps={}, reconcile={"interactions": "last"})
