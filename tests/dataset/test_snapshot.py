from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.constraints import Constraints
from dataset.interactions import KINDS
from dataset.repurchase import Repurchase
from dataset.snapshot import steps_from_end, users_as_of
from dataset.splits.temporal import Temporal

SPLIT = Temporal(cutoff=0.7, n_training=1)


def snapshot_of(make_dataset, seed=0, **sizes):
    return SPLIT.split(make_dataset(seed, **sizes)).test


def with_more_to_ask_with(snapshot):
    """The same snapshot, but fitted on less: without the events of each user's two newest moments."""
    return replace(snapshot, history=snapshot.history.take(snapshot.history_step > 1))


def rows_of(events, user):
    """Rows of one user's events, by going through all of them."""
    return [row for row in range(len(events)) if events.user[row] == user]


@given(seed=st.integers(0, 1000))
def test_steps_count_the_events_of_later_moments(make_dataset, seed):
    dataset = make_dataset(seed, n_days=10)
    events = dataset.interactions
    steps = steps_from_end(events, events.offsets(len(dataset.users)))
    for user in range(len(dataset.users)):
        rows = rows_of(events, user)
        times = events.time[rows]
        assert steps[rows].tolist() == [int((times > time).sum()) for time in times]


def test_no_event_has_no_step(make_dataset):
    events = make_dataset(0).interactions.take(np.zeros(0, np.int64))
    assert steps_from_end(events, np.zeros(4, np.int64)).tolist() == []


@pytest.mark.parametrize("fitted_on_less", [pytest.param(False, marks=pytest.mark.slow), True])
@given(seed=st.integers(0, 1000), data=st.data())
def test_requests_equal_what_a_loop_collects(make_dataset, fitted_on_less, seed, data):
    snapshot = snapshot_of(make_dataset, seed)
    history, steps, m = snapshot.history, snapshot.history_step, len(snapshot.queries)
    if fitted_on_less:
        snapshot = with_more_to_ask_with(snapshot)
        assert len(snapshot.history) < len(history)
    rows = np.array(data.draw(st.lists(st.integers(0, m - 1), max_size=8)), np.int64)
    requests = snapshot.requests(rows)
    assert len(requests) == len(requests.history) == len(requests.eligibility) == len(rows)
    for at, row in enumerate(rows):
        user = snapshot.queries.user[row]
        assert (requests.queries.user[at], requests.queries.time[at]) == (user, snapshot.queries.time[row])
        own = rows_of(history, user)
        got = slice(requests.history.offsets[at], requests.history.offsets[at + 1])
        for column in ("item", "kind", "time", "value"):
            known = getattr(requests.history, column)[got]
            np.testing.assert_array_equal(known, getattr(history, column)[own])
        weights = [snapshot.event_weights[kind] for kind in history.kind[own]]
        assert requests.history.weight[got].tolist() == weights
        assert requests.history.step[got].tolist() == steps[own].tolist()
        assert (requests.history.query[got] == at).all()
        bought = {history.item[r] for r in own if KINDS[history.kind[r]] in snapshot.owned_kinds}
        avoided = set(snapshot.users.avoids.words_of(user))
        expected = [
            bool(snapshot.catalogue[item] and snapshot.items.in_stock[item])
            and item not in bought
            and not avoided & set(snapshot.items.ingredients.words_of(item))
            for item in range(len(snapshot.items))
        ]
        assert requests.eligibility.mask(at).tolist() == expected


def test_blocks_of_requests_add_up(make_dataset):
    snapshot = snapshot_of(make_dataset)
    everything = snapshot.requests()
    blocks = [snapshot.requests(slice(at, at + 4)) for at in range(0, len(snapshot.queries), 4)]
    for column in ("item", "time", "step", "weight"):
        parts = [getattr(block.history, column) for block in blocks]
        np.testing.assert_array_equal(np.concatenate(parts), getattr(everything.history, column))


