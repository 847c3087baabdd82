"""The users of the synthetic shop: what they truly are, and what they state."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.shop.catalogue import N_TIERS, Catalogue
from dataset.shop.draws import draw_by_row, draw_distinct, draw_index
from dataset.shop.words import (
    AVOIDABLE,
    CONCERNS,
    OLD_CONCERNS,
    REGIONS,
    SKIN_TONES,
    SKIN_TYPES,
    STYLES,
    SUITED_CONCERNS,
    YOUNG_CONCERNS,
)

MOST_CONCERNS, MOST_AVOIDS, N_BRANDS = 3, 3, 3
LATE_FROM: Final = 0.8  # share of the time after which late users begin


@dataclass(frozen=True, kw_only=True)
class Population:
    """What users truly are; row = row of the users table, n users.

    Parameters
    ----------
    age : float32 array of shape (n,)
        Years, 16 to 80.
    region, skin_tone, skin_type, tier : int32 arrays of shape (n,)
    concerns : int32 array of shape (n, 3)
        Distinct concerns, the most pressing first; -1 where there are fewer.
    styles : int32 array of shape (n, 2)
        First and second taste, distinct.
    brands : int32 array of shape (n, 3)
        Brands a user is loyal to, the dearest first; may repeat.
    avoids : uint64 array of shape (n,)
        Bit set over `AVOIDABLE`.
    joined_day, first_day : int32 arrays of shape (n,)
        Days since the first day of the shop; nothing happens before `first_day`.
    """

    age: npt.NDArray[np.float32]
    region: npt.NDArray[np.int32]
    skin_tone: npt.NDArray[np.int32]
    skin_type: npt.NDArray[np.int32]
    tier: npt.NDArray[np.int32]
    concerns: npt.NDArray[np.int32]
    styles: npt.NDArray[np.int32]
    brands: npt.NDArray[np.int32]
    avoids: npt.NDArray[np.uint64]
    joined_day: npt.NDArray[np.int32]
    first_day: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.age)


def make_population(
    n_users: int, n_days: int, late_share: float, catalogue: Catalogue, rng: np.random.Generator
) -> Population:
    """Draw the users; cost O(n_users)."""
    age = np.clip(np.round(rng.normal(37, 13, n_users)), 16, 80).astype(np.float32)
    region = draw_index(rng, list(REGIONS.values()), n_users)
    old = (age > 42).astype(np.float64)[:, None]
    young = 1 - old
    skin_type = draw_by_row(rng, young * [22, 18, 20, 26, 14] + old * [24, 32, 8, 18, 18])
    tier = draw_by_row(rng, young * [36, 36, 20, 8] + old * [20, 34, 30, 16])
    regional = np.exp(0.8 * rng.standard_normal((len(REGIONS), len(STYLES))))
    joined, first = _days(n_users, n_days, late_share, rng)
    return Population(
        age=age,
        region=region,
        skin_tone=draw_index(rng, list(SKIN_TONES.values()), n_users),
        skin_type=skin_type,
        tier=tier,
        concerns=_concerns(age, skin_type, rng),
        styles=draw_distinct(rng, regional[region], 2),
        brands=_brands(tier, catalogue, rng),
        avoids=_avoids(n_users, rng),
        joined_day=joined,
        first_day=first,
    )


def _concerns(
    age: npt.NDArray[np.float32], skin_type: npt.NDArray[np.int32], rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """One to three concerns that fit age and skin type."""
    suited = np.array([[c in SUITED_CONCERNS.get(kind, ()) for c in CONCERNS] for kind in SKIN_TYPES])
    young = np.array([c in YOUNG_CONCERNS for c in CONCERNS])
    old = np.array([c in OLD_CONCERNS for c in CONCERNS])
    weights = (1 + 3.0 * suited)[skin_type]
    weights *= np.where(young, 2.2, 1.0) ** ((30 - age) / 15)[:, None]
    weights *= np.where(old, 2.2, 1.0) ** ((age - 38) / 15)[:, None]
    concerns = draw_distinct(rng, weights, MOST_CONCERNS)
    count = 1 + draw_index(rng, [0.35, 0.4, 0.25], len(age))
    return np.where(np.arange(MOST_CONCERNS) < count[:, None], concerns, np.int32(-1))


def _brands(
    tier: npt.NDArray[np.int32], catalogue: Catalogue, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Brands in proportion to their number of products, mostly of the user's own price tier."""
    size = np.bincount(catalogue.brand, minlength=len(catalogue.brand_tier)).astype(np.float64)
    brands = np.empty((len(tier), N_BRANDS), np.int32)
    for level in range(N_TIERS):
        rows = np.flatnonzero(tier == level)
        weights = size * 0.15 ** np.abs(catalogue.brand_tier - level)
        brands[rows] = draw_index(rng, weights, len(rows) * N_BRANDS).reshape(-1, N_BRANDS)
    return brands


