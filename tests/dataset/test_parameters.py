from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from dataset.errors import ConfigurationError
from dataset.parameters import (
    check_ascending,
    check_bool,
    check_choice,
    check_int,
    check_mapping,
    check_names,
    check_number,
    check_weights,
)


@dataclass(frozen=True)
class Oven:
    heat: Any


@pytest.mark.parametrize(
    ("check", "bounds", "good"),
    [
        (check_int, {"low": 1, "high": 9}, [1, 9, np.int64(3)]),
        (check_number, {"low": 0, "high": 1}, [0, 1, 0.5, np.float32(0.25)]),
        (check_number, {}, [-1e300]),
        (check_bool, {}, [True, False]),
        (check_choice, {"choices": ("low", "high")}, ["low"]),
        (check_mapping, {}, [{}, {"a": 1}]),
        (check_weights, {"choices": ("a", "b")}, [{}, {"b": 0}, {"a": np.float32(2), "b": 0.5}]),
        (check_weights, {}, [{"any": 1}]),
        (check_names, {"choices": ("a", "b")}, [(), ["b", "a"]]),
    ],
)
def test_what_is_accepted(check, bounds, good):
    for value in good:
        check(Oven(value), "heat", **bounds)


@pytest.mark.parametrize(
    ("check", "bounds", "bad", "expected"),
    [
        (check_int, {"low": 1}, ["ten", "10", 1.0, True, None, 0, float("nan")], "an int of at least 1"),
        (check_int, {"low": 1, "high": 9}, [10, 0], "an int between 1 and 9"),
        (check_int, {"high": 9}, [10], "an int of at most 9"),
        (
            check_number,
            {"low": 0, "high": 1},
            ["0.5", True, None, float("nan"), float("inf"), -0.1, 1.1],
            "a number between 0 and 1",
        ),
        (check_number, {}, [float("-inf"), 1j], "a number"),
        (check_bool, {}, [0, 1, "true", None], "true or false"),
        (check_choice, {"choices": ("low", "high")}, ["Low", 1, None, ["low"]], "one of high, low"),
        (check_mapping, {}, [[("a", 1)], {1: 2}, None], "a mapping from names to values"),
        (
            check_weights,
            {"choices": ("a", "b")},
            [["a"], None, {1: 2}, {"c": 1}, {"a": -0.1}, {"a": True}, {"a": "1"}, {"a": float("nan")}],
            "a mapping from names out of a, b to numbers of at least 0",
        ),
        (check_weights, {}, [{"a": float("inf")}, 3], "a mapping from names to numbers of at least 0"),
        (
            check_names,
            {"choices": ("a", "b"), "may_be_empty": False},
            ["a", [], ["c"], ["a", "a"], [1], None],
            "a non-empty list of distinct names out of a, b",
        ),
    ],
)
def test_what_is_refused_in_one_sentence(check, bounds, bad, expected):
    for value in bad:
        with pytest.raises(ConfigurationError) as caught:
            check(Oven(value), "heat", **bounds)
        message = f"The 'heat' parameter of Oven must be {expected}. Got {value!r} instead."
        assert str(caught.value) == message
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("values", [[1], (1, 2.5), [3, 30, 300]])
def test_ascending_lists_are_accepted(values):
    check_ascending(Oven(values), "heat", values, low=1)


@pytest.mark.parametrize(
    "values", [[], "12", [2, 1], [1, 1], [0, 1], [1, "2"], [1, float("nan")], None, 3, [True]]
)
def test_other_lists_are_refused(values):
    with pytest.raises(ConfigurationError, match="'heat' parameter of Oven must be a non-empty, strictly"):
        check_ascending(Oven(values), "heat", values, low=1)


def test_whole_lists_hold_ints_alone():
    with pytest.raises(ConfigurationError, match="ints"):
        check_ascending(Oven([1.5]), "heat", [1.5], low=1, whole=True)
