"""Item statistics against a loop over the events."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from features.item_table import ItemTable
from features.popularity import Popularity, is_returning, percentile_of_counts, trends

WINDOWS = (7, 30, 60)


def counts_of(snapshot, chosen):  # type: ignore[no-untyped-def]
    """Weight of the chosen events of each known item within each window, and over all time."""
    age = (snapshot.cutoff - snapshot.history.time) / SECONDS_PER_DAY
    return {
        days: np.array(
            [
                snapshot.history_weight[chosen & (snapshot.history.item == item) & (age <= days)].sum()
                for item in snapshot.known_items
            ],
            np.float64,
        )
        for days in (*WINDOWS, 1_000)
    }


def percentiles(values):  # type: ignore[no-untyped-def]
    some = values[values > 0]
    return [
        ((some < value).sum() + (some == value).sum() / 2) / len(some) if value > 0 else 0.0
        for value in values
    ]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_counts_are_those_of_a_loop(shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed, n_users=40)
    fitted = Popularity(windows_days=WINDOWS, smoothing=2.0).fit(snapshot, {}, ())
    got = dict(zip(fitted.names, fitted.table.T, strict=True))
    history = snapshot.history
    returning = np.array(
        [
            (history.time[history.user == user] < time).any()
            for user, time in zip(history.user, history.time, strict=True)
        ]
    )
    assert 0 < returning.sum() < len(returning)
    everybody, back = counts_of(snapshot, np.ones(len(history), bool)), counts_of(snapshot, returning)
    expected = {"log_count": np.log1p(everybody[1_000])}
    for days in WINDOWS:
        expected[f"log_count_{days}d"] = np.log1p(everybody[days])
        expected[f"percentile_{days}d"] = percentiles(everybody[days])
        expected[f"log_returning_{days}d"] = np.log1p(back[days])
        expected[f"percentile_returning_{days}d"] = percentiles(back[days])
    for days in WINDOWS[:-1]:
        usual = everybody[days].sum() / everybody[60].sum()
        rate, usual = everybody[days] + 2 * usual, (everybody[60] + 2) * usual
        expected[f"trend_{days}d"] = np.log(rate / usual)
    usual_share = back[60].sum() / everybody[60].sum()
    expected["returning_lift"] = (back[60] / usual_share + 2) / (everybody[60] + 2)
    rest = {"days_since_last", "age_days", "rating", "log_ratings"}
    assert set(fitted.names) == set(expected) | rest
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_times_and_ratings_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    fitted = Popularity(smoothing=2.0).fit(snapshot, {}, ())
    history = snapshot.history
    rated = (history.kind == KINDS.index("rating")) & ~np.isnan(history.value)
    mean = history.value[rated].mean()
    for item, row in zip(snapshot.known_items, fitted.table, strict=True):
        got = dict(zip(fitted.names, row, strict=True))
        mine = history.item == item
        ratings = history.value[mine & rated]
        assert got["rating"] == pytest.approx((ratings.sum() + 2 * mean) / (len(ratings) + 2), abs=1e-5)
        assert got["log_ratings"] == pytest.approx(np.log1p(len(ratings)))
        launched = snapshot.items.launched[item]
        born = launched if launched != UNKNOWN_TIME else history.time[mine].min()
        assert got["age_days"] == (snapshot.cutoff - born) / SECONDS_PER_DAY
        age = (snapshot.cutoff - history.time) / SECONDS_PER_DAY
        np.testing.assert_equal(got["days_since_last"], age[mine].min() if mine.any() else np.nan)


def test_a_user_returns_from_the_second_moment_on(shop) -> None:  # type: ignore[no-untyped-def]
    """Two events of the first moment are both a newcomer's."""
    snapshot = shop.snapshot()
    day = np.array([10, 10, 11, 10, 12], np.int64)
    history = replace(
        snapshot.history.take(np.zeros(5, np.int64)),
        user=np.array([0, 0, 0, 1, 1], np.int32),
        time=snapshot.cutoff - (20 - day) * SECONDS_PER_DAY,
    )
    made = replace(snapshot, history=history, request_history=None)
    assert is_returning(made).tolist() == [False, False, True, False, True]


def test_nothing_rated_is_unknown_not_zero(shop) -> None:  # type: ignore[no-untyped-def]
    fitted = Popularity().fit(shop.snapshot(n_events=0), {}, ())
    columns = dict(zip(fitted.names, fitted.table.T, strict=True))
    assert np.isnan(columns["rating"]).all()
    assert np.isnan(columns["days_since_last"]).all()
    assert np.isnan(columns["returning_lift"]).all()
    assert (columns["log_count"] == 0).all()
    assert all((columns[f"trend_{days}d"] == 0).all() for days in (7, 30, 90))
    assert all((columns[f"percentile_{days}d"] == 0).all() for days in (7, 30, 90, 365))


