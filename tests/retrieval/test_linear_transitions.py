import numpy as np
import pytest

from dataset.errors import ConfigurationError
from retrieval import linear_transitions
from retrieval.linear_transitions import LinearTransitions
from tests.contracts import shops
from tests.retrieval.test_attributes import dense_words

DAY = 86_400


def decay(seconds, half_life_days):
    return 0.5 ** (seconds / DAY / half_life_days) if half_life_days else 1.0


def by_formula(snapshot, source):
    """The closed form over all items, moment by moment; positive entries, items x items."""
    events, weight, n = snapshot.history, snapshot.history_weight, len(snapshot.items)
    columns = np.eye(n)
    if any(source.attributes.values()):
        scale = np.sqrt(sum(value**2 for value in source.attributes.values()))
        columns = np.concatenate([columns, scale * dense_words(snapshot, source.attributes, 0.0)], axis=1)
    before, after, of_row = [], [], []
    for user in range(len(snapshot.users)):
        own = np.flatnonzero(events.user == user)
        for moment in np.unique(events.time[own]):
            now, past = own[events.time[own] == moment], own[events.time[own] < moment]
            x, y = np.zeros(n), np.zeros(n)
            for at in past[-source.window :]:
                steps = (events.time[past] > events.time[at]).sum()
                gone = decay(moment - events.time[at], source.history_half_life_days)
                x[events.item[at]] += weight[at] * source.step_decay**steps * gone
            np.add.at(y, events.item[now], weight[now])
            if x.any():
                before.append(x / np.sqrt(x.sum()))
                after.append(y)
                of_row.append(decay(snapshot.cutoff - moment, source.half_life_days))
    of_row = np.array(of_row) / np.mean(of_row)
    past = np.array(before) @ columns
    gram = past.T @ (of_row[:, None] * past) + source.regularisation * np.eye(columns.shape[1])
    weights = columns @ np.linalg.solve(gram, past.T @ (of_row[:, None] * np.array(after)))
    known = np.zeros(n, bool)
    known[snapshot.known_items] = True
    return np.where(known[:, None], np.maximum(weights, 0), 0)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    "source",
    [
        LinearTransitions(regularisation=2.0),
        LinearTransitions(attributes={}, regularisation=0.5, half_life_days=0.0, step_decay=1.0),
        LinearTransitions(window=2, history_half_life_days=0.0, step_decay=0.5),
        LinearTransitions(attributes={"ingredients": 0.5, "functions": 2.0}, history_half_life_days=9.0),
    ],
    ids=str,
)
def test_weights_equal_the_closed_form(source, seed):
    snapshot = shops.snapshot(seed)
    found = source.fit(snapshot, {}).by_item().toarray()
    expected = by_formula(snapshot, source)
    assert (expected > 0).any()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_what_is_always_next_is_what_is_found():
    snapshot = shops.snapshot(0, n_users=30, n_items=12, n_events=20)
    first, second = snapshot.known_items[:2]
    user = np.repeat(np.arange(30, dtype=np.int32), 2)
    history = shops.replace(
        snapshot.history.take(np.zeros(60, np.int64)),
        user=user,
        item=np.tile(np.array([first, second], np.int32), 30),
        time=snapshot.cutoff - DAY * np.tile(np.array([9, 2]), 30),
        kind=np.full(60, snapshot.history.kind[snapshot.history_weight.argmax()], np.int8),
    )
    shop = shops.replace(snapshot, history=history, request_history=history)
    rows = LinearTransitions(attributes={}, regularisation=1.0).fit(shop, {}).by_item().toarray()
    assert rows[first].argmax() == second
    assert not rows[second].any()


def test_blocks_of_rows_change_nothing(monkeypatch):
    snapshot = shops.snapshot(1)
    whole = LinearTransitions(regularisation=5.0).fit(snapshot, {}).by_item().toarray()
    monkeypatch.setattr(linear_transitions, "_BLOCK", 3)
    found = LinearTransitions(regularisation=5.0).fit(snapshot, {}).by_item().toarray()
    np.testing.assert_allclose(found, whole, rtol=1e-6, atol=1e-9)


def test_a_catalogue_too_large_to_solve_is_refused(monkeypatch):
    monkeypatch.setattr(linear_transitions, "MAX_COLUMNS", 5)
    for attributes in ({}, {"brand": 1.0}):
        with pytest.raises(ConfigurationError, match=r"at most 5 items and words\. Got \d+; leave it out"):
            LinearTransitions(attributes=attributes).fit(shops.snapshot(), {})
