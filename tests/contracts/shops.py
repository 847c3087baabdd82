"""A small random shop cut at one moment, with all that a source or a ranker must cope with."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.queries import Qrels, Queries
from dataset.ragged import Categorical, Ragged, TokenLists
from dataset.snapshot import Snapshot
from dataset.users import Users
from dataset.vectors import Vectors

START = 1_600_041_600  # a midnight, UTC
CUTOFF = START + 80 * SECONDS_PER_DAY
WORDS = np.array(["alcohol", "aqua", "glycerin", "parfum", "retinol"])
FUNCTIONS = ("anti-age", "clean", "hydrating", "soothing", "spf", "vegan")
CATEGORIES = ("hair", "skin > masks", "skin > serums", "sun")
# Searches weigh nothing here: what such an event points to must not be nominated.
EVENT_WEIGHTS = np.array([1, 1, 0.6, 0.6, 0.2, 0], np.float32)


def snapshot(
    seed: int = 0,
    *,
    n_users: int = 30,
    n_items: int = 40,
    n_events: int = 400,
    share_in_stock: float = 0.9,
    poisoned: bool = False,
) -> Snapshot:
    """Everybody is asked for; `poisoned` rewrites all that lies at or after the cut-off, nothing before.

    The last tenth of the users have no past, every fifth item is launched after the cut-off, days
    repeat so that moments tie, and users avoid ingredients.
    """
    rng = np.random.default_rng(seed)
    events = _events(rng, n_users, n_items, n_events)
    items, users = _items(rng, n_items, share_in_stock), _users(rng, n_users)
    catalogue = _catalogue(events, items)
    if poisoned:
        events, items = _poison(events, items, catalogue)
    history = events.take(events.time < CUTOFF)
    return Snapshot(
        name="random",
        cutoff=CUTOFF,
        history=history,
        queries=Queries(np.arange(n_users, dtype=np.int32), np.full(n_users, CUTOFF)),
        truth=Qrels(Ragged.empty(n_users), np.zeros(0, np.int8)),
        users=users,
        items=items,
        catalogue=catalogue,
        event_weights=EVENT_WEIGHTS,
        owned_kinds=("purchase", "rating"),
    )


def vectors(shop: Snapshot, seed: int = 0) -> dict[str, Vectors]:
    """Embeddings of known items: some items have none, some share one, so that neighbours tie."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, dimensions in (("ingredients", 6), ("functionality", 3), ("collaborative", 4)):
        item = shop.known_items[rng.random(len(shop.known_items)) < 0.85]
        matrix = rng.normal(size=(len(item), dimensions)).astype(np.float32)
        matrix[1::4] = matrix[: len(matrix[1::4])]
        made[name] = Vectors(item, matrix)
    return made


def allowed(shop: Snapshot) -> npt.NDArray[np.bool_]:
    """By the definition, word for word: what each user may get, bool of shape (n_users, n_items)."""
    free = np.tile(shop.catalogue & shop.items.in_stock, (len(shop.users), 1))
    for user in range(len(shop.users)):
        avoids = set(shop.users.avoids.words_of(user))
        for item in range(len(shop.items)):
            free[user, item] &= not avoids & set(shop.items.ingredients.words_of(item))
    got = shop.history.take(shop.history.is_kind(shop.owned_kinds))
    free[got.user, got.item] = False
    return free


def _events(rng: np.random.Generator, n_users: int, n_items: int, n: int) -> Interactions:
    keys = np.column_stack(
        [
            rng.integers(0, n_users, n),
            START + rng.integers(0, 100, n) * SECONDS_PER_DAY,
            rng.integers(0, n_items, n),
            rng.integers(0, len(KINDS), n),
        ]
    )
    newcomer = keys[:, 0] >= max(n_users - n_users // 10, 1)
    late = (newcomer | (keys[:, 2] % 5 == 4)) & (keys[:, 1] < CUTOFF)
    keys[late, 1] += 80 * SECONDS_PER_DAY
    user, time, item, kind = np.unique(keys, axis=0).T
    rating = np.where(kind == KINDS.index("rating"), rng.integers(1, 6, len(user)), np.nan)
    return Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=kind.astype(np.int8),
        value=rating.astype(np.float32),
        time=time.astype(np.int64),
    )


