"""What each step does to rows and cells."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dataset.cleaning.fills import Constant, Draw, Fill, Median, Mode
from dataset.cleaning.histograms import Histogram, added, counted
from dataset.cleaning.limits import Bounds, Quantiles, Whiskers
from dataset.cleaning.step import Applied, Step
from dataset.cleaning.steps.bots import BotsByRate
from dataset.cleaning.steps.duplicate_events import DuplicateEvents
from dataset.cleaning.steps.extremes import ExtremeValues
from dataset.cleaning.steps.irrelevant import Irrelevant
from dataset.cleaning.steps.missing_filled import MissingFilled
from dataset.cleaning.steps.missing_removed import MissingRemoved
from dataset.cleaning.steps.spellings import SpellingsFolded, folded
from dataset.cleaning.steps.variants import VariantsGrouped
from dataset.errors import ConfigurationError, DataContractError
from tests.dataset.dirty_tables import events, text

MISSING = np.nan


def run(step: Step, frame: pd.DataFrame) -> Applied:
    before = frame.copy(deep=True)
    applied = step.applied(frame, step.merged([step.survey(frame)]) if step.surveys else None)
    pd.testing.assert_frame_equal(frame, before)
    labels = [*applied.frame.index, *applied.removed.index, *applied.merged.index]
    assert sorted(labels) == sorted(frame.index)
    return applied


def test_irrelevant_rows_fit_wholly() -> None:
    step = Irrelevant(
        table="users", column="user", values=["x"], patterns=["test-\\d+"], reason="test account"
    )
    frame = pd.DataFrame({"user": text(["x", "xx", "test-1", "my test-1", "test-1a", None])})
    applied = run(step, frame)
    assert applied.removed.to_dict() == dict.fromkeys([0, 2], "left out: test account")
    assert run(step, frame.rename(columns={"user": "name"})).removed.empty
    with pytest.raises(ConfigurationError, match="regular expressions"):
        Irrelevant(table="users", column="user", patterns=["("])


def test_bots_are_judged_by_the_day_of_utc() -> None:
    burst = [("a", f"x{n}", "view", 1 + n / 100) for n in range(3)]
    frame = events([*burst, ("a", "y", "view", 0.99), ("a", "y", "like", 1.5), ("b", "y", "view", 1.5)])
    day = run(BotsByRate(max_events_a_day=2, kinds=["view"]), frame)
    assert sorted(day.removed.index) == [0, 1, 2, 4]
    assert set(day.removed) == {"more than 2 events of a user in a day"}
    assert run(BotsByRate(max_events_a_day=3, kinds=["view"]), frame).removed.empty
    user = run(BotsByRate(max_events_a_day=2, kinds=["view"], scope="user"), frame)
    assert sorted(user.removed.index) == [0, 1, 2, 3, 4]


def test_of_repeated_events_the_greatest_stands() -> None:
    frame = events([
        ("a", "x", "rating", 1, 3.0), ("a", "x", "rating", 1, 5.0, 1.0, "dry"), ("a", "x", "rating", 1),
        ("a", "x", "rating", 2, 1.0), ("a", "x", "view", 1),
    ])  # fmt: skip
    applied = run(DuplicateEvents(), frame)
    assert applied.frame.index.tolist() == [1, 3, 4]
    assert set(applied.merged) == {"the event repeats"}


@pytest.mark.parametrize(
    ("rule", "low", "high"),
    [
        (Bounds(low=2), 2, np.inf),
        (Quantiles(low=0.25, high=0.75), 2.5, 8.5),
        (Whiskers(reach=0.5), -0.5, 11.5),
    ],
    ids=["bounds", "quantiles", "whiskers"],
)
def test_extreme_values(rule: Any, low: float, high: float) -> None:
    numbers = np.array([1.0, 2, 3, 8, 9, MISSING, 8, 2])
    numbers = np.append(numbers, [4.0])
    frame = pd.DataFrame({"user": text("abcdefghi"), "age": numbers})
    given = numbers[~np.isnan(numbers)]
    if isinstance(rule, Quantiles):
        low, high = np.quantile(given, [0.25, 0.75])
    if isinstance(rule, Whiskers):
        first, third = np.quantile(given, [0.25, 0.75])
        low, high = first - 0.5 * (third - first), third + 0.5 * (third - first)
    clipped = run(ExtremeValues(table="users", column="age", rule=rule, action="clip"), frame)
    np.testing.assert_array_equal(clipped.frame["age"], np.clip(numbers, low, high))
    assert sum(clipped.changed.values()) == ((given < low) | (given > high)).sum()
    removed = run(ExtremeValues(table="users", column="age", rule=rule), frame)
    assert sorted(removed.removed.index) == np.flatnonzero((numbers < low) | (numbers > high)).tolist()


def test_extreme_values_of_some_kinds_and_of_no_numbers() -> None:
    frame = events([("a", "x", "purchase", 1, MISSING, 500.0), ("a", "x", "view", 1, MISSING, 500.0)])
    step = ExtremeValues(table="interactions", column="quantity", rule=Bounds(high=9), kinds=["purchase"])
    assert run(step, frame).removed.to_dict() == {0: "quantity is extremely great"}
    with pytest.raises(DataContractError, match="among numbers"):
        run(ExtremeValues(table="users", column="user", rule=Bounds()), frame)
    absent = run(ExtremeValues(table="users", column="age", rule=Whiskers()), frame)
    assert absent.changed == {"age: there is no such column": 0}
    with pytest.raises(ConfigurationError, match="low"):
        Bounds(low=2, high=1)


def test_rows_with_missing_cells_are_removed() -> None:
    frame = pd.DataFrame({
        "item": text("abc"), "name": text(["A", None, None]), "price": [1.0, 1.0, MISSING],
        "ingredients": pd.Series([[], ["aqua"], []], dtype=object),
    })  # fmt: skip
    applied = run(MissingRemoved(table="items", columns=["price", "name"]), frame)
    assert applied.removed.to_dict() == {1: "name is missing", 2: "price is missing"}
    lists = run(MissingRemoved(table="items", columns=["ingredients"]), frame)
    assert sorted(lists.removed.index) == [0, 2]


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        (Constant(value=7), [7, 7, 7]),
        (Median(), [3, 3, 3]),
        (Median(by="region"), [2.5, 3, 3]),
        (Mode(by="region"), [1, 9, 1]),
    ],
)
def test_missing_numbers(fill: Fill, expected: list[float]) -> None:
    # east: 1, 4; west: 1, 9, 9; the third row's region has nothing, so all rows speak: 1, 1, 4, 9, 9 and 3, 3
    frame = pd.DataFrame({
        "user": text("abcdefghij"), "age": [MISSING, MISSING, MISSING, 1, 4, 1, 9, 9, 3, 3],
        "region": text(["east", "west", "moon", "east", "east", *["west"] * 3, None, None]),
    })  # fmt: skip
    if isinstance(fill, Median) and fill.by:
        expected = [2.5, 9, 3]
    applied = run(MissingFilled(table="users", columns={"age": fill}), frame)
    assert applied.frame["age"].tolist()[:3] == expected
    assert list(applied.changed.values()) == [3]


def test_draws_follow_what_was_observed_and_hang_on_the_id() -> None:
    n = 4000
    labels = np.where(np.arange(n) % 4 == 0, "dry", "oily").astype(object)
    frame = pd.DataFrame(
        {"user": text(f"u{at}" for at in range(2 * n)), "skin_type": text([*labels, *[None] * n])}
    )
    applied = run(MissingFilled(table="users", columns={"skin_type": Draw(seed=1)}), frame)
    drawn = applied.frame.set_index("user")["skin_type"].iloc[n:]
    assert abs((drawn == "dry").mean() - 0.25) < 0.03
    shuffled = frame.sample(frac=1.0, random_state=0)
    again = run(MissingFilled(table="users", columns={"skin_type": Draw(seed=1)}), shuffled).frame
    assert again.set_index("user")["skin_type"].loc[drawn.index].equals(drawn)
    other = run(MissingFilled(table="users", columns={"skin_type": Draw(seed=2)}), frame).frame
    assert not other["skin_type"].equals(applied.frame["skin_type"])


def test_what_cannot_be_filled_says_so() -> None:
    frame = pd.DataFrame({"user": text("ab"), "age": [MISSING, MISSING], "avoids": [[], []]})
    nothing = run(MissingFilled(table="users", columns={"age": Median(), "no_such": Mode()}), frame)
    assert nothing.changed == {"age: median filled in": 0, "no_such: there is no such column": 0}
    with pytest.raises(DataContractError, match="Numbers and labels"):
        run(MissingFilled(table="users", columns={"avoids": Mode()}), frame)
    with pytest.raises(ConfigurationError, match="a number, as age"):
        run(MissingFilled(table="users", columns={"age": Constant(value="old")}), frame)


def test_the_commonest_spelling_stands() -> None:
    brands = ["L'Oréal", "LOREAL", "L'Oréal", "l oreal ", "YSL", "Yves St. Laurent", None, "Dior", "資生堂"]
    frame = pd.DataFrame({"item": text("abcdefghi"), "brand": text(brands)})
    step = SpellingsFolded(table="items", column="brand", aliases={"ysl": "Yves St Laurent"})
    applied = run(step, frame)
    assert applied.frame["brand"].fillna("").tolist() == [
        *["L'Oréal"] * 4, *["Yves St Laurent"] * 2, "", "Dior", "資生堂"
    ]  # fmt: skip
    assert applied.changed == {"brand: spelt as the others": 4}
    assert run(step, applied.frame).changed == {"brand: spelt as the others": 0}


def test_the_levels_of_a_category_are_spelt_one_by_one() -> None:
    paths = [
        "Skincare > Masks",
        "skin-care>masks",
        "Skincare > Eye & Lip",
        "SKINCARE > eye and lip",
        "Skincare",
    ]
    frame = pd.DataFrame({"item": text("abcde"), "category": text(paths)})
    step = SpellingsFolded(table="items", column="category", separator=" > ")
    found = run(step, frame).frame["category"].tolist()
    assert found == [*["Skincare > Masks"] * 2, *["Skincare > Eye & Lip"] * 2, "Skincare"]


def test_folding_keeps_apart_what_differs() -> None:
    assert folded("Crème  brûlée!") == folded("CREME BRULEE")
    assert folded("!!!") != folded("???")
    assert folded("ภาษา") != folded("ภษ")
    assert folded("No. 5") != folded("No. 7")


def test_sizes_make_variants() -> None:
    names = [
        "Glow Serum 30 ml",
        "Glow Serum, 1.7 fl. oz",
        "GLOW SERUM mini",
        "Glow Serum Set",
        "Glow Serum C",
        "Mini",
    ]
    frame = pd.DataFrame({"item": text("abcdefgh"), "name": text([*names, "Glow Serum", None]),
                          "brand": text([*["Dew"] * 6, "Other", "Dew"])})  # fmt: skip
    applied = run(VariantsGrouped(), frame)
    groups = applied.frame["variant_group"].fillna("").tolist()
    assert groups == ["dew | glowserum"] * 4 + [""] * 4
    assert sum(applied.changed.values()) == 4


def test_histograms_agree_with_numpy() -> None:
    draw = np.random.default_rng(0)
    numbers = draw.choice([1.5, 2.0, 7.25, 100.0], 101)
    state = added([counted(pd.Series(numbers[:50])), counted(pd.Series(numbers[50:]))])
    histogram = Histogram(state, by_group=False)
    for level in (0.0, 0.1, 0.5, 0.77, 1.0):
        assert histogram.quantile(level) == pytest.approx(np.quantile(numbers, level))
    assert histogram.medians()[0] == np.median(numbers)
