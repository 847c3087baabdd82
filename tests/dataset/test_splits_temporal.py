import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME
from dataset.ragged import Categorical
from dataset.splits.temporal import Temporal
from pipeline.fingerprint import fingerprint

TARGETS = ("purchase", "rating")
# Day 60 of 100 of the random shop, which begins on 2020-09-14.
SPLIT = Temporal(cutoff="2020-11-13", n_training=2, horizon_days=10)
CUTOFF = 1_605_225_600


def by_loop(events, n_users, cutoff, end):
    """{user: truth items} of one snapshot, by the definition."""
    truth = {}
    for user in range(n_users):
        own = np.flatnonzero(events.user == user)
        target = [row for row in own if KINDS[events.kind[row]] in TARGETS]
        owned = {int(events.item[row]) for row in target if events.time[row] < cutoff}
        later = {int(events.item[row]) for row in target if cutoff <= events.time[row] < end}
        if later - owned:
            truth[user] = sorted(later - owned)
    return truth


def truth_of(snapshot):
    users = snapshot.queries.user.tolist()
    return {user: snapshot.truth.items[row].tolist() for row, user in enumerate(users)}


@settings(max_examples=40)
@given(seed=st.integers(0, 1000))
def test_snapshots_equal_the_definition(make_dataset, seed):
    dataset = make_dataset(seed)
    events, items = dataset.interactions, dataset.items
    result = SPLIT.split(dataset)
    assert result.warnings == ()
    assert [s.name for s in result.snapshots] == ["test", "validation", "training_1", "training_2"]
    end = np.iinfo(np.int64).max
    for back, snapshot in enumerate(result.snapshots):
        cutoff = CUTOFF - back * 10 * SECONDS_PER_DAY
        assert snapshot.cutoff == cutoff
        assert (snapshot.queries.time == cutoff).all()
        past = events.time < cutoff
        np.testing.assert_array_equal(snapshot.history.item, events.item[past])
        np.testing.assert_array_equal(snapshot.history.time, events.time[past])
        assert truth_of(snapshot) == by_loop(events, len(dataset.users), cutoff, end)
        seen = {int(item) for item in events.item[past]}
        known = [
            item in seen or (items.launched[item] != UNKNOWN_TIME and items.launched[item] <= cutoff)
            for item in range(len(items))
        ]
        assert snapshot.catalogue.tolist() == known
        assert snapshot.known_items.tolist() == np.flatnonzero(known).tolist()
        end = cutoff


def poisoned(dataset, cutoff, seed):
    """The same shop with everything at or after the cut-off rewritten, and other products launched then."""
    rng = np.random.default_rng(seed)
    past = dataset.interactions.take(dataset.interactions.time < cutoff)
    n = 300
    skin = dataset.interactions.stated["skin_type"]
    events = Interactions(
        user=np.append(past.user, rng.integers(0, len(dataset.users), n)).astype(np.int32),
        item=np.append(past.item, rng.integers(0, len(dataset.items), n)).astype(np.int32),
        kind=np.append(past.kind, rng.integers(0, len(KINDS), n)).astype(np.int8),
        value=np.append(past.value, rng.uniform(1, 5, n)).astype(np.float32),
        time=np.append(past.time, cutoff + rng.integers(0, 40 * SECONDS_PER_DAY, n)),
        stated={"skin_type": Categorical(
            np.append(past.stated["skin_type"].codes, rng.integers(-1, 3, n)).astype(np.int32), skin.names
        )},
    ).sorted()  # fmt: skip
    later = (dataset.items.launched > cutoff) & (dataset.items.launched != UNKNOWN_TIME)
    launched = np.where(later, cutoff + rng.integers(1, 10**7, len(later)), dataset.items.launched)
    return replace(dataset, interactions=events, items=replace(dataset.items, launched=launched))


