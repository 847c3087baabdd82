from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ConfigurationError, DataContractError
from dataset.interactions import KINDS, Interactions
from dataset.ragged import Ragged
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.random import Random
from dataset.splits.rules import check_events, is_among
from dataset.splits.split import Split, check_split
from dataset.splits.temporal import Temporal

SPLITS = {
    "temporal": Temporal(cutoff=0.7, n_training=2),
    "keep_one": Temporal(cutoff=0.7, keep_one=True),
    "temporal_rehearsed": Temporal(cutoff=0.8, set_aside=1),
    "leave_last_out": LeaveLastOut(),
    "training_events": LeaveLastOut(statistics="training_events"),
    "leave_last_out_rehearsed": LeaveLastOut(set_aside=1),
    "random": Random(),
}
every_split = pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)


def bought(snapshot):
    """(user, item) pairs that count as got by then."""
    history = snapshot.request_history
    got = history.is_kind(("purchase", "rating"))
    return set(zip(history.user[got].tolist(), history.item[got].tolist(), strict=True))


@every_split
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_what_every_snapshot_keeps(make_dataset, split, seed):
    dataset = make_dataset(seed)
    result = split.split(dataset)
    assert [snapshot.name for snapshot in result.snapshots][:2] == ["test", "validation"]
    assert result.snapshots[2:] == result.training
    for snapshot in result.snapshots:
        check_events(replace(dataset, interactions=snapshot.history))
        check_events(replace(dataset, interactions=snapshot.request_history))
        queries, truth = snapshot.queries, snapshot.truth
        assert (np.diff(queries.user) > 0).all()
        assert queries.user.dtype == np.int32
        assert queries.time.max() <= snapshot.cutoff
        assert len(truth) == len(queries)
        assert truth.items.lengths.min() > 0
        for row, user in enumerate(queries.user.tolist()):
            items = truth.items[row].tolist()
            assert items == sorted(set(items))
            assert not {(user, item) for item in items} & bought(snapshot)
        assert snapshot.catalogue[snapshot.history.item].all()
        assert snapshot.catalogue.shape == (len(dataset.items),)
        assert snapshot.event_weights[KINDS.index("view")] == np.float32(0.2)
        assert snapshot.owned_kinds == ("purchase", "rating")


@every_split
def test_truth_and_history_share_no_event(make_dataset, split):
    dataset = make_dataset(5)
    keys = {tuple(row) for row in event_rows(dataset.interactions)}
    for snapshot in split.split(dataset).snapshots:
        history = {tuple(row) for row in event_rows(snapshot.request_history)}
        assert {tuple(row) for row in event_rows(snapshot.history)} <= history < keys
        left = keys - history
        for row, user in enumerate(snapshot.queries.user.tolist()):
            later = {item for u, _, item, kind in left if u == user and KINDS[kind] in ("purchase", "rating")}
            assert set(snapshot.truth.items[row].tolist()) <= later


def event_rows(events):
    return zip(*(getattr(events, name).tolist() for name in ("user", "time", "item", "kind")), strict=True)


@every_split
def test_the_same_data_gives_the_same_split(make_dataset, split):
    for one, other in zip(
        split.split(make_dataset(2)).snapshots, split.split(make_dataset(2)).snapshots, strict=True
    ):
        np.testing.assert_array_equal(one.history.item, other.history.item)
        np.testing.assert_array_equal(one.truth.items.values, other.truth.items.values)


@every_split
def test_the_highest_grade_counts(make_dataset, split):
    graded = replace(split, grades={"purchase": 3, "rating": 2}, repurchase=True)
    dataset = make_dataset(1, n_items=6, n_days=40)
    events = dataset.interactions
    for snapshot in graded.split(dataset).snapshots[:1]:
        grades = set(snapshot.truth.grade.tolist())
        assert grades <= {2, 3}
        if isinstance(split, Temporal) and not split.keep_one and not split.set_aside:
            after = events.time >= snapshot.cutoff
            purchased = after & events.is_kind(("purchase",))
            pairs = set(zip(events.user[purchased].tolist(), events.item[purchased].tolist(), strict=True))
            users = snapshot.queries.user[snapshot.truth.items.rows].tolist()
            items = snapshot.truth.items.values.tolist()
            expected = [3 if pair in pairs else 2 for pair in zip(users, items, strict=True)]
            assert snapshot.truth.grade.tolist() == expected
            assert grades == {2, 3}


@every_split
def test_repurchase_leaves_repeated_items_in_the_truth(make_dataset, split):
    dataset = make_dataset(3, n_items=8)
    repeated = replace(split, repurchase=True).split(dataset).test
    once = split.split(dataset).test
    assert repeated.owned_kinds == ()
    assert len(repeated.truth.grade) > len(once.truth.grade)
    np.testing.assert_array_equal(repeated.history.item, once.history.item)


@every_split
def test_other_kinds_may_be_the_target(make_dataset, split):
    dataset = make_dataset(4, kinds=("view", "like"))
    liked = replace(split, target_kinds=["like"]).split(dataset).test
    assert liked.owned_kinds == ("like",)
    with pytest.raises(DataContractError, match=r"no (user with a truth item|event before it)"):
        split.split(dataset)


@every_split
def test_no_events_is_one_sentence(make_dataset, split):
    dataset = make_dataset(0)
    nothing = replace(dataset, interactions=dataset.interactions.take(np.zeros(0, np.int64)))
    with pytest.raises(DataContractError, match=r"A split needs events\. Got none"):
        split.split(nothing)


