"""How many of the ingredients that products list are found in an inventory, and which are not."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from itertools import chain

import pandas as pd


@dataclass(frozen=True)
class Coverage:
    """Mentions of ingredients, met with an inventory.

    Parameters
    ----------
    mentions : int
        Ingredients of all products; one that two products list counts twice.
    placed : int
        Those that the inventory knows.
    misses : Series of int64
        How often each of the others is mentioned, by its name: the commonest first, then by name.
    """

    mentions: int
    placed: int
    misses: "pd.Series[int]"

    @property
    def share(self) -> float:
        """Share of the mentions that the inventory knows, 0 to 1; NaN without a mention."""
        return self.placed / self.mentions if self.mentions else float("nan")


def coverage(lists: Iterable[Iterable[str]], inventory: Container[str]) -> Coverage:
    """Which mentions of ingredients an inventory knows.

    Parameters
    ----------
    lists : iterable of iterables of str
        Normalised names, one list a product.
    inventory : container of str
        Such as `load_cosing` gives.

    Examples
    --------
    >>> found = coverage([["water", "stardust"], ["water"]], {"water"})
    >>> found.placed, found.share, found.misses.to_dict()
    (2, 0.6666666666666666, {'stardust': 1})
    """
    mentions = pd.Series(list(chain.from_iterable(lists)), dtype="str")
    counts = mentions.value_counts()
    known = pd.Series([name in inventory for name in counts.index], index=counts.index, dtype=bool)
    misses = counts[~known].astype("int64").rename("mentions")
    misses = misses.sort_index().sort_values(ascending=False, kind="stable")
    return Coverage(len(mentions), int(counts[known].sum()), misses)