def test_what_nobody_takes_and_the_growth_of_the_shop_move_no_column(shop) -> None:  # type: ignore[no-untyped-def]
    """Twice as many events of every item, and half the catalogue without any: levels and trends stay."""
    snapshot = shop.snapshot(n_users=40)
    counts = counts_of(snapshot, np.ones(len(snapshot.history), bool))
    idle = np.append(counts[60], np.zeros(2 * len(counts[60])))
    np.testing.assert_array_equal(
        percentile_of_counts(idle)[: len(counts[60])], percentile_of_counts(counts[60])
    )
    assert not percentile_of_counts(idle)[len(counts[60]) :].any()
    calm = trends({7: counts[60] * 0.1, 60: counts[60]}, 2.0)[7]
    busy = trends({7: counts[60] * 0.3, 60: counts[60]}, 2.0)[7]
    np.testing.assert_allclose(calm, busy, atol=1e-12)
    np.testing.assert_allclose(calm, 0, atol=1e-12)


def test_a_window_without_events_has_finite_trends() -> None:
    found = trends({7: np.zeros(3), 60: np.array([4.0, 1.0, 0.0])}, 2.0)[7]
    assert np.isfinite(found).all()
    assert found[0] < found[1] < found[2] == 0


def test_items_to_come_have_no_statistics(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_events=60)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests, 18)
    values = Popularity().fit(snapshot, {}, ()).transform(requests, candidates)
    known = snapshot.catalogue[candidates.item]
    assert 0 < known.sum() < len(known)
    assert np.isnan(values[~known]).all()
    assert not np.isnan(values[known, 0]).any()


def test_windows_of_nominal_days_are_steps(shop) -> None:  # type: ignore[no-untyped-def]
    """Of sequences the last event lies one nominal day before the query: a window of n days holds n steps."""
    snapshot = shop.snapshot(n_users=30)
    windows = (1, 2, 5, 20)
    step = snapshot.history_step
    history = replace(snapshot.history, time=snapshot.cutoff - (1 + step.astype(np.int64)) * SECONDS_PER_DAY)
    fitted = Popularity(windows_days=windows).fit(replace(snapshot, history=history), {}, ())
    columns = dict(zip(fitted.names, fitted.table.T, strict=True))
    assert {f"log_count_{window}d" for window in windows} <= set(columns)
    for window in windows:
        counts = np.zeros(len(snapshot.items))
        np.add.at(counts, history.item[step < window], snapshot.history_weight[step < window])
        expected = np.log1p(counts[snapshot.known_items])
        np.testing.assert_allclose(columns[f"log_count_{window}d"], expected, rtol=1e-6)
    assert all(np.isfinite(columns[f"trend_{window}d"]).all() for window in windows[:-1])


def test_one_window_has_no_trend(shop) -> None:  # type: ignore[no-untyped-def]
    names = Popularity(windows_days=[30]).fit(shop.snapshot(), {}, ()).names
    assert "percentile_30d" in names
    assert not any(name.startswith("trend") for name in names)


@pytest.mark.parametrize("change", [{}, {"n_events": 0}, {"n_items": 1}], ids=str)
def test_what_was_saved_comes_back(shop, change, tmp_path) -> None:  # type: ignore[no-untyped-def]
    fitted = Popularity().fit(shop.snapshot(**change), {}, ())
    fitted.save(tmp_path)
    loaded = ItemTable.load(tmp_path)
    assert loaded.names == fitted.names
    np.testing.assert_array_equal(loaded.table, fitted.table)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_future_and_the_codes_change_nothing(shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed)
    fitted = Popularity().fit(snapshot, {}, ())
    poisoned = Popularity().fit(shop.snapshot(seed, poisoned=True), {}, ())
    np.testing.assert_array_equal(poisoned.table, fitted.table)
    rng = np.random.default_rng(seed)
    user, item = rng.permutation(len(snapshot.users)), rng.permutation(len(snapshot.items))
    other = Popularity().fit(shop.recoded(snapshot, user, item), {}, ())
    row = other.items.rows(item[snapshot.known_items].astype(np.int32))
    np.testing.assert_allclose(other.table[row], fitted.table, rtol=1e-6)


@pytest.mark.parametrize("windows", [[], [30, 7], [0], ["ten"], "30", [1.5], [7, 7]])
def test_windows_must_ascend(windows: object) -> None:
    with pytest.raises(ParameterError, match="'windows_days' parameter of Popularity must be"):
        Popularity(windows_days=windows)  # type: ignore[arg-type]
