"""Products that are one but for their size."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pandas as pd

from dataset.cleaning.step import Applied, State
from dataset.cleaning.steps.spellings import folded
from dataset.parameters import check_names

SIZE_WORDS: Final = (
    "mini", "travel", "travel size", "jumbo", "full size", "value size", "deluxe", "refill", "sample",
    "set", "kit", "duo", "trio", "value",
)  # fmt: skip
_SIZE: Final = re.compile(
    r"(?:\d+\s*[x\u00d7]\s*)?\d+(?:[.,]\d+)?\s*"
    r"(?:fl\.?\s*oz|fluid ounces?|oz|ounces?|ml|cl|l|litres?|liters?"
    r"|mg|g|gr|kg|lb|ct|count|pcs|pieces?|pack)\b\.?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class VariantsGrouped:
    """Products of one brand whose names differ in size and set words only get one `variant_group`.

    The column is new; its words are the folded brand and name, so a group keeps its word when products come
    or go. Products without a brand or a name, and those that nothing groups with, get none. The table of
    products is no history, but a variant that is launched after a split in time can make a group.

    Parameters
    ----------
    words : sequence of str
        Words that say no more than a size does, besides measures ("50 ml", "1.7 fl. oz", "3 x 10 ml").
    """

    words: Sequence[str] = SIZE_WORDS
    table: ClassVar[str] = "items"
    surveys: ClassVar[bool] = True
    carries: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_names(self, "words")

    def survey(self, frame: pd.DataFrame) -> State:
        """How many products have each word."""
        return {str(name): int(n) for name, n in self._groups(frame).value_counts().sort_index().items()}

    def merged(self, states: Sequence[State]) -> State:
        """The counts together."""
        total: Counter[str] = Counter()
        for state in states:
            total.update(state)
        return dict(sorted(total.items()))

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """All products, with `variant_group`."""
        groups = self._groups(frame)
        shared = groups.where(groups.map(state or {}).fillna(0) > 1)
        return Applied(
            frame=frame.assign(variant_group=shared),
            changed={"variant_group: products that are one but for their size": int(shared.notna().sum())},
        )

    def closed(self, carried: pd.DataFrame) -> Applied:
        """Nothing was carried."""
        return Applied(frame=carried.iloc[:0])

    def _groups(self, frame: pd.DataFrame) -> "pd.Series[str]":
        given = (frame["brand"].notna() & frame["name"].notna()).to_numpy()
        listed = "|".join(sorted(map(re.escape, self.words), key=len, reverse=True))
        noise = re.compile(rf"\b(?:{listed})\b", re.IGNORECASE) if self.words else None
        bases = []
        for name in frame.loc[given, "name"].tolist():
            bare = _SIZE.sub(" ", name)
            bare = noise.sub(" ", bare) if noise else bare
            bases.append(folded(bare) if any(c.isalpha() for c in bare) else folded(name))
        words = np.full(len(frame), None, dtype=object)
        brands = [folded(brand) for brand in frame.loc[given, "brand"].tolist()]
        words[given] = [f"{brand} | {base}" for brand, base in zip(brands, bases, strict=True)]
        return pd.Series(words, index=frame.index, dtype="str")
