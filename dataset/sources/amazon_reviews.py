"""The public Amazon Reviews files: ratings or reviews of one category, and the metadata of its products.

References
----------
McAuley, Targett, Shi, van den Hengel (2015), Image-based recommendations on styles and substitutes: the
edition of 2014. Ni, Li, McAuley (2019), Justifying recommendations using distantly-labeled reviews and
fine-grained aspects: 2018. Hou et al. (2024), Bridging language and items for retrieval and
recommendation: 2023.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dataset.canonical import Tables
from dataset.errors import ParameterError
from dataset.parameters import check_number
from dataset.sources.block_streams import files_read, streams_of
from dataset.sources.files import folder_of
from dataset.sources.mapping import Block, blocks_of
from dataset.sources.stream import Stream
from dataset.sources.whole_tables import whole_tables

_OLD_REVIEW: Final = {"user": "reviewerID", "item": "asin", "value": "overall", "timestamp": "unixReviewTime"}
_NEW_REVIEW: Final = {
    "user": "user_id", "item": "parent_asin", "value": "rating", "timestamp": "timestamp"
}  # fmt: skip
_OLD_PRODUCT: Final = {
    "item": "asin", "name": "title", "brand": "brand", "category": "category", "price": "price"
}  # fmt: skip
_NEW_PRODUCT: Final = {
    "item": "parent_asin", "name": "title", "brand": "store", "category": "categories", "price": "price"
}  # fmt: skip
_SELVES: Final = {name: name for name in ("user", "item", "value", "timestamp")}
# By edition: how the ratings in CSV are laid out, the keys of reviews and products, the unit of times. Only
# the newest has a header; the one of 2018 names the product first.
_EDITIONS: Final[Mapping[int, Mapping[str, Any]]] = {
    2014: {
        "header": ["user", "item", "value", "timestamp"], "csv": _SELVES, "review": _OLD_REVIEW,
        "product": _OLD_PRODUCT, "time": "unix_s",
    },
    2018: {
        "header": ["item", "user", "value", "timestamp"], "csv": _SELVES, "review": _OLD_REVIEW,
        "product": _OLD_PRODUCT, "time": "unix_s",
    },
    2023: {
        "header": None, "csv": _NEW_REVIEW, "review": _NEW_REVIEW, "product": _NEW_PRODUCT, "time": "unix_ms"
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AmazonReviews:
    """A folder with the files of one or several categories, gzipped or not.

    Parameters
    ----------
    path : str
    edition : int
        2014, 2018 or 2023: how the files are laid out.
    reviews : str
        Name or pattern of the ratings (CSV) or of the reviews (JSON lines), by the ending.
    metadata : str
        Name or pattern of the products in JSON lines. The metadata of 2014 is none and is refused; that
        of 2018 describes the same products.
    max_gib : float
        Size that one file may have, unpacked; larger ones are refused.
    """

    path: str
    edition: int = 2023
    reviews: str = "*.csv*"
    metadata: str = "meta_*.json*"
    max_gib: float = 64.0

    def __post_init__(self) -> None:
        check_number(self, "max_gib", low=0)
        if self.edition not in _EDITIONS or isinstance(self.edition, bool):
            expected = "one of " + ", ".join(map(str, _EDITIONS))
            raise ParameterError("AmazonReviews", "edition", expected, self.edition)

    def inputs(self) -> Sequence[Path]:
        """The files."""
        return files_read(self._blocks(), folder_of(self.path))

    def streams(self) -> Sequence[Stream]:
        """The products, then the ratings.

        Raises
        ------
        DataContractError
            If a file is missing.
        """
        return streams_of(self._blocks(), folder_of(self.path), None, self.max_gib)

    def read(self) -> Tables:
        """The canonical tables, whole; cells that cannot be read are in `rejected`.

        Raises
        ------
        DataContractError
            If a file or column is missing or broken.
        """
        return whole_tables(self.streams())

    def _blocks(self) -> list[Block]:
        edition = _EDITIONS[self.edition]
        ratings: dict[str, Any] = {"file": self.reviews, "columns": edition["review"]}
        if ".csv" in self.reviews:
            ratings = {"file": self.reviews, "columns": edition["csv"], "format": "csv"}
            if edition["header"]:
                ratings["header"] = edition["header"]
        events = {**ratings, "constants": {"kind": "rating"}, "time_format": edition["time"]}
        products = {"file": self.metadata, "columns": edition["product"], "format": "jsonl"}
        return blocks_of({"items": products, "interactions": events}, "AmazonReviews")
