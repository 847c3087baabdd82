"""A whole shop from a seed: catalogue, users, purchases, everything around them, and the truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from dataset.canonical import Tables
from dataset.interactions import KINDS
from dataset.ragged import offsets_of
from dataset.shop.activity import Schedule, make_schedule
from dataset.shop.catalogue import Catalogue, make_catalogue
from dataset.shop.choice import Purchases, draw_epoch, people_of, shelf_of
from dataset.shop.components import Components, make_components
from dataset.shop.events import EVENTS_PER_PURCHASE, SEEN_PER_PURCHASE, Choices, make_events
from dataset.shop.labels import items_table, make_functions, make_ingredients
from dataset.shop.mixtures import Mixtures, make_mixtures
from dataset.shop.oracle import ShopOracle
from dataset.shop.population import Population, make_population, users_table

COHORT: Final = 131_072
"""Users whose events are made together, from a stream of their own: sets memory, and belongs to the data."""
_ROWS: Final = 500_000  # of a part of the interactions, at most: only memory


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


@dataclass(frozen=True, kw_only=True)
class GeneratedTables:
    """The canonical tables of a shop; see `TablesInParts`. Events are made when they are asked for.

    Parameters
    ----------
    plan : Plan
    users, items : DataFrame
        As in `Tables`.
    oracle : ShopOracle
    catalogue : Catalogue
    population : Population
    choices : Choices
        What was chosen at every moment; the events are what happens around it.
    stated : sequence of str
        None.
    """

    plan: Plan
    users: pd.DataFrame
    items: pd.DataFrame
    oracle: ShopOracle
    catalogue: Catalogue
    population: Population
    choices: Choices
    stated: Sequence[str] = ()

    def parts(self) -> Iterator[pd.DataFrame]:
        """The events, cohort by cohort, in random order within a cohort; the same at every call.

        Memory is set by the events of a cohort.
        """
        plan = self.plan
        user_ids, item_ids = _words(self.users["user"]), _words(self.items["item"])
        for number, first in enumerate(range(0, plan.n_users, COHORT)):
            chosen = self.choices.of_users(first, min(first + COHORT, plan.n_users))
            rng = _cohort_stream(plan, number)
            events = make_events(chosen, self.catalogue, self.population, plan.start, plan.n_days, rng)
            n = len(events["user"])
            for at in range(0, max(n, 1), _ROWS):
                yield interactions_table(
                    {name: cells[at : at + _ROWS] for name, cells in events.items()}, user_ids, item_ids
                )

    def whole(self) -> Tables:
        """All at once."""
        return Tables(
            users=self.users,
            items=self.items,
            interactions=pd.concat(list(self.parts()), ignore_index=True),
            oracle=self.oracle,
        )


def generate(plan: Plan) -> GeneratedTables:
    """The canonical tables with the oracle; the same for the same plan, row for row.

    Cost O(events log items + epochs x entries), memory O(purchases + users + items x components) until the
    events are asked for.
    """
    # One stream a part: more users leave the catalogue as it was.
    streams = [np.random.default_rng(seed) for seed in _seeds(plan)]
    catalogue = make_catalogue(plan.n_items, plan.n_days, streams[0])
    ingredients = make_ingredients(catalogue, streams[1])
    components = make_components(catalogue, ingredients, plan.n_days, plan.epoch_days, plan.start, streams[2])
    population = make_population(plan.n_users, plan.n_days, plan.late_share, catalogue, streams[3])
    mixtures = make_mixtures(population, components, streams[4])
    per_user = plan.events_per_user / EVENTS_PER_PURCHASE
    schedule = make_schedule(population, per_user, plan.start, plan.n_days, streams[5])
    choices = _choose(schedule, components, mixtures, streams[6])
    user_ids, item_ids = _ids("u", 6, plan.n_users, streams[8]), _ids("p", 5, plan.n_items, streams[9])
    functions = make_functions(catalogue, streams[9])
    return GeneratedTables(
        plan=plan,
        users=users_table(population, user_ids, streams[8]),
        items=items_table(catalogue, ingredients, functions, item_ids, plan.start, streams[9]),
        oracle=ShopOracle(
            components=components,
            mixtures=mixtures,
            purchase_offsets=schedule.offsets,
            purchase_item=choices.item,
            purchase_time=schedule.time,
            user_rows=np.arange(plan.n_users, dtype=np.int32),
            item_rows=np.arange(plan.n_items, dtype=np.int32),
        ),
        catalogue=catalogue,
        population=population,
        choices=choices,
    )


def _seeds(plan: Plan) -> list[np.random.SeedSequence]:
    return np.random.SeedSequence([plan.seed, 0x5409]).spawn(10)


def _cohort_stream(plan: Plan, number: int) -> np.random.Generator:
    """The stream of a cohort's events: the first has that of the shop, the others its descendants."""
    seed = _seeds(plan)[7]
    return np.random.default_rng(seed if number == 0 else seed.spawn(number)[-1])


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
    events: Mapping[str, npt.NDArray[Any]], user_ids: pa.LargeStringArray, item_ids: pa.LargeStringArray
) -> pd.DataFrame:
    """The canonical interactions table of some events; ids by row of the users and items tables."""
    return pd.DataFrame(
        {
            "user": _take(user_ids, events["user"]),
            "item": _take(item_ids, events["item"]),
            "kind": _take(pa.array(KINDS, pa.large_string()), events["kind"]),
            "value": events["value"].astype(np.float64),
            "quantity": events["quantity"].astype(np.float64),
            "timestamp": pd.to_datetime(events["time"], unit="s", utc=True).as_unit("us"),
        },
        copy=False,
    )


def _words(ids: "pd.Series[str]") -> pa.LargeStringArray:
    return pa.array(ids, pa.large_string())


def _take(words: pa.LargeStringArray, codes: npt.NDArray[np.integer]) -> "pd.Series[str]":
    """`words[codes]` without a Python object a row."""
    return pd.Series(words.take(pa.array(codes)).to_pandas(), dtype="str")
