from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError
from dataset.interactions import KINDS
from dataset.items import UNKNOWN_TIME
from dataset.splits.leave_last_out import LeaveLastOut


@given(seed=st.integers(0, 1000), min_history=st.integers(0, 4))
def test_snapshots_equal_the_definition(make_dataset, seed, min_history):
    dataset = make_dataset(seed, n_events=250, n_days=30)
    events = dataset.interactions
    targets = [KINDS[kind] in ("purchase", "rating") for kind in events.kind]
    result = LeaveLastOut(min_history=min_history).split(dataset)
    for depth, snapshot in enumerate(result.snapshots, start=1):
        history, truth, latest = [], {}, 0
        for user in range(len(dataset.users)):
            own = np.flatnonzero(events.user == user).tolist()
            wanted = [row for row in own if targets[row]]
            if len(wanted) < depth:
                continue
            target = wanted[-depth]
            before = [row for row in own if row < target]
            history += before
            latest = max(latest, int(events.time[target]))
            owned = {int(events.item[row]) for row in before if targets[row]}
            if len(before) >= min_history and int(events.item[target]) not in owned:
                truth[user] = (int(events.item[target]), int(events.time[target]))
        np.testing.assert_array_equal(snapshot.history.item, events.item[sorted(history)])
        np.testing.assert_array_equal(snapshot.history.kind, events.kind[sorted(history)])
        items, times = snapshot.truth.items, snapshot.queries.time.tolist()
        assert items.lengths.tolist() == [1] * len(truth)
        got = zip(snapshot.queries.user.tolist(), items.values.tolist(), times, strict=True)
        assert {user: (item, time) for user, item, time in got} == truth
        assert snapshot.cutoff == latest


@given(seed=st.integers(0, 300))
def test_rewriting_what_comes_after_the_target_changes_nothing(make_dataset, seed):
    """The validation's inputs do not depend on what the last items are."""
    dataset = make_dataset(seed, kinds=("purchase",))
    events = dataset.interactions
    last = np.flatnonzero(np.append(events.user[1:] != events.user[:-1], True))
    rng = np.random.default_rng(seed)
    item, time = events.item.copy(), events.time.copy()
    item[last] = rng.integers(0, len(dataset.items), len(last))
    time[last] += rng.integers(1, 10**7, len(last))
    other = replace(dataset, interactions=replace(events, item=item, time=time).sorted())
    split = LeaveLastOut(repurchase=True)
    for one, two in zip(split.split(dataset).snapshots[1:], split.split(other).snapshots[1:], strict=True):
        for column in ("user", "item", "kind", "time"):
            np.testing.assert_array_equal(getattr(one.history, column), getattr(two.history, column))
        np.testing.assert_array_equal(one.queries.user, two.queries.user)
        np.testing.assert_array_equal(one.truth.items.values, two.truth.items.values)
        np.testing.assert_array_equal(one.catalogue, two.catalogue)
        for name, labels in one.users.categorical.items():
            np.testing.assert_array_equal(labels.codes, two.users.categorical[name].codes)


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
    ("field", "value"), [("min_history", -1), ("statistics", "all"), ("statistics", None)]
)
def test_malformed_settings(field, value):
    with pytest.raises(ConfigurationError, match=f"The '{field}' parameter of LeaveLastOut must be"):
        LeaveLastOut(**{field: value})


@pytest.mark.data
def test_amazon_beauty_has_its_published_figures(amazon_beauty):
    from dataset.encoding import encode
    from dataset.sources.sequences import Sequences

    result = LeaveLastOut().split(encode(Sequences(path=str(amazon_beauty)).read(), "beauty"))
    assert result.warnings == ()
    for depth, snapshot in enumerate(result.snapshots, start=1):
        assert len(snapshot.queries) == 22_363
        assert len(snapshot.history) == 198_502 - depth * 22_363
        assert snapshot.catalogue.sum() == 12_101
