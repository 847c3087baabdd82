"""What happens around purchases: looking, searching, saving before; liking and rating after."""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.shop.activity import Schedule
from dataset.shop.catalogue import Catalogue
from dataset.shop.population import Population

SEEN_PER_PURCHASE: Final = 1.3  # other products looked at
BOUGHT_VIEWS: Final = 1.2  # views of the product itself
SEARCH, SAVE, LIKE, RATING = 0.3, 0.3, 0.2, 0.3
EVENTS_PER_PURCHASE: Final = 1 + SEEN_PER_PURCHASE + BOUGHT_VIEWS + SEARCH + SAVE + LIKE + RATING
SAME_VISIT: Final = 0.6  # of the products looked at; the others on the days before
OF_BOUGHT: Final = 0.6  # of searches and saves are of the product that is bought then


@dataclass(frozen=True)
class Choices:
    """What was chosen at each moment of `schedule`: n purchases.

    Parameters
    ----------
    schedule : Schedule
    item : int32 array of shape (n,)
        The item bought.
    seen_offsets : int64 array of shape (n + 1,)
    seen : int32 array
        Other items looked at before purchase p are `seen[seen_offsets[p]:seen_offsets[p + 1]]`.
    """

    schedule: Schedule
    item: npt.NDArray[np.int32]
    seen_offsets: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int32]

    def of_users(self, first: int, last: int) -> "Choices":
        """The purchases of the users `first:last`, who keep their rows in the users table; no copies."""
        offsets = self.schedule.offsets[first : last + 1]
        rows = slice(int(offsets[0]), int(offsets[-1]))
        seen = self.seen_offsets[rows.start : rows.stop + 1]
        return Choices(
            Schedule(offsets - offsets[0], self.schedule.user[rows], self.schedule.time[rows]),
            self.item[rows],
            seen - seen[0],
            self.seen[int(seen[0]) : int(seen[-1])],
        )


@dataclass(frozen=True)
class Events:
    """Events, n rows; codes are rows of the users and items tables.

    Parameters
    ----------
    user, item : int32 arrays of shape (n,)
    kind : int8 array of shape (n,)
        Position in `KINDS`.
    value, quantity : float32 arrays of shape (n,)
    time : int64 array of shape (n,)
        Seconds since 1970 UTC.
    """

    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float32]
    quantity: npt.NDArray[np.float32]
    time: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, kw_only=True)
class _World:
    """What bounds the time of events: `launch` (n_items,), `first` (n_users,) and `end` in seconds."""

    launch: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    end: int


def make_events(
    choices: Choices,
    catalogue: Catalogue,
    population: Population,
    start: int,
    n_days: int,
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[Any]]:
    """The columns of `Events` for all events, given the purchases; rows in random order.

    A column is put into its order when those before it are done with: never are all there twice.
    """
    world = _World(
        launch=start + catalogue.launch_day.astype(np.int64) * SECONDS_PER_DAY,
        first=start + population.first_day.astype(np.int64) * SECONDS_PER_DAY,
        end=start + n_days * SECONDS_PER_DAY,
    )
    blocks = [
        _bought(choices, rng),
        *_before_purchases(choices, world, rng),
        *_after_purchases(choices, catalogue, population, world, rng),
    ]
    order = rng.permutation(sum(len(block) for block in blocks))
    parts = {f.name: [getattr(block, f.name) for block in blocks] for f in fields(Events)}
    blocks.clear()
    return {name: np.concatenate(parts.pop(name))[order] for name in list(parts)}


def _before_purchases(choices: Choices, world: _World, rng: np.random.Generator) -> list[Events]:
    """Views, searches and saves."""
    schedule, item, seen = choices.schedule, choices.item, choices.seen
    purchase_of_seen = np.repeat(np.arange(len(item)), np.diff(choices.seen_offsets))
    views_of_bought = np.repeat(np.arange(len(item)), rng.poisson(BOUGHT_VIEWS, len(item)))
    viewed = np.concatenate([purchase_of_seen, views_of_bought])
    view_item = np.concatenate([seen, item[views_of_bought]])
    searched, search_item = _some(SEARCH, item, purchase_of_seen, seen, rng)
    saved, save_item = _some(SAVE, item, purchase_of_seen, seen, rng)
    return [
        _around("view", schedule, viewed, view_item, -_before(len(viewed), rng), world, rng),
        _around("search", schedule, searched, search_item, -_before(len(searched), rng), world, rng),
        _around("save", schedule, saved, save_item, -_before(len(saved), rng), world, rng),
    ]


