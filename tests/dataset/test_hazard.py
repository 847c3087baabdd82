"""Hazards against a plain Kaplan-Meier estimate, planted intervals that a cut-off hides, the shop's truth."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dataset.canonical import Tables
from dataset.errors import ParameterError
from dataset.hazard import FittedHazard, Hazard
from dataset.interactions import SECONDS_PER_DAY
from dataset.repurchase import Spells
from dataset.shop.words import CATEGORIES
from dataset.sources.shop import Shop

DAY = SECONDS_PER_DAY
PLAIN = Hazard(bin_days=1, longest_days=40, smoothing=0.0)
EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-1, 3), st.integers(0, 40 * DAY - 1)), min_size=0, max_size=60
)


def spells_of(events: list[tuple[int, int, int]], until: npt.NDArray[np.int64]) -> Spells:
    """Of rows of owner, thing, time."""
    owner, thing, time = np.array(events, np.int64).reshape(-1, 3).T
    return Spells.of(owner, thing.astype(np.int32), time, until)


def plain_spells(events: list[tuple[int, int, int]], until: list[int]) -> list[tuple[int, int, int, bool]]:
    """Owner, thing, days and whether the next purchase was seen, by loops over every pair."""
    found = []
    for owner, thing in sorted({event[:2] for event in events if event[1] >= 0}):
        days = sorted({time // DAY for who, what, time in events if (who, what) == (owner, thing)})
        over = until[owner] // DAY  # the first day that is not over
        for day, following in pairwise([*days, over]):
            if following < over:
                found.append((owner, thing, following - day, True))
            else:
                found.append((owner, thing, max(over - 1 - day, 0), False))
    return found


def kaplan_meier(spells: list[tuple[int, bool]], last: int) -> list[float]:
    """Share not bought again within 1, 2, ... days, as long as anybody is at risk."""
    share, left = [], 1.0
    for day in range(1, last + 1):
        at_risk = sum(days >= day for days, _ in spells)
        if not at_risk:
            break
        left *= 1 - sum(ended and days == day for days, ended in spells) / at_risk
        share.append(left)
    return share


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.lists(st.integers(40 * DAY, 43 * DAY), min_size=4, max_size=4))
def test_spells_and_survival_are_those_of_loops(events: list[tuple[int, int, int]], until: list[int]) -> None:
    spells = spells_of(events, np.array(until))
    plain = plain_spells(events, until)
    found = zip(spells.owner, spells.thing, spells.days, spells.ended, strict=True)
    assert [(int(a), int(b), int(c), bool(d)) for a, b, c, d in found] == plain
    pairs = list(zip(spells.owner.tolist(), spells.thing.tolist(), strict=True))
    newest = [at == len(pairs) - 1 or pairs[at + 1] != pair for at, pair in enumerate(pairs)]
    assert spells.is_newest.tolist() == newest
    group = (spells.thing % 3 - 1).astype(np.int32)  # things 0 and 3: none
    fitted = PLAIN.fit(spells, group, 2)
    for row in (0, 1, -1):
        own = [(days, end) for (_, _, days, end), g in zip(plain, group, strict=True) if row in (g, -1)]
        expected = kaplan_meier(own, 40)
        days = np.arange(1, len(expected) + 1)
        survival = np.exp(-fitted.cumulative(np.array(row), days))
        np.testing.assert_allclose(survival, expected, rtol=1e-6, atol=1e-8)


def test_the_day_that_is_not_over_tells_nothing_yet() -> None:
    until = np.array([10 * DAY + 500])
    bought_today = spells_of([(0, 0, 4 * DAY), (0, 0, 10 * DAY + 100)], until)
    assert bought_today.ended.tolist() == [False, False]
    assert bought_today.days.tolist() == [5, 0]  # days 5 to 9 are over
    assert bought_today.is_newest.tolist() == [False, True]


def test_hazards_of_bins_are_drawn_to_the_shop_and_its_to_the_mean() -> None:
    spells = Spells(
        owner=np.arange(6),
        thing=np.zeros(6, np.int32),
        days=np.array([1, 2, 3, 4, 5, 9]),
        ended=np.array([True, False, True, True, False, True]),
        is_newest=np.ones(6, bool),
    )
    group = np.array([0, 0, 0, 1, 1, -1], np.int32)
    fitted = Hazard(bin_days=2, longest_days=4, smoothing=3.0).fit(spells, group, 2)
    at_risk, seen = np.array([[3 + 2, 1], [2 + 2, 2 + 2], [2, 2]]), np.array([[1, 1], [0, 1], [0, 0]])
    mean = 3 / (11 + 7)  # the repurchase after nine days lies beyond the bins
    shop = mean * (seen.sum(axis=0) + 3) / (at_risk.sum(axis=0) * mean + 3)
    np.testing.assert_allclose(fitted.daily[-1], shop)
    np.testing.assert_allclose(fitted.daily[:2], shop * (seen[:2] + 3) / (at_risk[:2] * shop + 3))


def test_what_was_seen_to_end_is_biased_and_the_hazard_is_not() -> None:
    """Gaps of about 100 days, watched for 150 at most: the gaps that ended are the short ones."""
    rng = np.random.default_rng(5)
    n, cutoff = 4000, 150
    first = rng.integers(0, cutoff, n)
    gap = np.maximum(rng.gamma(9, 100 / 9, n).round().astype(np.int64), 1)
    seen = first + gap < cutoff
    events = [(user, 0, day * DAY) for user, day in enumerate(first.tolist())]
    events += [(int(user), 0, int(first[user] + gap[user]) * DAY) for user in np.flatnonzero(seen)]
    spells = spells_of(events, np.full(n, cutoff * DAY))
    naive = np.median(spells.days[spells.ended])
    hazard = Hazard(bin_days=7, longest_days=140)
    found = hazard.fit(spells, np.zeros(len(spells), np.int32), 1)
    whole = np.median(gap[gap <= 140])
    assert naive < 0.88 * whole
    assert found.quantiles(0.5)[0] == pytest.approx(whole, rel=0.04)
    for days in (60, 90, 120):
        share = -np.expm1(-found.cumulative(np.array(0), np.array(days)))
        assert share == pytest.approx((gap <= days).mean(), abs=0.04)
        assert abs((spells.days[spells.ended] <= days).mean() - (gap <= days).mean()) > 0.05


@pytest.fixture(scope="module")
def fitted() -> FittedHazard:
    daily = np.random.default_rng(0).uniform(0, 0.05, (3, 6))
    daily[1] = 0
    return FittedHazard(daily=daily, bin_days=5, user_smoothing=2.0)


def test_probabilities_multiply_up_day_by_day(fitted: FittedHazard) -> None:
    for group in (0, 1, 2, -1):
        for days in (0, 3, 5, 29, 80):
            left = 1.0
            for day in range(days, days + 12):
                daily = fitted.daily[group, min(day // 5, 5)]
                assert fitted.hazard(np.array(group), np.array(day)) == daily
                assert fitted.is_due(np.array(group), np.array(day)) == (daily > fitted.daily[group].mean())
                left *= 1 - daily
            found = fitted.probability(np.array(group), np.array(days), 12)
            assert found == pytest.approx(1 - left, abs=1e-12)
            twice = fitted.probability(np.array(group), np.array(days), 12, 2.0)
            assert twice == pytest.approx(1 - left**2, abs=1e-12)


def test_quantiles_are_of_what_comes_back_within_the_bins(fitted: FittedHazard) -> None:
    for share in (0.1, 0.5, 1.0):
        found = fitted.quantiles(share)
        assert np.isnan(found[1])
        for group in (0, 2):
            again = [float(fitted.probability(np.array(group), np.array(0), day)) for day in range(1, 31)]
            expected = next(day for day in range(1, 31) if again[day - 1] >= share * again[-1])
            assert found[group] == expected


def test_standings(fitted: FittedHazard) -> None:
    events = [(0, 4, 0), (0, 4, 6 * DAY), (0, 4, 9 * DAY), (0, 1, 2 * DAY), (2, 4, 12 * DAY)]
    spells = spells_of(events, np.full(4, 20 * DAY))
    own = fitted.standings(spells, np.full(len(spells), 2, np.int32), 4)
    assert own.offsets.tolist() == [0, 2, 2, 3, 3]
    assert own.owner.tolist() == [0, 0, 2]
    assert own.thing.tolist() == [1, 4, 4]
    assert own.days.tolist() == [17, 10, 7]
    assert own.n_repeats.tolist() == [0, 2, 0]
    lengths = [[17, 6, 3, 10], [], [7], []]
    expected = [sum(float(fitted.cumulative(np.array(2), np.array(d))) for d in row) for row in lengths]
    repeats = np.array([2, 0, 0, 0])
    np.testing.assert_allclose(own.multiplier, (repeats + 2) / (np.array(expected) + 2))
    assert own.multiplier[0] > own.multiplier[1] == 1 > own.multiplier[2]
    asked = np.array([4, 7, -1, 1, 4, 4, 1], np.int32)
    assert own.rows(np.array([0, 4, 5, 7, 7]), asked).tolist() == [1, -1, -1, 0, -1, 2, -1]


def test_nothing_is_known_of_nothing() -> None:
    none = spells_of([], np.zeros(0, np.int64))
    fitted = Hazard().fit(none, np.zeros(0, np.int32), 2)
    assert (fitted.daily == 0).all()
    assert np.isnan(fitted.quantiles(0.5)).all()
    assert len(fitted.standings(none, np.zeros(0, np.int32), 0).thing) == 0


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Shop(n_users=500, n_items=150, n_days=600, events_per_user=130, seed=3).read()


def test_the_shop_s_intervals_are_found(tables: Tables) -> None:
    """A product is likeliest bought again between .6 and 2.2 intervals, half of them by 1.22, most at 1."""
    bought = tables.interactions[tables.interactions["kind"] == "purchase"].merge(tables.items, on="item")
    names = [kind.path for kind in CATEGORIES]
    true = np.array([kind.replenish_days for kind in CATEGORIES])
    users, owner = np.unique(bought["user"], return_inverse=True)
    items, thing = np.unique(bought["item"], return_inverse=True)
    category = np.zeros(len(items), np.int32)
    category[thing] = bought["category"].map(names.index)
    time = (bought["timestamp"].astype("int64") // 10**6).to_numpy()
    until = np.full(len(users), (time.max() // DAY + 1) * DAY)
    spells = Spells.of(owner, thing, time, until)
    group = category[spells.thing]
    fitted = Hazard(longest_days=180, smoothing=0.0).fit(spells, group, len(names))
    found = fitted.quantiles(0.5)[:-1]
    enough = np.bincount(group[spells.ended], minlength=len(names)) >= 150
    assert enough.sum() >= 15
    ratio = found[enough] / true[enough]
    assert ((ratio > 1) & (ratio < 1.35)).all()  # a purchase for another reason may come at any time
    assert np.median(ratio) == pytest.approx(1.1, abs=0.07)
    assert spearmanr(found[enough], true[enough]).statistic > 0.95


@pytest.mark.parametrize(
    ("name", "value"),
    [("bin_days", 0), ("bin_days", 7.5), ("longest_days", 0), ("longest_days", "year"), ("smoothing", -1.0),
     ("smoothing", None), ("user_smoothing", 0.0)],
)  # fmt: skip
def test_wrong_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' parameter of Hazard"):
        Hazard(**{name: value})  # type: ignore[arg-type]
