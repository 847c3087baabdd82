from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ConfigurationError
from dataset.splits.random import Random, uniform


def test_it_always_warns(make_dataset):
    (warning,) = Random().split(make_dataset(0)).warnings
    assert "see the future" in warning


@given(seed=st.integers(0, 1000))
def test_the_draw_depends_on_the_events_and_not_on_their_rows(make_dataset, seed):
    events = make_dataset(seed).interactions
    order = np.random.default_rng(seed).permutation(len(events))
    np.testing.assert_array_equal(uniform(events.take(order), 3, 1), uniform(events, 3, 1)[order])
    some = events.take(np.arange(0, len(events), 3))
    np.testing.assert_array_equal(uniform(some, 3, 1), uniform(events, 3, 1)[::3])


@pytest.mark.parametrize("stream", [0, 1, 2])
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2**63 - 1))]
)
def test_draws_are_uniform_and_independent(make_dataset, seed, stream):
    events = make_dataset(0, n_users=500, n_items=300, n_events=20_000).interactions
    draws = uniform(events, seed, stream)
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, 20, (0, 1))[0]
    expected = len(draws) / 20
    assert ((counts - expected) ** 2 / expected).sum() < 60  # chi-squared of 19 degrees, p about 4e-6
    other = uniform(events, seed, stream + 1)
    assert abs(np.corrcoef(draws, other)[0, 1]) < 0.04


@pytest.mark.parametrize("share", [0.05, pytest.param(0.3, marks=pytest.mark.slow)])
def test_each_snapshot_draws_its_share_of_what_is_left(make_dataset, share):
    dataset = make_dataset(1, n_users=2000, n_items=3000, n_events=20_000, kinds=("purchase", "view"))
    left = dataset.interactions.is_kind(("purchase",)).sum()
    for snapshot in Random(test_share=share).split(dataset).snapshots:
        remaining = snapshot.history.is_kind(("purchase",)).sum()
        assert 1 - remaining / left == pytest.approx(share, abs=0.03)
        assert snapshot.history.is_kind(("view",)).sum() == dataset.interactions.is_kind(("view",)).sum()
        left = remaining


def test_truths_of_snapshots_are_apart(make_dataset):
    snapshots = Random(repurchase=True, test_share=0.3).split(make_dataset(2, n_items=200)).snapshots
    sizes = [len(snapshot.history) for snapshot in snapshots]
    assert sizes == sorted(sizes, reverse=True)
    last = max(int(snapshot.history.time.max()) for snapshot in snapshots)
    assert all((snapshot.queries.time > last).all() for snapshot in snapshots)


def test_another_seed_draws_others(make_dataset):
    dataset = make_dataset(0)
    one, other = (Random(seed=seed).split(dataset).test.truth.items for seed in (0, 1))
    assert one.values.tolist() != other.values.tolist()


def test_both_kinds_of_one_moment_go_together(make_dataset):
    """A purchase and its rating on the same day must not end up on both sides."""
    dataset = make_dataset(0, kinds=("purchase",))
    events = dataset.interactions
    both = events.take(np.repeat(np.arange(len(events)), 2))
    both = replace(both, kind=np.tile(np.array([0, 1], np.int8), len(events)))
    test = Random().split(replace(dataset, interactions=both)).test
    counts = np.unique(np.column_stack([test.history.user, test.history.item, test.history.time]), axis=0,
                       return_counts=True)[1]  # fmt: skip
    assert (counts == 2).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("test_share", 0),
        ("test_share", 1),
        ("test_share", "half"),
        ("test_share", float("nan")),
        ("seed", -1),
    ],
)
def test_malformed_settings(field, value):
    with pytest.raises(ConfigurationError, match=f"The '{field}' parameter of Random must be"):
        Random(**{field: value})
