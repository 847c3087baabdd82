import numpy as np
import pytest

from dataset.interactions import KINDS
from retrieval.groups import Groups
from tests.contracts import shops


def by_loop(snapshot, source, group, n_groups):
    """Smoothed share times smoothed relative rating, by the definition, of shape (n_groups, n_items)."""
    events, n_items = snapshot.history, len(snapshot.items)
    counts, ratings, rated = (np.zeros((n_groups, n_items)) for _ in range(3))
    given = []
    for row in range(len(events)):
        at = group[events.user[row]], events.item[row]
        weight = float(snapshot.history_weight[row])
        if source.half_life_days:
            weight *= 0.5 ** ((snapshot.cutoff - events.time[row]) / 86_400 / source.half_life_days)
        counts[at] += weight
        if KINDS[events.kind[row]] == "rating":
            ratings[at] += events.value[row]
            rated[at] += 1
            given.append(float(events.value[row]))
    overall, mean = counts.sum(axis=0) / counts.sum(), np.mean(given)
    values = np.full((n_groups, n_items), -np.inf)
    for number in range(n_groups):
        for item in np.flatnonzero(snapshot.catalogue):
            share = (counts[number, item] + source.smoothing * overall[item]) / (
                counts[number].sum() + source.smoothing
            )
            n = rated[number, item] + source.rating_smoothing
            rating = (ratings[number, item] + source.rating_smoothing * mean) / n / mean if n else 1.0
            values[number, item] = share * rating
    return values


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    "source",
    [Groups(n_groups=3), Groups(n_groups=2, smoothing=1.0, rating_smoothing=0.0, half_life_days=0.0)],
    ids=str,
)
def test_values_equal_a_loop(source, seed):
    snapshot = shops.snapshot(seed, n_users=80, n_events=900)
    model = source.fit(snapshot, {})
    assert len(model.values) == source.n_groups
    assert len(np.unique(model.row_of_user)) == source.n_groups
    expected = by_loop(snapshot, source, model.row_of_user, source.n_groups)
    np.testing.assert_allclose(model.values, expected, rtol=1e-5)


def test_shares_of_a_group_add_up_to_one():
    snapshot = shops.snapshot(0, n_users=80, n_events=900)
    source = Groups(n_groups=4)
    group = np.arange(80, dtype=np.int32) % 4
    np.testing.assert_allclose(source._shares(snapshot, group, 4).sum(axis=1), 1)


def test_a_small_shop_has_one_group():
    model = Groups().fit(shops.snapshot(0, n_users=12), {})
    assert len(model.values) == 1
    assert not model.row_of_user.any()


def test_users_are_told_apart_by_what_they_buy():
    snapshot = shops.snapshot(6, n_users=80, n_events=900)
    alike = Groups(n_groups=3, behaviour_weight=0.0).fit(snapshot, {}).row_of_user
    bought = Groups(n_groups=3, behaviour_weight=100.0).fit(snapshot, {}).row_of_user
    assert (alike != bought).any()
