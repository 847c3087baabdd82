"""Small shops with histories, lists and truths for the tests of what lists are like."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.ragged import Categorical
from dataset.snapshot import Histories
from dataset.vectors import Vectors
from evaluation.list_facts import ListFacts
from evaluation.specification import ItemFacts

N_ITEMS = 9
NOW = 400 * SECONDS_PER_DAY
WEIGHTS = dict.fromkeys(KINDS, 0.0) | {"purchase": 1.0, "view": 0.25}


def histories_of(events: list[list[tuple[int, str]]]) -> Histories:
    """A row a user; each event an item and a kind."""
    user = np.repeat(np.arange(len(events), dtype=np.int32), [len(row) for row in events])
    flat = [event for row in events for event in row]
    log = Interactions(
        user=user,
        item=np.array([item for item, _ in flat], np.int32),
        kind=np.array([KINDS.index(kind) for _, kind in flat], np.int8),
        value=np.full(len(flat), np.nan, np.float32),
        time=np.arange(len(flat), dtype=np.int64),
    )
    return Histories.of(log, len(events), np.array([WEIGHTS[kind] for kind in KINDS], np.float32))


@dataclass(frozen=True)
class World:
    """Users with their histories, lists and truths, and what is known of nine items."""

    events: list[list[tuple[int, str]]]
    lists: list[list[int]]
    truth: list[list[int]]
    category: list[int]
    popularity: list[int]
    age_days: list[float]
    available: list[bool]
    vectors: dict[int, list[int]]

    @property
    def facts(self) -> ListFacts:
        """As code sees them; users are asked for in their order."""
        m = len(self.events)
        placed = sorted(self.vectors)
        matrix = np.array([self.vectors[item] for item in placed], np.float32).reshape(len(placed), 2)
        return ListFacts(
            histories=histories_of(self.events),
            user=np.arange(m, dtype=np.int32),
            time=np.full(m, NOW, np.int64),
            items=ItemFacts(
                available=np.array(self.available),
                popularity=np.array(self.popularity, np.int64),
                n_users=20,
            ),
            category=Categorical(np.array(self.category, np.int32), ("a", "b", "c")),
            category_levels=1,
            known_since=NOW - (np.array(self.age_days) * SECONDS_PER_DAY).astype(np.int64),
            vectors={"ingredients": Vectors(np.array(placed, np.int32), matrix)},
        )


def _per_item(values):
    return st.lists(values, min_size=N_ITEMS, max_size=N_ITEMS)


_items = st.integers(0, N_ITEMS - 1)
_lists = st.lists(_items, max_size=6, unique=True)
_events = st.lists(st.tuples(_items, st.sampled_from(["purchase", "view", "search"])), max_size=7)
_queries = st.lists(st.tuples(_events, _lists, _lists), min_size=1, max_size=5)


@st.composite
def worlds(draw):
    """Any of them, with empty histories, lists and truths among others."""
    events, lists, truth = (list(column) for column in zip(*draw(_queries), strict=True))
    return World(
        events=events,
        lists=lists,
        truth=truth,
        category=draw(_per_item(st.integers(-1, 2))),
        popularity=draw(_per_item(st.integers(0, 20))),
        age_days=draw(_per_item(st.sampled_from([0.5, 89, 90, 91, 300]))),
        available=draw(_per_item(st.booleans())),
        vectors=draw(st.dictionaries(_items, st.sampled_from([[1, 0], [0, 2], [-1, 0], [0, 0]]))),
    )
