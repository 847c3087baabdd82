import numpy as np
import pytest

from retrieval.transitions import Transitions
from tests.contracts import shops


def by_loop(snapshot, source):
    """Normalised counts of pairs, by the definition, dense."""
    n, counts = len(snapshot.items), np.zeros((len(snapshot.items),) * 2)
    events, weight = snapshot.history, snapshot.history_weight
    for user in range(len(snapshot.users)):
        own = np.flatnonzero(events.user == user)
        for left in range(len(own)):
            for right in range(left + 1, min(left + source.window + 1, len(own))):
                one, other = own[left], own[right]
                moments = [int((events.time[own] > events.time[at]).sum()) for at in (one, other)]
                # Steps apart, but no more than there are events between them.
                gap = min(max(moments[0] - moments[1], 1), right - left)
                value = float(weight[one]) * float(weight[other]) * source.gap_decay ** (gap - 1)
                if source.half_life_days:
                    value *= 0.5 ** ((snapshot.cutoff - events.time[other]) / 86_400 / source.half_life_days)
                if events.item[one] == events.item[other]:
                    continue
                counts[events.item[one], events.item[other]] += value
                if events.time[one] == events.time[other]:
                    counts[events.item[other], events.item[one]] += value
    counts += source.backward * counts.T
    left, right = counts.sum(axis=1), counts.sum(axis=0)
    scale = np.ones((n, n))
    scale[left > 0] *= left[left > 0, None] ** -source.from_power
    scale[:, right > 0] *= right[None, right > 0] ** -source.to_power
    return counts * scale


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    "source",
    [
        Transitions(from_power=0.0, to_power=0.0),
        Transitions(window=1, gap_decay=1.0),
        Transitions(window=3, backward=0.4, from_power=0.3, to_power=1.0, half_life_days=15.0),
        Transitions(window=1000, backward=1.0),
    ],
    ids=str,
)
def test_counts_equal_a_double_loop(source, seed):
    snapshot = shops.snapshot(seed, n_users=12, n_items=15, n_events=200)
    events = snapshot.history
    assert ((events.user[1:] == events.user[:-1]) & (events.time[1:] == events.time[:-1])).any()
    found = source.fit(snapshot, {}).neighbours.toarray()
    np.testing.assert_allclose(found, by_loop(snapshot, source), rtol=1e-5, atol=1e-9)


def test_a_window_of_steps_is_directed():
    snapshot = shops.snapshot(1)
    forward = Transitions(window=1, from_power=0.0, to_power=0.0).fit(snapshot, {}).neighbours
    both = Transitions(window=1, from_power=0.0, to_power=0.0, backward=1.0).fit(snapshot, {}).neighbours
    assert (forward != forward.T).nnz
    assert not (both != both.T).nnz
    np.testing.assert_allclose(both.toarray(), (forward + forward.T).toarray(), rtol=1e-6)


def test_only_the_largest_neighbours_stay():
    snapshot = shops.snapshot(2)
    everything = Transitions().fit(snapshot, {}).neighbours
    few = Transitions(neighbours=2).fit(snapshot, {}).neighbours
    assert np.diff(few.indptr).max() == 2
    largest = -np.sort(-everything.toarray(), axis=1)[:, :2]
    np.testing.assert_array_equal(-np.sort(-few.toarray(), axis=1)[:, :2], largest)