def assert_same_inputs(one, other):
    """All that models may see is equal, but for who is asked for, which the truth decides."""
    assert one.cutoff == other.cutoff
    for column in ("user", "item", "kind", "value", "time"):
        np.testing.assert_array_equal(getattr(one.history, column), getattr(other.history, column))
    np.testing.assert_array_equal(one.catalogue, other.catalogue)
    np.testing.assert_array_equal(one.known_items, other.known_items)
    for name, labels in one.users.categorical.items():
        np.testing.assert_array_equal(labels.codes, other.users.categorical[name].codes)
    np.testing.assert_array_equal(one.owned.values, other.owned.values)
    _, rows, other_rows = np.intersect1d(one.queries.user, other.queries.user, return_indices=True)
    assert len(rows)
    mine, theirs = one.requests(rows), other.requests(other_rows)
    np.testing.assert_array_equal(mine.queries.time, theirs.queries.time)
    for column in ("offsets", "item", "kind", "time", "weight", "step"):
        np.testing.assert_array_equal(getattr(mine.history, column), getattr(theirs.history, column))
    np.testing.assert_array_equal(mine.eligibility.n_eligible, theirs.eligibility.n_eligible)


@settings(max_examples=40)
@given(seed=st.integers(0, 1000))
def test_rewriting_the_future_changes_nothing_that_models_see(make_dataset, seed):
    dataset = make_dataset(seed)
    before = SPLIT.split(dataset)
    after = SPLIT.split(poisoned(dataset, CUTOFF, seed))
    assert_same_inputs(before.test, after.test)
    for one, other in zip(before.snapshots[1:], after.snapshots[1:], strict=True):
        assert_same_inputs(one, other)
        # Their truth ends before the test's cut-off, so it, too, is untouched.
        assert truth_of(one) == truth_of(other)


def test_cold_users_are_asked_for_too(make_dataset):
    test = SPLIT.split(make_dataset(0, n_users=300)).test
    assert 0 < test.is_warm.sum() < len(test.queries)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
def test_a_share_is_that_of_the_events(make_dataset, share):
    dataset = make_dataset(0, n_events=2000, n_days=300)
    test = Temporal(cutoff=share, n_training=1).split(dataset).test
    assert len(test.history) / len(dataset.interactions) == pytest.approx(share, abs=0.01)
    assert len(test.history) <= share * len(dataset.interactions)


def test_the_horizon_is_as_long_as_the_test_by_default(make_dataset):
    dataset = make_dataset(0, n_days=100)
    result = Temporal(cutoff="2020-12-14", n_training=2).split(dataset)
    last = int(dataset.interactions.time.max())
    assert result.test.cutoff - result.validation.cutoff == last - result.test.cutoff
    assert result.warnings == ()


def test_a_horizon_is_at_least_a_day(make_dataset):
    dataset = make_dataset(0, n_days=100, n_items=300, n_events=3000)
    result = Temporal(cutoff="2020-12-22", n_training=1).split(dataset)
    assert result.test.cutoff == dataset.interactions.time.max()
    assert result.test.cutoff - result.validation.cutoff == SECONDS_PER_DAY


def test_a_horizon_that_leaves_no_history_is_shortened(make_dataset):
    dataset = make_dataset(0, n_days=100)
    result = Temporal(cutoff="2020-11-13", n_training=3, horizon_days=30).split(dataset)
    horizon = result.test.cutoff - result.validation.cutoff
    assert horizon == 10 * SECONDS_PER_DAY  # 70 % of 60 days in four windows, in whole days
    assert "from 30 to 10 days, because 4 of them must leave 30%" in result.warnings[0]


def test_training_snapshots_without_truth_are_left_out_with_a_warning(make_dataset):
    dataset = make_dataset(0)
    events = dataset.interactions
    early = events.time < CUTOFF - 15 * SECONDS_PER_DAY  # where the truth of training_2 and _3 lies
    kind = np.where(early, KINDS.index("view"), events.kind).astype(np.int8)
    result = replace(SPLIT, n_training=3).split(
        replace(dataset, interactions=replace(events, kind=kind).sorted())
    )
    assert [snapshot.name for snapshot in result.training] == ["training_1"]
    assert result.warnings == tuple(
        f"The training_{j} snapshot has no user with a truth item and is left out." for j in (2, 3)
    )


