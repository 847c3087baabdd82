"""Coming back, against SciPy's Kaplan-Meier and against resampled users."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.exploration.repurchase import repurchase
from evaluation.exploration.survival import Durations, returns
from tests.evaluation.exploration.logs import interactions, material_of, random_log

durations = st.lists(st.tuples(st.integers(1, 60), st.booleans(), st.integers(0, 5)), min_size=1, max_size=40)


def as_durations(rows, group=0):
    days, ended, user = (np.array(column) for column in zip(*rows, strict=True))
    return Durations(days, ended, user.astype(np.int32), np.full(len(rows), group, np.int32))


@settings(max_examples=25)
@given(rows=durations)
def test_the_share_is_that_of_kaplan_and_meier(rows):
    estimated = returns(as_durations(rows), 1, (10, 30))
    ended = [day for day, has_ended, _ in rows if has_ended]
    cut = [day for day, has_ended, _ in rows if not has_ended]
    oracle = stats.ecdf(stats.CensoredData(uncensored=ended, right=cut)).sf
    last = max(day for day, *_ in rows)
    for day in range(1, last + 1):
        assert 1 - estimated.share[0, day - 1] == pytest.approx(float(oracle.evaluate(day)), abs=1e-12)
        assert estimated.at_risk[0, day - 1] == sum(length >= day for length, *_ in rows)
    assert (estimated.low <= estimated.high).all()


def test_one_interval_a_user_has_greenwoods_variance():
    rng = np.random.default_rng(0)
    rows = [(int(day), bool(ended), user) for user, (day, ended) in
            enumerate(zip(rng.integers(1, 40, 300), rng.random(300) < 0.6, strict=True))]  # fmt: skip
    estimated = returns(as_durations(rows), 1, (20,))
    at_risk = np.array([sum(day >= d for day, *_ in rows) for d in range(1, 21)])
    events = np.array([sum(day == d and ended for day, ended, _ in rows) for d in range(1, 21)])
    survival = np.prod(1 - events / at_risk)
    greenwood = survival * np.sqrt((events / (at_risk * (at_risk - events))).sum())
    reach = (estimated.high[0, 0] - estimated.low[0, 0]) / 2 / 1.959964
    assert reach == pytest.approx(greenwood, rel=0.05)


def test_a_user_with_many_alike_intervals_counts_as_one():
    once = [(5 + user % 7, user % 3 > 0, user) for user in range(60)]
    alone, together = (returns(as_durations(rows), 1, (8,)) for rows in (once, once * 10))
    assert together.share[0, 7] == pytest.approx(alone.share[0, 7])
    width = [float(found.high[0, 0] - found.low[0, 0]) for found in (alone, together)]
    assert width[1] == pytest.approx(width[0])


def test_groups_do_not_mix():
    rng = np.random.default_rng(2)
    days, ended = rng.integers(1, 30, 80), rng.random(80) < 0.5
    user, group = rng.integers(0, 9, 80).astype(np.int32), rng.integers(-1, 2, 80).astype(np.int32)
    both = returns(Durations(days, ended, user, group), 2, (15,))
    for name in (0, 1):
        own = group == name
        alone = Durations(days[own], ended[own], user[own], np.zeros(own.sum(), np.int32))
        found = returns(alone, 1, (15,))
        np.testing.assert_allclose(both.share[name, :20], found.share[0, :20])
        np.testing.assert_allclose(both.low[name], found.low[0])


@settings(max_examples=25)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.just("purchase"), st.integers(0, 60)),
        min_size=1, max_size=30,
    )
)  # fmt: skip
def test_intervals_between_purchases(events):
    log = interactions(events)
    day = (log.time // 86_400).astype(np.int32)
    last = int(day.max())
    found = Durations.between(log.user, log.item, day, np.arange(5, dtype=np.int32), last)
    expected = []
    for user, item in {(u, i) for u, i, *_ in events}:
        days = sorted({d for u, i, _, d in events if (u, i) == (user, item)})
        until = [*days[1:], None]
        end = last - int(day.min()) + min(d for *_, d in events)
        expected += [(b - a, True, user, item) for a, b in zip(days, until[:-1], strict=False)]
        if end > days[-1]:
            expected.append((end - days[-1], False, user, item))
    got = zip(
        found.days.tolist(), found.ended.tolist(), found.user.tolist(), found.group.tolist(), strict=True
    )
    assert sorted(got) == sorted(expected)


def test_a_rating_of_what_was_bought_is_no_repeat():
    events = [(0, 0, "purchase", 0), (0, 0, "rating", 3), (1, 0, "purchase", 1), (1, 0, "purchase", 20)]
    assert repurchase(material_of(interactions(events)))["repeats"] == pytest.approx(1 / 3)


def test_a_monthly_habit_is_found():
    events = [(user, user % 5, "purchase", user % 30 + 30 * k) for user in range(60) for k in range(6)]
    found = repurchase(material_of(interactions(events), 60))
    assert found["item"]["all"]["median"] == 30
    assert found["item"]["all"]["within"]["30"]["share"] == pytest.approx(1, abs=0.05)
    assert found["gaps"]["spread"]["median"] == 30
    assert "split.repurchase=true" in found["reading"]


def test_nothing_of_days_is_said_of_sequences():
    events = [(user, step, "purchase", 30 - step) for user in range(4) for step in range(4)]
    found = repurchase(material_of(interactions(events)))
    assert found["gaps"] is found["item"] is None
    assert found["repeats"] == 0


def test_without_repeats_reviews_are_looked_at():
    log = random_log(3, 300, 40, 30, 200, kinds=("rating",))
    found = repurchase(material_of(log, 40, 30))
    assert found["category"]["all"]["n"] > 0