def test_truth_is_taken_with_its_grades(make_dataset):
    split = Temporal(cutoff=0.7, n_training=1, grades={"purchase": 3, "rating": 2})
    truth = split.split(make_dataset(0)).test.truth
    rows = np.array([2, 0, 2])
    some = truth.take(rows)
    for at, row in enumerate(rows):
        assert some.items[at].tolist() == truth.items[row].tolist()
        grades = [q.grade[q.items.offsets[r] : q.items.offsets[r + 1]] for q, r in ((some, at), (truth, row))]
        assert grades[0].tolist() == grades[1].tolist()


def test_warm_means_having_a_history(make_dataset):
    snapshot = snapshot_of(make_dataset, n_users=200, n_events=300)
    expected = [user in snapshot.history.user for user in snapshot.queries.user]
    assert 0 < sum(expected) < len(expected)
    assert snapshot.is_warm.tolist() == expected
    assert with_more_to_ask_with(snapshot).is_warm.tolist() == expected


def test_requests_are_answered_from_what_is_fitted_on_unless_told_otherwise(make_dataset):
    snapshot = snapshot_of(make_dataset)
    same = replace(snapshot, request_history=None)
    assert same.request_history is same.history
    assert same.histories.step is same.history_step


def test_fits_see_the_history_alone(make_dataset):
    wide = snapshot_of(make_dataset)
    narrow = with_more_to_ask_with(wide)
    alone = replace(narrow, request_history=None)
    for name in ("history_offsets", "history_weight", "history_step", "known_items"):
        np.testing.assert_array_equal(getattr(narrow, name), getattr(alone, name))
    np.testing.assert_array_equal(narrow.owned.values, wide.owned.values)
    assert alone.owned.lengths.sum() < wide.owned.lengths.sum()


def test_items_are_not_owned_where_repurchase_is_on(make_dataset):
    assert snapshot_of(make_dataset).owned.lengths.sum() > 0
    snapshot = Temporal(cutoff=0.7, n_training=1, repurchase=True).split(make_dataset(0)).test
    assert snapshot.owned.lengths.sum() == 0


def test_the_promise_holds_too_where_the_run_let_everything_be_taken_again(make_dataset):
    snapshot = Temporal(cutoff=0.7, n_training=1, repurchase=True).split(make_dataset(0)).test
    never = Repurchase(min_gaps=10**6)
    promised = replace(snapshot, constraints=Constraints(repurchase=never)).owned
    bought = snapshot.request_history.take(snapshot.request_history.is_kind(never.kinds))
    assert set(zip(promised.rows, promised.values, strict=True)) == set(
        zip(bought.user, bought.item, strict=True)
    )
    soon = Repurchase(min_gaps=1, otherwise="shop", quantile=0.0)
    assert replace(snapshot, constraints=Constraints(repurchase=soon)).owned.lengths.sum() < len(
        promised.values
    )


@given(seed=st.integers(0, 1000))
def test_the_newest_statement_wins(make_dataset, seed):
    dataset = make_dataset(seed, n_days=400)
    history = dataset.interactions.take(dataset.interactions.time < np.median(dataset.interactions.time))
    users = users_as_of(dataset.users, history)
    stated = history.stated["skin_type"]
    for user in range(len(users)):
        said = [stated.codes[row] for row in rows_of(history, user) if stated.codes[row] >= 0]
        assert users.categorical["skin_type"].codes[user] == (said[-1] if said else -1)
    assert users.categorical["region"] is dataset.users.categorical["region"]
    assert users.numeric is dataset.users.numeric


@pytest.mark.parametrize("kinds", [("view",), ("purchase", "view")])
def test_weights_follow_kinds(make_dataset, kinds):
    split = Temporal(cutoff=0.7, n_training=1, target_kinds=["view"], event_weights={"purchase": 2.5})
    snapshot = split.split(make_dataset(0, kinds=kinds)).test
    expected = np.where(snapshot.history.kind == KINDS.index("purchase"), 2.5, 0)
    assert snapshot.history_weight.tolist() == expected.tolist()
