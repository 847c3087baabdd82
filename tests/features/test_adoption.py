"""Ways of users and items against loops over events and candidates."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.items import UNKNOWN_TIME
from features.adoption import Adoption, FittedAdoption

DAY = 86_400
NAN = float("nan")
OF_USER = ("item_age_mean", "item_age_newest", "item_popularity_mean", "item_popularity_newest")
OF_ITEM = ("position_lead", "step_lead")
OF_PAIR = (
    "item_age_gap", "item_age_gap_newest", "item_popularity_gap", "days_since_newest_gap", "position_gap",
)  # fmt: skip


def strict(snapshot):  # type: ignore[no-untyped-def]
    """The same requests of a snapshot that the newest events of each user are not fitted on.

    Some of their items are unknown then, and some known that have neither an event nor a launch date. Users
    are asked for right after their own last event, so that some candidates are not there yet.
    """
    history = snapshot.history.take(snapshot.history_step > 9)
    catalogue = snapshot.items.launched < snapshot.cutoff
    catalogue[::4] = True
    catalogue[history.item] = True
    asked_at = np.full(len(snapshot.users), snapshot.history.time.min())
    asked_at[snapshot.history.user] = snapshot.history.time + 1
    queries = replace(snapshot.queries, time=asked_at)
    return replace(
        snapshot,
        history=history,
        request_history=snapshot.history,
        catalogue=catalogue,
        queries=queries,
    )


def nominal(snapshot):  # type: ignore[no-untyped-def]
    """The same events in an order without a clock: a day a step, all last ones on the same day."""
    time = snapshot.cutoff - (1 + snapshot.history_step.astype(np.int64)) * DAY
    launched = np.full(len(snapshot.items), UNKNOWN_TIME)
    history = replace(snapshot.history, time=time)
    items = replace(snapshot.items, launched=launched)
    return replace(snapshot, history=history, request_history=None, items=items)


def item_statistics(snapshot, item, smoothing):  # type: ignore[no-untyped-def]
    """First moment, log1p of the count, and the two means, by a loop over the events."""
    history, weight = snapshot.history, snapshot.history_weight
    numbers = np.zeros((2, len(history)))
    for at, (user, time) in enumerate(zip(history.user, history.time, strict=True)):
        own = history.time[history.user == user]
        numbers[:, at] = np.log1p([(own < time).sum(), (own > time).sum()])
    usual = (weight * numbers).sum(axis=1) / weight.sum()
    mine = history.item == item
    total, count = (weight * numbers)[:, mine].sum(axis=1), weight[mine].sum()
    born = min([snapshot.items.launched[item], *history.time[mine]])
    position, step = (total + smoothing * usual) / (count + smoothing)
    return NAN if born == UNKNOWN_TIME else float(born), np.log1p(count), position, step


def mean(values, weights):  # type: ignore[no-untyped-def]
    values, weights = np.array(values, float), np.array(weights, float)
    known = ~np.isnan(values) & (weights > 0)
    return (values * weights)[known].sum() / weights[known].sum() if known.any() else NAN


def expected_row(requests, query, item, statistics):  # type: ignore[no-untyped-def]
    """All columns of one pair; `statistics`: of each known item."""
    if item not in statistics:
        return dict.fromkeys((*OF_USER, *OF_PAIR, *OF_ITEM), NAN)
    history = requests.history
    rows = range(history.offsets[query], history.offsets[query + 1])
    events = [at for at in rows if history.item[at] in statistics and history.weight[at] > 0]
    newest = [at for at in events if history.step[at] == 0]

    def age(at):  # type: ignore[no-untyped-def]
        return np.log1p(max(history.time[at] - statistics[history.item[at]][0], 0) / DAY)

    means = {}
    for part, chosen in (("mean", events), ("newest", newest)):
        weights = history.weight[chosen]
        means[f"item_age_{part}"] = mean([age(at) for at in chosen], weights)
        popularity = [statistics[history.item[at]][1] for at in chosen]
        means[f"item_popularity_{part}"] = mean(popularity, weights)
    born, log_count, position, step = statistics[item]
    now = np.log1p(max(requests.queries.time[query] - born, 0) / DAY)
    ahead = (history.time[events[-1]] - born) / DAY if events else NAN
    return {
        **means,
        "item_age_gap": now - means["item_age_mean"],
        "item_age_gap_newest": now - means["item_age_newest"],
        "item_popularity_gap": log_count - means["item_popularity_mean"],
        "days_since_newest_gap": np.sign(ahead) * np.log1p(abs(ahead)),
        "position_gap": position - np.log1p(len(events)) if events else NAN,
        "position_lead": position - np.median([each[2] for each in statistics.values()]),
        "step_lead": step - np.median([each[3] for each in statistics.values()]),
    }


@pytest.mark.parametrize("change", [lambda s: s, strict, nominal], ids=["plain", "strict", "nominal"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_columns_are_those_of_loops(shop, seed: int, change) -> None:  # type: ignore[no-untyped-def]
    snapshot = change(shop.snapshot(seed))
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Adoption(smoothing=2.0).fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    statistics = {item: item_statistics(snapshot, item, 2.0) for item in snapshot.known_items}
    assert set(fitted.names) == {*OF_USER, *OF_PAIR, *OF_ITEM}
    for query, item, row in zip(candidates.query, candidates.item, values, strict=True):
        expected = expected_row(requests, query, item, statistics)
        for name, got in zip(fitted.names, row, strict=True):
            np.testing.assert_allclose(got, expected[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_strict_requests_know_of_items_that_nothing_was_fitted_on(shop) -> None:  # type: ignore[no-untyped-def]
    """What the oracle above is to see: events on unknown items, and on known ones without a beginning."""
    snapshots = [strict(shop.snapshot(seed)) for seed in range(3)]
    assert any((~s.catalogue[s.request_history.item]).any() for s in snapshots)
    born = [Adoption().fit(s, {}, ()).born for s in snapshots]
    assert all((at > s.queries.time.min()).any() for s, at in zip(snapshots, born, strict=True))
    assert any(
        (np.isnan(at) & np.isin(s.known_items, s.request_history.item)).any()
        for s, at in zip(snapshots, born, strict=True)
    )


def test_without_a_clock_everything_is_finite(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = nominal(shop.snapshot(n_users=30))
    catalogue = np.zeros(len(snapshot.items), bool)
    catalogue[snapshot.history.item] = True
    snapshot = replace(snapshot, catalogue=catalogue)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = Adoption().fit(snapshot, {}, ()).transform(requests, candidates)
    asked = snapshot.is_warm[candidates.query] & catalogue[candidates.item]
    assert asked.any()
    assert np.isfinite(values[asked]).all()


def test_items_and_users_are_told_apart(shop) -> None:  # type: ignore[no-untyped-def]
    """Of the first user, item 0 is old when it is taken; item 2 comes out after the user was last seen."""
    snapshot = shop.snapshot(n_items=3, n_users=5)
    events = snapshot.history.take(np.zeros(5, np.int64))
    user, item, day = [0, 0, 1, 1, 1], [0, 1, 0, 1, 2], [20, 30, 0, 25, 60]
    history = replace(
        events,
        user=np.array(user, np.int32),
        item=np.array(item, np.int32),
        kind=np.zeros(5, np.int8),
        time=shop.start + np.array(day, np.int64) * DAY,
    )
    items = replace(snapshot.items, launched=np.full(3, UNKNOWN_TIME))
    made = replace(snapshot, history=history, request_history=None, items=items, catalogue=np.ones(3, bool))
    requests = made.requests(np.array([0]))
    whole = np.arange(3, dtype=np.int32)
    candidates = replace(
        shop.candidates(made, requests, 0),
        offsets=np.array([0, 3]), item=whole, sources=(),
        scores=np.zeros((3, 0), np.float32), ranks=np.zeros((3, 0), np.int16),
    )  # fmt: skip
    fitted = Adoption(smoothing=1e-6).fit(made, {}, ())
    got = dict(zip(fitted.names, fitted.transform(requests, candidates).T, strict=True))
    log = np.log1p
    np.testing.assert_allclose(got["item_age_mean"], (log(20) + log(5)) / 2, rtol=1e-6)
    np.testing.assert_allclose(got["item_age_newest"], log(5), rtol=1e-6)
    np.testing.assert_allclose(got["item_age_gap_newest"], log([80, 55, 20]) - log(5), rtol=1e-5)
    np.testing.assert_allclose(got["days_since_newest_gap"], [log(30), log(5), -log(30)], rtol=1e-6)
    np.testing.assert_allclose(got["item_popularity_gap"], log([2, 2, 1]) - log(2), atol=1e-6)
    position, step = np.array([0, log(1), log(2)]), np.array([(log(1) + log(2)) / 2, log(1) / 2, 0])
    np.testing.assert_allclose(got["position_lead"], position - log(1), atol=1e-5)
    np.testing.assert_allclose(got["step_lead"], step - log(1) / 2, atol=1e-5)
    np.testing.assert_allclose(got["position_gap"], position - log(2), atol=1e-5)


def test_users_without_history_have_no_ways(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Adoption().fit(snapshot, {}, ())
    values = dict(zip(fitted.names, fitted.transform(requests, candidates).T, strict=True))
    known = snapshot.catalogue[candidates.item]
    cold = ~snapshot.is_warm[candidates.query]
    assert (cold & known).any()
    for name in (*OF_USER, *OF_PAIR):
        assert np.isnan(values[name][cold]).all(), name
        assert np.isfinite(values[name][~cold & known]).all(), name
    for name in OF_ITEM:
        assert (np.isfinite(values[name]) == known).all(), name


def test_events_that_weigh_nothing_say_nothing(shop) -> None:  # type: ignore[no-untyped-def]
    silent = replace(shop.snapshot(), event_weights=np.zeros(6, np.float32))
    requests = silent.requests()
    values = Adoption().fit(silent, {}, ()).transform(requests, shop.candidates(silent, requests))
    assert np.isnan(values).all()


@pytest.mark.parametrize(
    "change", [{}, {"n_events": 0}, {"n_items": 1}, {"n_users": 1, "n_events": 3}], ids=str
)
def test_what_was_saved_comes_back(shop, change, tmp_path) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(**change)
    fitted = Adoption().fit(snapshot, {}, ())
    assert len(fitted.items) == len(fitted.born) == len(snapshot.known_items)
    fitted.save(tmp_path)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = FittedAdoption.load(tmp_path).transform(requests, candidates)
    np.testing.assert_array_equal(values, fitted.transform(requests, candidates))
    assert values.dtype == np.float32
    assert not np.isinf(values).any()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_future_and_the_codes_change_nothing(shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = Adoption().fit(snapshot, {}, ()).transform(requests, candidates)
    other = shop.snapshot(seed, poisoned=True)
    again = Adoption().fit(other, {}, ()).transform(other.requests(), candidates)
    np.testing.assert_array_equal(again, values)
    rng = np.random.default_rng(seed)
    user, item = rng.permutation(len(snapshot.users)), rng.permutation(len(snapshot.items))
    other = shop.recoded(snapshot, user, item)
    lists = replace(candidates, item=item[candidates.item].astype(np.int32))
    again = Adoption().fit(other, {}, ()).transform(other.requests(), lists)
    np.testing.assert_allclose(again, values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrong", [0, -1, "five", float("nan")])
def test_smoothing_is_checked(wrong: object) -> None:
    with pytest.raises(ParameterError, match="'smoothing' parameter of Adoption must be"):
        Adoption(smoothing=wrong)  # type: ignore[arg-type]
