"""Figures by group of queries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError
from dataset.ragged import Categorical, TokenLists
from dataset.users import Users
from evaluation.groups import (
    attribute_groups,
    bands,
    by_group,
    evaluate_groups,
    history_length_groups,
    price_groups,
)
from tests.evaluation.worlds import histories_of


def test_each_group_has_its_mean_and_size_and_nan_is_left_out():
    values = np.array([1.0, 3.0, 5.0, math.nan, 9.0])
    groups = Categorical(np.array([0, 0, 2, 2, -1], np.int32), ("dry", "never", "oily"))
    figures = by_group(values, groups, n_resamples=50)
    assert list(figures) == ["dry", "oily", "unknown"]
    assert [(f["mean"], f["n"]) for f in figures.values()] == [(2.0, 2), (5.0, 1), (9.0, 1)]
    assert 1.0 <= figures["dry"]["low"] <= figures["dry"]["high"] <= 3.0


def test_a_group_does_not_depend_on_the_others():
    values = np.random.default_rng(0).random(60)
    codes = np.arange(60, dtype=np.int32) % 3
    some = codes != 2
    whole = by_group(values, Categorical(codes, ("a", "b", "c")))
    part = by_group(values[some], Categorical(codes[some], ("a", "b", "c")))
    assert part == {label: whole[label] for label in ("a", "b")}


def test_groups_label_every_query():
    with pytest.raises(DataContractError, match="label every query"):
        by_group(np.zeros(3), Categorical(np.zeros(2, np.int32), ("a",)))


def test_bands_are_closed_below_and_stand_in_order():
    labels = bands(np.array([math.nan, 24.9, 25, 34, 35, 80]), [25, 35])
    assert labels.names == ("under 25", "25 to 35", "35 and up")
    assert labels.codes.tolist() == [-1, 0, 1, 1, 2, 2]
    assert bands(np.array([1.0, math.nan]), []).codes.tolist() == [0, -1]


def test_history_lengths():
    groups = history_length_groups(np.array([0, 1, 2, 4, 5, 9, 10, 300]))
    assert [groups.names[code] for code in groups.codes] == [
        "none", "1", "2-4", "2-4", "5-9", "5-9", "10+", "10+",
    ]  # fmt: skip


def bought(rows):
    return histories_of([[(item, "purchase") for item in row] for row in rows])


_rows = st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=1, max_size=9)
_prices = st.lists(st.sampled_from([math.nan, 1.0, 5.0, 12.5, 20.0, 80.0]), min_size=7, max_size=7)


@settings(max_examples=40)
@given(rows=_rows, prices=_prices)
def test_price_tiers_are_terciles_of_the_median_price_of_the_history(rows, prices):
    groups = price_groups(bought(rows), np.array(prices, np.float32))
    known = [[prices[item] for item in row if not math.isnan(prices[item])] for row in rows]
    medians = np.array([np.median(paid) if paid else math.nan for paid in known])
    placed = medians[~np.isnan(medians)]
    edges = sorted(set(np.round(np.percentile(placed, [100 / 3, 200 / 3]), 2))) if len(placed) else []
    edges = [edge for edge in edges if edge > placed.min()]
    expected = [-1 if math.isnan(paid) else sum(paid >= edge for edge in edges) for paid in medians]
    assert groups.codes.tolist() == expected


def test_price_tiers_are_named_by_what_users_spend():
    price = np.array([10, 20, 30, 40, 50, 60], np.float32)
    groups = price_groups(bought([[0], [1], [2], [3], [4], [5], []]), price)
    assert groups.names == ("under 26.67", "26.67 to 43.33", "43.33 and up")
    assert groups.codes.tolist() == [0, 0, 1, 1, 2, 2, -1]


def test_one_price_makes_one_tier():
    groups = price_groups(bought([[0], [0, 0], [1]]), np.array([9, math.nan], np.float32))
    assert (groups.codes.tolist(), groups.names) == ([0, 0, -1], ("all",))


def test_attributes_of_the_users_asked_for():
    users = Users(
        numeric={
            "age": np.array([20, 30, 60, math.nan], np.float32),
            "height": np.full(4, math.nan, np.float32),
        },
        categorical={
            "skin_type": Categorical(np.array([0, 1, 0, -1], np.int32), ("dry", "oily")),
            "empty": Categorical(np.full(4, -1, np.int32), ()),
        },
        concerns=TokenLists.empty(4),
        avoids=TokenLists.empty(4),
    )
    groups = attribute_groups(users, np.array([3, 1, 2], np.int32), min_queries=1)
    assert set(groups) == {"age", "skin_type"}
    assert groups["skin_type"].codes.tolist() == [-1, 1, 0]
    assert [groups["age"].names[code] for code in groups["age"].codes[1:]] == ["25 to 35", "55 and up"]


def test_rare_labels_are_put_together():
    codes = np.repeat(np.arange(5), [1, 9, 1, 8, 1]).astype(np.int32)
    users = Users(
        numeric={"visits": np.arange(20, dtype=np.float32)},
        categorical={"region": Categorical(codes, ("a", "b", "c", "d", "e"))},
        concerns=TokenLists.empty(20),
        avoids=TokenLists.empty(20),
    )
    groups = attribute_groups(users, np.arange(20, dtype=np.int32), max_labels=2, min_queries=1)
    assert groups["region"].names == ("b", "d", "other")
    assert np.bincount(groups["region"].codes).tolist() == [9, 8, 3]
    assert np.bincount(groups["visits"].codes).tolist() == [5, 5, 5, 5]


def test_several_runs_and_groupings():
    groups = {"half": Categorical(np.array([0, 1], np.int32), ("first", "second"))}
    figures = evaluate_groups({"run": np.array([1.0, 2.0])}, groups, n_resamples=10)
    assert figures["half"]["run"]["second"] == {"mean": 2.0, "low": 2.0, "high": 2.0, "n": 1}
