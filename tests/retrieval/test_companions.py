import numpy as np
import pytest

from retrieval.companions import Companions
from tests.contracts import shops

DAY = 86_400


def by_loop(snapshot, source, user):
    """Sum over pairs of events on one item, by the definition; and whether there is a companion."""
    events, kind_weight = snapshot.history, snapshot.history_weight
    said = np.flatnonzero(kind_weight > 0)
    total, found = np.zeros(len(snapshot.items)), False
    for own in np.flatnonzero(events.user == user):
        days = np.abs(events.time[said] - events.time[own]) / DAY
        near = said[(events.item[said] == events.item[own]) & (days <= source.days)]
        for other in near[events.user[near] != user]:
            found = True
            apart = abs(int(events.time[other] - events.time[own])) / DAY
            weight = (
                kind_weight[own] * np.exp(-apart / source.decay_days) / (1 + len(near)) ** source.crowd_power
            )
            taken = said[events.user[said] == events.user[other]]
            for at in taken:
                age = (snapshot.cutoff - events.time[at]) / DAY
                decay = 0.5 ** (age / source.half_life_days) if source.half_life_days else 1.0
                total[events.item[at]] += weight * kind_weight[at] * decay / np.sqrt(len(taken))
    return total, found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "source",
    [
        Companions(days=20.0, decay_days=7.0),
        Companions(days=0.0, half_life_days=0.0, crowd_power=0.0),
        Companions(days=500.0, half_life_days=15.0, crowd_power=1.0),
    ],
    ids=str,
)
def test_sums_equal_a_double_loop(source, seed):
    snapshot = shops.snapshot(seed, n_users=12, n_items=15, n_events=150)
    requests, n = snapshot.requests(), len(snapshot.items)
    offsets = np.arange(len(requests) + 1, dtype=np.int64) * n
    item = np.tile(np.arange(n, dtype=np.int32), len(requests))
    scores = source.fit(snapshot, {}).score(requests, offsets, item).reshape(-1, n)
    seen = []
    for row, user in zip(scores, requests.queries.user, strict=True):
        expected, found = by_loop(snapshot, source, user)
        seen.append(found)
        np.testing.assert_allclose(row, expected if found else np.nan, rtol=1e-5, atol=1e-7)
    assert any(seen)


def test_nobody_is_their_own_companion():
    snapshot = shops.snapshot(0, n_users=2, n_items=8, n_events=30)
    alone = snapshot.history.user.min()
    history = snapshot.history.take(snapshot.history.user == alone)
    assert len(history) > 3
    shop = shops.replace(snapshot, history=history, request_history=history)
    rows = np.flatnonzero(shop.queries.user == alone)
    assert (Companions(days=1e4).fit(shop, {}).retrieve(shop.requests(rows), 5).items == -1).all()
