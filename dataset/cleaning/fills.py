"""What stands in for a missing cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

from dataset.cleaning.histograms import Histogram, labels_of, uniform
from dataset.errors import ParameterError
from dataset.parameters import check_int

Cells: TypeAlias = "pd.Series[Any]"
KEYS: Mapping[str, tuple[str, ...]] = {
    "users": ("user",),
    "items": ("item",),
    "interactions": ("user", "item", "kind", "timestamp"),
}
"""What names a row of each table."""


class Fill(Protocol):
    """Values for the missing cells of one column."""

    @property
    def by(self) -> str | None:
        """Column of the groups that are told apart."""
        ...

    @property
    def surveys(self) -> bool:
        """Whether the values depend on those of the whole table."""
        ...

    def values(self, table: str, column: str, rows: pd.DataFrame, seen: Mapping[str, Any] | None) -> Cells:
        """Values for the given rows, missing where there is nothing to go by."""
        ...


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The same value everywhere; nothing leaks.

    Parameters
    ----------
    value : float or str
    """

    value: float | str

    def __post_init__(self) -> None:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float | str) or self.value == "":
            raise ParameterError("Constant", "value", "a number or a word", self.value)
        if isinstance(self.value, int | float) and not np.isfinite(self.value):
            raise ParameterError("Constant", "value", "a finite number or a word", self.value)

    @property
    def by(self) -> str | None:
        """No groups."""
        return None

    @property
    def surveys(self) -> bool:
        """No."""
        return False

    def values(self, table: str, column: str, rows: pd.DataFrame, seen: Mapping[str, Any] | None) -> Cells:
        """The constant, in the type of the column; nothing if it is of another kind."""
        numeric = pd.api.types.is_numeric_dtype(rows[column])
        if numeric != isinstance(self.value, int | float):
            kind = "a number" if numeric else "a word"
            raise ParameterError("Constant", "value", f"{kind}, as {column} of {table} holds", self.value)
        return pd.Series(self.value, index=rows.index)


@dataclass(frozen=True, kw_only=True)
class Median:
    """The median number of the row's group, or of all rows where the group has none.

    It is taken over the whole table: statistics see rows after a split in time.

    Parameters
    ----------
    by : str or None
        Column of labels that groups the rows.
    """

    by: str | None = None

    @property
    def surveys(self) -> bool:
        """Yes."""
        return True

    def values(self, table: str, column: str, rows: pd.DataFrame, seen: Mapping[str, Any] | None) -> Cells:
        """Medians, of numbers to six significant digits."""
        if not pd.api.types.is_numeric_dtype(rows[column]):
            raise ParameterError("Median", "by", f"used for numbers, unlike {column} of {table}", self.by)
        return _by_group(rows, self.by, seen, Histogram.medians)


@dataclass(frozen=True, kw_only=True)
class Mode:
    """The commonest value of the row's group, or of all rows where the group has none; of several the lowest.

    It is taken over the whole table: statistics see rows after a split in time.

    Parameters
    ----------
    by : str or None
        Column of labels that groups the rows.
    """

    by: str | None = None

    @property
    def surveys(self) -> bool:
        """Yes."""
        return True

    def values(self, table: str, column: str, rows: pd.DataFrame, seen: Mapping[str, Any] | None) -> Cells:
        """Modes, of numbers to six significant digits."""
        return _by_group(rows, self.by, seen, Histogram.modes)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A value drawn from those observed in the row's group, or in all rows where the group has none.

    The draw is a hash of the row's id, the column and the seed, so a row gets the same share of the
    distribution wherever it stands. The distribution is that of the whole table: it sees rows after a
    split in time.

    Parameters
    ----------
    by : str or None
        Column of labels that groups the rows.
    seed : int
        At least 0.
    """

    by: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "seed", low=0)

    @property
    def surveys(self) -> bool:
        """Yes."""
        return True

    def values(self, table: str, column: str, rows: pd.DataFrame, seen: Mapping[str, Any] | None) -> Cells:
        """Values observed, numbers to six significant digits."""
        ids = _named(table, rows)
        share = uniform(ids, self.seed, table, column)

        def drawn(histogram: Histogram) -> Any:
            group = _groups(histogram, rows, self.by)
            at = np.maximum(group, 0)
            found = histogram.ranked(at, _ranks(share, histogram.counts[at]))
            return pd.Series(found, index=rows.index).where(group >= 0)

        return _first(seen, self.by, drawn, rows)


def _by_group(rows: pd.DataFrame, by: str | None, seen: Mapping[str, Any] | None, statistic: Any) -> Cells:
    def looked_up(histogram: Histogram) -> Any:
        group = _groups(histogram, rows, by)
        return pd.Series(statistic(histogram)[np.maximum(group, 0)], index=rows.index).where(group >= 0)

    return _first(seen, by, looked_up, rows)


def _first(seen: Mapping[str, Any] | None, by: str | None, of: Any, rows: pd.DataFrame) -> Cells:
    """By group where the group was seen, else over all rows; nothing where nothing was seen."""
    assert seen is not None
    if not seen["count"]:
        return pd.Series(np.nan, index=rows.index)
    overall: Cells = of(Histogram(seen, by_group=False))
    if by is None:
        return overall
    grouped: Cells = of(Histogram(seen, by_group=True))
    return grouped.where(grouped.notna(), overall)


def _groups(histogram: Histogram, rows: pd.DataFrame, by: str | None) -> Any:
    """Position of each row's group; all rows are one group in a histogram that tells none apart."""
    if len(histogram.groups) == 1 and histogram.groups[0] == "":
        return np.zeros(len(rows), np.int64)
    return histogram.of(labels_of(rows[by]) if by in rows else pd.Series("", index=rows.index, dtype="str"))


def _ranks(share: Any, counts: Any) -> Any:
    return np.minimum((share * counts).astype(np.int64), counts - 1)


def _named(table: str, rows: pd.DataFrame) -> "pd.Series[str]":
    keys = [rows[name].astype("str") for name in KEYS[table]]
    named = keys[0]
    for part in keys[1:]:
        named = named + "\x1f" + part
    return named
