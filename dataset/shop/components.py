"""The components of the choice model: reasons to buy, each with its products and their affinities."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.persistence import Saved
from dataset.ragged import Ragged, offsets_of
from dataset.shop.catalogue import N_TIERS, Catalogue
from dataset.shop.labels import avoidable_bits, contains
from dataset.shop.words import CATEGORIES, CONCERNS, SKIN_TYPES, STYLES, TRENDS

SPILL: Final = 0.1  # affinity of a product to a skin type that it was not made for
MATCH: Final = 2.5  # to the one that it was made for
SECOND_STYLE: Final = 0.5
NOVELTY: Final = 1.5  # a new product sells 1 + NOVELTY times as well at first
NOVELTY_EPOCHS: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Components(Saved):
    """Reasons to buy; m components over n items, e entries.

    Components stand in the order need (concern x skin type), taste (style), price (tier), brand,
    fashion (trend), routine (category x tier), base (everything).

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Entries of component c are `offsets[c]:offsets[c + 1]`.
    item : int32 array of shape (e,)
        Rows of the items table, ascending within a component.
    affinity : float32 array of shape (e,)
        Positive.
    taste, price, brand, fashion, routine, base : int
        First component of each family; that of need is 0.
    popularity : float64 array of shape (n,)
    available_epoch : int32 array of shape (n,)
        First epoch that begins at or after the launch.
    category : int32 array of shape (n,)
    avoidable : uint64 array of shape (n,)
        Avoidable ingredients that an item contains, a bit each.
    heat : float64 array of shape (n_epochs + 1, n_trends)
        How much of fashion is about each trend; rows sum to 1.
    start : int
        First second of the shop since 1970 UTC.
    epoch_days : int
    """

    offsets: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    affinity: npt.NDArray[np.float32]
    taste: int
    price: int
    brand: int
    fashion: int
    routine: int
    base: int
    popularity: npt.NDArray[np.float64]
    available_epoch: npt.NDArray[np.int32]
    category: npt.NDArray[np.int32]
    avoidable: npt.NDArray[np.uint64]
    heat: npt.NDArray[np.float64]
    start: int
    epoch_days: int

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.popularity)

    def epoch_of(self, time: npt.NDArray[np.integer]) -> npt.NDArray[np.int16]:
        """Epoch of each moment, int16; moments outside the shop's time count as the first or last."""
        epoch = (time - self.start) // (self.epoch_days * SECONDS_PER_DAY)
        return np.asarray(np.clip(epoch, 0, len(self.heat) - 1), np.int16)

    def sales(self, epoch: int) -> npt.NDArray[np.float64]:
        """Popularity of each item in an epoch, 0 before its launch, float64 of shape (n_items,)."""
        age = epoch - self.available_epoch
        fresh = NOVELTY * np.exp(-np.maximum(age, 0) / NOVELTY_EPOCHS)
        fresh[self.available_epoch <= 0] = 0  # products older than the data are not new in it
        return np.where(age >= 0, self.popularity * (1 + fresh), 0.0)

    def cumulated(self, epoch: int) -> npt.NDArray[np.float64]:
        """Weights of the entries in an epoch, summed up within each component, float64 of shape (e,)."""
        cumulative = np.empty(len(self.item), np.float64)
        _cumulate(self.offsets, self.item, self.affinity, self.sales(epoch), cumulative)
        return cumulative


@numba.njit(nogil=True, cache=True)
def _cumulate(offsets, item, affinity, sales, out):  # type: ignore[no-untyped-def]
    for component in range(len(offsets) - 1):
        total = 0.0
        for at in range(offsets[component], offsets[component + 1]):
            total += affinity[at] * sales[item[at]]
            out[at] = total


class _Block(NamedTuple):
    """Entries of one family: component (from 0 within the family), item, affinity."""

    component: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    affinity: npt.NDArray[np.float32]


