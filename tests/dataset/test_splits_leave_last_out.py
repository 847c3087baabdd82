from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError
from dataset.interactions import KINDS
from dataset.items import UNKNOWN_TIME
from dataset.splits.leave_last_out import LeaveLastOut
from pipeline.fingerprint import fingerprint

STATISTICS = ("up_to_target", "training_events")
COLUMNS = ("user", "item", "kind", "time")
of_either_statistics = pytest.mark.parametrize(
    "statistics", [STATISTICS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in STATISTICS[1:])]
)


@of_either_statistics
@settings(max_examples=30)
@given(seed=st.integers(0, 1000), min_history=st.integers(0, 4), set_aside=st.integers(0, 2))
def test_snapshots_equal_the_definition(make_dataset, statistics, seed, min_history, set_aside):
    dataset = make_dataset(seed, n_days=30, kinds=("purchase", "rating", "view"))
    events = dataset.interactions
    targets = [KINDS[kind] in ("purchase", "rating") for kind in events.kind]
    split = LeaveLastOut(min_history=min_history, statistics=statistics, set_aside=set_aside)
    result = split.split(dataset)
    assert [snapshot.name for snapshot in result.snapshots] == [
        "test",
        "validation",
        "training_1",
        "training_2",
    ]
    for depth, snapshot in enumerate(result.snapshots, start=1 + set_aside):
        fitted, asked, truth, latest = [], [], {}, 0
        for user in range(len(dataset.users)):
            own = np.flatnonzero(events.user == user).tolist()
            wanted = [row for row in own if targets[row]]
            if len(wanted) < depth:
                continue
            target = wanted[-depth]
            before = [row for row in own if row < target]
            asked += before
            if statistics == "up_to_target":
                fitted += before
            elif len(wanted) > depth:
                fitted += [row for row in own if row < wanted[-depth - 1]]
            latest = max(latest, int(events.time[target]))
            owned = {int(events.item[row]) for row in before if targets[row]}
            if len(before) >= min_history and int(events.item[target]) not in owned:
                truth[user] = (int(events.item[target]), int(events.time[target]))
        for column in COLUMNS:
            every = getattr(events, column)
            np.testing.assert_array_equal(getattr(snapshot.history, column), every[sorted(fitted)])
            np.testing.assert_array_equal(getattr(snapshot.request_history, column), every[sorted(asked)])
        items, times = snapshot.truth.items, snapshot.queries.time.tolist()
        assert items.lengths.tolist() == [1] * len(truth)
        got = zip(snapshot.queries.user.tolist(), items.values.tolist(), times, strict=True)
        assert {user: (item, time) for user, item, time in got} == truth
        assert snapshot.cutoff == latest


def last_targets(events, n):
    """The n newest target events of each user who has so many, and each user's first event otherwise."""
    rows = []
    for user in np.unique(events.user):
        own = np.flatnonzero(events.user == user)
        wanted = own[events.is_kind(("purchase", "rating"))[own]]
        rows.append(wanted[-n:] if len(wanted) >= n else own[:1])
    return rows


def rewritten(dataset, n, seed):
    """The same users' n newest events are of other items and moments; all events must be targets."""
    events, rng = dataset.interactions, np.random.default_rng(seed)
    item, time = events.item.copy(), events.time.copy()
    late = np.concatenate(last_targets(events, n))
    item[late] = rng.integers(0, len(dataset.items), len(late))
    for rows in last_targets(events, n):
        time[rows] += np.sort(rng.integers(1, 10**7, len(rows)))
    skin = events.stated["skin_type"]
    codes = skin.codes.copy()
    codes[late] = rng.integers(-1, 3, len(late))
    changed = replace(events, item=item, time=time, stated={"skin_type": replace(skin, codes=codes)})
    return replace(dataset, interactions=changed.sorted())


@of_either_statistics
@settings(max_examples=30)
@given(seed=st.integers(0, 300))
def test_rewriting_what_comes_after_the_target_changes_nothing(make_dataset, statistics, seed):
    """The validation's inputs do not depend on what the last items are."""
    dataset = make_dataset(seed, kinds=("purchase",))
    other = rewritten(dataset, 1, seed)
    split = LeaveLastOut(repurchase=True, statistics=statistics)
    one, two = split.split(dataset), split.split(other)
    for ours, theirs in zip(one.snapshots[1:], two.snapshots[1:], strict=True):
        assert fingerprint(ours) == fingerprint(theirs)
    rehearsal = replace(split, set_aside=1)
    assert fingerprint(rehearsal.split(dataset)) == fingerprint(rehearsal.split(other))


