"""Promises checked pair by pair, from the tables and not from the bit sets that search is masked with."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import maximum_flow

from dataset.eligibility import ingredient_bits
from dataset.restrictions import ages_of, ceilings_of, prices_of, regions_of_items, regions_of_users
from dataset.snapshot import Snapshot
from dataset.splits.rules import is_among
from ranking.policy.caps import Caps

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Promises:
    """What a snapshot promises of n_items items to n_users users.

    Parameters
    ----------
    snapshot : Snapshot
    avoided : tuple of two uint64 arrays
        `ingredient_bits`: here ingredients alone.
    sold : int64 array
        Pairs of an item and a region where it may be sold, as item * n_regions + region, ascending.
    region : int64 array of shape (n_users,)
        Of each user; -1: none of those that products name.
    n_regions : int
    caps : Caps or None
    """

    snapshot: Snapshot
    avoided: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]
    sold: npt.NDArray[np.int64]
    region: npt.NDArray[np.int64]
    n_regions: int
    caps: Caps | None

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Promises":
        """The promises of a snapshot."""
        items, users = snapshot.items, snapshot.users
        item, region, n_regions = regions_of_items(items)
        return cls(
            snapshot=snapshot,
            avoided=ingredient_bits(items, users),
            sold=np.unique(item * max(n_regions, 1) + region),
            region=regions_of_users(items, users),
            n_regions=n_regions,
            caps=Caps.of(snapshot.constraints, items),
        )

    def broken(self, user: Codes, item: Codes) -> dict[str, Mask]:
        """Which pairs of a user and an item break which promise, each bool of the common shape."""
        items, users = self.snapshot.items, self.snapshot.users
        of_item, of_user = self.avoided
        ceiling = ceilings_of(users, self.snapshot.constraints.max_price)
        return {
            "avoided_ingredient": np.asarray((of_item[item] & of_user[user]).any(axis=1)),
            "not_in_catalogue": ~self.snapshot.catalogue[item],
            "out_of_stock": ~items.in_stock[item],
            "under_age": self._under_age(user, item),
            "outside_region": self._outside_region(user, item),
            "above_price_ceiling": prices_of(items)[item] > ceiling[user],
        }

    def _under_age(self, user: Codes, item: Codes) -> Mask:
        minimum = self.snapshot.items.min_age
        if minimum is None:
            return np.zeros(len(item), bool)
        reached = ages_of(self.snapshot.users)[user] >= minimum[item]
        return np.asarray((minimum[item] > 0) & ~reached)

    def _outside_region(self, user: Codes, item: Codes) -> Mask:
        regions = self.snapshot.items.regions
        if regions is None or not self.n_regions:
            return np.zeros(len(item), bool)
        home = self.region[user]
        inside = is_among(item.astype(np.int64) * self.n_regions + home, self.sold) & (home >= 0)
        return np.asarray((regions.lists.lengths[item] > 0) & ~inside)

    def above_caps(self, row: npt.NDArray[np.int64], item: Codes) -> dict[str, Mask]:
        """Which rows of lists come after as many of their brand, or category, as a list may hold."""
        if self.caps is None:
            none = np.zeros(len(item), bool)
            return {"too_many_of_a_brand": none, "too_many_of_a_category": none}
        return {
            "too_many_of_a_brand": _beyond(row, self.caps.brand[item], self.caps.max_a_brand),
            "too_many_of_a_category": _beyond(row, self.caps.category[item], self.caps.max_a_category),
        }

    def longest(self, allowed: Mask, n: int) -> int:
        """How many of some items, bool of shape (n_items,), a list of at most n under the caps can hold."""
        n = min(n, int(allowed.sum()))
        if self.caps is None or not n:
            return n
        n = min(n, self.caps.bound(allowed))
        return min(n, largest_flow(self.caps, np.flatnonzero(allowed)))


def largest_flow(caps: Caps, item: npt.NDArray[np.int64]) -> int:
    """Most items that keep both caps together: the maximal flow from brands to categories."""
    brand, category = caps.brand[item].astype(np.int64), caps.category[item].astype(np.int64)
    free = (brand < 0) & (category < 0)
    # What has no brand, or no category, is a group of its own.
    brand = np.where(brand < 0, caps.n_brands + np.arange(len(item)), brand)[~free]
    category = np.where(category < 0, caps.n_categories + np.arange(len(item)), category)[~free]
    if not len(brand):
        return int(free.sum())
    (brands, b), (categories, c) = (np.unique(codes, return_inverse=True) for codes in (brand, category))
    first, second = 2 + b, 2 + len(brands) + c
    tail = np.concatenate([np.zeros(len(brands), int), first, 2 + len(brands) + np.arange(len(categories))])
    head = np.concatenate([2 + np.arange(len(brands)), second, np.ones(len(categories), int)])
    most = np.concatenate([
        np.full(len(brands), caps.max_a_brand), np.ones(len(b)), np.full(len(categories), caps.max_a_category)
    ])  # fmt: skip
    size = 2 + len(brands) + len(categories)
    network = csr_matrix(coo_matrix((most.astype(np.int32), (tail, head)), shape=(size, size)))
    return int(free.sum()) + int(maximum_flow(network, 0, 1).flow_value)


def _beyond(row: npt.NDArray[np.int64], group: Codes, cap: int) -> Mask:
    """Whether `cap` rows of the same list and group come before each row."""
    order = np.lexsort((np.arange(len(row)), group, row))
    starts = np.ones(len(row), bool)
    starts[1:] = (np.diff(row[order]) != 0) | (np.diff(group[order]) != 0)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(row)), 0))
    beyond = np.zeros(len(row), bool)
    beyond[order] = np.arange(len(row)) - first >= cap
    return beyond & (group >= 0)
