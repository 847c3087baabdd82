"""What is rewritten lies in the future, all of it, and nothing that a split may know has moved."""

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.dataset import Dataset
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME
from dataset.ragged import Categorical
from dataset.sources.shop import Shop
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.random import Random
from dataset.splits.temporal import Temporal
from pipeline.audit.fingerprints import of_snapshot
from pipeline.audit.future import asked_alike
from pipeline.audit.later import depth_of, is_late, since_nth_last, target_kinds
from pipeline.audit.poison import poisoned, retaken, rewritten
from pipeline.cache import Cache
from pipeline.fingerprint import fingerprint
from pipeline.preparation import load

TARGETS = ("purchase", "rating")


@cache
def shop(grain: int = 1) -> Dataset:
    """A small shop whose moments are multiples of `grain` seconds: by the day, many of them tie."""
    made = load(Shop(n_users=60, n_items=40, n_days=200, events_per_user=30), Cache()).dataset
    events = made.interactions
    codes = np.random.default_rng(0).integers(-1, 3, len(events)).astype(np.int32)
    stated = {"skin_type": Categorical(codes, ("dry", "mix", "oily"))}
    events = replace(events, time=events.time // grain * grain, stated=stated).sorted()
    return replace(made, interactions=events)


def events_of(rows: list[tuple[int, int, int]]) -> Interactions:
    """Events of (user, day, kind) in the fixed order, each of another item."""
    keys = np.array(rows, np.int64).reshape(-1, 3)
    n = len(keys)
    return Interactions(
        user=keys[:, 0].astype(np.int32),
        item=np.arange(n, dtype=np.int32),
        kind=keys[:, 2].astype(np.int8),
        value=np.full(n, np.nan, np.float32),
        time=keys[:, 1] * SECONDS_PER_DAY,
    ).sorted()


ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, len(KINDS) - 1)), max_size=40)


@settings(max_examples=60)
@given(ROWS, st.integers(1, 4))
def test_the_newest_targets_are_found_as_one_would_by_hand(rows: list[tuple[int, int, int]], n: int) -> None:
    events = events_of(rows)
    is_target = events.is_kind(TARGETS)
    expected = np.ones(len(events), bool)
    for user in set(events.user.tolist()):
        own = np.flatnonzero(events.user == user)
        targets = own[is_target[own]]
        if len(targets) >= n:
            expected[own] = own >= targets[-n]
    np.testing.assert_array_equal(since_nth_last(events, is_target, n), expected)


@settings(max_examples=30)
@given(share=st.floats(0.1, 0.95), seed=st.integers(0, 2**32))
def test_in_time_all_and_only_the_future_is_rewritten(share: float, seed: int) -> None:
    made = shop()
    events = made.interactions
    cutoff = int(np.quantile(events.time, share))
    other = rewritten(made, cutoff, seed)
    now, then = events.time < cutoff, other.interactions.time < cutoff
    assert fingerprint(other.interactions.take(then)) == fingerprint(events.take(now))
    after, before = other.interactions.take(~then), events.take(~now)
    np.testing.assert_array_equal(np.sort(after.time), np.sort(before.time))
    assert after.is_kind(TARGETS).sum() == before.is_kind(TARGETS).sum()
    assert set(after.user.tolist()) <= set(events.user.tolist())
    assert len(set(keys(after)) & set(keys(before))) < 0.1 * len(before) + 3
    assert (np.isnan(after.value) == (after.kind != KINDS.index("rating"))).all()


@settings(max_examples=15)
@given(share=st.floats(0.05, 0.9), seed=st.integers(0, 2**32))
def test_products_are_renewed_unless_they_are_known(share: float, seed: int) -> None:
    made = shop()
    events, items = made.interactions, made.items
    cutoff = int(np.quantile(events.time, share))
    known = items.launched <= cutoff
    known[events.item[events.time < cutoff]] = True
    other = rewritten(made, cutoff, seed).items
    for name in ("price", "in_stock", "launched"):
        np.testing.assert_array_equal(getattr(other, name)[known], getattr(items, name)[known])
    rows = np.flatnonzero(known)
    for name in ("brand", "category", "ingredients", "functions"):
        assert fingerprint(getattr(other, name).take(rows)) == fingerprint(getattr(items, name).take(rows))
    assert (other.price[~known] != items.price[~known]).all()
    later = other.launched[~known]
    assert ((later > cutoff) | (later == UNKNOWN_TIME)).all()


SPLITTERS = {
    "date": Temporal(cutoff="2022-06-01", horizon_days=20),
    "share": Temporal(cutoff=0.7),
    "set_aside": Temporal(cutoff=0.85, set_aside=1, horizon_days=20),
    "keep_one": Temporal(cutoff=0.7, keep_one=True),
    "last": LeaveLastOut(),
    "training_events": LeaveLastOut(statistics="training_events", set_aside=1),
    "purchases": LeaveLastOut(target_kinds=("purchase",), min_history=0),
}


@pytest.mark.parametrize(
    "grain",
    [
        SECONDS_PER_DAY,
        *(pytest.param(grain, marks=pytest.mark.slow) for grain in (1, 7200, 20 * SECONDS_PER_DAY)),
    ],
)
@pytest.mark.parametrize("kind", SPLITTERS)
def test_no_honest_snapshot_changes_however_moments_tie(kind: str, grain: int) -> None:
    made, splitter = shop(grain), SPLITTERS[kind]
    for seed, snapshot in enumerate(splitter.split(made).snapshots):
        other = poisoned(made, splitter, snapshot, seed)
        assert of_snapshot(asked_alike(splitter, other, snapshot)) == of_snapshot(snapshot)
        assert fingerprint(other.interactions) != fingerprint(made.interactions)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_by_position_almost_all_of_the_future_is_rewritten(n: int) -> None:
    made, splitter = shop(), LeaveLastOut(n_training=1)
    snapshot = splitter.split(made).snapshots[n - 1]
    assert depth_of(splitter, snapshot.name) == n
    other = retaken(made, n, snapshot, seed=n)
    late = is_late(made, splitter, snapshot)
    now, then = keys(made.interactions), keys(other.interactions)
    assert set(keys(made.interactions.take(~late))) <= set(then)
    gone = [key for key in keys(made.interactions.take(late)) if key not in set(then)]
    assert len(gone) > 0.9 * late.sum()
    assert len(now) == len(then)


def test_how_deep_a_snapshot_lies() -> None:
    assert depth_of(LeaveLastOut(), "validation") == 2
    assert depth_of(LeaveLastOut(), "training_3") == 5
    assert depth_of(LeaveLastOut(set_aside=2), "test") == 3
    assert target_kinds(LeaveLastOut(target_kinds=("view",))) == ("view",)


def test_where_nothing_comes_later_nothing_is_late() -> None:
    splitter = Random(test_share=0.3)
    assert not is_late(shop(), splitter, splitter.split(shop()).test).any()


def keys(events: Interactions) -> list[tuple[int, ...]]:
    columns: list[npt.NDArray[np.integer]] = [events.user, events.time, events.item, events.kind]
    return list(zip(*(column.tolist() for column in columns), strict=True))
