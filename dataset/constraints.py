"""What a shop promises of its lists beyond what the data says of products and users."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dataset.parameters import check_int, check_names, check_number
from dataset.repurchase import Repurchase

SEARCHED: Final = (
    "avoided_ingredient",
    "out_of_stock",
    "under_age",
    "outside_region",
    "above_price_ceiling",
    "already_owned",
)
"""Promises that say which items a user may get; kept before search."""

CAPPED: Final = ("too_many_of_a_brand", "too_many_of_a_category")
"""Promises about a list as a whole; kept when it is cut."""

PROMISES: Final = (*SEARCHED, *CAPPED)


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """The settings of the promises; each of them changes results.

    What users avoid, stock, minimum ages, regions, and the `max_price` of users are read from the data and
    need no setting.

    Parameters
    ----------
    max_price : float or None
        Nothing dearer is recommended to anybody, in the shop's currency, at least 0; a user's own
        `max_price` counts where it is lower. An item whose price is unknown does not pass a ceiling. None:
        no ceiling but the users' own.
    max_a_brand, max_a_category : int or None
        How many items of a brand, or of a category (its whole path), a list may hold, at least 1. Items
        without a brand, or without a category, are not counted. None: any number.
    repurchase : Repurchase or None
        When an item that a user has got may be recommended again; None: as the split says.
    dropped : sequence of str
        Promises, of `PROMISES`, that are not kept, to measure what they cost; of lists that are shown, none.
    """

    max_price: float | None = None
    max_a_brand: int | None = None
    max_a_category: int | None = None
    repurchase: Repurchase | None = None
    dropped: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.max_price is not None:
            check_number(self, "max_price", low=0)
        for name in ("max_a_brand", "max_a_category"):
            if getattr(self, name) is not None:
                check_int(self, name, low=1)
        check_names(self, "dropped", choices=PROMISES)
        object.__setattr__(self, "dropped", tuple(self.dropped))

    def keeps(self, promise: str) -> bool:
        """Whether a promise is kept, as far as there is anything to keep."""
        return promise not in self.dropped

    def without(self, promise: str) -> "Constraints":
        """The same with one promise less."""
        return replace(self, dropped=(*self.dropped, promise))

    @property
    def brand_cap(self) -> int | None:
        """Items of a brand in a list; None: any number."""
        return self.max_a_brand if self.keeps("too_many_of_a_brand") else None

    @property
    def category_cap(self) -> int | None:
        """Items of a category in a list; None: any number."""
        return self.max_a_category if self.keeps("too_many_of_a_category") else None
