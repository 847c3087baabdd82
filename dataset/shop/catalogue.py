"""The products of the synthetic shop, as arrays; what their labels say is in `labels`."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.shop.draws import draw_by_row, draw_index
from dataset.shop.words import CATEGORIES, CONCERNS, SKIN_TYPES, STYLES, SUITED_CONCERNS

N_TIERS: Final = 4
TIER_SHARE: Final = (0.3, 0.34, 0.24, 0.12)
PRICE_STEP: Final = 0.55  # of log price, from one tier to the next
DAYS_BEFORE_START: Final = 1_100  # the oldest products were launched so long before the first event


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What products truly are; row = row of the items table, n items.

    Parameters
    ----------
    category, brand, tier, style, second_style : int32 arrays of shape (n,)
        Codes; tier 0 is the cheapest; `second_style` is -1 where there is none.
    brand_tier : int32 array of shape (n_brands,)
    strength : float32 array of shape (n, n_concerns)
        How well a product treats a concern; 0 where it does not.
    made_for : int32 array of shape (n,)
        Skin type; -1 for all.
    popularity : float64 array of shape (n,)
        Zipf-Mandelbrot weight (rank + 8)^-0.7 of a random rank.
    quality : float32 array of shape (n,)
        Shifts the ratings; mean 0.
    price : float64 array of shape (n,)
    in_stock : bool array of shape (n,)
    launch_day : int32 array of shape (n,)
        Days since the first day of the shop; negative for products launched before.
    plain : int
        A product launched before the start that will have no avoidable ingredient, so that everybody
        can always buy something.
    """

    category: npt.NDArray[np.int32]
    brand: npt.NDArray[np.int32]
    tier: npt.NDArray[np.int32]
    style: npt.NDArray[np.int32]
    second_style: npt.NDArray[np.int32]
    brand_tier: npt.NDArray[np.int32]
    strength: npt.NDArray[np.float32]
    made_for: npt.NDArray[np.int32]
    popularity: npt.NDArray[np.float64]
    quality: npt.NDArray[np.float32]
    price: npt.NDArray[np.float64]
    in_stock: npt.NDArray[np.bool_]
    launch_day: npt.NDArray[np.int32]
    plain: int

    def __len__(self) -> int:
        return len(self.category)


def make_catalogue(n_items: int, n_days: int, rng: np.random.Generator) -> Catalogue:
    """Draw the products; cost O(n_items)."""
    n_brands = max(1, round(1.6 * n_items**0.5))
    category = draw_index(rng, [kind.share for kind in CATEGORIES], n_items)
    brand = draw_index(rng, 1 / np.arange(3.0, n_brands + 3) ** 0.8, n_items)
    brand_tier = draw_index(rng, TIER_SHARE, n_brands)
    tier = np.clip(brand_tier[brand] + draw_index(rng, [0.1, 0.8, 0.1], n_items) - 1, 0, N_TIERS - 1)
    house_style = rng.integers(0, len(STYLES), n_brands, dtype=np.int32)
    any_style = rng.integers(0, len(STYLES), (2, n_items), dtype=np.int32)
    strength = _strengths(category, rng)
    median = np.array([kind.price for kind in CATEGORIES])[category]
    price = median * np.exp(PRICE_STEP * (tier - 1) + rng.normal(0, 0.16, n_items))
    before = rng.random(n_items) < 0.6
    plain = int(rng.integers(n_items))
    before[plain] = True
    launch_day = np.where(
        before, -rng.integers(1, DAYS_BEFORE_START, n_items), rng.integers(0, n_days, n_items)
    )
    return Catalogue(
        category=category,
        brand=brand,
        tier=tier.astype(np.int32),
        style=np.where(rng.random(n_items) < 0.3, house_style[brand], any_style[0]),
        second_style=np.where(rng.random(n_items) < 0.3, any_style[1], np.int32(-1)),
        brand_tier=brand_tier,
        strength=strength,
        made_for=_made_for(strength, rng),
        popularity=np.asarray((rng.permutation(n_items) + 8.0) ** -0.7, np.float64),
        quality=rng.normal(0, 0.4, n_items).astype(np.float32),
        price=np.round(price, 2),
        in_stock=rng.random(n_items) >= 0.03,
        launch_day=launch_day.astype(np.int32),
        plain=plain,
    )


def _strengths(category: npt.NDArray[np.int32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Concerns that products treat, mostly those of their category; at least one each."""
    likely = np.array([[name in kind.concerns.split(",") for name in CONCERNS] for kind in CATEGORIES])
    chance = np.where(likely, 0.26, 0.015).astype(np.float32)[category]
    treats = rng.random(chance.shape, dtype=np.float32) < chance
    none = np.flatnonzero(~treats.any(axis=1))
    treats[none, draw_by_row(rng, likely[category[none]].astype(np.float64))] = True
    strength = np.exp(0.9 * rng.standard_normal(treats.shape, dtype=np.float32))
    return np.where(treats, strength, np.float32(0))


def _made_for(strength: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Skin type that products are made for, following what they treat; -1 for 45 % of them."""
    suited = np.array([[c in SUITED_CONCERNS.get(kind, ()) for kind in SKIN_TYPES] for c in CONCERNS])
    made_for = draw_by_row(rng, np.asarray(0.15 + (strength > 0) @ suited.astype(np.float64), np.float64))
    return np.where(rng.random(len(strength)) < 0.45, np.int32(-1), made_for)
