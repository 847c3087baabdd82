"""Small tables with every kind of dirt, drawn at random, and steps to clean them with."""

from typing import Any

import numpy as np
import pandas as pd

from dataset.canonical import Tables
from dataset.cleaning.fills import Constant, Draw, Median, Mode
from dataset.cleaning.limits import Bounds, Quantiles, Whiskers
from dataset.cleaning.step import STREAM, Step
from dataset.cleaning.steps.bots import BotsByRate
from dataset.cleaning.steps.duplicate_events import DuplicateEvents
from dataset.cleaning.steps.extremes import ExtremeValues
from dataset.cleaning.steps.irrelevant import Irrelevant
from dataset.cleaning.steps.missing_filled import MissingFilled
from dataset.cleaning.steps.missing_removed import MissingRemoved
from dataset.cleaning.steps.returns import ReturnsNetted
from dataset.cleaning.steps.spellings import SpellingsFolded
from dataset.cleaning.steps.variants import VariantsGrouped
from dataset.contracts import TIME_DTYPE, TRANSITIONAL_KINDS
from dataset.interactions import KINDS

USERS = ["a", "b", "c", "00123", "é", "test-1", "", " "]
ITEMS = ["x", "y", "z", "q", "1e3", "", "nobody"]


def text(values: Any) -> "pd.Series[str]":
    return pd.Series(list(values), dtype="str")


def events(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """From tuples of user, item, kind, day, value, quantity, stated, stream; the last three may lack."""
    full = [(*row, *(np.nan, 1.0, None, 0)[len(row) - 4 :]) for row in rows]
    user, item, kind, day, value, quantity, stated, stream = zip(*full, strict=True) if full else [()] * 8
    start = pd.Timestamp("2020-01-30", tz="UTC")
    return pd.DataFrame({
        "user": text(user), "item": text(item), "kind": text(kind), "value": np.array(value, float),
        "quantity": np.array(quantity, float),
        "timestamp": pd.Series([start + pd.Timedelta(days=d) for d in day], dtype=TIME_DTYPE),
        "skin_type": text(stated), STREAM: np.array(stream, np.int64),
    })  # fmt: skip


def dirty(seed: int, n_events: int = 60) -> Tables:
    """Tables with repeated, contradictory, blank, unknown, extreme and missing things, of two streams."""
    rng = np.random.default_rng(seed)

    def some(values: list[Any], n: int) -> list[Any]:
        return [values[at] for at in rng.integers(0, len(values), n)]

    names = ["Glow Cream 50 ml", "Glow Cream", "glow cream mini", "Mist", None]
    brands = ["Oréal", "OREAL", "o'real", "Y.S.L.", None]
    n_users, n_items = int(rng.integers(0, 9)), int(rng.integers(1, 12))
    kinds = [*KINDS, *TRANSITIONAL_KINDS, "purchase", "purchase", "return", "gift"]
    users = pd.DataFrame({
        "user": text(some([*USERS, None], n_users)),
        "age": np.array(some([20.0, 31.5, np.nan, np.inf, 900.0], n_users), float),
        "region": text(some(["East", "east ", "WEST", None], n_users)),
        "avoids": pd.Series(some([["parfum"], [], ["alcohol"]], n_users), dtype=object),
        STREAM: rng.integers(0, 2, n_users),
    })  # fmt: skip
    items = pd.DataFrame({
        "item": text([*some(ITEMS[:6], n_items), "x"]),
        "name": text([*some(names, n_items), "Mist"]),
        "brand": text([*some(brands, n_items), "Oréal"]),
        "category": text([*some(["Skin > Masks", "skin>masks", "Hair", None], n_items), "Hair"]),
        "price": np.array([*some([1.0, 2.5, 3.0, np.nan, np.inf, -1.0, 1e6], n_items), 1.0]),
        "ingredients": pd.Series([*some([["aqua"], [], ["aqua", "parfum"]], n_items), []], dtype=object),
        "functions": pd.Series([[] for _ in range(n_items + 1)], dtype=object),
        "in_stock": pd.array([*some([True, False, None], n_items), True], dtype="boolean"),
        "launched_at": pd.Series([pd.NaT] * (n_items + 1), dtype=TIME_DTYPE),
        STREAM: rng.integers(0, 2, n_items + 1),
    })  # fmt: skip
    drawn = zip(
        some([*USERS, None], n_events), some(ITEMS[:3] * 2 + ITEMS, n_events), some(kinds, n_events),
        rng.integers(0, 70, n_events).tolist(), some([1.0, 5.0, 9.0, np.nan], n_events),
        some([1.0, 2.0, 3.0, np.nan, -1.0, 0.0], n_events), some(["dry", "Dry", None], n_events),
        rng.integers(0, 2, n_events).tolist(), strict=True,
    )  # fmt: skip
    safe = ("safe", "x", "like", 0, np.nan, 1.0, "dry", 0)
    return Tables(users=users, items=items, interactions=events([safe, *drawn]), stated=("skin_type",))


def every_step() -> dict[str, Step]:
    """One step or more of each kind, none of which may take the safe event of `dirty`."""
    return {
        "test_users": Irrelevant(table="users", column="user", patterns=["test.*"], reason="test account"),
        "test_events": Irrelevant(table="interactions", column="user", patterns=["test.*"]),
        "searches": Irrelevant(table="interactions", column="kind", values=["search"]),
        "bots": BotsByRate(max_events_a_day=2, kinds=["purchase", "rating", "view"]),
        "bot_users": BotsByRate(max_events_a_day=3, kinds=["purchase", "return"], scope="user"),
        "ages": ExtremeValues(table="users", column="age", rule=Bounds(low=21, high=99), action="clip"),
        "prices": ExtremeValues(table="items", column="price", rule=Whiskers(reach=50), action="clip"),
        "ratings": ExtremeValues(
            table="interactions", column="value", rule=Quantiles(low=0.1, high=0.9), kinds=["rating"]
        ),
        "quantities": ExtremeValues(
            table="interactions", column="quantity", rule=Bounds(high=2), action="clip"
        ),
        "regionless": MissingRemoved(table="users", columns=["region", "no_such"]),
        "ages_filled": MissingFilled(
            table="users", columns={"age": Median(by="region"), "region": Constant(value="?")}
        ),
        "prices_filled": MissingFilled(table="items", columns={"price": Draw(by="brand", seed=3)}),
        "stated_filled": MissingFilled(
            table="interactions",
            columns={"skin_type": Mode(by="kind"), "quantity": Draw(), "value": Constant(value=3)},
        ),
        "brands": SpellingsFolded(table="items", column="brand", aliases={"YSL": "Yves Saint Laurent"}),
        "categories": SpellingsFolded(table="items", column="category", separator=" > "),
        "statements": SpellingsFolded(table="interactions", column="skin_type"),
        "duplicates": DuplicateEvents(),
        "variants": VariantsGrouped(),
        "returns": ReturnsNetted(),
    }  # fmt: skip
