"""What may be shown to whom: the catalogue, what a user avoids, what a user already has."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.items import Items
from dataset.ragged import Ragged
from dataset.users import Users


@dataclass(frozen=True)
class Eligibility:
    """Which items each query of a block may get; consulted *before* search, so that lists stay full.

    Parameters
    ----------
    available : bool array of shape (n_items,)
        Known by the time of the request and in stock.
    item_bits : uint64 array of shape (n_items, w)
        Which avoidable ingredients an item contains, a bit each.
    user_bits : uint64 array of shape (m, w)
        Which ingredients each query's user avoids.
    owned : Ragged
        Items that each query's user already has, ascending, distinct.
    """

    available: npt.NDArray[np.bool_]
    item_bits: npt.NDArray[np.uint64]
    user_bits: npt.NDArray[np.uint64]
    owned: Ragged

    def __len__(self) -> int:
        return len(self.user_bits)

    def take(self, rows: npt.NDArray[np.integer]) -> "Eligibility":
        """The same for some of the queries."""
        return Eligibility(self.available, self.item_bits, self.user_bits[rows], self.owned.take(rows))

    def mask(self, row: int) -> npt.NDArray[np.bool_]:
        """Whether each item may be shown to query `row`, bool of shape (n_items,)."""
        allowed: npt.NDArray[np.bool_] = self.available & ~(self.item_bits & self.user_bits[row]).any(axis=1)
        allowed[self.owned[row]] = False
        return allowed

    def masks(self) -> npt.NDArray[np.bool_]:
        """Whether each item may be shown to each query, bool of shape (m, n_items): for small blocks."""
        profiles, profile = np.unique(self.user_bits, axis=0, return_inverse=True)
        free = [self.available & ~(self.item_bits & bits).any(axis=1) for bits in profiles]
        table = np.array(free, bool).reshape(-1, len(self.available))
        allowed: npt.NDArray[np.bool_] = table[profile.reshape(-1)]
        allowed[self.owned.rows, self.owned.values] = False
        return allowed

    def allows(self, row: npt.NDArray[np.integer], item: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Whether each pair of a query row and an item is eligible, bool of the common shape."""
        clash = (self.item_bits[item] & self.user_bits[row]).any(axis=-1)
        allowed: npt.NDArray[np.bool_] = self.available[item] & ~clash
        n_items = len(self.available)
        owned = self.owned.rows.astype(np.int64) * n_items + self.owned.values
        pairs = np.asarray(row, np.int64) * n_items + item
        at = np.minimum(np.searchsorted(owned, pairs), max(len(owned) - 1, 0))
        return allowed & ~(owned[at] == pairs) if len(owned) else allowed

    @property
    def n_eligible(self) -> npt.NDArray[np.int64]:
        """How many items each query may get, int64 of shape (m,)."""
        profiles, inverse = np.unique(self.user_bits, axis=0, return_inverse=True)
        counts = [int((self.available & ~(self.item_bits & bits).any(axis=1)).sum()) for bits in profiles]
        total = np.array(counts, np.int64)[inverse.reshape(-1)] if len(counts) else np.zeros(0, np.int64)
        rows, owned = self.owned.rows, self.owned.values
        bought = self.available[owned] & ~(self.item_bits[owned] & self.user_bits[rows]).any(axis=1)
        return total - np.bincount(rows[bought], minlength=len(self))


def ingredient_bits(items: Items, users: Users) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Bit sets over the ingredients that anybody avoids.

    Returns
    -------
    item_bits : uint64 array of shape (n_items, w)
    user_bits : uint64 array of shape (n_users, w)
        w = number of ingredients avoided by anybody / 64, rounded up, at least 1.
    """
    code_of = {word: code for code, word in enumerate(items.ingredients.words)}
    item_word = np.array([code_of.get(word, -1) for word in users.avoids.words], np.int32)
    avoided = np.unique(users.avoids.lists.values)
    width = max(1, -(-len(avoided) // 64))
    bit_of_avoid = np.full(len(users.avoids.words), -1, np.int32)
    bit_of_avoid[avoided] = np.arange(len(avoided))
    bit_of_ingredient = np.full(len(items.ingredients.words), -1, np.int32)
    known = avoided[item_word[avoided] >= 0]
    bit_of_ingredient[item_word[known]] = bit_of_avoid[known]
    return (
        _bits(items.ingredients.lists, bit_of_ingredient, width),
        _bits(users.avoids.lists, bit_of_avoid, width),
    )


def _bits(lists: Ragged, bit_of_word: npt.NDArray[np.int32], width: int) -> npt.NDArray[np.uint64]:
    bits = np.zeros((len(lists), width), np.uint64)
    bit = bit_of_word[lists.values]
    rows, bit = lists.rows[bit >= 0], bit[bit >= 0]
    np.bitwise_or.at(bits, (rows, bit // 64), np.uint64(1) << (bit % 64).astype(np.uint64))
    return bits
