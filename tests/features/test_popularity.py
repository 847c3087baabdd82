"""Item statistics against a loop over the events."""

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from features.popularity import Popularity


def test_statistics_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    spec = Popularity(windows_days=[7, 30], smoothing=2.0)
    fitted = spec.fit(snapshot, {}, ())
    history = snapshot.history
    rated = (history.kind == KINDS.index("rating")) & ~np.isnan(history.value)
    mean = history.value[rated].mean()
    counts_30 = []
    for item, row in zip(snapshot.known_items, fitted.table, strict=True):
        got = dict(zip(fitted.names, row, strict=True))
        mine = history.item == item
        age = (snapshot.cutoff - history.time) / SECONDS_PER_DAY
        count = {days: snapshot.history_weight[mine & (age <= days)].sum() for days in (7, 30, 1000)}
        counts_30.append(count[30])
        assert got["log_count_7d"] == pytest.approx(np.log1p(count[7]), abs=1e-6)
        assert got["log_count"] == pytest.approx(np.log1p(count[1000]), abs=1e-6)
        trend = np.log((count[7] + 2 * 7 / 30) / ((count[30] + 2) * 7 / 30))
        assert got["trend"] == pytest.approx(trend, abs=1e-5)
        ratings = history.value[mine & rated]
        assert got["rating"] == pytest.approx((ratings.sum() + 2 * mean) / (len(ratings) + 2), abs=1e-5)
        assert got["log_ratings"] == pytest.approx(np.log1p(len(ratings)))
        launched = snapshot.items.launched[item]
        born = launched if launched != UNKNOWN_TIME else history.time[mine].min()
        assert got["age_days"] == (snapshot.cutoff - born) / SECONDS_PER_DAY
        np.testing.assert_equal(got["days_since_last"], age[mine].min() if mine.any() else np.nan)
    order = np.argsort(fitted.table[:, fitted.names.index("percentile_30d")], kind="stable")
    assert (np.diff(np.array(counts_30)[order]) >= -1e-6).all()


def test_nothing_rated_is_unknown_not_zero(shop) -> None:  # type: ignore[no-untyped-def]
    fitted = Popularity().fit(shop.snapshot(n_events=0), {}, ())
    columns = dict(zip(fitted.names, fitted.table.T, strict=True))
    assert np.isnan(columns["rating"]).all()
    assert np.isnan(columns["days_since_last"]).all()
    assert (columns["log_count"] == 0).all()
    assert (columns["trend"] == 0).all()


def test_items_to_come_have_no_statistics(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_events=60)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests, 18)
    values = Popularity().fit(snapshot, {}, ()).transform(requests, candidates)
    known = snapshot.catalogue[candidates.item]
    assert 0 < known.sum() < len(known)
    assert np.isnan(values[~known]).all()
    assert not np.isnan(values[known, 0]).any()


@pytest.mark.parametrize("windows", [[], [30, 7], [0], ["ten"], "30", [1.5], [7, 7]])
def test_windows_must_ascend(windows: object) -> None:
    with pytest.raises(ParameterError, match="'windows_days' parameter of Popularity must be"):
        Popularity(windows_days=windows)  # type: ignore[arg-type]
