"""How much each user cares for each reason to buy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.shop.catalogue import N_TIERS
from dataset.shop.components import Components
from dataset.shop.population import Population
from dataset.shop.words import CATEGORIES, SKIN_TYPES

NEED, TASTE, PRICE, BRAND, FASHION, ROUTINE = range(6)
MEAN_WEIGHTS: Final = (0.27, 0.28, 0.03, 0.13, 0.06, 0.23)
CONCENTRATION: Final = 9.0  # of the Dirichlet that the users' weights come from
BASE_WEIGHT: Final = 0.04  # everybody buys anything now and then
WITHIN: Final = {  # how a family's weight is shared among a user's components of the family
    NEED: (0.55, 0.28, 0.17),
    TASTE: (0.72, 0.28),
    PRICE: (0.8, 0.2),
    BRAND: (0.55, 0.28, 0.17),
}
N_OWN: Final = sum(len(shares) for shares in WITHIN.values())
AT_FASHION, AT_ROUTINE, AT_BASE = N_OWN, N_OWN + 1, N_OWN + 2
NEXT_STEP: Final = 0.8  # of routine purchases are the next step, the others any category


@dataclass(frozen=True, kw_only=True)
class Mixtures(Saved):
    """What users weigh when they choose; row = row of the users table, n users.

    Parameters
    ----------
    components : int32 array of shape (n, 10)
        A user's own components: needs, tastes, price tiers, brands.
    weights : float32 array of shape (n, 13)
        Weights of these, then of fashion, routine and base; rows sum to 1.
    tier : int32 array of shape (n,)
        Price tier within which a routine is continued.
    habit : float32 array of shape (n,)
        Probability of a repurchase when much is due.
    avoids : uint64 array of shape (n,)
        Avoided ingredients, a bit each.
    transitions : float64 array of shape (n_categories + 1, n_categories)
        Next category by last category; the last row is for the first purchase. Rows sum to 1.
    replenish_days : float64 array of shape (n_categories,)
    """

    components: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    tier: npt.NDArray[np.int32]
    habit: npt.NDArray[np.float32]
    avoids: npt.NDArray[np.uint64]
    transitions: npt.NDArray[np.float64]
    replenish_days: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tier)


def make_mixtures(population: Population, components: Components, rng: np.random.Generator) -> Mixtures:
    """Draw the weights; cost O(n_users)."""
    n = len(population)
    family = rng.gamma(np.array(MEAN_WEIGHTS) * CONCENTRATION, size=(n, len(MEAN_WEIGHTS)))
    family *= (1 - BASE_WEIGHT) / family.sum(axis=1, keepdims=True)
    needs, has = _needs(population)
    beside = np.where(rng.random(n) < 0.5, -1, 1) + population.tier
    beside = np.where((beside < 0) | (beside >= N_TIERS), 2 * population.tier - beside, beside)
    own = np.column_stack(
        [
            needs,
            components.taste + population.styles,
            components.price + population.tier,
            components.price + beside,
            components.brand + population.brands,
        ]
    )
    share_of_need = np.array(WITHIN[NEED]) * has
    share_of_need /= share_of_need.sum(axis=1, keepdims=True)
    weights = np.column_stack(
        [
            family[:, [NEED]] * share_of_need,
            family[:, [TASTE]] * WITHIN[TASTE],
            family[:, [PRICE]] * WITHIN[PRICE],
            family[:, [BRAND]] * WITHIN[BRAND],
            family[:, [FASHION, ROUTINE]],
            np.full(n, BASE_WEIGHT),
        ]
    )
    return Mixtures(
        components=own.astype(np.int32),
        weights=weights.astype(np.float32),
        tier=population.tier,
        habit=(0.7 * rng.beta(2, 2, n)).astype(np.float32),
        avoids=population.avoids,
        transitions=_transitions(),
        replenish_days=np.array([kind.replenish_days for kind in CATEGORIES], np.float64),
    )


def _needs(population: Population) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Components of a user's concerns, int64 of shape (n, 3), and which of them there are."""
    has = population.concerns >= 0
    concern = np.where(has, population.concerns, 0).astype(np.int64)
    return concern * len(SKIN_TYPES) + population.skin_type[:, None], has


def _transitions() -> npt.NDArray[np.float64]:
    share = np.array([kind.share for kind in CATEGORIES], np.float64)
    share /= share.sum()
    following = np.tile(share, (len(CATEGORIES) + 1, 1))
    for row, kind in enumerate(CATEGORIES):
        following[row] *= 1 - NEXT_STEP
        following[row, list(kind.following)] += NEXT_STEP / len(kind.following)
    return following