def _avoids(n_users: int, rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Nothing for 60 % of users, otherwise one to three ingredients."""
    count = draw_index(rng, [0.6, 0.2, 0.13, 0.07], n_users)
    weights = np.broadcast_to(np.array(list(AVOIDABLE.values())), (n_users, len(AVOIDABLE)))
    chosen = draw_distinct(rng, weights, MOST_AVOIDS).astype(np.uint64)
    bits = np.where(np.arange(MOST_AVOIDS) < count[:, None], np.uint64(1) << chosen, np.uint64(0))
    return np.asarray(np.bitwise_or.reduce(bits, axis=1), np.uint64)


def _days(
    n_users: int, n_days: int, late_share: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Day of joining and first day of activity; half the users joined before the shop's data begin."""
    joined = np.where(
        rng.random(n_users) < 0.5, -rng.integers(1, 1_000, n_users), rng.integers(0, n_days, n_users)
    )
    late = rng.random(n_users) < late_share
    late_day = rng.integers(min(int(LATE_FROM * n_days), n_days - 1), n_days, n_users)
    joined = np.where(late, late_day - rng.integers(0, 21, n_users), joined)
    first = np.where(late, late_day, np.maximum(joined, 0))
    return np.asarray(joined, np.int32), np.asarray(first, np.int32)


def users_table(population: Population, ids: "pd.Series[str]", rng: np.random.Generator) -> pd.DataFrame:
    """The canonical users table: what users state, which is not all and not always true.

    Ages, skin types and skin tones are missing for some, 10 % state no concern, and one concern in
    twelve is stated wrongly. What they avoid is stated in full.
    """
    n = len(population)
    return pd.DataFrame(
        {
            "user": ids,
            "age": np.where(rng.random(n) < 0.05, np.nan, population.age),
            "region": _labels(tuple(REGIONS), population.region, np.zeros(n, bool)),
            "skin_type": _labels(SKIN_TYPES, population.skin_type, rng.random(n) < 0.06),
            "skin_tone": _labels(tuple(SKIN_TONES), population.skin_tone, rng.random(n) < 0.1),
            "concerns": _profiles(_stated(population.concerns, rng), CONCERNS),
            "avoids": _profiles(population.avoids, tuple(AVOIDABLE)),
        }
    )


def _stated(concerns: npt.NDArray[np.int32], rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Concerns as they are stated, a bit set over `CONCERNS`."""
    wrong = rng.random(concerns.shape) < 1 / 12
    said = np.where(wrong, rng.integers(0, len(CONCERNS), concerns.shape), concerns)
    silent = rng.random((len(concerns), 1)) < 0.1
    shift = np.maximum(said, 0).astype(np.uint64)
    bits = np.where((concerns >= 0) & ~silent, np.uint64(1) << shift, np.uint64(0))
    return np.asarray(np.bitwise_or.reduce(bits, axis=1), np.uint64)


def _labels(
    names: tuple[str, ...], codes: npt.NDArray[np.int32], missing: npt.NDArray[np.bool_]
) -> "pd.Series[str]":
    labels = np.array([*names, None], dtype=object)
    return pd.Series(labels[np.where(missing, len(names), codes)], dtype="str")


def _profiles(bits: npt.NDArray[np.uint64], words: tuple[str, ...]) -> pd.Series:
    """Bit sets as lists of words; users with the same profile share one list."""
    distinct, inverse = np.unique(bits, return_inverse=True)
    lists = np.empty(len(distinct), object)
    for row, profile in enumerate(distinct.tolist()):
        lists[row] = [word for place, word in enumerate(words) if profile >> place & 1]
    return pd.Series(lists[inverse], dtype=object)
