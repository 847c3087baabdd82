"""Users against an item's audience, by loops over events and candidates."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from features.audience import Audience
from features.portraits import TRAITS

DAY = 86_400
NAN = float("nan")


def strict(snapshot):  # type: ignore[no-untyped-def]
    """The same requests of a snapshot that the newest events of each user are not fitted on."""
    history = snapshot.history.take(snapshot.history_step > 3)
    catalogue = snapshot.items.launched < snapshot.cutoff
    catalogue[history.item] = True
    return replace(snapshot, history=history, request_history=snapshot.history, catalogue=catalogue)


def portrait(snapshot, events, user, moment):  # type: ignore[no-untyped-def]
    """Traits of a user from the events before a moment, by name."""
    mine = [at for at in np.flatnonzero(events.user == user) if events.time[at] < moment]
    if not mine:
        return dict.fromkeys(TRAITS, NAN)
    known = [at for at in mine if snapshot.catalogue[events.item[at]]]
    ages, prices = [], [np.log1p(float(snapshot.items.price[events.item[at]])) for at in known]
    for at in known:
        first = snapshot.history.time[snapshot.history.item == events.item[at]]
        born = min([int(snapshot.items.launched[events.item[at]]), *first.tolist()])
        ages.append(np.log1p(max(events.time[at] - born, 0) / DAY))
    return {
        "events": np.log1p(len(mine)),
        "absence": np.log1p((moment - events.time[mine].max()) / DAY),
        "tenure": np.log1p((moment - events.time[mine].min()) / DAY),
        "item_age": mean(ages),
        "price": mean(prices),
        "rating": mean(events.value[mine]),
    }


def mean(values):  # type: ignore[no-untyped-def]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else NAN


def spreads(snapshot, half_life_days, smoothing):  # type: ignore[no-untyped-def]
    """Mean and deviation of each trait among all, and among each item's users."""
    events, kind_weight = snapshot.history, snapshot.history_weight
    known = [portrait(snapshot, events, *who) for who in zip(events.user, events.time, strict=True)]
    found = {}
    for trait in TRAITS:
        value = np.array([each[trait] for each in known])
        weight = kind_weight * 0.5 ** ((snapshot.cutoff - events.time) / DAY / half_life_days)
        weight = np.where(np.isnan(value), 0, weight)
        value = np.nan_to_num(value)
        usual = (weight * value).sum() / weight.sum()
        variance = (weight * (value - usual) ** 2).sum() / weight.sum()
        of_item = {}
        for item in snapshot.known_items:
            own = np.where(events.item == item, weight, 0)
            total = own.sum() + smoothing
            centre = ((own * value).sum() + smoothing * usual) / total
            square = ((own * (value - usual) ** 2).sum() + smoothing * variance) / total
            spread = max(square - (centre - usual) ** 2, 0.1 * variance)
            of_item[item] = centre, np.sqrt(spread)
        found[trait] = usual, np.sqrt(variance), of_item
    return found


@pytest.mark.parametrize("change", [lambda s: s, strict], ids=["plain", "strict"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_columns_are_those_of_loops(shop, seed: int, change) -> None:  # type: ignore[no-untyped-def]
    snapshot = change(shop.snapshot(seed))
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Audience(half_life_days=20.0, smoothing=2.0).fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    spread = spreads(snapshot, 20.0, 2.0)
    told = 0
    for query, item, row in zip(candidates.query, candidates.item, values, strict=True):
        user, moment = requests.queries.user[query], requests.queries.time[query]
        own = portrait(snapshot, snapshot.request_history, user, moment)
        if not snapshot.catalogue[item] or not (snapshot.request_history.user == user).any():
            assert np.isnan(row).all()
            continue
        told += 1
        likelihood = 0.0
        for trait, got in zip(TRAITS, row, strict=False):
            usual, usual_deviation, of_item = spread[trait]
            centre, deviation = of_item[item]
            gap, far = (own[trait] - centre) / deviation, (own[trait] - usual) / usual_deviation
            np.testing.assert_allclose(got, gap, rtol=1e-4, atol=1e-4, err_msg=trait)
            if not np.isnan(gap):
                likelihood += (far**2 - gap**2) / 2 - np.log(deviation / usual_deviation)
        np.testing.assert_allclose(row[-1], likelihood, rtol=1e-3, atol=1e-3)
    assert told > 20


def test_whoever_else_is_in_the_block_changes_no_bit(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(3, n_users=40)
    fitted = Audience().fit(snapshot, {}, ())
    whole = fitted.traits.of_queries(snapshot.requests())
    for row in range(len(snapshot.queries)):
        alone = fitted.traits.of_queries(snapshot.requests(np.array([row])))
        np.testing.assert_array_equal(alone[0], whole[row])


def test_events_of_one_moment_know_nothing_of_each_other(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(1)
    portraits = Audience().fit(snapshot, {}, ()).traits.before_events(snapshot.fitted_histories)
    user, time = snapshot.history.user, snapshot.history.time
    same = np.flatnonzero((user[1:] == user[:-1]) & (time[1:] == time[:-1]))
    assert len(same)
    np.testing.assert_array_equal(portraits[same], portraits[same + 1])


def test_a_shop_without_a_past_has_no_audience(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    empty = replace(snapshot, history=snapshot.history.take(np.zeros(0, np.int64)))
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    assert np.isnan(Audience().fit(empty, {}, ()).transform(requests, candidates)).all()


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ParameterError, match="'half_life_days' parameter of Audience must be"):
        Audience(half_life_days=0.0)
    with pytest.raises(ParameterError, match="'smoothing' parameter of Audience must be"):
        Audience(smoothing=-1.0)
