"""A small random shop with all that a split must cope with: ties, views, launches, statements of users."""

from collections.abc import Callable

import numpy as np
import pytest

from dataset.dataset import Dataset
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, TokenLists
from dataset.users import Users
from dataset.vocabulary import Vocabulary

START = 1_600_041_600  # a midnight, UTC
MakeDataset = Callable[..., Dataset]


def random_dataset(
    seed: int = 0,
    n_users: int = 30,
    n_items: int = 20,
    n_events: int = 400,
    n_days: int = 100,
    kinds: tuple[str, ...] = KINDS,
) -> Dataset:
    """Events at random; a few users and items never occur, and days repeat, so that moments tie."""
    rng = np.random.default_rng(seed)
    keys = np.column_stack(
        [
            rng.integers(0, max(n_users - 2, 1), n_events),
            START + rng.integers(0, n_days, n_events) * SECONDS_PER_DAY,
            rng.integers(0, max(n_items - 2, 1), n_events),
            rng.choice([KINDS.index(kind) for kind in kinds], n_events),
        ]
    )
    user, time, item, kind = np.unique(keys, axis=0).T
    n = len(user)
    interactions = Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=kind.astype(np.int8),
        value=np.where(kind == KINDS.index("rating"), rng.integers(1, 6, n), np.nan).astype(np.float32),
        time=time,
        stated={"skin_type": Categorical(rng.integers(-1, 3, n).astype(np.int32), ("dry", "normal", "oily"))},
    )
    return Dataset(
        name="random",
        users=_users(rng, n_users),
        items=_items(rng, n_items, n_days),
        interactions=interactions,
        user_ids=Vocabulary.of([f"u{code}" for code in range(n_users)]),
        item_ids=Vocabulary.of([f"i{code}" for code in range(n_items)]),
        digest="",
    )


def _users(rng: np.random.Generator, n: int) -> Users:
    words = np.array(["retinol", "parfum", "alcohol", "unheard of"])
    return Users(
        numeric={"age": rng.uniform(18, 80, n).astype(np.float32)},
        categorical={"region": Categorical(rng.integers(-1, 2, n).astype(np.int32), ("east", "west"))},
        concerns=TokenLists.empty(n),
        avoids=TokenLists.of([words[rng.random(4) < 0.2].tolist() for _ in range(n)]),
    )


def _items(rng: np.random.Generator, n: int, n_days: int) -> Items:
    words = np.array(["retinol", "parfum", "alcohol", "aqua", "glycerin"])
    launched = START + rng.integers(-n_days, n_days, n) * SECONDS_PER_DAY
    return Items(
        brand=Categorical(rng.integers(-1, 3, n).astype(np.int32), ("a", "b", "c")),
        category=Categorical(np.zeros(n, np.int32), ("skin",)),
        price=rng.uniform(5, 90, n).astype(np.float32),
        in_stock=rng.random(n) < 0.9,
        launched=np.where(rng.random(n) < 0.5, UNKNOWN_TIME, launched),
        ingredients=TokenLists.of([words[rng.random(5) < 0.4].tolist() for _ in range(n)]),
        functions=TokenLists.empty(n),
    )


@pytest.fixture(scope="session")
def make_dataset() -> MakeDataset:
    """`random_dataset`, as a fixture: tests are no package, so they cannot import it."""
    return random_dataset
