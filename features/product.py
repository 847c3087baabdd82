"""What the item is: price, brand, category, ingredients."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from features.categories import top_levels
from features.item_table import ItemTable
from features.lookup import Lookup, code_column, percentile_within


@dataclass(frozen=True, kw_only=True)
class Product:
    """Catalogue attributes.

    Columns: `log_price`, `price_rank` (percentile within the category, of the known items), `brand`,
    `category`, `top_category` (codes), `n_ingredients`, `has_ingredients`, `n_functions` (distinct).

    Parameters
    ----------
    top_depth : int
        Levels of the category path that make `top_category`. Changes results.
    """

    top_depth: int = 2

    def __post_init__(self) -> None:
        check_int(self, "top_depth", low=1)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]) -> ItemTable:
        """Keep the attributes of the items that the snapshot knows."""
        known, items = snapshot.known_items, snapshot.items
        category = items.category.codes[known]
        n_ingredients = items.ingredients.lists.lengths[known]
        functions = items.functions.lists.take(known)
        pairs = np.unique(np.column_stack([functions.rows, functions.values]), axis=0)
        price = log_prices(items.price[known])
        columns: dict[str, npt.NDArray[np.generic]] = {
            "log_price": price,
            "price_rank": percentile_within(category, price),
            "brand": code_column(items.brand.codes[known]),
            "category": code_column(category),
            "top_category": code_column(top_levels(items.category, self.top_depth).codes[known]),
            "n_ingredients": np.where(n_ingredients > 0, n_ingredients, np.nan),
            "has_ingredients": (n_ingredients > 0).astype(np.float32),
            "n_functions": np.bincount(pairs[:, 0], minlength=len(known)),
        }
        table = np.column_stack(list(columns.values())).astype(np.float32)
        return ItemTable(Lookup(known), tuple(columns), table, ("brand", "category", "top_category"))


def log_prices(price: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Natural logarithm of prices; NaN where unknown or not positive."""
    positive = np.where(price > 0, price.astype(np.float64), np.nan)
    return np.log(positive)
