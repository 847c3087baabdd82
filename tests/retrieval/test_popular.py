import numpy as np
import pytest

from retrieval.popular import Popular, SortedLists, decayed_counts
from retrieval.shuffled import Shuffled
from tests.contracts import shops


@pytest.mark.parametrize(("half_life_days", "window_days"), [(0, 0), (10, 0), (0, 30), (25, 40), (0, 1e-6)])
def test_counts_equal_a_loop(half_life_days, window_days):
    snapshot = shops.snapshot(1)
    events = snapshot.history
    expected = np.zeros(len(snapshot.items))
    for item, kind, time in zip(events.item, events.kind, events.time, strict=True):
        age_days = (snapshot.cutoff - time) / 86_400
        if not window_days or age_days <= window_days:
            decay = 0.5 ** (age_days / half_life_days) if half_life_days else 1.0
            expected[item] += float(shops.EVENT_WEIGHTS[kind]) * decay
    found = decayed_counts(snapshot, half_life_days, window_days)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_items_that_nobody_took_come_last_but_come():
    snapshot = shops.snapshot(0, n_events=60)
    model = Popular().fit(snapshot, {})
    values = model.values[0]
    assert (values[~snapshot.catalogue] == -np.inf).all()
    never = snapshot.catalogue & (decayed_counts(snapshot, 0) == 0)
    assert never.any()
    assert (values[never] == 0).all()


def test_what_rounding_makes_equal_is_a_tie():
    close = np.array([[1.0, 1.0 + 1e-12, 2.0]])
    assert SortedLists.of(close, np.zeros(1, np.int32)).order.tolist() == [[2, 0, 1]]


def test_orders_differ_between_users_and_seeds_and_are_shared():
    snapshot = shops.snapshot(0)
    model = Shuffled(n_orders=3).fit(snapshot, {})
    assert len(np.unique(model.order, axis=0)) == 3
    np.testing.assert_array_equal(model.row_of_user, np.arange(len(snapshot.users)) % 3)
    other = Shuffled(n_orders=3, seed=1).fit(snapshot, {})
    assert (model.order != other.order).any()
