"""Mentions that an inventory knows, and those that it does not."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.ingredients import coverage

NAMES = st.lists(st.lists(st.sampled_from(["water", "mica", "stardust", "moonbeam"]), max_size=6), max_size=6)


def test_misses_are_listed_by_frequency():
    found = coverage([["water", "b", "a"], ["b", "c", "a"], ["c", "b"]], {"water"})
    assert (found.mentions, found.placed, found.share) == (8, 1, 0.125)
    assert list(found.misses.items()) == [("b", 3), ("a", 2), ("c", 2)]


def test_nothing_to_cover():
    found = coverage([], {"water"})
    assert math.isnan(found.share)
    assert found.misses.empty


@settings(max_examples=30)
@given(NAMES)
def test_every_mention_is_placed_or_missed(lists):
    found = coverage(lists, {"water", "mica"})
    assert found.mentions == sum(map(len, lists)) == found.placed + found.misses.sum()
    assert found.placed == sum(name in ("water", "mica") for names in lists for name in names)
