"""Small logs for the sections of an exploration, from lists that one can read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from dataset.dataset import Dataset
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, TokenLists
from dataset.users import Users
from dataset.vocabulary import Vocabulary
from evaluation.exploration.material import Material

START = 18_993  # 2022-01-01, in days since 1970
TARGETS = ("purchase", "rating")
N_USERS, N_ITEMS = 6, 5
CATEGORIES = ("Hair > Oils", "Skin > Masks", "Skin > Serums")

Event = tuple[int, int, str, int]  # user, item, kind, day from START


def interactions(events: Sequence[Event], **columns: Any) -> Interactions:
    """Events in the fixed order; a day may be a fraction."""
    user, item, kind, day = zip(*events, strict=True) if events else ((), (), (), ())
    log = Interactions(
        user=np.array(user, np.int32),
        item=np.array(item, np.int32),
        kind=np.array([KINDS.index(name) for name in kind], np.int8),
        value=np.array([5.0 if name == "rating" else np.nan for name in kind], np.float32),
        time=((np.array(day, np.float64) + START) * SECONDS_PER_DAY).round().astype(np.int64),
        **columns,
    )
    return log.sorted()


def dataset_of(
    log: Interactions,
    n_users: int = N_USERS,
    n_items: int = N_ITEMS,
    *,
    categories: Sequence[str] = CATEGORIES,
    ingredients: Sequence[Sequence[str]] | None = None,
    launched: Mapping[int, int] | None = None,
    users: Users | None = None,
) -> Dataset:
    """Item i is of category i modulo their number; `launched` maps items to days from START."""
    launches = np.full(n_items, UNKNOWN_TIME, np.int64)
    for item, day in (launched or {}).items():
        launches[item] = (START + day) * SECONDS_PER_DAY
    items = Items(
        brand=Categorical(np.arange(n_items, dtype=np.int32) % 2, ("a", "b")),
        category=Categorical(np.arange(n_items, dtype=np.int32) % len(categories), tuple(categories)),
        price=np.linspace(5, 50, n_items).astype(np.float32),
        in_stock=np.ones(n_items, bool),
        launched=launches,
        ingredients=TokenLists.of(ingredients or [["water"]] * n_items),
        functions=TokenLists.empty(n_items),
    )
    nobody = TokenLists.empty(n_users)
    return Dataset(
        name="Small",
        users=users or Users(numeric={}, categorical={}, concerns=nobody, avoids=nobody),
        items=items,
        interactions=log,
        user_ids=Vocabulary(tuple(f"u{code}" for code in range(n_users))),
        item_ids=Vocabulary(tuple(f"i{code}" for code in range(n_items))),
        digest="",
    )


def material_of(log: Interactions, *args: Any, **kwargs: Any) -> Material:
    """Ready to be looked at."""
    return Material.of(dataset_of(log, *args, **kwargs), TARGETS, category_depth=2)


_event = st.tuples(
    st.integers(0, N_USERS - 1),
    st.integers(0, N_ITEMS - 1),
    st.sampled_from(["purchase", "purchase", "rating", "view"]),
    st.integers(0, 120),
)
any_events = st.lists(_event, min_size=2, max_size=40).filter(
    lambda events: any(kind != "view" for *_, kind, _ in events)
)
"""Logs of up to four months, with at least one transaction."""


def random_log(
    seed: int, n: int, n_users: int, n_items: int, n_days: int, kinds: Sequence[str] = ("purchase",)
) -> Interactions:
    """Events without any pattern, in whole days."""
    rng = np.random.default_rng(seed)
    return Interactions(
        user=rng.integers(0, n_users, n).astype(np.int32),
        item=rng.integers(0, n_items, n).astype(np.int32),
        kind=np.array([KINDS.index(kinds[at]) for at in rng.integers(0, len(kinds), n)], np.int8),
        value=np.full(n, np.nan, np.float32),
        time=(START + rng.integers(0, n_days, n)) * SECONDS_PER_DAY,
    ).sorted()
