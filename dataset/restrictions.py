"""Whom a product may be sold to: ages and regions as bit sets, prices and what users will pay."""

import numpy as np
import numpy.typing as npt

from dataset.items import Items
from dataset.ragged import Ragged
from dataset.users import Users

Bits = npt.NDArray[np.uint64]


def age_bits(items: Items, users: Users) -> tuple[Bits, Bits]:
    """A bit for each distinct minimum age: an item has that of its own, a user those that are not reached.

    A user whose age is unknown reaches none.

    Returns
    -------
    item_bits : uint64 array of shape (n_items, w)
    user_bits : uint64 array of shape (n_users, w)
        w = number of distinct minima / 64, rounded up; 0 where no item has one.
    """
    if items.min_age is None:
        return _none(len(items)), _none(len(users))
    restricted = np.flatnonzero(items.min_age > 0)
    minima, bit = np.unique(items.min_age[restricted], return_inverse=True)
    reached = ages_of(users)[:, None] >= minima  # NaN reaches nothing
    user, missing = np.nonzero(~reached)
    return (
        as_bits(restricted, bit, len(items), len(minima)),
        as_bits(user, missing, len(users), len(minima)),
    )


def region_bits(items: Items, users: Users) -> tuple[Bits, Bits]:
    """A bit for each region that products are sold in, and one for all others.

    An item has the bits of the regions where it may not be sold; a user that of the own region. A user whose
    region is unknown, or one that no product names, has the last, which every restricted item has.

    Returns
    -------
    item_bits : uint64 array of shape (n_items, w)
    user_bits : uint64 array of shape (n_users, w)
        w = (number of regions named + 1) / 64, rounded up; 0 where no item is restricted.
    """
    item, region, n_regions = regions_of_items(items)
    if not n_regions:
        return _none(len(items)), _none(len(users))
    restricted = np.unique(item)
    sold = Ragged.from_pairs(item, region, len(items)).take(restricted)
    closed = np.ones((len(restricted), n_regions + 1), bool)
    closed[sold.rows, sold.values] = False
    row, bit = np.nonzero(closed)
    own = regions_of_users(items, users)
    own = np.where(own < 0, n_regions, own)
    return (
        as_bits(restricted[row], bit, len(items), n_regions + 1),
        as_bits(np.arange(len(users)), own, len(users), n_regions + 1),
    )


def ages_of(users: Users) -> npt.NDArray[np.float32]:
    """Age of each user in years, float32 of shape (n_users,); NaN where unknown."""
    return users.numeric.get("age", np.full(len(users), np.nan, np.float32))


def regions_of_items(items: Items) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Pairs of an item and a region where it may be sold, and how many regions there are.

    Regions are numbered as in `_region_names`; capitals and spaces around a name make no difference.
    """
    if items.regions is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), 0
    place = _region_names(items)
    number = np.array([place[_folded(word)] for word in items.regions.words], np.int64)
    lists = items.regions.lists
    return lists.rows.astype(np.int64), number[lists.values], len(place)


def regions_of_users(items: Items, users: Users) -> npt.NDArray[np.int64]:
    """The number of each user's region among those of the items, int64 (n_users,); -1: none of them."""
    labels = users.categorical.get("region")
    if labels is None:
        return np.full(len(users), -1, np.int64)
    place = _region_names(items)
    number = np.array([*(place.get(_folded(name), -1) for name in labels.names), -1], np.int64)
    return number[labels.codes]


def prices_of(items: Items) -> npt.NDArray[np.float32]:
    """Price of each item, float32 of shape (n_items,); infinite where unknown: no ceiling lets it pass."""
    return np.where(np.isnan(items.price), np.float32(np.inf), items.price).astype(np.float32)


def ceilings_of(users: Users, max_price: float | None) -> npt.NDArray[np.float32]:
    """The most that each user is shown, float32 of shape (n_users,); infinite without a ceiling."""
    own = users.numeric.get("max_price", np.full(len(users), np.nan, np.float32))
    most = np.float32(np.inf if max_price is None else max_price)
    return np.fmin(own, most).astype(np.float32)  # of NaN and a number, the number


def as_bits(
    rows: npt.NDArray[np.integer], bit: npt.NDArray[np.integer], n_rows: int, n_bits: int
) -> npt.NDArray[np.uint64]:
    """Sets as words of 64 bits, uint64 of shape (n_rows, w): `bit[i]` is in the set of `rows[i]`."""
    bits = np.zeros((n_rows, -(-n_bits // 64)), np.uint64)
    np.bitwise_or.at(bits, (rows, bit // 64), np.uint64(1) << (bit % 64).astype(np.uint64))
    return bits


def _none(n: int) -> Bits:
    return np.zeros((n, 0), np.uint64)


def _region_names(items: Items) -> dict[str, int]:
    words = () if items.regions is None else items.regions.words
    return {name: at for at, name in enumerate(sorted({_folded(word) for word in words}))}


def _folded(name: str) -> str:
    return name.strip().casefold()
