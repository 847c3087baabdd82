"""What measures of lists know of a snapshot."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.items import UNKNOWN_TIME
from dataset.ragged import Categorical
from dataset.snapshot import Snapshot
from evaluation.list_facts import ListFacts, telling_levels
from evaluation.profiles import Profiles
from tests.contracts import shops
from tests.evaluation.worlds import histories_of


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return shops.snapshot()


def paths_of(*names: str) -> Categorical:
    return Categorical.of(names)


def test_the_first_level_that_does_not_say_the_same_of_nearly_all():
    category = paths_of(
        "Skin > Face > Serum", "Skin > Face > Cream", "Skin > Body > Wash", "Hair > Oil > Oil"
    )
    events = np.array([0, 1, 2, 2, 3], np.int32)
    tops, levels = telling_levels(category, events)
    assert levels == 2
    assert [tops.names[code] for code in tops.codes] == [
        "Skin > Face", "Skin > Face", "Skin > Body", "Hair > Oil",
    ]  # fmt: skip
    assert telling_levels(category, np.array([0, 1, 2, 3, 3, 3], np.int32))[1] == 1  # half each
    assert telling_levels(category, np.array([0, 0, 0, 1], np.int32))[1] == 3  # all there are


def test_items_without_a_category_stay_without():
    tops, levels = telling_levels(paths_of("", "A", "B > C"), np.array([0, 0, 0, 1, 2], np.int32))
    assert (tops.codes.tolist(), tops.names, levels) == ([-1, 0, 1], ("A", "B"), 1)
    tops, levels = telling_levels(paths_of("", ""), np.array([0, 1], np.int32))
    assert (tops.codes.tolist(), levels) == ([-1, -1], 0)
    assert telling_levels(paths_of("A", "B"), np.zeros(0, np.int32))[1] == 1


def test_an_item_is_known_since_its_launch_or_else_its_first_event(snapshot):
    launched = np.where(np.arange(40) % 2 == 0, snapshot.items.launched, UNKNOWN_TIME)
    snapshot = replace(snapshot, items=replace(snapshot.items, launched=launched))
    facts, events = ListFacts.of(snapshot, {}), snapshot.history
    for item in range(40):
        times = events.time[events.item == item]
        expected = launched[item] if launched[item] != UNKNOWN_TIME else times.min(initial=UNKNOWN_TIME)
        assert facts.known_since[item] == (expected if len(times) else UNKNOWN_TIME)


def test_profiles_are_of_the_queries_in_their_order(snapshot):
    facts = ListFacts.of(snapshot, {})
    rows = np.array([3, 0, 3])
    profiles = facts.take(rows).profiles()
    for place, row in enumerate(rows):
        of_user = snapshot.history.item[snapshot.history.user == snapshot.queries.user[row]]
        assert profiles.items[place].tolist() == sorted(set(of_user.tolist()))
    assert len(facts.take(rows)) == 3


def test_profiles_weigh_events_by_their_kind():
    category, popularity = np.array([0, 1, -1], np.int32), np.array([8, 4, 2], np.int64)
    events = [[(0, "purchase"), (1, "view"), (1, "view"), (2, "purchase")], [(1, "search")], []]
    profiles = Profiles.of(histories_of(events), category, popularity)
    assert profiles.categories.values.tolist() == [0, 1, 1]
    assert profiles.weight.tolist() == [1, 0.5, 0]
    assert profiles.n_events.tolist() == [1, 2, 1]
    np.testing.assert_allclose(profiles.share, [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(profiles.popularity, [(8 + 0.5 * 4 + 2) / 2.5, np.nan, np.nan])
    assert len(profiles) == 3