def make_components(
    catalogue: Catalogue,
    ingredients: Ragged,
    n_days: int,
    epoch_days: int,
    start: int,
    rng: np.random.Generator,
) -> Components:
    """Derive the components from the products; about 14 entries an item.

    Parameters
    ----------
    ingredients : Ragged
        Ingredient lists, codes into `INGREDIENTS`.
    """
    blocks = [
        _need(catalogue),
        _taste(catalogue, rng),
        _one_each(catalogue.tier, rng, 0.2),
        _one_each(catalogue.brand, rng, 0.6),
        _fashion(ingredients, rng),
        _one_each(catalogue.category * N_TIERS + catalogue.tier, rng, 0.8),
        _one_each(np.zeros(len(catalogue), np.int32), rng, 0.0),
    ]
    firsts = _firsts(len(catalogue.brand_tier))
    _, taste, price, brand, fashion, routine, base = firsts
    component = np.concatenate([b.component + first for b, first in zip(blocks, firsts, strict=True)])
    order = np.argsort(component, kind="stable")
    return Components(
        offsets=offsets_of(np.bincount(component, minlength=base + 1)),
        item=np.concatenate([b.item for b in blocks])[order],
        affinity=np.concatenate([b.affinity for b in blocks])[order],
        taste=taste,
        price=price,
        brand=brand,
        fashion=fashion,
        routine=routine,
        base=base,
        popularity=catalogue.popularity,
        available_epoch=np.maximum(-(-catalogue.launch_day // epoch_days), 0).astype(np.int32),
        category=catalogue.category,
        avoidable=avoidable_bits(ingredients),
        heat=_heat(-(-n_days // epoch_days), rng),
        start=start,
        epoch_days=epoch_days,
    )


def _firsts(n_brands: int) -> list[int]:
    """First component of each family."""
    n_needs, n_routines = len(CONCERNS) * len(SKIN_TYPES), len(CATEGORIES) * N_TIERS
    sizes = (n_needs, len(STYLES), N_TIERS, n_brands, len(TRENDS), n_routines)
    return [sum(sizes[:place]) for place in range(len(sizes) + 1)]


def _need(catalogue: Catalogue) -> _Block:
    """A concern of a skin type: products that treat it, best those made for the type."""
    item, concern = (part.astype(np.int32) for part in np.nonzero(catalogue.strength))
    strength, made_for = catalogue.strength[item, concern], catalogue.made_for[item]
    parts = []
    for skin_type in range(len(SKIN_TYPES)):
        suits = np.where(made_for < 0, 1.0, np.where(made_for == skin_type, MATCH, SPILL))
        component = concern * len(SKIN_TYPES) + skin_type
        parts.append(_Block(component, item, (strength * suits).astype(np.float32)))
    return _Block(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _taste(catalogue: Catalogue, rng: np.random.Generator) -> _Block:
    """A style: some of its products are loved far more than their popularity elsewhere tells."""
    second = np.flatnonzero(catalogue.second_style >= 0).astype(np.int32)
    first = np.arange(len(catalogue), dtype=np.int32)
    factor = np.concatenate([np.ones(len(first)), np.full(len(second), SECOND_STYLE)])
    return _Block(
        np.concatenate([catalogue.style, catalogue.second_style[second]]),
        np.concatenate([first, second]),
        (factor * np.exp(1.1 * rng.standard_normal(len(factor)))).astype(np.float32),
    )


def _one_each(component: npt.NDArray[np.int32], rng: np.random.Generator, spread: float) -> _Block:
    """Every item in one component of the family."""
    affinity = np.exp(spread * rng.standard_normal(len(component), dtype=np.float32))
    return _Block(component, np.arange(len(component), dtype=np.int32), affinity)


def _fashion(ingredients: Ragged, rng: np.random.Generator) -> _Block:
    """A trend: products with the ingredient of the day."""
    items = [contains(ingredients, word) for word in TRENDS]
    trend = np.repeat(np.arange(len(TRENDS), dtype=np.int32), [len(rows) for rows in items])
    affinity = np.exp(0.4 * rng.standard_normal(len(trend), dtype=np.float32))
    return _Block(trend, np.concatenate(items), affinity)


def _heat(n_epochs: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Trends rise and fall as bells over the epochs; one row more for moments after the end."""
    epoch = np.arange(n_epochs + 1)[:, None]
    peak = rng.uniform(-2, n_epochs + 2, len(TRENDS))
    width = rng.uniform(1.5, 4, len(TRENDS))
    heat = 0.02 + np.exp(-0.5 * ((epoch - peak) / width) ** 2)
    return np.asarray(heat / heat.sum(axis=1, keepdims=True), np.float64)
