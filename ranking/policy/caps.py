"""Lists with at most so many items of a brand and of a category."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.constraints import Constraints
from dataset.items import Items
from ranking.policy.caps_kernels import cut_greedily, exchange


@dataclass(frozen=True)
class Caps:
    """Caps on two groupings of n items.

    Parameters
    ----------
    brand, category : int32 arrays of shape (n,)
        Group of each item; -1: none, which is never counted.
    max_a_brand, max_a_category : int
        At least 1; at `len(brand)` or above there is no cap.
    n_brands, n_categories : int
    """

    brand: npt.NDArray[np.int32]
    category: npt.NDArray[np.int32]
    max_a_brand: int
    max_a_category: int
    n_brands: int
    n_categories: int

    @classmethod
    def of(cls, constraints: Constraints, items: Items) -> "Caps | None":
        """The caps that a shop wants; None where it wants none."""
        wanted = constraints.brand_cap, constraints.category_cap
        if wanted == (None, None):
            return None
        free = np.full(len(items), -1, np.int32)
        brand, category = (
            free if cap is None else labels.codes
            for cap, labels in zip(wanted, (items.brand, items.category), strict=True)
        )
        max_a_brand, max_a_category = (len(items) if cap is None else cap for cap in wanted)
        n_groups = len(items.brand.names), len(items.category.names)
        return cls(brand, category, max_a_brand, max_a_category, *n_groups)

    @classmethod
    def none(cls, n_items: int) -> "Caps":
        """Caps that let everything in, for what chooses under caps where there are none."""
        free = np.full(n_items, -1, np.int32)
        return cls(free, free, n_items, n_items, 0, 0)

    def cut(self, items: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.int32]:
        """The first n items of each list that keep the caps, best first.

        Parameters
        ----------
        items : int32 array of shape (m, k)
            Best first, distinct within a row; -1 behind the end.
        n : int

        Returns
        -------
        int32 array of shape (m, n)
            Positions in the list, ascending; -1 behind the end. Shorter than n only where nothing that is
            left keeps the caps; with one of the two caps, only where no n items together do.
        """
        chosen = np.full((len(items), n), -1, np.int32)
        cut_greedily(items, *self.arguments, chosen)
        return chosen

    def fill(self, items: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.int32]:
        """As `cut`, but shorter than n only where no n items of the list together keep both caps.

        Where the greedy list is short, items are exchanged along augmenting paths between brands and
        categories, which lose as few of the greedy list as need be: an item of a full brand gives way to
        another one of it whose category has room. Memory and time grow with `k` where a list is short.

        References
        ----------
        L. R. Ford and D. R. Fulkerson, "Maximal flow through a network", Canadian Journal of Mathematics 8
        (1956), section 1: brands and categories are the nodes, items the edges of capacity 1.
        """
        chosen = self.cut(items, n)
        exchange(items, *self.arguments, chosen)
        return chosen

    @property
    def arguments(self) -> tuple[object, ...]:
        """What kernels are given: the fields, in their order."""
        return (
            self.brand,
            self.category,
            self.max_a_brand,
            self.max_a_category,
            self.n_brands,
            self.n_categories,
        )

    def bound(self, available: npt.NDArray[np.bool_]) -> int:
        """No list of items on offer can be longer under either cap alone."""
        return min(
            _most(codes[available], cap)
            for codes, cap in ((self.brand, self.max_a_brand), (self.category, self.max_a_category))
        )


def _most(codes: npt.NDArray[np.int32], cap: int) -> int:
    """How many of some items a cap on one grouping lets into a list."""
    return int((codes < 0).sum() + np.minimum(np.bincount(codes[codes >= 0], minlength=1), cap).sum())
