"""Counts over time, shares, recency, baskets and cold starts, against loops that spell them out."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings

from dataset.errors import DataContractError
from dataset.ragged import Categorical
from evaluation.exploration.activity_and_popularity import (
    activity_and_popularity,
    concentration,
    doubling_histogram,
)
from evaluation.exploration.baskets import _lift, baskets
from evaluation.exploration.cold_start import cold_start
from evaluation.exploration.missingness import missingness
from evaluation.exploration.recency import recency
from evaluation.exploration.volumes import season_of, volumes
from tests.evaluation.exploration.logs import TARGETS, any_events, interactions, material_of, random_log

FIRST = date(2022, 1, 1)


def month(day):
    return (FIRST + timedelta(days=day)).strftime("%Y-%m")


@settings(max_examples=25)
@given(events=any_events)
def test_volumes_by_month(events):
    found = volumes(material_of(interactions(events)))
    counted = Counter((kind, month(day)) for *_, kind, day in events)
    active = {(user, month(day)) for user, _, _, day in events}
    assert found["months"] == sorted({m for _, m in counted} | set(found["months"]))
    for at, name in enumerate(found["months"]):
        for kind in found["kinds"]:
            assert found["by_month"][kind][at] == counted[kind, name]
        assert found["by_month"]["users"][at] == sum(m == name for _, m in active)
    assert found["pairs"] == len({(user, item) for user, item, *_ in events})
    assert found["transactions"] == sum(kind in TARGETS for *_, kind, _ in events)
    weekday = Counter((FIRST + timedelta(days=day)).strftime("%A") for *_, day in events)
    assert found["weekdays"] == {
        name: pytest.approx(weekday[name] / len(events)) for name in found["weekdays"]
    }


def test_hours_are_told_where_the_clock_knows_them():
    events = [(0, 0, "purchase", 0.25), (0, 1, "purchase", 1.5), (1, 1, "purchase", 2.75)]
    found = volumes(material_of(interactions(events)))
    assert found["clock"] == "seconds"
    assert {hour for hour, share in enumerate(found["hours"]) if share} == {6, 12, 18}
    assert volumes(material_of(interactions([(0, 0, "purchase", 1), (1, 0, "purchase", 5)])))["hours"] is None


def test_sequences_without_a_clock_are_recognised():
    events = [(user, step % 5, "purchase", 30 - step) for user in range(4) for step in range(user + 2)]
    material = material_of(interactions(events))
    found = volumes(material)
    assert found["clock"] == "steps"
    assert found["months"] is None
    assert "nominal" in found["reading"]
    for section in (recency, baskets, cold_start):
        assert section(material) is None
    one_day_off = interactions([*events, (0, 4, "purchase", 7)])
    assert volumes(material_of(one_day_off))["clock"] == "days"


def test_a_season_is_told_apart_from_a_trend():
    months = tuple(f"{2018 + at // 12}-{at % 12 + 1:02d}" for at in range(48))
    shape = np.ones(12)
    shape[[5, 11]] = 0.6, 1.4
    counts = np.round(1000 * 1.02 ** np.arange(48) * np.tile(shape, 4)).astype(np.int64)
    season = season_of(counts, np.ones(48, bool), months)
    assert np.argmax(season["index"]) == 11
    assert np.argmin(season["index"]) == 5
    np.testing.assert_allclose(season["index"], shape, atol=0.06)
    assert season_of(counts[:23], np.ones(23, bool), months[:23]) is None


@settings(max_examples=25)
@given(events=any_events)
def test_activity_and_popularity(events):
    found = activity_and_popularity(material_of(interactions(events)))
    bought = [(user, item) for user, item, kind, _ in events if kind in TARGETS]
    activity = sorted(Counter(user for user, _ in bought).values())
    buyers = sorted(Counter(item for _, item in set(bought)).values())
    for name, counts in (("users", activity), ("items", buyers)):
        of = found[name]
        assert of["total"] == sum(counts)
        assert of["share_with_one"] == pytest.approx(counts.count(1) / len(counts))
        if len(counts) > 1:
            differences = sum(abs(a - b) for a in counts for b in counts)
            pairs = len(counts) * (len(counts) - 1)
            assert of["gini"] == pytest.approx(differences / (2 * pairs * np.mean(counts)))


def test_lorenz_curves_and_top_shares():
    equal = concentration(np.full(10, 3))
    np.testing.assert_allclose(equal["lorenz"], np.linspace(0, 1, 101))
    assert equal["gini"] == 0
    one_has_most = concentration(np.array([1] * 9 + [91]))
    assert one_has_most["top"]["10 %"] == pytest.approx(0.91)
    assert one_has_most["lorenz"][90] == pytest.approx(0.09)


def test_histograms_hold_every_count():
    counts = np.random.default_rng(0).integers(1, 3000, 500)
    found = doubling_histogram(counts)
    assert sum(found.values()) == 500
    assert found["3–4"] == int(((counts == 3) | (counts == 4)).sum())


def test_missing_attributes_are_counted_and_weighed():
    events = [(0, 0, "purchase", 0), (0, 0, "purchase", 1), (1, 1, "purchase", 2), (2, 2, "view", 3)]
    log = interactions(events, stated={"skin": Categorical(np.array([-1, 0, -1, -1], np.int32), ("dry",))})
    found = missingness(material_of(log, ingredients=[["water"], [], [], ["water"], ["water"]]))
    assert found["items"]["ingredients"] == {"share": 0.4, "of_transactions": pytest.approx(1 / 3)}
    assert found["items"]["launch date"]["share"] == 1
    assert found["events"]["skin"] == {"share": 0.75, "never": pytest.approx(2 / 3)}
    assert "launch date of items" in found["reading"]


@settings(max_examples=25)
@given(events=any_events)
def test_recency(events):
    found = recency(material_of(interactions(events)))
    if found is None:  # looks like steps
        return
    end = max(day for *_, day in events)
    newest = {user: max(day for u, *_, day in events if u == user) for user, *_ in events}
    silent = [end - day for day in newest.values()]
    assert found["users"]["within"]["30"] == pytest.approx(np.mean([days <= 30 for days in silent]))
    assert found["users"]["spread"]["max"] == max(silent)


@settings(max_examples=25)
@given(events=any_events)
def test_baskets(events):
    found = baskets(material_of(interactions(events)))
    if found is None:
        return
    kinds = {kind for *_, kind, _ in events}
    wanted = ("purchase",) if "purchase" in kinds else TARGETS
    held = defaultdict(set)
    for user, item, kind, day in events:
        if kind in wanted:
            held[user, day].add(item)
    sizes = [len(items) for items in held.values()]
    assert found["n"] == len(sizes)
    assert found["spread"]["mean"] == pytest.approx(np.mean(sizes))
    assert found["share_with_several"] == pytest.approx(np.mean([size > 1 for size in sizes]))


def test_categories_that_go_together_are_found_and_others_are_not():
    rng = np.random.default_rng(1)
    events = []
    for basket in range(600):
        has = rng.random(4) < 0.5
        has[1] = has[0] if rng.random() < 0.7 else has[1]
        events += [(basket % 50, item, "purchase", basket // 50 * 2) for item in np.flatnonzero(has)]
    found = baskets(material_of(interactions(events), 50, 5, categories=("A", "B", "C", "D")))
    held = defaultdict(set)
    for user, item, _, day in events:
        held[user, day].add("ABCDA"[item])
    several = [names for names in held.values() if len(names) > 1]
    for pair in found["pairs"]:
        a, b = pair["categories"]
        alone = [sum(name in names for names in several) for name in (a, b)]
        both = sum({a, b} <= names for names in several)
        assert pair["lift"] == pytest.approx(both * len(several) / (alone[0] * alone[1]))
        assert pair["low"] < pair["lift"] < pair["high"]
    assert found["pairs"][0]["categories"] == ["A", "B"]
    assert found["pairs"][0]["low"] > 1
    assert len(found["pairs"]) == len(list(combinations("ABCD", 2)))


def test_intervals_of_a_lift_hold_the_truth():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n, a, b = 400, 0.4, 0.3
        has_a, has_b = rng.random(n) < a, rng.random(n) < b
        figures = _lift(int((has_a & has_b).sum()), int(has_a.sum()), int(has_b.sum()), n)
        covered += figures["low"] <= 1 <= figures["high"]
    assert 180 <= covered <= 200


@settings(max_examples=25)
@given(events=any_events)
def test_cold_start(events):
    found = cold_start(material_of(interactions(events)))
    if found is None:
        return
    first_user, first_item = {}, {}
    for user, item, _, day in events:
        first_user[user] = min(first_user.get(user, "9"), month(day))
        first_item[item] = min(first_item.get(item, "9"), month(day))
    for at, name in enumerate(found["months"]):
        bought = [(u, i) for u, i, kind, day in events if kind in TARGETS and month(day) == name]
        assert found["transactions"][at] == len(bought)
        if bought:
            new = [(first_user[u] == name, first_item[i] == name) for u, i in bought]
            assert found["new_user"][at] == pytest.approx(np.mean([u for u, _ in new]))
            assert found["new_item"][at] == pytest.approx(np.mean([i for _, i in new]))
            assert found["both"][at] == pytest.approx(np.mean([u and i for u, i in new]))
        else:
            assert found["new_user"][at] is None


def test_a_log_without_transactions_ends_in_a_sentence():
    with pytest.raises(DataContractError, match="Exploring needs events of the kinds purchase, rating"):
        material_of(random_log(0, 20, 5, 5, 30, kinds=("view",)))
