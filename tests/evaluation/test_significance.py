"""Randomisation test, Holm's correction and detectable effects, against their definitions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError
from evaluation.significance import holm, minimum_detectable_effect, randomisation_test

DIFFERENCES = st.lists(st.integers(-4, 4).map(lambda n: n / 10), min_size=1, max_size=8)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def enumerated(differences):
    """Share of all sign patterns that give as large a sum."""
    reached = abs(sum(differences)) - 1e-9
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [sum(sign * value for sign, value in zip(own, differences, strict=True)) for own in signs]
    return np.mean([abs(total) >= reached for total in sums])


@settings(max_examples=60)
@given(DIFFERENCES, st.integers(0, 5))
def test_it_agrees_with_all_sign_patterns(differences, seed):
    exact = enumerated(differences)
    (p,) = randomisation_test(np.array(differences)[:, None], n_draws=4000, seed=seed)
    assert abs(p - exact) <= 4.5 * math.sqrt(exact * (1 - exact) / 4000) + 1 / 4000


def test_a_clear_difference_has_the_least_p_and_none_has_one():
    values = np.stack([np.full(60, 0.2), np.zeros(60), np.full(60, math.nan)], axis=1)
    np.testing.assert_allclose(randomisation_test(values, n_draws=500), [1 / 501, 1, 1])


def test_users_without_a_value_are_as_if_they_were_not_there():
    values = np.random.default_rng(0).normal(size=(40, 1))
    with_nothing = np.where(np.arange(40)[:, None] % 4 == 0, math.nan, values)
    with_zero = np.where(np.arange(40)[:, None] % 4 == 0, 0, values)
    assert randomisation_test(with_nothing, n_draws=300) == randomisation_test(with_zero, n_draws=300)


def test_p_is_two_sided_and_no_column_depends_on_another():
    values = np.random.default_rng(1).normal(0.1, 1, size=(70, 3))
    all_p = randomisation_test(values, n_draws=1000, seed=3)
    for column in range(3):
        alone = values[:, [column]].copy()
        assert randomisation_test(alone, n_draws=1000, seed=3) == all_p[column]
        assert randomisation_test(-alone, n_draws=1000, seed=3) == all_p[column]
    assert not np.array_equal(randomisation_test(values, n_draws=1000, seed=4), all_p)


def test_equal_runs_are_called_different_as_often_as_the_level_says():
    random = np.random.default_rng(2)
    values = random.exponential(size=(50, 600)) * random.choice([-1, 1], (50, 600))
    share = (randomisation_test(values, n_draws=400) <= 0.1).mean()
    assert 0.06 <= share <= 0.14


def test_differences_are_a_matrix():
    for function in (randomisation_test, minimum_detectable_effect):
        with pytest.raises(DataContractError, match="must be a matrix"):
            function(np.zeros(3))


def rejected(p, alpha):
    """Holm's procedure as he wrote it: go up from the least p until one is too large for those left."""
    found = np.zeros(len(p), bool)
    for step, at in enumerate(np.argsort(p, kind="stable")):
        if p[at] * (len(p) - step) > alpha:
            break
        found[at] = True
    return found


@given(P_VALUES, st.floats(0.001, 0.999))
def test_adjusted_p_values_reject_what_the_procedure_rejects(p, alpha):
    adjusted = holm(np.array(p))
    np.testing.assert_array_equal(adjusted <= alpha, rejected(np.array(p), alpha))
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()


def test_one_comparison_needs_no_correction_and_none_has_none():
    assert holm(np.array([0.03])).tolist() == [0.03]
    assert holm(np.zeros(0)).tolist() == []


def test_the_detectable_effect_is_the_formula():
    values = np.random.default_rng(3).normal(size=(90, 2))
    values[::9, 1] = math.nan
    expected = [
        (1.959964 + 0.841621) * np.nanstd(v, ddof=1) / math.sqrt(n)
        for v, n in zip(values.T, (90, 80), strict=True)
    ]
    np.testing.assert_allclose(minimum_detectable_effect(values), expected, rtol=1e-5)
    assert np.isnan(minimum_detectable_effect(np.ones((1, 1)))).all()


def test_an_effect_of_that_size_is_found_four_times_in_five():
    random = np.random.default_rng(4)
    n, n_experiments = 60, 800
    effect = (1.959964 + 0.841621) / math.sqrt(n)  # of values with standard deviation 1
    found = randomisation_test(random.normal(effect, 1, size=(n, n_experiments)), n_draws=400) <= 0.05
    assert 0.75 <= found.mean() <= 0.85
