"""Every measure of lists against its definition written out, query by query."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import list_measures
from evaluation.list_measures import measure_lists
from evaluation.metrics.popularity_lift import PopularityLift
from tests.evaluation.samples import qrels_of, ranked_of
from tests.evaluation.worlds import N_ITEMS, WEIGHTS, World, worlds

WIDTH = 7
NAN = math.nan


def ratio(part, whole):
    return part / whole if whole else NAN


def recall(chosen, relevant):
    return ratio(len(set(chosen) & set(relevant)), len(relevant))


def divergence(before, shown, alpha=0.01):
    """Kullback-Leibler, smoothed as by Steck; both are weights by category."""
    if not sum(before.values()) or not sum(shown.values()):
        return NAN
    total = 0.0
    for category, weight in before.items():
        p = weight / sum(before.values())
        q = shown.get(category, 0) / sum(shown.values())
        total += p * math.log(p / ((1 - alpha) * q + alpha * p)) if p else 0.0
    return total


def diversity(chosen, vectors):
    known = [np.array(vectors[i], float) for i in chosen if i in vectors and any(vectors[i])]
    pairs = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(known, 2)]
    return 1 - np.mean(pairs) if pairs else NAN


def by_category(world, weighted):
    found = {}
    for item, weight in weighted:
        if world.category[item] >= 0:
            found[world.category[item]] = found.get(world.category[item], 0) + weight
    return found


def written_out(world, at, k, new_days):
    """All measures of one query."""
    chosen, relevant = world.lists[at][:k], world.truth[at]
    events = [(item, WEIGHTS[kind]) for item, kind in world.events[at]]
    met, weight = {item for item, _ in events}, sum(w for _, w in events)
    categories = {world.category[item] for item in met} - {-1}
    placed = [item for item in relevant if world.category[item] >= 0]
    listed = [world.popularity[item] for item in chosen]
    had = ratio(sum(w * world.popularity[item] for item, w in events), weight)
    lift = (np.mean(listed), had) if listed and not math.isnan(had) else (NAN, NAN)
    return {
        "novelty": ratio(sum(math.log2(20 / max(p, 1)) for p in listed), len(chosen)),
        "diversity_ingredients": diversity(chosen, world.vectors),
        "calibration": divergence(by_category(world, events), by_category(world, [(i, 1) for i in chosen])),
        "new_items": ratio(sum(world.age_days[item] < new_days for item in chosen), len(chosen)),
        "popularity_lift": lift,
        "repeats": ratio(len(met & set(chosen)), len(chosen)),
        "recall_repeat": recall(chosen, met & set(relevant)),
        "recall_discovery": recall(chosen, set(relevant) - met),
        "recall_known_category": recall(chosen, [i for i in placed if world.category[i] in categories]),
        "recall_new_category": recall(chosen, [i for i in placed if world.category[i] not in categories]),
    }


@settings(max_examples=40)
@given(world=worlds(), k=st.integers(1, 8), new_days=st.sampled_from([1, 90]))
def test_measures_are_what_their_definitions_say(world, k, new_days):
    ranked, truth = ranked_of(world.lists, WIDTH), qrels_of(world.truth)
    found = measure_lists({"run": ranked}, truth, world.facts, k=k, new_days=new_days)["run"]
    expected = [written_out(world, at, k, new_days) for at in range(len(world.lists))]
    assert set(found) == {f"{name}@{k}" for name in expected[0]}
    for name, values in found.items():
        assert values.dtype == np.float64
        column = [of_query[name.partition("@")[0]] for of_query in expected]
        np.testing.assert_allclose(values, column, rtol=1e-9, atol=1e-9, err_msg=name)
        assert not (values < 0).any()


@settings(max_examples=15)
@given(world=worlds(), block=st.integers(1, 3))
def test_measures_do_not_depend_on_the_block(world, block):
    ranked, truth = ranked_of(world.lists, WIDTH), qrels_of(world.truth)
    whole = measure_lists({"run": ranked}, truth, world.facts, k=5)["run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_measures, "BLOCK_QUERIES", block)
        parts = measure_lists({"run": ranked}, truth, world.facts, k=5)["run"]
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values)


@settings(max_examples=15)
@given(world=worlds(), seed=st.integers(0, 99))
def test_measures_belong_to_their_queries(world, seed):
    rows = np.random.default_rng(seed).integers(0, len(world.lists), 4)
    ranked, truth = ranked_of(world.lists, WIDTH), qrels_of(world.truth)
    whole = measure_lists({"run": ranked}, truth, world.facts, k=5)["run"]
    some = measure_lists({"run": ranked.take(rows)}, truth.take(rows), world.facts.take(rows), k=5)["run"]
    for name, values in whole.items():
        np.testing.assert_array_equal(some[name], values[rows])


@settings(max_examples=15)
@given(world=worlds(), k=st.integers(1, 8))
def test_repeats_and_discoveries_are_all_that_there_is(world, k):
    truth = qrels_of(world.truth)
    found = measure_lists({"run": ranked_of(world.lists, WIDTH)}, truth, world.facts, k=k)["run"]
    for at, (chosen, relevant) in enumerate(zip(world.lists, world.truth, strict=True)):
        met = {item for item, _ in world.events[at]}
        parts = [(found[f"recall_repeat@{k}"][at], len(met & set(relevant)))]
        parts.append((found[f"recall_discovery@{k}"][at], len(set(relevant) - met)))
        hits = sum(value * n for value, n in parts if n)
        assert hits == pytest.approx(len(set(chosen[:k]) & set(relevant)))


def test_a_lift_is_of_the_means_and_not_the_mean_of_lifts():
    before, shown = np.array([1.0, 100.0]), np.array([10.0, 100.0])
    means = np.stack([shown, before], axis=1).mean(axis=0)
    assert PopularityLift.of_means(means) == pytest.approx(110 / 101 - 1)
    assert np.isnan(PopularityLift.of_means(np.array([[3.0, 0.0], [NAN, NAN]]))).all()


def test_without_queries_there_are_no_values():
    ones = [1] * N_ITEMS
    world = World([[(0, "view")]], [[1]], [[2]], [0] * N_ITEMS, ones, ones, [True] * N_ITEMS, {})
    facts = world.facts.take(np.zeros(0, np.int64))
    found = measure_lists({"run": ranked_of([], WIDTH)}, qrels_of([]), facts, k=3)["run"]
    assert {len(values) for values in found.values()} == {0}