# --- set_aside -----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), n=st.integers(1, 2), keep_one=st.booleans())
def test_setting_aside_is_as_if_it_had_not_happened(make_dataset, seed, n, keep_one):
    dataset = make_dataset(seed)
    cutoff = CUTOFF - n * 10 * SECONDS_PER_DAY
    end = cutoff + 10 * SECONDS_PER_DAY
    split = replace(SPLIT, keep_one=keep_one)
    rehearsal = replace(split, set_aside=n)
    found = rehearsal.split(dataset)
    events = dataset.interactions.take(dataset.interactions.time < end)
    earlier = replace(split, cutoff=datetime.fromtimestamp(cutoff, UTC).isoformat())
    assert fingerprint(found) == fingerprint(earlier.split(replace(dataset, interactions=events)))
    rewritten = replace(poisoned(dataset, end, seed), items=dataset.items)
    assert fingerprint(found) == fingerprint(rehearsal.split(rewritten))


@pytest.mark.parametrize("n", [1, 2])
def test_setting_aside_moves_every_window_by_one(make_dataset, n):
    dataset = make_dataset(0)
    moved = replace(SPLIT, set_aside=n, n_training=3 - n).split(dataset)
    longer = replace(SPLIT, n_training=3).split(dataset)
    for one, other in zip(moved.snapshots, longer.snapshots[n:], strict=True):
        assert fingerprint(replace(one, name=other.name)) == fingerprint(other)


@pytest.mark.slow
@settings(max_examples=40)
@given(seed=st.integers(0, 1000))
def test_of_what_is_set_aside_only_the_moments_count(make_dataset, seed):
    """The share that is the cut-off, and the default horizon, are those of all events."""
    dataset, rng = make_dataset(seed), np.random.default_rng(seed)
    events, split = dataset.interactions, Temporal(cutoff=0.8, set_aside=1)
    late = events.time >= Temporal(cutoff=0.8).split(dataset).test.cutoff
    found = split.split(dataset)
    columns = {
        name: np.where(late, rng.integers(0, n, len(events)), getattr(events, name)).astype(dtype)
        for name, n, dtype in (("user", 28, np.int32), ("item", 18, np.int32), ("kind", len(KINDS), np.int8))
    }
    other = replace(dataset, interactions=replace(events, **columns).sorted())
    assert fingerprint(found) == fingerprint(split.split(other))
    assert found.test.truth.items.values.size


def test_windows_are_shortened_where_setting_aside_leaves_too_little(make_dataset):
    result = replace(SPLIT, set_aside=2).split(make_dataset(0))
    assert result.test.cutoff == CUTOFF - 20 * SECONDS_PER_DAY
    assert result.test.cutoff - result.validation.cutoff == 9 * SECONDS_PER_DAY
    assert "from 10 to 9 days, because 3 of them must leave 30%" in result.warnings[0]


@pytest.mark.parametrize("n", [6, 7, 1000])
def test_setting_everything_aside_is_refused_in_one_sentence(make_dataset, n):
    with pytest.raises(
        DataContractError, match="Got 0 seconds; move the cut-off, or lower n_training or set"
    ):
        replace(SPLIT, set_aside=n).split(make_dataset(0))


