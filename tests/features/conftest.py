"""A small random shop cut at one moment, straight from arrays, with candidates to describe."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

from dataset.candidates import Candidates
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.queries import Qrels, Queries
from dataset.ragged import Categorical, Ragged, TokenLists, offsets_of
from dataset.snapshot import Requests, Snapshot
from dataset.users import Users

START = 1_600_041_600  # a midnight, UTC
CUTOFF_DAY = 80
CUTOFF = START + CUTOFF_DAY * SECONDS_PER_DAY
WORDS = np.array([f"word {letter}" for letter in "abcdefghijkl"])
CATEGORIES = ("Hair > Oils", "Skin > Care > Masks", "Skin > Care > Serums", "Skin > Sun")


def random_events(rng: np.random.Generator, n_users: int, n_items: int, n_events: int) -> Interactions:
    """Events over 100 days, days and pairs repeating; the last tenth of the users never occur.

    Every fifth item is sold after the cut-off only.
    """
    active = max(n_users - n_users // 10 - 1, 1)
    keys = np.column_stack(
        [
            rng.integers(0, active, n_events),
            START + rng.integers(0, 100, n_events) * SECONDS_PER_DAY,
            rng.integers(0, n_items, n_events),
            rng.integers(0, len(KINDS) - 1, n_events),
        ]
    )
    late = (keys[:, 2] % 5 == 4) & (keys[:, 1] < CUTOFF)
    keys[late, 1] += CUTOFF_DAY * SECONDS_PER_DAY
    user, time, item, kind = np.unique(keys, axis=0).T
    value = np.where(kind == KINDS.index("rating"), rng.integers(1, 6, len(user)), np.nan)
    return Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=kind.astype(np.int8),
        value=value.astype(np.float32),
        time=time.astype(np.int64),
    )


def random_items(rng: np.random.Generator, n: int, ingredients: bool) -> Items:
    """Products, some without brand, price, ingredients or functions; words repeat."""

    def words(most: int) -> TokenLists:
        return TokenLists.of([rng.choice(WORDS, rng.integers(0, most)).tolist() for _ in range(n)])

    launched = START + rng.integers(-50, 100, n) * SECONDS_PER_DAY
    launched[4::5] = CUTOFF
    return Items(
        brand=Categorical(rng.integers(-1, 4, n).astype(np.int32), ("a", "b", "c", "d")),
        category=Categorical(rng.integers(-1, 4, n).astype(np.int32), CATEGORIES),
        price=np.where(rng.random(n) < 0.1, np.nan, rng.uniform(5, 90, n)).astype(np.float32),
        in_stock=rng.random(n) < 0.9,
        launched=np.where(rng.random(n) < 0.4, UNKNOWN_TIME, launched),
        ingredients=words(8) if ingredients else TokenLists.empty(n),
        functions=words(6),
    )


def random_users(rng: np.random.Generator, n: int) -> Users:
    """Users with gaps in what is known of them."""
    concerns = [rng.choice([*WORDS[:4], "unheard of"], rng.integers(0, 4)).tolist() for _ in range(n)]
    return Users(
        numeric={"age": np.where(rng.random(n) < 0.2, np.nan, rng.uniform(15, 80, n)).astype(np.float32)},
        categorical={
            "skin_type": Categorical(rng.integers(-1, 3, n).astype(np.int32), ("dry", "mix", "oily"))
        },
        concerns=TokenLists.of(concerns),
        avoids=TokenLists.empty(n),
    )


def cut(events: Interactions, items: Items, users: Users) -> Snapshot:
    """The snapshot of everybody at the cut-off."""
    history = events.take(events.time < CUTOFF)
    catalogue = items.launched < CUTOFF
    catalogue[history.item] = True
    n = len(users)
    return Snapshot(
        name="random",
        cutoff=CUTOFF,
        history=history,
        queries=Queries(np.arange(n, dtype=np.int32), np.full(n, CUTOFF)),
        truth=Qrels(Ragged.empty(n), np.zeros(0, np.int8)),
        users=users,
        items=items,
        catalogue=catalogue,
        event_weights=np.array([1, 1, 0.5, 0.5, 0.25, 0.25], np.float32),
        owned_kinds=("purchase",),
    )


def make_snapshot(
    seed: int = 0,
    n_users: int = 24,
    n_items: int = 18,
    n_events: int = 260,
    ingredients: bool = True,
    poisoned: bool = False,
) -> Snapshot:
    """A random snapshot; `poisoned` rewrites all that lies at or after the cut-off, and nothing before it."""
    rng = np.random.default_rng(seed)
    events = random_events(rng, n_users, n_items, n_events)
    items, users = random_items(rng, n_items, ingredients), random_users(rng, n_users)
    return cut(*_poison(events, items, users)) if poisoned else cut(events, items, users)


def _poison(events: Interactions, items: Items, users: Users) -> tuple[Interactions, Items, Users]:
    """Other items, kinds and values in later events; other attributes, and more words, of later items."""
    rng = np.random.default_rng(99)
    clean = cut(events, items, users)
    later = events.time >= clean.cutoff
    n = len(events)
    events = replace(
        events,
        item=np.where(later, rng.choice(len(items), n), events.item).astype(np.int32),
        kind=np.where(later, 0, events.kind).astype(np.int8),
        value=np.where(later, 1.0, events.value).astype(np.float32),
    ).sorted()
    unknown = ~clean.catalogue

    def other(tokens: TokenLists) -> TokenLists:
        rows = [["a word", "word b", "zz"] if new else tokens.words_of(at) for at, new in enumerate(unknown)]
        return TokenLists.of(rows)

    def swap(label: Categorical) -> Categorical:
        return Categorical(np.where(unknown, 0, label.codes).astype(np.int32), label.names)

    items = replace(
        items,
        brand=swap(items.brand),
        category=swap(items.category),
        price=np.where(unknown, 1e6, items.price).astype(np.float32),
        ingredients=other(items.ingredients),
        functions=other(items.functions),
    )
    return events, items, users


def make_candidates(
    snapshot: Snapshot, requests: Requests, per_query: int = 6, sources: tuple[str, ...] = ("near", "far")
) -> Candidates:
    """Known items and a few unknown ones, some queries without any; scores with ties and gaps."""
    rng = np.random.default_rng(len(requests))
    n_items = len(snapshot.items)
    per_query = min(per_query, n_items)
    lists = [
        np.sort(rng.choice(n_items, rng.integers(0, per_query + 1), replace=False))
        for _ in range(len(requests))
    ]
    item = np.concatenate(lists).astype(np.int32) if lists else np.zeros(0, np.int32)
    shape = (len(item), len(sources))
    scores = rng.integers(-2, 4, shape).astype(np.float32)
    scores[rng.random(shape) < 0.2] = np.nan
    ranks = rng.integers(0, 4, shape).astype(np.int16)
    lengths = np.array([len(row) for row in lists], np.int64)
    return Candidates(offsets_of(lengths), item, sources, scores, ranks)


def permuted(candidates: Candidates, seed: int) -> tuple[Candidates, npt.NDArray[np.int64]]:
    """The candidates in another order within each query, and the rows they came from."""
    shuffle = np.random.default_rng(seed).random(len(candidates))
    rows = np.lexsort((shuffle, candidates.query))
    moved = Candidates(
        candidates.offsets,
        candidates.item[rows],
        candidates.sources,
        candidates.scores[rows],
        candidates.ranks[rows],
    )
    return moved, rows


def recoded(snapshot: Snapshot, user: npt.NDArray[np.integer], item: npt.NDArray[np.integer]) -> Snapshot:
    """The same snapshot with other codes; queries keep their order. `user`, `item`: the new code of each."""
    users, items, history = snapshot.users, snapshot.items, snapshot.history
    of_user, of_item = np.argsort(user), np.argsort(item)
    events = replace(
        history, user=user[history.user].astype(np.int32), item=item[history.item].astype(np.int32)
    )
    return replace(
        snapshot,
        history=events.sorted(),
        request_history=None,
        queries=replace(snapshot.queries, user=user[snapshot.queries.user].astype(np.int32)),
        users=Users(
            numeric={name: values[of_user] for name, values in users.numeric.items()},
            categorical={name: values.take(of_user) for name, values in users.categorical.items()},
            concerns=users.concerns.take(of_user),
            avoids=users.avoids.take(of_user),
        ),
        items=replace(
            items,
            **{
                name: getattr(items, name).take(of_item)
                for name in ("brand", "category", "ingredients", "functions")
            },
            **{name: getattr(items, name)[of_item] for name in ("price", "in_stock", "launched")},
        ),
        catalogue=snapshot.catalogue[of_item],
    )


@pytest.fixture(scope="session")
def shop() -> SimpleNamespace:
    """The functions above, as a fixture: tests are no package, so they cannot import them."""
    return SimpleNamespace(
        snapshot=make_snapshot,
        candidates=make_candidates,
        permuted=permuted,
        recoded=recoded,
        start=START,
        words=WORDS,
    )