@pytest.mark.slow
@settings(max_examples=30)
@given(seed=st.integers(0, 300))
def test_nothing_is_fitted_on_the_event_before_the_target(make_dataset, seed):
    dataset = make_dataset(seed, kinds=("purchase",))
    split = LeaveLastOut(repurchase=True, statistics="training_events")
    one, two = split.split(dataset).test, split.split(rewritten(dataset, 2, seed)).test
    for name in ("history", "users", "items", "catalogue"):
        assert fingerprint(getattr(one, name)) == fingerprint(getattr(two, name))
    assert fingerprint(one.requests().history) != fingerprint(two.requests().history)


@of_either_statistics
@settings(max_examples=30)
@given(seed=st.integers(0, 300), n=st.integers(1, 2))
def test_setting_aside_is_as_if_it_had_not_happened(make_dataset, statistics, seed, n):
    dataset = make_dataset(seed, n_days=30, kinds=("purchase", "rating", "view"))
    events = dataset.interactions
    first = {int(events.user[rows[0]]): int(rows[0]) for rows in last_targets(events, n)}
    happened = [row < first[user] for row, user in enumerate(events.user.tolist())]
    before = replace(dataset, interactions=events.take(np.array(happened)))
    split = LeaveLastOut(statistics=statistics)
    assert fingerprint(replace(split, set_aside=n).split(dataset)) == fingerprint(split.split(before))


def test_setting_aside_moves_every_window_by_one(make_dataset):
    dataset = make_dataset(0, n_events=800)
    rehearsal = LeaveLastOut(set_aside=1).split(dataset)
    longer = LeaveLastOut(n_training=3).split(dataset)
    for one, other in zip(rehearsal.snapshots, longer.snapshots[1:], strict=True):
        assert fingerprint(replace(one, name=other.name)) == fingerprint(other)


def test_setting_everything_aside_is_refused_in_one_sentence(make_dataset):
    with pytest.raises(DataContractError, match="The test snapshot must have history and truth"):
        LeaveLastOut(set_aside=10_000).split(make_dataset(0))


def test_all_items_are_known_but_those_launched_later(make_dataset):
    dataset = make_dataset(0)
    launched = np.full(len(dataset.items), UNKNOWN_TIME)
    launched[:3] = dataset.interactions.time.min()
    unborn = np.setdiff1d(np.arange(len(launched)), dataset.interactions.item)[0]
    launched[unborn] = dataset.interactions.time.max() + 1
    test = LeaveLastOut().split(replace(dataset, items=replace(dataset.items, launched=launched))).test
    assert np.flatnonzero(~test.catalogue).tolist() == [unborn]


def test_ties_are_told(make_dataset):
    dataset = make_dataset(0, n_users=10, n_items=200, n_days=20, kinds=("purchase",))
    events = dataset.interactions
    _, inverse, counts = np.unique(
        np.column_stack([events.user, events.time]), axis=0, return_inverse=True, return_counts=True
    )
    share = (counts[inverse.reshape(-1)] > 1).mean()
    (warning,) = LeaveLastOut().split(dataset).warnings
    assert warning.startswith(f"{share:.1%} of the target events share user and moment with another")


def test_without_ties_there_is_nothing_to_tell(make_dataset):
    dataset = make_dataset(0)
    events = dataset.interactions
    apart = replace(events, time=events.time + np.arange(len(events)))
    assert LeaveLastOut().split(replace(dataset, interactions=apart)).warnings == ()


def test_users_with_one_event_only_are_refused_in_one_sentence(make_dataset):
    dataset = make_dataset(0, kinds=("purchase",))
    first = np.unique(dataset.interactions.user, return_index=True)[1]
    single = replace(dataset, interactions=dataset.interactions.take(first))
    with pytest.raises(DataContractError, match="The test snapshot must have history and truth"):
        LeaveLastOut().split(single)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_history", -1),
        ("statistics", "all"),
        ("statistics", None),
        ("set_aside", -1),
        ("set_aside", True),
    ],
)
def test_malformed_settings(field, value):
    with pytest.raises(ConfigurationError, match=f"The '{field}' parameter of LeaveLastOut must be"):
        LeaveLastOut(**{field: value})


@pytest.mark.data
@of_either_statistics
@pytest.mark.slow
def test_amazon_beauty_has_its_published_figures(amazon_beauty, statistics):
    from dataset.encoding import encode
    from dataset.sources.sequences import Sequences

    dataset = encode(Sequences(path=str(amazon_beauty)).read(), "beauty")
    result = LeaveLastOut(statistics=statistics).split(dataset)
    assert result.warnings == ()
    for depth, snapshot in enumerate(result.snapshots, start=1):
        n_asked = 198_502 - depth * 22_363
        assert len(snapshot.queries) == 22_363
        assert len(snapshot.request_history) == n_asked
        assert len(snapshot.history) == n_asked - (statistics == "training_events") * 22_363
        assert snapshot.catalogue.sum() == 12_101
