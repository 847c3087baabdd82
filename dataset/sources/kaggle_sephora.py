"""Reviews and products in the layout of the public set "Sephora Products and Skincare Reviews".

Left out because they tell of the future of a time split: `loves_count`, `rating`, `reviews` and
`out_of_stock` of the products (snapshots of March 2023; every product counts as in stock), and
highlights that are awards or popularity. Prices and the other highlights are of that day too, but are
taken as they describe the product itself. `limited_edition`, `new` and the like are not read.
There is no launch date: a product is known from its first review on.
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from dataset.canonical import Tables, no_rejects
from dataset.cosing import function_words, load_cosing
from dataset.ingredients import normalise
from dataset.sources.files import files_in, folder_of, read_csv, rejects

STATED: Final = ("skin_type", "skin_tone", "eye_color", "hair_color")
_REVIEWS: Final = ("author_id", "rating", "submission_time", "product_id", *STATED)
_CATEGORIES: Final = ("primary_category", "secondary_category", "tertiary_category")
_PRODUCTS: Final = (
    "product_id", "product_name", "brand_name", "price_usd", "ingredients", "highlights", *_CATEGORIES
)  # fmt: skip
_SUCCESS: Final = re.compile(r"award|allure|best of|community favorite", re.IGNORECASE)
_CELL_CAP: Final = 200_000


@dataclass(frozen=True, kw_only=True)
class KaggleSephora:
    """A folder with `reviews_*.csv` and `product_info.csv`.

    Parameters
    ----------
    path : str
        The folder.
    cosing : str or None
        CSV of the CosIng inventory; adds "function:…" words, one for each ingredient that has the
        function, to the products.
    """

    path: str
    cosing: str | None = None

    def inputs(self) -> Sequence[Path]:
        """The product file, the review files by name, the inventory if one is given."""
        folder = folder_of(self.path)
        products = files_in(folder, "product_info.csv", what="the products")
        cosing = [Path(self.cosing).expanduser()] if self.cosing else []
        return [*products, *files_in(folder, "reviews_*.csv", what="the reviews"), *cosing]

    def read(self) -> Tables:
        """The canonical tables; cells that cannot be read are in `rejected`.

        Raises
        ------
        DataContractError
            If the folder, a file or a column is missing.
        """
        folder = folder_of(self.path)
        paths = files_in(folder, "reviews_*.csv", what="the reviews")
        reviews = pd.concat([read_csv(path, _REVIEWS) for path in paths], ignore_index=True)
        products = read_csv(files_in(folder, "product_info.csv", what="the products")[0], _PRODUCTS)
        items, rejected = _items(products, load_cosing(self.cosing) if self.cosing else {})
        return Tables(
            users=pd.DataFrame({"user": reviews["author_id"].drop_duplicates().reset_index(drop=True)}),
            items=items,
            interactions=_interactions(reviews),
            stated=STATED,
            rejected=rejected,
        )


def _interactions(reviews: pd.DataFrame) -> pd.DataFrame:
    days = pd.to_datetime(reviews["submission_time"], format="%Y-%m-%d", utc=True, errors="coerce")
    events = {
        "user": reviews["author_id"],
        "item": reviews["product_id"],
        "kind": pd.Series("rating", index=reviews.index, dtype="str"),
        "value": pd.to_numeric(reviews["rating"], errors="coerce").astype(np.float64),
        "quantity": 1.0,
        "timestamp": days.dt.as_unit("us"),
    }
    return pd.DataFrame({**events, **{name: reviews[name].replace("", np.nan) for name in STATED}})


def _items(
    products: pd.DataFrame, cosing: Mapping[str, tuple[str, ...]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rejected = [no_rejects()]
    labels, highlights = (_lists(products, name, rejected) for name in ("ingredients", "highlights"))
    price = pd.to_numeric(products["price_usd"].replace("", np.nan), errors="coerce").astype(np.float64)
    unread = price.isna() & (products["price_usd"] != "")
    rejected.append(_rejected_cells(products, "price_usd", unread, "price_usd is not a number"))
    ingredients = [normalise(lines) for lines in labels]
    paths = products[list(_CATEGORIES)].to_numpy()
    categories = [[part for part in path if part] for path in paths]
    functions = [_functions(*row, cosing) for row in zip(highlights, categories, ingredients, strict=True)]
    items = pd.DataFrame(
        {
            "item": products["product_id"],
            "name": products["product_name"],
            "brand": products["brand_name"],
            "category": pd.Series([" > ".join(path) for path in categories], dtype="str"),
            "price": price,
            "ingredients": pd.Series(ingredients, dtype=object),
            "functions": pd.Series(functions, dtype=object),
            "in_stock": True,
            "launched_at": pd.Series(pd.NaT, index=products.index, dtype="datetime64[us, UTC]"),
        }
    )
    return items, pd.concat(rejected, ignore_index=True)


def _functions(
    highlights: Sequence[str],
    category: Sequence[str],
    ingredients: Sequence[str],
    cosing: Mapping[str, tuple[str, ...]],
) -> list[str]:
    """Words for what a product does; "Good for: X/Y" says also "x" and "y"."""
    told = [text.strip().lower() for text in highlights if not _SUCCESS.search(text)]
    needs = [need.strip() for text in told if text.startswith("good for:") for need in text[9:].split("/")]
    words = (*told, *needs, *(part.lower() for part in category), *function_words(ingredients, cosing))
    return [word for word in words if word]


def _lists(products: pd.DataFrame, column: str, rejected: list[pd.DataFrame]) -> list[list[str]]:
    """Cells that are Python lists of strings; what is none becomes [] and is added to `rejected`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Water\\Aqua" is no escape, as the parser suspects
        parsed = [_list_of(cell) for cell in products[column]]
    bad = pd.Series([cell is None for cell in parsed], index=products.index, dtype=bool)
    rejected.append(_rejected_cells(products, column, bad, f"{column} is not a list of strings"))
    return [cell or [] for cell in parsed]


def _list_of(cell: str) -> list[str] | None:
    if not cell:
        return []
    try:
        value = ast.literal_eval(cell) if len(cell) <= _CELL_CAP else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list) and all(isinstance(word, str) for word in value) else None


def _rejected_cells(products: pd.DataFrame, column: str, bad: "pd.Series[bool]", reason: str) -> pd.DataFrame:
    return rejects("items", "cell", reason, products.loc[bad, ["product_id", column]])
