"""Gaps between groups: which, how large, and whether chance alone makes them."""

import numpy as np
import pytest

from evaluation.gaps import gap, gaps
from evaluation.intervals import bootstrap


def drawn(*groups, n_resamples=400, seed=0):
    found = [bootstrap(group[:, None], n_resamples=n_resamples, seed=seed) for group in groups]
    means = np.array([one.means[0] for one in found])
    return means, np.concatenate([one.resampled for one in found], axis=1)


def normal(n, mean, seed):
    return np.random.default_rng(seed).normal(mean, 1.0, n)


@pytest.mark.parametrize(
    ("metric", "best", "worst"),
    [("ndcg@10", "high", "low"), ("calibration@10", "low", "high"), ("popularity_lift@10", "nil", "high")],
)
def test_best_and_worst_as_the_metric_means_it(metric, best, worst):
    means = np.array([-1.0, 0.25, 2.0])
    found = gap(metric, means, np.tile(means, (5, 1)), ("low", "nil", "high"))
    assert (found["best"], found["worst"]) == (best, worst)
    at = dict(zip(("low", "nil", "high"), means, strict=True))
    assert found["difference"]["mean"] == at[best] - at[worst]


def test_two_groups_have_the_usual_interval():
    one, other = normal(400, 1.0, 1), normal(300, 0.0, 2)
    found = gap("ndcg@10", *drawn(one, other, n_resamples=2000), ("one", "other"))["difference"]
    error = np.sqrt(one.var() / 400 + other.var() / 300)
    assert found["mean"] == pytest.approx(one.mean() - other.mean())
    assert found["high"] - found["mean"] == pytest.approx(1.96 * error, rel=0.08)
    assert found["mean"] - found["low"] == pytest.approx(found["high"] - found["mean"])


def test_groups_of_one_size_are_resampled_independently():
    values = normal(200, 0.0, 3)
    found = gap("ndcg@10", *drawn(values, values + 1, n_resamples=2000), ("one", "other"))["difference"]
    assert found["high"] - found["mean"] == pytest.approx(1.96 * values.std() * np.sqrt(2 / 200), rel=0.08)


def test_the_more_groups_the_wider():
    groups = [normal(200, 0.0, seed) for seed in range(8)]
    means, resampled = drawn(*groups)
    order = np.argsort(means)
    pair = order[[0, -1]]
    few = gap("ndcg@10", means[pair], resampled[:, pair], ("a", "b"))["difference"]
    many = gap("ndcg@10", means, resampled, tuple("abcdefgh"))["difference"]
    assert few["mean"] == many["mean"]
    assert many["high"] - many["low"] > 1.3 * (few["high"] - few["low"])


def test_gaps_among_equal_groups_hold_zero_nearly_always():
    held = 0
    for trial in range(60):
        means, resampled = drawn(*(normal(80, 0.0, 100 * trial + g) for g in range(6)), n_resamples=200)
        found = gap("ndcg@10", means, resampled, tuple("abcdef"))["difference"]
        held += found["low"] <= 0 <= found["high"]
    assert held >= 51  # of 60 at 95 %, 57 are expected; the plain interval of the two extremes holds it in 37


def test_no_gap_where_there_is_nothing_to_compare():
    one = np.array([[1.0], [1.0]])
    assert gap("ndcg@10", np.array([1.0]), one, ("a",)) is None
    assert gap("repeats@10", np.zeros(3), np.zeros((4, 3)), ("a", "b", "c")) is None


def test_small_groups_have_no_part():
    values = {"many": normal(60, 0.0, 1), "few": normal(9, 5.0, 2), "more": normal(70, 1.0, 3)}
    of = {label: bootstrap(v[:, None], n_resamples=50, seed=0) for label, v in values.items()}
    n = {label: np.array([len(v)]) for label, v in values.items()}
    found = gaps(of, ("ndcg@10",), n, min_users=50)
    assert {found["ndcg@10"]["best"], found["ndcg@10"]["worst"]} == {"many", "more"}
    assert gaps(of, ("ndcg@10",), n, min_users=65) == {}


def test_groups_without_a_value_have_no_gap():
    of = {label: bootstrap(np.full((60, 1), np.nan), n_resamples=5, seed=0) for label in "ab"}
    assert gaps(of, ("ndcg@10",), {label: np.zeros(1, np.int64) for label in "ab"}, min_users=0) == {}