# --- keep_one ------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=40)
@given(seed=st.integers(0, 1000))
def test_keep_one_moves_the_first_moment_of_later_users(make_dataset, seed):
    dataset = make_dataset(seed, n_users=150)
    events = dataset.interactions
    strict, kept = SPLIT.split(dataset), replace(SPLIT, keep_one=True).split(dataset)
    first = {user: int(events.time[events.user == user].min()) for user in np.unique(events.user).tolist()}
    new = {user for user, time in first.items() if time >= CUTOFF}
    assert new
    when = zip(events.user.tolist(), events.time.tolist(), strict=True)
    moved = [user in new and time == first[user] for user, time in when]
    np.testing.assert_array_equal(
        kept.test.history.time, events.time[(events.time < CUTOFF) | np.array(moved)]
    )
    assert set(first) == set(kept.test.history.user.tolist())  # everybody has one
    assert kept.test.is_warm.all()
    asked_at = dict(zip(kept.test.queries.user.tolist(), kept.test.queries.time.tolist(), strict=True))
    assert all(time == (first[user] + 1 if user in new else CUTOFF) for user, time in asked_at.items())
    for user, items in truth_of(strict.test).items():
        if user not in new:
            assert truth_of(kept.test)[user] == items
    assert f"keep_one moved the first events of {len(new)} users" in kept.warnings[0]
    assert kept.test.history.time.max() < kept.test.cutoff
    for one, other in zip(strict.snapshots[1:], kept.snapshots[1:], strict=True):
        assert_same_inputs(one, other)
        assert truth_of(one) == truth_of(other)


def test_keep_one_says_nothing_where_nobody_is_new(make_dataset):
    dataset = make_dataset(0, n_users=6)
    assert replace(SPLIT, keep_one=True).split(dataset).warnings == ()


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cutoff", ["yesterday", "2022-13-01", "", "01.07.2022", "2022-02-30", 0, 1, 0.0, 1.0, 1.5, -0.1, True,
               None, float("nan"), 20220701, ["2022-07-01"]]
)  # fmt: skip
def test_a_malformed_cutoff_is_a_setting(cutoff):
    with pytest.raises(ConfigurationError, match='must be a date such as "2022-07-01", or a share') as caught:
        Temporal(cutoff=cutoff)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon_days", 0), ("horizon_days", "30"), ("horizon_days", float("inf")), ("keep_one", 1),
        ("set_aside", -1), ("set_aside", 0.5), ("set_aside", True),
    ],
)  # fmt: skip
def test_malformed_settings(field, value):
    with pytest.raises(ConfigurationError, match=f"The '{field}' parameter of Temporal must be"):
        Temporal(**{field: value})


@pytest.mark.parametrize("cutoff", ["2019-01-01", "2020-09-14", "2030-01-01", "1500-01-01", "9999-12-31"])
def test_a_cutoff_outside_the_data_is_refused(make_dataset, cutoff):
    message = f"after the first event and not after the last, 2020-09-14 to 2020-12-22. Got {cutoff}"
    with pytest.raises(DataContractError, match=message):
        Temporal(cutoff=cutoff).split(make_dataset(0, n_events=2000))


def test_all_events_in_one_moment_are_refused(make_dataset):
    with pytest.raises(DataContractError, match="The cut-off must lie after the first event"):
        Temporal().split(make_dataset(0, n_days=1))


def test_too_many_windows_are_refused(make_dataset):
    with pytest.raises(DataContractError, match="must hold 10000001 windows"):
        Temporal(n_training=10_000_000).split(make_dataset(0))


@pytest.mark.parametrize(
    "cutoff", ["2020-11-13T00:00:00Z", "2020-11-13T00:00:00", "2020-11-13T13:45:00+13:45", "20201113"]
)
def test_moments_are_utc_wherever_the_machine_stands(make_dataset, monkeypatch, cutoff):
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    time.tzset()
    try:
        assert replace(SPLIT, cutoff=cutoff).split(make_dataset(0)).test.cutoff == CUTOFF
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.slow
@pytest.mark.data
def test_sephora_has_its_published_figures(sephora):
    from dataset.encoding import encode
    from dataset.sources.kaggle_sephora import KaggleSephora

    dataset = encode(KaggleSephora(path=str(sephora)).read(), "sephora")
    result = Temporal(cutoff="2022-07-01").split(dataset)
    assert len(result.test.history) == 189_595
    assert len(result.test.queries) == 12_717
    assert result.test.is_warm.sum() == 5_213
    assert len(result.test.truth.grade) == 26_833
    never_seen = len(np.unique(dataset.interactions.item)) - result.test.catalogue.sum()
    assert never_seen == 321
    assert result.warnings == ()
