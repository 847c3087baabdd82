"""A whole shop from a seed: catalogue, users, purchases, everything around them, and the truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from dataset.canonical import Tables
from dataset.interactions import KINDS
from dataset.ragged import offsets_of
from dataset.shop.activity import Schedule, make_schedule
from dataset.shop.catalogue import make_catalogue
from dataset.shop.choice import Purchases, draw_epoch, people_of, shelf_of
from dataset.shop.components import Components, make_components
from dataset.shop.events import EVENTS_PER_PURCHASE, SEEN_PER_PURCHASE, Choices, make_events
from dataset.shop.labels import items_table, make_functions, make_ingredients
from dataset.shop.mixtures import Mixtures, make_mixtures
from dataset.shop.oracle import ShopOracle
from dataset.shop.population import make_population, users_table


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of a shop and its seed; see `dataset.sources.shop.Shop`. `start` in seconds since 1970 UTC."""

    n_users: int
    n_items: int
    n_days: int
    events_per_user: float
    epoch_days: int
    late_share: float
    start: int
    seed: int


def generate(plan: Plan) -> Tables:
    """The canonical tables with the oracle; the same for the same plan, row for row.

    Cost O(events log items + epochs x entries), memory O(events + items x components).
    """
    # One stream a part: more users leave the catalogue as it was.
    streams = np.random.default_rng([plan.seed, 0x5409]).spawn(10)
    catalogue = make_catalogue(plan.n_items, plan.n_days, streams[0])
    ingredients = make_ingredients(catalogue, streams[1])
    components = make_components(catalogue, ingredients, plan.n_days, plan.epoch_days, plan.start, streams[2])
    population = make_population(plan.n_users, plan.n_days, plan.late_share, catalogue, streams[3])
    mixtures = make_mixtures(population, components, streams[4])
    per_user = plan.events_per_user / EVENTS_PER_PURCHASE
    schedule = make_schedule(population, per_user, plan.start, plan.n_days, streams[5])
    choices = _choose(schedule, components, mixtures, streams[6])
    events = make_events(choices, catalogue, population, plan.start, plan.n_days, streams[7])
    user_ids, item_ids = _ids("u", 6, plan.n_users, streams[8]), _ids("p", 5, plan.n_items, streams[9])
    functions = make_functions(catalogue, streams[9])
    return Tables(
        users=users_table(population, user_ids, streams[8]),
        items=items_table(catalogue, ingredients, functions, item_ids, plan.start, streams[9]),
        interactions=interactions_table(events, user_ids, item_ids),
        oracle=ShopOracle(
            components=components,
            mixtures=mixtures,
            purchase_offsets=schedule.offsets,
            purchase_item=choices.item,
            purchase_time=schedule.time,
            user_rows=np.arange(plan.n_users, dtype=np.int32),
            item_rows=np.arange(plan.n_items, dtype=np.int32),
        ),
    )


def _choose(
    schedule: Schedule, components: Components, mixtures: Mixtures, rng: np.random.Generator
) -> Choices:
    """Item of each purchase, and the items looked at before each, epoch by epoch."""
    item = np.full(len(schedule.user), -1, np.int32)
    seen_offsets = offsets_of(rng.poisson(SEEN_PER_PURCHASE, len(item)))
    seen = np.full(int(seen_offsets[-1]), -1, np.int32)
    purchases = Purchases(schedule.offsets, item, schedule.time)
    people = people_of(mixtures)
    epoch = components.epoch_of(schedule.time)
    by_epoch = np.argsort(epoch, kind="stable")
    bounds = offsets_of(np.bincount(epoch, minlength=len(components.heat)))
    for now in np.flatnonzero(np.diff(bounds)).tolist():
        rows = by_epoch[bounds[now] : bounds[now + 1]]
        shelf = shelf_of(components, mixtures, now)
        draw_epoch(shelf, people, purchases, rows, schedule.user, seen_offsets, seen, rng)
    return Choices(schedule, item, seen_offsets, seen)


def _ids(prefix: str, width: int, n: int, rng: np.random.Generator) -> "pd.Series[str]":
    """Distinct ids in random order: a number tells nothing."""
    width = max(width, len(str(n - 1)))
    return pd.Series([f"{prefix}{number:0{width}d}" for number in rng.permutation(n).tolist()], dtype="str")


def interactions_table(
    events: dict[str, npt.NDArray[Any]], user_ids: "pd.Series[str]", item_ids: "pd.Series[str]"
) -> pd.DataFrame:
    """The canonical interactions table; takes the columns out of `events` as it goes, to save memory."""
    columns = {
        "user": _take(user_ids, events.pop("user")),
        "item": _take(item_ids, events.pop("item")),
        "kind": _take(pd.Series(KINDS, dtype="str"), events.pop("kind")),
        "value": events.pop("value").astype(np.float64),
        "quantity": events.pop("quantity").astype(np.float64),
        "timestamp": pd.to_datetime(events.pop("time"), unit="s", utc=True).as_unit("us"),
    }
    return pd.DataFrame(columns, copy=False)


def _take(words: "pd.Series[str]", codes: npt.NDArray[np.integer]) -> "pd.Series[str]":
    """`words[codes]` without a Python object a row."""
    taken = pa.array(words, pa.large_string()).take(pa.array(codes))
    return pd.Series(taken.to_pandas(), dtype="str")
