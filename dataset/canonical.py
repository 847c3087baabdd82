"""The canonical tables: what every source delivers, whatever the customer's files look like."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import pandas as pd

from dataset.dataset import Oracle

REJECTED_COLUMNS: Final = ("table", "level", "reason", "row")


def no_rejects() -> pd.DataFrame:
    """An empty frame of rejects."""
    return pd.DataFrame({name: pd.Series([], dtype="str") for name in REJECTED_COLUMNS})


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Frames with canonical columns; ids are strings, kept exactly ("00123" stays).

    Parameters
    ----------
    users : DataFrame
        `user` (str), then attributes: `age` and other numbers (float), `region`, `skin_type` and other
        labels (str), `concerns` and `avoids` (list of str), optional `max_price` (float): nothing dearer is
        shown. May be empty but for the ids.
    items : DataFrame
        `item`, `name`, `brand` (str), `category` (str, the path: "Skincare > Treatments > Face Serums"),
        `price` (float), `ingredients` (list of str, normalised INCI names in label order), `functions`
        (list of str), `in_stock` (bool), `launched_at` (datetime64[us, UTC] or NaT),
        optional `min_age` (float, years; NaN: anybody) and `regions` (list of str, where it may be sold, in
        the words of the users' `region`; empty: everywhere).
    interactions : DataFrame
        `user`, `item` (str), `kind` (purchase|rating|like|save|view|search), `value` (float, rating 1
        to 5 for ratings, else NaN), `quantity` (float), `timestamp` (datetime64[us, UTC]), then columns
        of what the user stated of themselves with the event (str), named in `stated`.
    stated : sequence of str
        Attribute columns of `interactions`.
    oracle : Oracle or None
        The true choice model, for synthetic data; in the row order of `users` and `items`.
    rejected : DataFrame
        What the source itself could not read: `table`, `level` ("row": it is in no table; "cell": its
        row is kept, the cell is empty), `reason`, `row` (JSON). Cleaning counts it in.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    interactions: pd.DataFrame
    stated: Sequence[str] = ()
    oracle: Oracle | None = None
    rejected: pd.DataFrame = field(default_factory=no_rejects)


class Source(Protocol):
    """A specification of where data comes from; its fields are the configuration."""

    def inputs(self) -> Sequence[Path]:
        """The files that `read` will open; their checksums key the cache and enter the manifest."""
        ...

    def read(self) -> Tables:
        """The canonical tables as they came: not yet checked against the contracts."""
        ...
