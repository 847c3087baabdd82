"""The user's own events with the candidate, and replenishment."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.interactions import KINDS, SECONDS_PER_DAY
from features.repeat import Repeat


def test_own_events_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_items=6, n_events=500)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Repeat(kinds=["view", "purchase"], min_repeats=1).fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    interval = dict(zip(fitted.items.codes, fitted.interval_days, strict=True))
    history = requests.history
    assert (~np.isnan(values[:, -1])).any()
    for query, item, row in zip(candidates.query, candidates.item, values, strict=True):
        got = dict(zip(fitted.names, row, strict=True))
        own = np.arange(history.offsets[query], history.offsets[query + 1])
        mine = own[history.item[own] == item]
        for kind in ("view", "purchase"):
            assert got[f"n_{kind}"] == (history.kind[mine] == KINDS.index(kind)).sum()
        days = (requests.queries.time[query] - history.time[mine]) / SECONDS_PER_DAY
        np.testing.assert_equal(got["days_since_event"], days.min() if len(mine) else np.nan)
        share = history.weight[mine].sum() / history.weight[own].sum() if len(mine) else 0
        assert got["share"] == pytest.approx(share, abs=1e-6)
        bought = days[history.kind[mine] == KINDS.index("purchase")]
        ratio = bought.min() / interval[item] if len(bought) else np.nan
        np.testing.assert_allclose(got["interval_ratio"], ratio, rtol=1e-5)


def gaps_of(snapshot) -> dict[int, list[int]]:  # type: ignore[no-untyped-def]
    history, gaps = snapshot.history, {}
    bought = history.kind == KINDS.index("purchase")
    for user in range(len(snapshot.users)):
        for item in snapshot.known_items:
            mine = bought & (history.user == user) & (history.item == item)
            days = np.unique(history.time[mine] // SECONDS_PER_DAY)
            gaps.setdefault(int(snapshot.items.category.codes[item]), []).extend(np.diff(days).tolist())
    return gaps


def test_intervals_are_medians_of_the_category_or_of_all(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_items=8, n_events=900)
    gaps = gaps_of(snapshot)
    least = int(np.median([len(found) for found in gaps.values()]))
    fitted = Repeat(min_repeats=least).fit(snapshot, {}, ())
    overall = np.median(np.concatenate(list(gaps.values())))
    for item, interval in zip(fitted.items.codes, fitted.interval_days, strict=True):
        category = int(snapshot.items.category.codes[item])
        enough = category >= 0 and len(gaps[category]) >= least
        assert interval == (np.median(gaps[category]) if enough else overall)


def test_without_repeated_purchases_there_is_no_interval(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    views = replace(snapshot.history, kind=np.full(len(snapshot.history), 4, np.int8))
    assert np.isnan(Repeat().fit(replace(snapshot, history=views), {}, ()).interval_days).all()
