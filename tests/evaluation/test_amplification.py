"""Bias disparity against its definition, and planted amplification."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.ragged import Categorical
from evaluation import list_measures
from evaluation.amplification import CategoryTotals, amplification
from tests.evaluation.samples import ranked_of
from tests.evaluation.worlds import N_ITEMS, WEIGHTS, World, worlds

NAMES = ("dry", "oily")


def share(pairs, category):
    """Share of a category in (category, weight) pairs."""
    total = sum(weight for _, weight in pairs)
    return sum(weight for found, weight in pairs if found == category) / total if total else math.nan


def over(one, other):
    return one / other if other > 0 else math.nan


def written_out(world, labels, label, category, k):
    """(B_R - B_S) / B_S, event by event."""
    before = [
        [(world.category[i], WEIGHTS[kind]) for i, kind in row if world.category[i] >= 0]
        for row in world.events
    ]
    shown = [[(world.category[i], 1) for i in row[:k] if world.category[i] >= 0] for row in world.lists]
    biases = []
    for rows in (before, shown):
        group = [pair for row, own in zip(rows, labels, strict=True) for pair in row if own == label]
        everybody = [pair for row in rows for pair in row]
        biases.append(over(share(group, category), share(everybody, category)))
    source, recommended = biases
    return over(recommended - source, source) if not math.isnan(recommended) else math.nan


@settings(max_examples=40)
@given(world=worlds(), seed=st.integers(0, 99), k=st.integers(1, 7), block=st.integers(1, 4))
def test_disparity_is_what_its_definition_says(world, seed, k, block):
    labels = np.random.default_rng(seed).integers(-1, 2, len(world.events)).astype(np.int32)
    groups = {"skin": Categorical(labels, NAMES)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_measures, "BLOCK_QUERIES", block)
        totals = CategoryTotals.count(ranked_of(world.lists, 7), world.facts, groups, k)["skin"]
    expected = [[written_out(world, labels, label, c, k) for c in range(3)] for label in (0, 1, -1)]
    np.testing.assert_allclose(totals.disparity, expected, rtol=1e-9, atol=1e-12)


def two_groups(shares_of_lists, n=60):
    """Two groups of n users with ten events and ten places each; three quarters of theirs in their own."""
    category = [0] * 4 + [1] * 4 + [-1]
    events, lists = [], []
    for group, in_own in ((0, shares_of_lists[0]), (1, shares_of_lists[1])):
        own, other = (0, 4) if group == 0 else (4, 0)
        events += [[(own, "purchase")] * 3 + [(other, "purchase")]] * n
        lists += [[own + at for at in range(in_own)] + [other + at for at in range(4 - in_own)]] * n
    ones = [1] * N_ITEMS
    world = World(events, lists, [[]] * 2 * n, category, ones, ones, [True] * N_ITEMS, {})
    groups = {"skin": Categorical(np.repeat([0, 1], n).astype(np.int32), NAMES)}
    return ranked_of(lists, 4), world.facts, groups


def figures(shares_of_lists, **limits):
    return amplification(*two_groups(shares_of_lists), k=10, **limits)["skin"]


def test_lists_that_keep_the_proportions_amplify_nothing():
    for entry in figures((3, 3)).values():
        assert entry["amplification"] == pytest.approx(0)
        assert entry["mean_absolute_disparity"] == pytest.approx(0)


def test_lists_of_ones_own_category_alone_amplify():
    found = figures((4, 4), min_events=50)
    assert list(found) == ["dry", "oily"]
    for label, own in (("dry", "a"), ("oily", "b")):
        # The own category: from 1.5 to 2 times everybody's share; the other: from .5 times to none.
        assert found[label]["amplification"] == pytest.approx(0.75 * (1 / 3) + 0.25 * 1)
        assert found[label]["mean_absolute_disparity"] == found[label]["amplification"]
        top = found[label]["most"]
        assert [(entry["category"], entry["events"]) for entry in top] == [(own, 180)]
        assert (top[0]["history_share"], top[0]["list_share"]) == (0.75, 1.0)
        assert (top[0]["bias_history"], top[0]["bias_lists"]) == (1.5, 2.0)
        assert top[0]["disparity"] == pytest.approx(1 / 3)


def test_lists_that_are_alike_for_all_draw_groups_together():
    found = figures((2, 2), min_events=50)
    for entry in found.values():
        assert entry["amplification"] == pytest.approx(-(0.75 * (1 / 3) + 0.25 * 1))
        assert entry["mean_absolute_disparity"] == pytest.approx(0.5)


def test_few_users_and_few_events_have_no_part():
    assert figures((4, 4), min_users=61) == {}
    only_own = figures((4, 4), min_events=100)["dry"]  # 60 events in the other category
    assert only_own["amplification"] == pytest.approx(1 / 3)
    nothing = figures((4, 4), min_events=200)["dry"]
    assert (nothing["amplification"], nothing["mean_absolute_disparity"], nothing["most"]) == (None, None, [])


def test_without_categories_there_is_nothing_to_amplify():
    ranked, facts, groups = two_groups((4, 4))
    nameless = replace(facts, category=Categorical(np.full(N_ITEMS, -1, np.int32), ()))
    found = amplification(ranked, nameless, groups, k=10)["skin"]
    assert [entry["amplification"] for entry in found.values()] == [None, None]
