"""The bootstrap: pairing, determinism, and whether its intervals cover."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import DataContractError
from evaluation.intervals import Interval, bootstrap, paired_difference


def test_means_are_the_means_without_nan():
    values = np.array([[1.0, math.nan, 5.0], [3.0, 4.0, math.nan], [5.0, math.nan, math.nan]])
    np.testing.assert_allclose(bootstrap(values, n_resamples=50, seed=0).means, [3.0, 4.0, 5.0])


@given(m=st.integers(1, 30), seed=st.integers(0, 20))
def test_an_interval_lies_within_the_values_and_usually_around_the_mean(m, seed):
    values = np.random.default_rng(seed).random((m, 3))
    for column, interval in enumerate(bootstrap(values, n_resamples=100, seed=seed).intervals()):
        assert interval.low <= interval.high
        assert values[:, column].min() - 1e-12 <= interval.low
        assert interval.high <= values[:, column].max() + 1e-12
        assert interval.mean == pytest.approx(values[:, column].mean())


def test_a_column_does_not_depend_on_its_neighbours_and_equal_seeds_give_equal_bytes():
    values = np.random.default_rng(1).random((500, 8))
    values[::7, 3] = math.nan
    whole = bootstrap(values, n_resamples=130, seed=5)
    alone = bootstrap(values[:, 3:5].copy(), n_resamples=130, seed=5)
    assert whole.resampled[:, 3:5].tobytes() == alone.resampled.tobytes()
    assert bootstrap(values, n_resamples=130, seed=6).resampled.tobytes() != whole.resampled.tobytes()


def test_more_resamples_begin_with_the_same():
    values = np.random.default_rng(1).random((50, 2))
    few, many = (bootstrap(values, n_resamples=n, seed=0).resampled for n in (64, 160))
    np.testing.assert_array_equal(many[:64], few)


def test_a_resample_draws_as_many_rows_as_there_are():
    ones = np.ones((37, 1))
    np.testing.assert_allclose(bootstrap(ones, n_resamples=40, seed=0).resampled, 1.0)


def test_differences_are_paired():
    random = np.random.default_rng(2)
    hard = random.random(400)  # queries differ far more than the two runs do
    values = np.stack([hard + 0.01, hard], axis=1)
    drawn = bootstrap(values, n_resamples=300, seed=0)
    (difference,) = drawn.differences(np.array([0]), np.array([1]))
    assert difference.low == pytest.approx(0.01)
    assert difference.high == pytest.approx(0.01)
    first, second = drawn.intervals()
    assert first.low < second.high  # unpaired, they could not be told apart


def test_equal_runs_differ_by_exactly_nothing():
    values = np.random.default_rng(3).random((100, 1)).repeat(2, axis=1)
    (difference,) = bootstrap(values, n_resamples=100, seed=0).differences(np.array([0]), np.array([1]))
    assert difference == Interval(0.0, 0.0, 0.0)


def test_paired_difference_of_columns():
    random = np.random.default_rng(4)
    first, second = random.random(200), random.random(200)
    first[0] = math.nan
    difference = paired_difference(first, second, n_resamples=200)
    assert difference.mean == pytest.approx(np.nanmean(first - second))
    with pytest.raises(DataContractError, match="same queries"):
        paired_difference(first, second[1:])


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    random = np.random.default_rng(7)
    samples = random.exponential(size=(80, 300))  # 300 experiments of 80 queries, true mean 1
    intervals = bootstrap(samples, n_resamples=400, seed=0).intervals()
    share = np.mean([interval.low <= 1 <= interval.high for interval in intervals])
    assert 0.87 <= share <= 0.98


def test_widths_agree_with_the_normal_approximation():
    values = np.random.default_rng(8).normal(size=(2000, 1))
    (interval,) = bootstrap(values, n_resamples=2000, seed=0).intervals()
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(2000), rel=0.1)


def test_no_query_no_column_no_value():
    (interval,) = bootstrap(np.zeros((0, 1)), n_resamples=10, seed=0).intervals()
    assert interval.as_json() == {"mean": None, "low": None, "high": None}
    assert bootstrap(np.zeros((5, 0)), n_resamples=10, seed=0).intervals() == []
    (never,) = bootstrap(np.full((5, 1), math.nan), n_resamples=10, seed=0).intervals()
    assert math.isnan(never.mean)


def test_a_rare_value_keeps_its_interval_though_some_resamples_miss_it():
    values = np.full((20, 1), math.nan)
    values[3] = 2.0
    (interval,) = bootstrap(values, n_resamples=50, seed=0).intervals()
    assert interval == Interval(2.0, 2.0, 2.0)


def test_values_are_a_matrix():
    with pytest.raises(DataContractError, match="must be a matrix"):
        bootstrap(np.zeros(3), n_resamples=10, seed=0)
