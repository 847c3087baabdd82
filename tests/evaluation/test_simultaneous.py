"""Joint intervals: they hold all at once, are no wider than they must be, and bear groups without spread."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError
from evaluation.intervals import bootstrap
from evaluation.simultaneous import simultaneous


def sample(seed, n=200, n_groups=8):
    """Values around 0 of which most are 0, and groups that overlap."""
    random = np.random.default_rng(seed)
    values = np.where(random.random(n) < 0.4, random.normal(size=n), 0)
    return values, random.random((n, n_groups)) < 0.4


def all_cover(intervals):
    return all(interval.low <= 0 <= interval.high for interval in intervals)


def test_they_hold_all_at_once_where_single_ones_do_not():
    joint = single = 0
    for seed in range(150):
        values, members = sample(seed)
        joint += all_cover(simultaneous(values, members, n_resamples=200, seed=seed).intervals)
        within = np.where(members, values[:, None], np.nan)
        single += all_cover(bootstrap(within, n_resamples=200, seed=seed).intervals())
    assert joint / 150 >= 0.89
    assert single / 150 <= 0.82


def test_one_group_of_all_users_is_the_usual_interval():
    values = np.random.default_rng(0).normal(size=800)
    found = simultaneous(values, np.ones((800, 1), bool), n_resamples=2000, seed=0)
    (usual,) = bootstrap(values[:, None], n_resamples=2000, seed=0).intervals()
    assert found.critical == pytest.approx(1.96, abs=0.12)
    assert found.intervals[0].mean == usual.mean
    assert found.intervals[0].low == pytest.approx(usual.low, abs=0.01)
    assert found.intervals[0].high == pytest.approx(usual.high, abs=0.01)


def test_a_group_that_is_there_twice_costs_nothing_and_another_one_does():
    values, members = sample(1)
    twice = np.concatenate([members[:, :4], members[:, :4]], axis=1)
    few, again, more = (
        simultaneous(values, own, n_resamples=400, seed=0).critical
        for own in (members[:, :4], twice, members)
    )
    assert again == few < more < 3.5


@settings(max_examples=30)
@given(st.integers(0, 1000), st.permutations(range(8)))
def test_neither_the_order_of_the_groups_nor_users_of_none_matter(seed, order):
    values, members = sample(seed, n=80)
    found = simultaneous(values, members, n_resamples=100, seed=seed)
    moved = simultaneous(values, members[:, order], n_resamples=100, seed=seed)
    assert [found.intervals[at] for at in order] == moved.intervals
    values[~members.any(axis=1)] = 1e6
    assert simultaneous(values, members, n_resamples=100, seed=seed) == found


def test_a_group_without_spread_neither_widens_the_others_nor_has_an_interval_of_its_own():
    values, members = sample(2)
    constant, lonely = np.zeros((200, 2), bool).T
    constant[:5], lonely[7] = True, True
    values[:5] = -0.3
    members[:5] = False
    alone = simultaneous(values, members, n_resamples=300, seed=0)
    extended = np.column_stack([members, constant, lonely, np.zeros(200, bool)])
    found = simultaneous(values, extended, n_resamples=300, seed=0)
    assert found.critical == alone.critical
    assert found.intervals[:8] == alone.intervals
    assert found.intervals[8].as_json() == {"mean": -0.3, "low": -0.3, "high": -0.3}
    assert found.intervals[9].as_json() == {"mean": values[7], "low": None, "high": None}
    assert found.intervals[10].as_json() == {"mean": None, "low": None, "high": None}


def test_users_without_a_value_are_left_out():
    values, members = sample(3)
    values[::5] = math.nan
    known = ~np.isnan(values)
    for group, interval in enumerate(simultaneous(values, members, n_resamples=100, seed=0).intervals):
        assert interval.mean == pytest.approx(values[known & members[:, group]].mean())


def test_no_group_and_no_spread_at_all():
    none = simultaneous(np.ones(5), np.zeros((5, 0), bool), n_resamples=10, seed=0)
    assert none.intervals == []
    assert math.isnan(none.critical)
    equal = simultaneous(np.zeros(5), np.ones((5, 1), bool), n_resamples=10, seed=0)
    assert equal.intervals[0].as_json() == {"mean": 0, "low": 0, "high": 0}
    with pytest.raises(DataContractError, match="a row for each of the 5 users"):
        simultaneous(np.ones(5), np.ones((4, 1), bool), n_resamples=10, seed=0)