def _after_purchases(
    choices: Choices, catalogue: Catalogue, population: Population, world: _World, rng: np.random.Generator
) -> list[Events]:
    """Likes and ratings, by how well the item suits the user."""
    schedule, item = choices.schedule, choices.item
    match = match_of(population, catalogue, schedule.user, item)
    liked = np.flatnonzero(rng.random(len(item)) < LIKE * (0.5 + match / 2))
    rated = np.flatnonzero(rng.random(len(item)) < RATING)
    score = 2.4 + match[rated] + catalogue.quality[item[rated]] + 0.8 * rng.standard_normal(len(rated))
    stars = np.clip(np.round(score), 1, 5).astype(np.float32)
    return [
        _around("like", schedule, liked, item[liked], _after(len(liked), 3, rng), world, rng),
        _around("rating", schedule, rated, item[rated], _after(len(rated), 18, rng), world, rng, stars),
    ]


def match_of(
    population: Population,
    catalogue: Catalogue,
    user: npt.NDArray[np.int32],
    item: npt.NDArray[np.int32],
) -> npt.NDArray[np.float32]:
    """How well an item suits a user, float32 of shape (len(user),), about 0 to 2.5.

    Counts concerns treated, the skin type, the taste, the loyalty and the price tier.
    """
    concerns = population.concerns[user]
    treats = (catalogue.strength[item[:, None], concerns] > 0) & (concerns >= 0)
    made_for = catalogue.made_for[item]
    wrong_type = (made_for >= 0) & (made_for != population.skin_type[user])
    match = np.float32(0.8) * treats.any(axis=1) + 0.2 * (treats.sum(axis=1) > 1) - 0.5 * wrong_type
    match += 0.6 * (catalogue.style[item] == population.styles[user, 0])
    match += 0.3 * (catalogue.brand[item][:, None] == population.brands[user]).any(axis=1)
    match += 0.2 * (catalogue.tier[item] == population.tier[user])
    return np.asarray(match + 0.5, np.float32)


def _some(
    per_purchase: float,
    item: npt.NDArray[np.int32],
    purchase_of_seen: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int32],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Purchase and item of events that are partly of the item bought, partly of one only seen."""
    bought = np.flatnonzero(rng.random(len(item)) < per_purchase * OF_BOUGHT)
    other = np.flatnonzero(rng.random(len(seen)) < per_purchase * (1 - OF_BOUGHT) / SEEN_PER_PURCHASE)
    return np.concatenate([bought, purchase_of_seen[other]]), np.concatenate([item[bought], seen[other]])


def _before(n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Seconds before the purchase: minutes within the visit, or days of consideration."""
    minutes = rng.integers(20, 1_500, n)
    days = rng.exponential(2.5 * SECONDS_PER_DAY, n).astype(np.int64)
    return np.where(rng.random(n) < SAME_VISIT, minutes, minutes + days)


def _after(n: int, mean_days: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Seconds after the purchase, at least an hour."""
    return 3_600 + rng.gamma(2.0, mean_days / 2 * SECONDS_PER_DAY, n).astype(np.int64)


def _bought(choices: Choices, rng: np.random.Generator) -> Events:
    n = len(choices.item)
    kind = np.full(n, KINDS.index("purchase"), np.int8)
    quantity = np.where(rng.random(n) < 0.08, np.float32(2), np.float32(1))
    value = np.full(n, np.nan, np.float32)
    return Events(choices.schedule.user, choices.item, kind, value, quantity, choices.schedule.time)


def _around(
    kind: str,
    schedule: Schedule,
    purchase: npt.NDArray[np.int64],
    item: npt.NDArray[np.int32],
    shift: npt.NDArray[np.int64],
    world: _World,
    rng: np.random.Generator,
    value: npt.NDArray[np.float32] | None = None,
) -> Events:
    """Events of one kind, `shift` seconds from their purchases; what falls after the end is lost.

    What would fall before the launch or before the user's first day falls between that and the purchase.
    """
    user, moment = schedule.user[purchase], schedule.time[purchase]
    time = moment + shift
    bound = np.maximum(world.launch[item], world.first[user])
    between = bound + (rng.random(len(item)) * (moment - bound)).astype(np.int64)
    time = np.where(time < bound, between, time)
    keep = time < world.end
    kinds = np.full(int(keep.sum()), KINDS.index(kind), np.int8)
    values = np.full(len(kinds), np.nan, np.float32) if value is None else value[keep]
    return Events(user[keep], item[keep], kinds, values, np.ones(len(kinds), np.float32), time[keep])
