"""Lists under caps against all subsets, and against a maximal flow."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.constraints import Constraints
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, TokenLists
from ranking.policy import Caps


def shop(seed: int, n_items: int, n_brands: int, n_categories: int) -> Items:
    rng = np.random.default_rng(seed)
    return Items(
        brand=Categorical(rng.integers(-1, n_brands, n_items).astype(np.int32), tuple("abcdef"[:n_brands])),
        category=Categorical(
            rng.integers(-1, n_categories, n_items).astype(np.int32), tuple("uvwxyz"[:n_categories])
        ),
        price=np.ones(n_items, np.float32),
        in_stock=np.ones(n_items, bool),
        launched=np.full(n_items, UNKNOWN_TIME),
        ingredients=TokenLists.empty(n_items),
        functions=TokenLists.empty(n_items),
    )


def keeps(items: Items, constraints: Constraints, listed: "npt.NDArray[np.int32]") -> bool:
    """Whether no brand and no category is there too often."""
    for labels, cap in ((items.brand, constraints.max_a_brand), (items.category, constraints.max_a_category)):
        codes = labels.codes[listed]
        if cap is not None and (np.bincount(codes[codes >= 0], minlength=1) > cap).any():
            return False
    return True


def random_lists(seed: int, m: int, k: int, n_items: int) -> "npt.NDArray[np.int32]":
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(n_items)[:k] for _ in range(m)], np.int32).reshape(m, k)
    lists[np.arange(k) >= rng.integers(0, k + 1, m)[:, None]] = -1
    return lists


caps = st.one_of(st.none(), st.integers(1, 3))


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), brand=caps, category=caps, n=st.integers(1, 8))
def test_lists_under_caps(seed: int, brand: int | None, category: int | None, n: int) -> None:
    rng = np.random.default_rng(seed)
    items = shop(seed, 7, int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    constraints = Constraints(max_a_brand=brand, max_a_category=category)
    made = Caps.of(constraints, items)
    if brand is None and category is None:
        assert made is None
        return
    assert made is not None
    lists = random_lists(seed, 4, 7, 7)
    greedy, filled = made.cut(lists, n), made.fill(lists, n)
    for row, given_ in enumerate(lists):
        there = given_[given_ >= 0]
        expected: list[int] = []
        for at in range(len(there)):
            if len(expected) < n and keeps(items, constraints, there[[*expected, at]]):
                expected.append(at)
        assert greedy[row].tolist() == expected + [-1] * (n - len(expected))
        best = max(
            size
            for size in range(min(n, len(there)) + 1)
            if any(
                keeps(items, constraints, there[list(some)]) for some in combinations(range(len(there)), size)
            )
        )
        chosen = filled[row][filled[row] >= 0]
        assert len(chosen) == best
        assert (np.diff(chosen) > 0).all()
        assert (filled[row][len(chosen) :] == -1).all()
        assert keeps(items, constraints, there[chosen])
        if len(expected) == best:
            assert chosen.tolist() == expected
        if brand is None or category is None:
            assert len(expected) == best


def test_an_item_gives_way_where_two_others_fit() -> None:
    items = shop(0, 3, 2, 2)
    two = Items(**{
        **vars(items),
        "brand": Categorical(np.array([0, 0, 1], np.int32), ("a", "b")),
        "category": Categorical(np.array([0, 1, 0], np.int32), ("u", "v")),
    })  # fmt: skip
    made = Caps.of(Constraints(max_a_brand=1, max_a_category=1), two)
    assert made is not None
    best_first = np.array([[0, 1, 2]], np.int32)
    assert made.cut(best_first, 2).tolist() == [[0, -1]]
    assert made.fill(best_first, 2).tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["max_a_brand", "max_a_category"])
def test_a_dropped_cap_is_none(name: str) -> None:
    promise = {"max_a_brand": "too_many_of_a_brand", "max_a_category": "too_many_of_a_category"}[name]
    constraints = Constraints(**{name: 2})  # type: ignore[arg-type]
    assert Caps.of(constraints, shop(0, 3, 2, 2)) is not None
    assert Caps.of(constraints.without(promise), shop(0, 3, 2, 2)) is None
