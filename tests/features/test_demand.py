"""The forecast of demand against a loop over items, and on shops whose future is known."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.interactions import Interactions
from dataset.items import UNKNOWN_TIME
from features.demand import Demand, _Story

DAY = 86_400
SHORT = Demand(horizon_days=20.0, stride_days=7.0, n_moments=6, regularisation=1.0)


def test_what_items_look_like_is_what_a_loop_says(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    history, weight = snapshot.history, snapshot.history_weight
    moment = snapshot.cutoff - 20 * DAY
    described = _Story.of(snapshot).described(moment, (7, 30))
    first = {user: history.time[history.user == user].min() for user in np.unique(history.user)}
    came = np.array([first[user] for user in history.user])
    for item in range(len(snapshot.items)):
        own = (history.item == item) & (history.time < moment)
        for at, days in enumerate((7, 30, 10_000)):
            within = own & (history.time >= moment - days * DAY)
            back = within & (history.time > came)
            assert described[item, 4 * at] == pytest.approx(np.log1p(weight[within].sum()))
            assert described[item, 4 * at + 2] == pytest.approx(np.log1p(weight[back].sum()))
        rest = (moment - history.time[own].max()) / DAY if own.any() else None
        if rest is not None:
            assert described[item, -1] == pytest.approx(np.log1p(rest))


def test_only_those_who_had_come_before_count(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    history, weight = snapshot.history, snapshot.history_weight
    start, end = snapshot.cutoff - 30 * DAY, snapshot.cutoff - 10 * DAY
    taken = _Story.of(snapshot).taken_by_returning(start, end)
    expected = np.zeros(len(snapshot.items))
    for user, item, time, one in zip(history.user, history.item, history.time, weight, strict=True):
        if start <= time < end and history.time[history.user == user].min() < start:
            expected[item] += one
    assert expected.any()
    np.testing.assert_allclose(taken, expected)


@pytest.fixture
def steady(shop):  # type: ignore[no-untyped-def]
    """A shop of 6 items, all old, whose item i is taken i times a day by people who come every day."""
    snapshot = shop.snapshot(n_users=30, n_items=6, n_events=300)
    rows = [
        (user, day, item)
        for day in range(60)
        for item in range(6)
        for user in np.random.default_rng([day, item]).permutation(20)[:item]
    ]
    user, day, item = (np.array(column) for column in zip(*sorted(rows), strict=True))
    events = Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=np.full(len(user), 4, np.int8),
        value=np.full(len(user), np.nan, np.float32),
        time=(snapshot.cutoff - (60 - day) * DAY).astype(np.int64),
    )
    items = replace(snapshot.items, launched=np.full(6, UNKNOWN_TIME))
    seen = np.isin(np.arange(6), item)
    return replace(snapshot, history=events, request_history=events, items=items, catalogue=seen)


def test_what_goes_on_is_forecast(steady) -> None:  # type: ignore[no-untyped-def]
    fitted = SHORT.fit(steady, {}, ())
    forecast = fitted.table[:, fitted.names.index("forecast")]
    assert (
        np.diff(forecast) > 0
    ).all()  # items in the order of their codes: each is taken more than the last
    taken = 20.0 * steady.known_items
    np.testing.assert_allclose(forecast, np.log((taken + 0.5) / (taken.mean() + 0.5)), atol=0.1)
    percentile = fitted.table[:, fitted.names.index("percentile")]
    np.testing.assert_allclose(percentile, (np.arange(5) + 0.5) / 5)


def test_a_history_without_a_whole_window_says_nothing(steady) -> None:  # type: ignore[no-untyped-def]
    table = Demand(horizon_days=60.0).fit(steady, {}, ()).table
    assert table.shape == (5, 2)
    assert np.isnan(table).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"horizon_days": 0},
        {"stride_days": -1.0},
        {"n_moments": 0},
        {"windows_days": [7, 3]},
        {"regularisation": 0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParameterError, match="Demand"):
        Demand(**settings)


def test_the_shop_that_every_family_is_tried_on_has_a_forecast(shop) -> None:  # type: ignore[no-untyped-def]
    table = Demand(horizon_days=20.0, stride_days=7.0).fit(shop.snapshot(), {}, ()).table
    assert not np.isnan(table).any()
    assert len(np.unique(table[:, 0])) > 3
