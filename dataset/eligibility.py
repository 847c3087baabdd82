"""What may be shown to whom: the catalogue, what speaks against an item for a user, what a user has."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.ingredients.avoidance import members_of
from dataset.items import Items
from dataset.ragged import Ragged
from dataset.restrictions import as_bits
from dataset.users import Users


@dataclass(frozen=True)
class Eligibility:
    """Which items each query of a block may get; consulted *before* search, so that lists stay full.

    Parameters
    ----------
    available : bool array of shape (n_items,)
        Known by the time of the request and in stock.
    item_bits : uint64 array of shape (n_items, w)
        What may speak against an item, a bit each: avoidable ingredients and families that it contains, its
        minimum age, regions where it is not sold.
    user_bits : uint64 array of shape (m, w)
        Which of these speak against an item for each query's user.
    owned : Ragged
        Items that each query's user already has and that are not due again, ascending, distinct.
    prices : float32 array of shape (n_items,)
        Infinite where unknown; by default 0.
    ceilings : float32 array of shape (m,)
        The most that each query's user is shown; infinite, as by default, without a ceiling.
    """

    available: npt.NDArray[np.bool_]
    item_bits: npt.NDArray[np.uint64]
    user_bits: npt.NDArray[np.uint64]
    owned: Ragged
    prices: npt.NDArray[np.float32] = None  # type: ignore[assignment]  # __post_init__ fills it
    ceilings: npt.NDArray[np.float32] = None  # type: ignore[assignment]  # __post_init__ fills it

    def __post_init__(self) -> None:
        if self.prices is None:
            object.__setattr__(self, "prices", np.zeros(len(self.available), np.float32))
        if self.ceilings is None:
            object.__setattr__(self, "ceilings", np.full(len(self.user_bits), np.inf, np.float32))

    def __len__(self) -> int:
        return len(self.user_bits)

    @property
    def arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        """What kernels are given: the fields, in the order of `is_allowed`, then `owned` as two arrays."""
        return (
            self.available,
            self.item_bits,
            self.user_bits,
            self.prices,
            self.ceilings,
            self.owned.offsets,
            self.owned.values,
        )

    def take(self, rows: npt.NDArray[np.integer]) -> "Eligibility":
        """The same for some of the queries."""
        return Eligibility(
            self.available,
            self.item_bits,
            self.user_bits[rows],
            self.owned.take(rows),
            self.prices,
            self.ceilings[rows],
        )

    def mask(self, row: int) -> npt.NDArray[np.bool_]:
        """Whether each item may be shown to query `row`, bool of shape (n_items,)."""
        allowed = self.mask_of_profile(row)
        allowed[self.owned[row]] = False
        return allowed

    def mask_of_profile(self, row: int) -> npt.NDArray[np.bool_]:
        """The same without regard to what the user owns: one for all queries of a profile."""
        allowed = self._free(self.user_bits[row]) & (self.prices <= self.ceilings[row])
        return np.asarray(allowed)

    def masks(self) -> npt.NDArray[np.bool_]:
        """Whether each item may be shown to each query, bool of shape (m, n_items): for small blocks."""
        bits, profile = self._bit_profiles()
        table = np.array([self._free(own) for own in bits], bool).reshape(-1, len(self.available))
        allowed: npt.NDArray[np.bool_] = table[profile] & (self.prices <= self.ceilings[:, None])
        allowed[self.owned.rows, self.owned.values] = False
        return allowed

    def allows(self, row: npt.NDArray[np.integer], item: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Whether each pair of a query row and an item is eligible, bool of the common shape."""
        allowed = self._allows_if_not_owned(row, item)
        n_items = len(self.available)
        owned = self.owned.rows.astype(np.int64) * n_items + self.owned.values
        pairs = np.asarray(row, np.int64) * n_items + item
        at = np.minimum(np.searchsorted(owned, pairs), max(len(owned) - 1, 0))
        return allowed & ~(owned[at] == pairs) if len(owned) else allowed

    @property
    def n_eligible(self) -> npt.NDArray[np.int64]:
        """How many items each query may get, int64 of shape (m,)."""
        bits, profile = self._bit_profiles()
        total = np.zeros(len(self), np.int64)
        order = np.argsort(profile, kind="stable")
        ends = np.searchsorted(profile[order], np.arange(len(bits) + 1))
        has_ceiling = np.isfinite(self.ceilings)
        by_price = np.argsort(self.prices, kind="stable") if has_ceiling.any() else np.zeros(0, np.int64)
        for number, own in enumerate(bits):
            rows = order[ends[number] : ends[number + 1]]
            free = self._free(own)
            total[rows] = np.count_nonzero(free)
            if (bounded := rows[has_ceiling[rows]]).size:
                ascending = self.prices[by_price[free[by_price]]]
                total[bounded] = np.searchsorted(ascending, self.ceilings[bounded], side="right")
        owned = self.owned.rows
        bought = self._allows_if_not_owned(owned, self.owned.values)
        eligible: npt.NDArray[np.int64] = total - np.bincount(owned[bought], minlength=len(self))
        return eligible

    @property
    def profiles(self) -> npt.NDArray[np.int64]:
        """A number for each query, int64 of shape (m,): equal where all but what is owned is alike."""
        _, profile = self._bit_profiles()
        _, ceiling = np.unique(self.ceilings, return_inverse=True)
        _, both = np.unique(profile * (len(self) + 1) + ceiling.reshape(-1), return_inverse=True)
        numbers: npt.NDArray[np.int64] = both.reshape(-1).astype(np.int64)
        return numbers

    def _allows_if_not_owned(
        self, row: npt.NDArray[np.integer], item: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        clash = (self.item_bits[item] & self.user_bits[row]).any(axis=-1)
        allowed: npt.NDArray[np.bool_] = self.available[item] & ~clash
        return np.asarray(allowed & (self.prices[item] <= self.ceilings[row]))

    def _free(self, bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Items on offer against which none of the bits speaks, bool of shape (n_items,)."""
        free: npt.NDArray[np.bool_] = self.available & ~(self.item_bits & bits).any(axis=1)
        return free

    def _bit_profiles(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The distinct sets of bits, and the position of each query's among them."""
        bits, profile = np.unique(self.user_bits, axis=0, return_inverse=True)
        return bits, profile.reshape(-1).astype(np.int64)


def ingredient_bits(items: Items, users: Users) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Bit sets over what anybody avoids: ingredients by any of their names, and families of them.

    Returns
    -------
    item_bits : uint64 array of shape (n_items, w)
        An item has the bit of a family if it contains a member of it (`dataset.ingredients.members_of`).
    user_bits : uint64 array of shape (n_users, w)
        w = number of different things that anybody avoids / 64, rounded up, at least 1.
    """
    avoided = np.unique(users.avoids.lists.values)
    bit_of_avoid = np.full(len(users.avoids.words), -1, np.int32)
    bit_of_avoid[avoided] = np.arange(len(avoided))
    excluded = members_of([users.avoids.words[code] for code in avoided], items.ingredients.words)
    avoids_of_ingredient = Ragged.from_pairs(
        np.concatenate([*excluded, np.zeros(0, np.int64)]),
        np.repeat(np.arange(len(avoided)), [len(names) for names in excluded]),
        len(items.ingredients.words),
    )
    met = avoids_of_ingredient.take(items.ingredients.lists.values)
    item = np.repeat(items.ingredients.lists.rows, met.lengths)
    n_bits = max(1, len(avoided))
    return (
        as_bits(item, met.values, len(items), n_bits),
        as_bits(users.avoids.lists.rows, bit_of_avoid[users.avoids.lists.values], len(users), n_bits),
    )