def _items(rng: np.random.Generator, n: int, share_in_stock: float) -> Items:
    launched = START + rng.integers(-50, 70, n) * SECONDS_PER_DAY
    launched[4::5] = CUTOFF + SECONDS_PER_DAY
    words = [WORDS[rng.random(len(WORDS)) < 0.35].tolist() for _ in range(n)]
    return Items(
        brand=Categorical(rng.integers(-1, 3, n).astype(np.int32), ("a", "b", "c")),
        category=Categorical(rng.integers(-1, len(CATEGORIES), n).astype(np.int32), CATEGORIES),
        price=rng.uniform(5, 90, n).astype(np.float32),
        in_stock=rng.random(n) < share_in_stock,
        launched=np.where(rng.random(n) < 0.2, UNKNOWN_TIME, launched),
        ingredients=TokenLists.of(words),
        functions=_functions(n),
    )


def _functions(n: int) -> TokenLists:
    """Drawn apart; some products have none, some repeat one, every seventh has those of the one before."""
    rng = np.random.default_rng(n)
    rows = [rng.choice(FUNCTIONS, rng.integers(0, 4)).tolist() for _ in range(n)]
    rows[1::7] = rows[: len(rows[1::7]) * 7 : 7]
    return TokenLists.of(rows)


def _users(rng: np.random.Generator, n: int) -> Users:
    avoids = [WORDS[rng.random(len(WORDS)) < 0.12].tolist() for _ in range(n)]
    return Users(
        numeric={"age": np.where(rng.random(n) < 0.2, np.nan, rng.uniform(15, 80, n)).astype(np.float32)},
        categorical={
            "skin_type": Categorical(rng.integers(-1, 3, n).astype(np.int32), ("dry", "mix", "oily"))
        },
        concerns=TokenLists.empty(n),
        avoids=TokenLists.of([*avoids[:-1], ["unheard of"]]),
    )


def _catalogue(events: Interactions, items: Items) -> npt.NDArray[np.bool_]:
    known = (items.launched != UNKNOWN_TIME) & (items.launched < CUTOFF)
    known[events.item[events.time < CUTOFF]] = True
    return known


def _poison(
    events: Interactions, items: Items, catalogue: npt.NDArray[np.bool_]
) -> tuple[Interactions, Items]:
    """Later events of other items and kinds, and more of them; other labels and words of unknown items."""
    past, later = events.take(events.time < CUTOFF), events.take(events.time >= CUTOFF)
    rng = np.random.default_rng(99)
    n = len(later) + 50
    later = replace(
        later,
        user=rng.choice(np.unique(events.user) if len(events) else np.zeros(1, np.int32), n).astype(np.int32),
        item=rng.integers(0, len(items), n).astype(np.int32),
        kind=np.zeros(n, np.int8),
        value=np.ones(n, np.float32),
        time=CUTOFF + rng.integers(0, 40, n) * SECONDS_PER_DAY,
    )
    arrays: Mapping[str, npt.NDArray[np.generic]] = {
        name: np.concatenate([getattr(past, name), getattr(later, name)])
        for name in ("user", "item", "kind", "value", "time")
    }
    labels = {
        name: replace(label, codes=np.where(catalogue, label.codes, 0).astype(np.int32))
        for name, label in (("brand", items.brand), ("category", items.category))
    }
    words = {"ingredients": items.ingredients, "functions": items.functions}
    words = {name: _other_words(lists, catalogue) for name, lists in words.items()}
    price = np.where(catalogue, items.price, 1e6).astype(np.float32)
    return Interactions(**arrays).sorted(), replace(items, price=price, **labels, **words)


def _other_words(lists: TokenLists, kept: npt.NDArray[np.bool_]) -> TokenLists:
    """Items that are not kept get all words and one that is new and sorts first, so that codes move."""
    other = ["0 unheard of", *lists.words]
    return TokenLists.of([lists.words_of(row) if kept[row] else other for row in range(len(lists))])