@every_split
def test_one_event_is_one_sentence(make_dataset, split):
    dataset = make_dataset(0, kinds=("purchase",))
    single = replace(dataset, interactions=dataset.interactions.take(np.arange(1)))
    with pytest.raises(DataContractError, match="must") as caught:
        split.split(single)
    assert caught.value.exit_code == 4


@every_split
def test_unsorted_events_are_refused(make_dataset, split):
    dataset = make_dataset(0)
    backwards = dataset.interactions.take(np.arange(len(dataset.interactions))[::-1])
    with pytest.raises(DataContractError, match=r"by user, time, item and kind\. Got row 1 out of order"):
        split.split(replace(dataset, interactions=backwards))


@every_split
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_kinds", []), ("target_kinds", "purchase"), ("target_kinds", ["buy"]), ("target_kinds", None),
        ("event_weights", {"buy": 1.0}), ("event_weights", {"view": -1}), ("event_weights", {"view": "1"}),
        ("event_weights", {"view": float("nan")}), ("event_weights", {"view": float("inf")}),
        ("event_weights", [1]),
        ("grades", {"purchase": 0}), ("grades", {"purchase": 31}), ("grades", {"purchase": 1.5}),
        ("grades", {"purchase": True}), ("repurchase", "no"), ("n_training", 0), ("n_training", "three"),
    ],
)  # fmt: skip
def test_bad_settings_are_one_sentence(split, field, value):
    with pytest.raises(ConfigurationError, match=f"'{field}' .* of {type(split).__name__} must be") as caught:
        replace(split, **{field: value})
    assert caught.value.exit_code == 2


# --- the guard -----------------------------------------------------------------------------------


BOTH = ("history", "request_history")


def moved_into_history(snapshot, user, item, time, into=BOTH):
    """The snapshot with one more purchase in its history, in that of requests, or in both."""
    purchase = {"user": user, "item": item, "time": time, "kind": 0, "value": np.nan}

    def longer(events):
        columns = {name: np.append(getattr(events, name), value) for name, value in purchase.items()}
        typed = {name: column.astype(getattr(events, name).dtype) for name, column in columns.items()}
        return Interactions(**typed).sorted()

    return replace(snapshot, **{name: longer(getattr(snapshot, name)) for name in into})


@pytest.mark.parametrize("into", [BOTH, BOTH[:1], BOTH[1:]], ids=["both", "fitted", "asked"])
@pytest.mark.parametrize("which", ["training", "validation", "test"])
@every_split
def test_a_future_event_in_the_history_fails_the_run(make_dataset, split, which, into):
    result = split.split(make_dataset(0))
    snapshot = result.training[0] if which == "training" else getattr(result, which)
    query = int(np.argmax(snapshot.queries.time))
    user, time = snapshot.queries.user[query], snapshot.queries.time[query]
    free = next(item for item in range(20) if item not in snapshot.truth.items[query])
    poisoned = moved_into_history(snapshot, user, free, time + 1, into)
    value = (poisoned, *result.training[1:]) if which == "training" else poisoned
    with pytest.raises(DataContractError, match="Got 1 events at or after it: the future has leaked"):
        check_split(replace(result, **{which: value}), by_position=isinstance(split, LeaveLastOut))


def test_an_event_at_the_very_moment_of_the_query_fails_too(make_dataset):
    result = SPLITS["temporal"].split(make_dataset(0))
    test = result.test
    others = np.setdiff1d(np.arange(30), test.queries.user)
    for user in (test.queries.user[0], others[0]):
        poisoned = moved_into_history(test, user, 19, test.cutoff)
        with pytest.raises(DataContractError, match="Got 1 events"):
            check_split(replace(result, test=poisoned))


@every_split
def test_models_that_know_more_than_requests_fail(make_dataset, split):
    result = split.split(make_dataset(0))
    test, events = result.test, result.test.request_history
    check_split(
        replace(result, test=replace(test, history=test.history.take(test.history_step > 0))),
        by_position=True,
    )
    lacking = replace(
        test, request_history=events.take(np.arange(len(events)) != test.history_offsets[1] - 1)
    )
    early = events.time.min() - 1
    more = moved_into_history(test, test.history.user[0], 0, early, into=BOTH[:1])
    for poisoned in (lacking, more):
        with pytest.raises(DataContractError, match=r"must be how its requests' histories begin\. Got"):
            check_split(replace(result, test=poisoned), by_position=True)


def test_an_owned_item_in_the_truth_fails(make_dataset):
    result = SPLITS["temporal"].split(make_dataset(0))
    test = result.test
    owning = moved_into_history(test, test.queries.user[0], test.truth.items[0][0], test.cutoff - 1)
    with pytest.raises(DataContractError, match=r"must not hold what users already have\. Got 1 such"):
        check_split(replace(result, test=owning))
    check_split(replace(result, test=replace(owning, owned_kinds=())))


def test_a_query_without_truth_fails(make_dataset):
    result = SPLITS["temporal"].split(make_dataset(0))
    bare = replace(result.test.truth, items=Ragged.empty(len(result.test.queries)))
    with pytest.raises(DataContractError, match="must have truth"):
        check_split(Split(result.training, result.validation, replace(result.test, truth=bare)))


def test_membership_equals_that_of_a_set():
    pool = np.array([5, 1, 9, 5])
    assert is_among(np.array([0, 1, 5, 9, 10]), pool).tolist() == [False, True, True, True, False]
    assert is_among(np.array([1]), pool[:0]).tolist() == [False]
    assert is_among(pool[:0], pool).tolist() == []
